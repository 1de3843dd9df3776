// Phase 0: what the configured domain rules find.
#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/health.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/phase0.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

std::string of(std::size_t part, const std::string& whole) {
  return std::to_string(part) + " of " + whole;
}

std::vector<evidence> only(const std::vector<evidence>& found, std::string_view kind,
                           const std::string& name) {
  std::vector<evidence> result;
  std::copy_if(found.begin(), found.end(), std::back_inserter(result),
               [&](const evidence& item) { return item.kind == kind && item.name == name; });
  return result;
}

ordered integration_json(const step_context& context, const survey& all, const rule_set& rules,
                         const integration_rule& rule, std::size_t& undeclared) {
  const auto found = find_evidence(context, all, rules, "integration:" + rule.id);
  ordered variables = ordered::array();
  std::size_t missing = 0;
  for (const auto& name : rule.env) {
    const auto used = only(found, "used", name);
    const auto declared = only(found, "declared", name);
    missing += !used.empty() && declared.empty() ? 1 : 0;
    variables.push_back({{"name", name},
                         {"used", used.size()},
                         {"declared", declared.size()},
                         {"used_at", evidence_json(all, used, 5)},
                         {"declared_at", evidence_json(all, declared, 5)}});
  }
  undeclared += missing;
  return {{"id", rule.id},
          {"title", rule.title},
          {"found", !found.empty()},
          {"files", distinct_files(found)},
          {"evidence_total", found.size()},
          {"variables_undeclared", missing},
          {"variables", variables},
          {"health", ask_health(rule.health_url)},
          {"evidence", evidence_json(all, found)}};
}

/// One requirement in one scope: all sources, or a single one.
ordered judge(const survey& all, const requirement_rule& rule, const std::vector<evidence>& found,
              const std::string& scope) {
  const bool met = rule.absent == found.empty();
  ordered entry{
      {"id", rule.id},
      {"title", rule.title},
      {"severity", rule.severity},
      {"scope", scope},
      {"met", met},
      {"expected", rule.absent ? "no such place" : "at least one such place"},
      {"actual", counted(found.size(), "place")},
      {"looked_for", {{"paths", rule.paths}, {"content", rule.content}, {"env", rule.env}}}};
  if (!met && !rule.advice.empty())
    entry["advice"] = rule.advice;
  entry["evidence"] = evidence_json(all, found, 10);
  return entry;
}

} // namespace

step_result bmc_inventory(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  ordered list = ordered::array();
  ordered missing = ordered::array();
  std::int64_t count = 0;
  for (const auto& rule : context.config.components) {
    const auto found = find_evidence(context, all, rules, "component:" + rule.id);
    count += found.empty() ? 0 : 1;
    if (found.empty() && rule.required)
      missing.push_back(rule.id);
    list.push_back({{"id", rule.id},
                    {"title", rule.title},
                    {"required", rule.required},
                    {"found", !found.empty()},
                    {"files", distinct_files(found)},
                    {"evidence_total", found.size()},
                    {"evidence", evidence_json(all, found)}});
    context.progress("components", list.size(), context.config.components.size());
  }
  const auto minimum = context.config.minimum_components;
  ordered document{{"domain", context.config.domain_name},
                   {"components_expected", context.config.components.size()},
                   {"components_found", count},
                   {"components_minimum", minimum},
                   {"components_short", std::max<std::int64_t>(0, minimum - count)},
                   {"components_missing", missing},
                   {"components", list}};
  return {document,
          of(static_cast<std::size_t>(count), counted(list.size(), "component")) + " found"};
}

step_result integrations_status(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  ordered list = ordered::array();
  std::size_t found = 0;
  std::size_t undeclared = 0;
  std::size_t unhealthy = 0;
  for (const auto& rule : context.config.integrations) {
    list.push_back(integration_json(context, all, rules, rule, undeclared));
    found += list.back()["found"] == true ? 1 : 0;
    unhealthy += list.back()["health"]["status"] == "unhealthy" ? 1 : 0;
    context.progress("integrations", list.size(), context.config.integrations.size());
  }
  ordered document{{"integrations_expected", list.size()},
                   {"integrations_found", found},
                   {"variables_undeclared", undeclared},
                   {"unhealthy", unhealthy},
                   {"integrations", list}};
  return {document, of(found, counted(list.size(), "integration")) + " found, "
                        + counted(undeclared, "variable") + " used but not declared"};
}

step_result quotation_assessment(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  ordered list = ordered::array();
  std::size_t total = 0;
  std::size_t passed = 0;
  for (const auto& assessment : context.config.assessments) {
    ordered checks = ordered::array();
    for (const auto& check : assessment.checks) {
      const auto key = "assessment:" + assessment.id + "/" + check.id;
      const auto found = find_evidence(context, all, rules, key);
      passed += found.empty() ? 0 : 1;
      ordered entry{{"id", check.id},
                    {"title", check.title},
                    {"severity", check.severity},
                    {"passed", !found.empty()},
                    {"files", distinct_files(found)},
                    {"evidence_total", found.size()},
                    {"evidence", evidence_json(all, found, 10)}};
      if (found.empty() && !check.advice.empty())
        entry["advice"] = check.advice;
      checks.push_back(entry);
      ++total;
      context.progress("checks", total, total);
    }
    list.push_back({{"id", assessment.id}, {"title", assessment.title}, {"checks", checks}});
  }
  ordered document{{"checks_total", total},
                   {"checks_passed", passed},
                   {"checks_failed", total - passed},
                   {"assessments", list}};
  return {document, of(passed, counted(total, "check")) + " passed"};
}

step_result production_gaps(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  ordered gaps = ordered::array();
  ordered met = ordered::array();
  ordered by_severity{{"critical", 0}, {"high", 0}, {"medium", 0}, {"low", 0}};
  std::size_t done = 0;
  for (const auto& rule : context.config.requirements) {
    const auto found = find_evidence(context, all, rules, "requirement:" + rule.id);
    std::vector<ordered> verdicts;
    for (std::size_t s = 0; rule.each_repository && s < all.sources.size(); ++s) {
      std::vector<evidence> own;
      std::copy_if(found.begin(), found.end(), std::back_inserter(own),
                   [&](const evidence& item) { return item.source == s; });
      verdicts.push_back(judge(all, rule, own, all.sources[s].name));
    }
    if (!rule.each_repository)
      verdicts.push_back(judge(all, rule, found, "workspace"));
    for (auto& verdict : verdicts) {
      const bool ok = verdict["met"] == true;
      if (!ok)
        by_severity[rule.severity] = by_severity[rule.severity].get<int>() + 1;
      (ok ? met : gaps).push_back(std::move(verdict));
    }
    context.progress("requirements", ++done, context.config.requirements.size());
  }
  ordered document{{"requirements_total", gaps.size() + met.size()},
                   {"requirements_met", met.size()},
                   {"gaps_total", gaps.size()},
                   {"gaps_by_severity", by_severity},
                   {"gaps", gaps},
                   {"met", met}};
  return {document, of(met.size(), counted(gaps.size() + met.size(), "requirement")) + " met, "
                        + counted(gaps.size(), "gap")};
}

} // namespace aeo::consolidate

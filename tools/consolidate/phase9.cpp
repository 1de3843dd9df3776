#include "tools/consolidate/phase9.hpp"

#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/security_findings.hpp"
#include "tools/consolidate/variable_table.hpp"
#include "tools/consolidate/wording.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>

namespace aeo::consolidate {

namespace {

struct part {
  std::string_view step;
  std::string_view output;
};

/// What the report adds up.
constexpr std::array parts{
    part{"webhook-validation-whatsapp", "security/webhook_validation_whatsapp.json"},
    part{"webhook-validation-n8n", "security/webhook_validation_n8n.json"},
    part{"secrets-migration", "security/secrets_migration.json"},
    part{"rate-limiting", "security/rate_limiting.json"},
    part{"cors-config", "security/cors_config.json"},
    part{"auth-implementation", "security/auth_implementation.json"}};

/// Lines that run, decode or send what they should not. In tests and examples they weigh little.
void add_risky_calls(const step_context& context, const survey& all, const rule_set& rules,
                     finding_list& findings) {
  const auto& checker = rules.checks();
  for (std::size_t f = 0; f < all.files.size(); ++f) {
    const auto& file = all.files[f];
    if (is_excluded(context, all, file))
      continue;
    const auto& path = all.tracked(file).path;
    for (const auto& hit : file.facts.checks) {
      if (hit.rule >= checker.first_route() || checker.check(hit.rule).category != "risky_call")
        continue;
      const auto& rule = checker.check(hit.rule);
      findings.add(is_production(context, path) ? rule.severity : "low", rule.id, rule.title,
                   rule.advice, all.source_of(file).name, path, place_json(all, f, hit.line));
    }
  }
}

bool may_be_executable(const survey& all, const scanned_file& file) {
  const auto text = read_content(all, file);
  return text.starts_with("#!")
         || text.starts_with("\x7F"
                             "ELF")
         || text.starts_with("MZ") || text.starts_with("\xCF\xFA\xED\xFE");
}

/// Modes of the work tree and of HEAD that give more than is needed.
std::size_t add_modes(const step_context& context, const survey& all, finding_list& findings) {
  std::size_t checked = 0;
  for (std::size_t f = 0; f < all.files.size(); ++f) {
    const auto& file = all.files[f];
    const auto& tracked = all.tracked(file);
    const auto& from = all.source_of(file);
    if (tracked.is_symlink() || tracked.is_submodule() || !file.facts.problem.empty())
      continue;
    ++checked;
    const auto add = [&](const char* severity, const char* rule, const char* message,
                         const char* advice) {
      findings.add(severity, rule, message, advice, from.name, tracked.path, place_json(all, f, 0));
    };
    struct stat st {};
    const bool present = from.kind != source_kind::bare && !file.facts.from_git
                         && ::lstat((from.directory + "/" + tracked.path).c_str(), &st) == 0;
    if (present && (st.st_mode & S_IWOTH) != 0)
      add("medium", "world-writable", "everybody on this machine may write the file", "chmod o-w");
    if (present && (st.st_mode & (S_ISUID | S_ISGID)) != 0)
      add("high", "set-user-id", "the file runs with the rights of its owner or group",
          "chmod u-s,g-s");
    if (tracked.mode == 0100755 && !file.facts.too_large && !is_excluded(context, all, file)
        && !may_be_executable(all, file))
      add("low", "executable-data", "is marked executable and is no program",
          "git update-index --chmod=-x");
  }
  return checked;
}

} // namespace

step_result security_audit_report(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  finding_list findings(context.config.security);
  add_risky_calls(context, all, rules, findings);
  const auto risky = findings.size();
  const auto files = add_modes(context, all, findings);
  ordered own;
  findings.write(own);
  ordered list = ordered::array();
  ordered accepted = own["accepted"];
  ordered sources{
      {{"source", "risky calls"}, {"findings", risky}},
      {{"source", "file modes"}, {"findings", findings.size() - risky}, {"files_checked", files}}};
  ordered unmeasured = ordered::array();
  for (auto& item : own["findings"])
    list.push_back(std::move(item));
  for (const auto& item : parts) {
    const std::string output(item.output);
    const auto document = read_output(context, output, item.step);
    if (!document.contains("findings")) {
      unmeasured.push_back({{"source", item.step},
                            {"status", "not_measured"},
                            {"reason", document.value("reason", "it has no list of findings")}});
      continue;
    }
    sources.push_back({{"source", item.step},
                       {"file", "consolidation/" + output},
                       {"findings", document["findings"].size()}});
    for (const auto& found : document["findings"])
      list.push_back(found);
    for (const auto& found : document.value("accepted", ordered::array()))
      accepted.push_back(found);
  }
  ordered sorted = ordered::array();
  for (const auto& severity : severity_names()) {
    for (const auto& item : list) {
      if (item["severity"] == severity)
        sorted.push_back(item);
    }
  }
  ordered document{{"findings_total", sorted.size()},
                   {"by_severity", count_by_severity(sorted)},
                   {"sources", sources},
                   {"not_measured", unmeasured},
                   {"findings", sorted},
                   {"accepted_total", accepted.size()},
                   {"accepted", accepted}};
  return {document,
          counted(sorted.size(), "finding") + " from " + counted(sources.size(), "source")};
}

step_result security_summary(const step_context& context) {
  const auto report =
      read_output(context, "security/security_audit_report.json", "security-audit-report");
  const auto& findings = report.at("findings");
  const auto counts = count_by_severity(findings);
  std::map<std::string, std::size_t> by_rule;
  ordered critical = ordered::array();
  for (const auto& item : findings) {
    ++by_rule[item["rule"].get<std::string>()];
    if (item["severity"] == "critical")
      critical.push_back({{"rule", item["rule"]},
                          {"place", shown_place(item)},
                          {"message", item["message"]},
                          {"advice", item["advice"]}});
  }
  ordered document;
  const auto& unmeasured = report.at("not_measured");
  // What a part did not measure it cannot have found to be nothing.
  if (unmeasured.empty())
    document["critical"] = counts["critical"];
  else
    document["critical"] = not_measured(unmeasured[0]["source"].get<std::string>() + ": "
                                        + unmeasured[0]["reason"].get<std::string>());
  for (const auto* severity : {"high", "medium", "low"})
    document[severity] = counts[severity];
  document["findings_total"] = findings.size();
  document["by_rule"] = by_rule;
  document["critical_findings"] = critical;
  document["accepted_total"] = report.at("accepted_total");
  std::string summary;
  for (const auto& severity : severity_names())
    summary += (summary.empty() ? "" : ", ") + counts[severity].dump() + " " + severity;
  return {std::move(document), summary};
}

} // namespace aeo::consolidate

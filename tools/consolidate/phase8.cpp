#include "tools/consolidate/phase8.hpp"

#include "tools/consolidate/config_syntax.hpp"
#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/findings.hpp"
#include "tools/consolidate/host_conflicts.hpp"
#include "tools/consolidate/parallel.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/variable_table.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

ordered places_json(const survey& all, const std::vector<variable_place>& places) {
  ordered list = ordered::array();
  for (const auto& item : places) {
    auto entry = place_json(all, item.file, item.line);
    entry["how"] = item.how;
    if (!item.production)
      entry["production"] = false;
    list.push_back(std::move(entry));
  }
  return list;
}

std::string_view status_of(const variable_facts& facts) {
  if (facts.used.empty())
    return "unused";
  if (facts.provided)
    return "provided";
  if (facts.test_only())
    return "test_only";
  return facts.required() ? "required" : "optional";
}

/// The part of the document that tells of variables.
class variables_section {
public:
  variables_section(const survey& all, const variable_report& report) : all_(all) {
    for (const auto& [name, facts] : report.variables)
      add(name, facts);
    for (const auto& place : report.dynamic)
      dynamic_.push_back(place_json(all, place.file, place.line));
  }

  void write(ordered& document, ordered& findings) {
    document["undeclared_required"] = undeclared_required_;
    for (const auto* status : {"required", "optional", "provided", "test_only"})
      document["variables_" + std::string(status)] = counts_[status];
    document["variables_total"] = list_.size();
    document["undeclared_optional"] = undeclared_optional_;
    document["unused_declared"] = counts_["unused"];
    document["variables"] = list_;
    document["dynamic_uses"] = dynamic_;
    for (auto& item : findings_)
      findings.push_back(std::move(item));
  }

private:
  void add(const std::string& name, const variable_facts& facts) {
    const auto status = status_of(facts);
    ++counts_[std::string(status)];
    list_.push_back({{"name", name},
                     {"status", status},
                     {"declared", !facts.declared.empty()},
                     {"set", !facts.set.empty()},
                     {"used_at", places_json(all_, facts.used)},
                     {"declared_at", places_json(all_, facts.declared)},
                     {"set_at", places_json(all_, facts.set)}});
    if (!facts.declared.empty() || (status != "required" && status != "optional"))
      return;
    const bool required = status == "required";
    ++(required ? undeclared_required_ : undeclared_optional_);
    const auto place =
        std::find_if(facts.used.begin(), facts.used.end(), [&](const variable_place& item) {
          return item.production && item.required == required;
        });
    const auto& shown = place == facts.used.end() ? facts.used.front() : *place;
    auto where = place_json(all_, shown.file, shown.line);
    where["variable"] = name;
    findings_.push_back(finding(
        required ? "high" : "low", required ? "undeclared-variable" : "undocumented-variable",
        name
            + (required ? " is needed here and declared in no example file"
                        : " may be set and is declared in no example file"),
        "add " + name + "= with a line of explanation to the .env.example of this component",
        where));
  }

  const survey& all_;
  std::map<std::string, std::size_t> counts_;
  std::size_t undeclared_required_ = 0;
  std::size_t undeclared_optional_ = 0;
  ordered list_ = ordered::array();
  ordered dynamic_ = ordered::array();
  ordered findings_ = ordered::array();
};

void write_conflicts(const survey& all, const std::vector<compose_source>& files, ordered& document,
                     ordered& findings) {
  ordered read = ordered::array();
  ordered unknown = ordered::array();
  for (const auto& item : files) {
    auto entry = place_json(all, item.file, 0);
    entry["services"] = item.content.services.size();
    if (!item.content.error.empty())
      entry["error"] = item.content.error;
    read.push_back(entry);
    for (const auto& service : item.content.services) {
      for (const auto& port : service.ports) {
        if (port.port != 0)
          continue;
        auto place = place_json(all, item.file, port.line);
        place["service"] = printable(service.name, 200);
        place["status"] = "not_measured";
        place["reason"] = "the port depends on a variable without a known value";
        unknown.push_back(place);
      }
    }
  }
  const auto conflicts = find_host_conflicts(all, files);
  for (const auto& conflict : conflicts) {
    ordered others = ordered::array();
    for (const auto& claim : conflict.claims) {
      auto place = place_json(all, claim.file, claim.line);
      place["service"] = printable(claim.service, 200);
      others.push_back(place);
    }
    const bool port = conflict.rule == "port-conflict";
    auto where = place_json(all, conflict.claims.back().file, conflict.claims.back().line);
    where["claims"] = others;
    findings.push_back(finding(
        "high", conflict.rule,
        (port ? "port " : "container name ") + printable(conflict.what, 200) + " is claimed by "
            + std::to_string(others.size()) + " services: " + shown_place(others[0]) + " and "
            + shown_place(others[1]),
        port ? "publish one of them on another port of the host" : "give one of them another name",
        where));
  }
  document["conflicts"] = conflicts.size();
  document["compose_files"] = read;
  document["ports_unknown"] = unknown;
}

struct checked_file {
  std::size_t file = 0;
  const format_rule* rule = nullptr;
  std::string not_checked;
  syntax_problem problem;
};

std::vector<checked_file> configuration_files(const step_context& context, const survey& all) {
  std::vector<checked_file> list;
  const auto& formats = context.config.configuration.formats;
  for (std::size_t f = 0; f < all.files.size(); ++f) {
    const auto& file = all.files[f];
    const auto& tracked = all.tracked(file);
    if (tracked.is_symlink() || tracked.is_submodule() || is_excluded(context, all, file))
      continue;
    const auto rule = std::find_if(formats.begin(), formats.end(), [&](const format_rule& item) {
      return any_glob_matches(item.paths, tracked.path);
    });
    if (rule == formats.end())
      continue;
    checked_file item{f, &*rule, "", {}};
    if (rule->format == "unchecked")
      item.not_checked = rule->reason;
    else if (!file.facts.problem.empty())
      item.not_checked = file.facts.problem;
    else if (file.facts.too_large)
      item.not_checked = "is larger than scan.max_text_bytes";
    else if (file.facts.binary)
      item.problem = {0, 0, "is binary"};
    list.push_back(std::move(item));
  }
  return list;
}

void write_syntax(const step_context& context, const survey& all, ordered& document,
                  ordered& findings) {
  auto files = configuration_files(context, all);
  for_each_parallel(files.size(), [&](std::size_t i) {
    auto& item = files[i];
    if (item.not_checked.empty() && item.problem.message.empty())
      item.problem = check_syntax(item.rule->format, read_content(all, all.files[item.file]));
    context.progress("configuration files", i + 1, files.size());
  });
  std::map<std::string, std::size_t> by_format;
  ordered unparsable = ordered::array();
  ordered not_checked = ordered::array();
  for (const auto& item : files) {
    if (!item.not_checked.empty()) {
      auto place = place_json(all, item.file, 0);
      place["status"] = "not_measured";
      place["reason"] = item.not_checked;
      not_checked.push_back(place);
      continue;
    }
    ++by_format[item.rule->format];
    if (item.problem.message.empty())
      continue;
    const bool production = is_production(context, all.tracked(all.files[item.file]).path);
    auto place = place_json(all, item.file, item.problem.line);
    if (item.problem.column > 0)
      place["column"] = item.problem.column;
    place["format"] = item.rule->format;
    const auto message = "not " + item.rule->format + ": " + item.problem.message;
    findings.push_back(finding(production ? "high" : "low", "unparsable-configuration", message,
                               "mend the file, or name its real format in"
                               " configuration_rules.json",
                               place));
    place["message"] = item.problem.message;
    unparsable.push_back(place);
  }
  document["files_checked"] = files.size() - not_checked.size();
  document["files_parsed"] = files.size() - not_checked.size() - unparsable.size();
  document["files_unparsable"] = unparsable.size();
  document["files_not_checked"] = not_checked.size();
  document["by_format"] = by_format;
  document["unparsable"] = unparsable;
  document["not_checked"] = not_checked;
}

} // namespace

step_result final_configuration(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  ordered document;
  ordered findings = ordered::array();
  const auto report = collect_variables(context, all);
  variables_section(all, report).write(document, findings);
  write_conflicts(all, read_compose_files(context, all), document, findings);
  write_syntax(context, all, document, findings);
  document["by_severity"] = count_by_severity(findings);
  document["findings"] = findings;
  const auto summary = counted(document["variables_total"], "variable") + ", "
                       + document["undeclared_required"].dump() + " required but undeclared, "
                       + counted(document["conflicts"], "conflict") + ", "
                       + document["files_unparsable"].dump() + " of "
                       + counted(document["files_checked"], "configuration file") + " unparsable";
  return {std::move(document), summary};
}

} // namespace aeo::consolidate

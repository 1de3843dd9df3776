#include "tools/consolidate/phase10.hpp"

#include "tools/consolidate/checklist.hpp"
#include "tools/consolidate/compose_model.hpp"
#include "tools/consolidate/compose_moves.hpp"
#include "tools/consolidate/iac_checks.hpp"
#include "tools/consolidate/monorepo_survey.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/service_plan.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace aeo::consolidate {

namespace {

constexpr const char* compose_output = "infrastructure/compose.yaml";

/// The generated file as compose will read it.
class generated_compose {
public:
  generated_compose(const std::string& text, const survey& all) : all_(all) {
    auto parsed = read_yaml(text);
    problems_ = parsed.problems.size();
    if (!parsed.documents.empty())
      services_.reset(yaml_at(parsed.documents[0], "services"));
    names_ = yaml_keys(services_);
  }

  checklist run(const service_plan& plan) {
    ordered masked = ordered::array();
    for (const auto& item : plan.masked)
      masked.push_back(item.subject);
    std::vector<std::string> expected;
    for (const auto& item : plan.services)
      expected.push_back(item.name);
    checks_.add("mistakes when it is parsed back", 0, problems_);
    checks_.add("services", expected, names_);
    for (const auto& name : names_)
      look_at(name, yaml_at(services_, name));
    checks_.add("services with neither image nor build", ordered::array(), bare_);
    checks_.add("build contexts and Dockerfiles that are not in the monorepo", ordered::array(),
                missing_);
    checks_.add("ports of the host that two services publish", ordered::array(), twice(ports_));
    checks_.add("container names that two services have", ordered::array(), twice(containers_));
    checks_.add("dependencies on services that are not there", ordered::array(), unknown_);
    checks_.add("services that wait for themselves", ordered::array(), cycles());
    checks_.add("secrets in the file", ordered::array(), secrets_);
    checks_.add("values that are masked as a secret was part of them", ordered::array(), masked);
    checks_.add("services without a memory limit", ordered::array(), unlimited_);
    return std::move(checks_);
  }

private:
  bool has_path(const std::string& path) const {
    return path.empty()
           || std::any_of(all_.files.begin(), all_.files.end(), [&](const scanned_file& file) {
                return is_below(all_.tracked(file).path, path);
              });
  }

  void look_at(const std::string& name, const YAML::Node& service) {
    const bool builds = yaml_at(service, "build").IsDefined();
    if (!builds && yaml_string(yaml_at(service, "image")).empty())
      bare_.push_back(name);
    if (const auto build = build_of(service, "")) {
      for (const auto& path : {build->context, build->dockerfile}) {
        if (!has_path(path))
          missing_.push_back(name + ": " + encode_path(path));
      }
    }
    for (const auto& port : ports_of(service)) {
      if (port.host != 0)
        ports_[port.address + ":" + std::to_string(port.host) + (port.udp ? "/udp" : "")].insert(
            name);
    }
    if (const auto container = yaml_string(yaml_at(service, "container_name")); !container.empty())
      containers_[container].insert(name);
    for (const auto& other : dependencies_of(service)) {
      if (std::find(names_.begin(), names_.end(), other) == names_.end())
        unknown_.push_back(name + " needs " + other);
    }
    for (const auto& variable : environment_of(service)) {
      if (variable.value && is_inline_secret(variable.name, *variable.value))
        secrets_.push_back(name + " " + variable.name);
    }
    if (!has_memory_limit(service))
      unlimited_.push_back(name);
  }

  static ordered twice(const std::map<std::string, std::set<std::string>>& users) {
    ordered list = ordered::array();
    for (const auto& [what, names] : users) {
      if (names.size() > 1)
        list.push_back({{"what", what}, {"services", names}});
    }
    return list;
  }

  bool reaches(const std::string& from, const std::string& goal,
               std::set<std::string>& seen) const {
    for (const auto& next : dependencies_of(yaml_at(services_, from))) {
      if (next == goal || (seen.insert(next).second && reaches(next, goal, seen)))
        return true;
    }
    return false;
  }

  ordered cycles() const {
    ordered list = ordered::array();
    for (const auto& name : names_) {
      std::set<std::string> seen;
      if (reaches(name, name, seen))
        list.push_back(name);
    }
    return list;
  }

  const survey& all_;
  std::size_t problems_ = 0;
  YAML::Node services_{YAML::NodeType::Undefined};
  std::vector<std::string> names_;
  std::map<std::string, std::set<std::string>> ports_;
  std::map<std::string, std::set<std::string>> containers_;
  ordered bare_ = ordered::array();
  ordered missing_ = ordered::array();
  ordered unknown_ = ordered::array();
  ordered secrets_ = ordered::array();
  ordered unlimited_ = ordered::array();
  checklist checks_;
};

ordered findings_json(const std::vector<iac_finding>& findings) {
  ordered list = ordered::array();
  for (const auto& item : findings)
    list.push_back({{"rule", item.rule->id},
                    {"severity", item.rule->severity},
                    {"kind", to_string(item.kind)},
                    {"path", encode_path(item.path)},
                    {"line", item.line},
                    {"subject", item.subject},
                    {"message", item.rule->message},
                    {"advice", item.rule->advice}});
  return list;
}

ordered by_severity(const std::vector<iac_finding>& findings) {
  ordered counts{{"critical", 0}, {"high", 0}, {"medium", 0}, {"low", 0}};
  for (const auto& item : findings)
    counts[item.rule->severity] = counts[item.rule->severity].get<int>() + 1;
  return counts;
}

ordered notes_json(const std::vector<plan_note>& notes) {
  ordered list = ordered::array();
  for (const auto& item : notes)
    list.push_back(
        {{"subject", printable(item.subject, 300)}, {"reason", printable(item.reason, 500)}});
  return list;
}

ordered services_json(const service_plan& plan) {
  ordered list = ordered::array();
  for (const auto& item : plan.services) {
    ordered entry{{"name", item.name},
                  {"component", item.component},
                  {"path", encode_path(item.origin.path)},
                  {"line", item.origin.line},
                  {"own_code", item.own},
                  {"port", item.port == 0 ? ordered(nullptr) : ordered(item.port)}};
    entry["health_endpoint"] =
        item.health_path.empty() ? ordered(nullptr) : ordered(item.health_path);
    list.push_back(std::move(entry));
  }
  return list;
}

ordered open_decisions_of(const service_plan& plan) {
  ordered list = ordered::array();
  list.push_back(std::string("Review consolidation/") + compose_output
                 + " and commit it at the top of the monorepo, if it is what shall run.");
  for (const auto& item : plan.masked)
    list.push_back({{"what", item.subject}, {"reason", item.reason}});
  for (const auto& item : plan.left_out)
    list.push_back({{"what", item.subject}, {"reason", item.reason + ": is it to run at all?"}});
  return list;
}

struct file_counts {
  std::map<std::string, std::size_t> kinds{
      {"dockerfile", 0}, {"compose", 0}, {"kubernetes", 0}, {"terraform", 0}};
  std::size_t parsed = 0;
  std::size_t broken = 0;
  ordered problems = ordered::array();
  ordered not_measured = ordered::array();
};

file_counts count_files(const iac_files& all) {
  file_counts out;
  for (const auto& item : all.files) {
    ++out.kinds[std::string(to_string(item.kind))];
    out.parsed += item.problems.empty() && item.not_measured.empty() ? 1 : 0;
    out.broken += item.problems.empty() ? 0 : 1;
    for (const auto& what : item.problems)
      out.problems.push_back({{"rule", "does-not-parse"},
                              {"severity", "critical"},
                              {"path", encode_path(item.path)},
                              {"line", what.line},
                              {"message", printable(what.message, 300)}});
    if (!item.not_measured.empty())
      out.not_measured.push_back({{"path", encode_path(item.path)}, {"reason", item.not_measured}});
  }
  return out;
}

} // namespace

step_result infrastructure_as_code(const step_context& context) {
  const auto within = monorepo_context(context);
  const rule_set rules(within.config);
  const auto all = scan_monorepo(within, rules);
  const auto files = read_iac_files(within, all);
  const auto findings = check_iac(context.config.infrastructure, files);
  const auto plan = plan_services(within, all, rules, files);
  const auto text = compose_text(plan);
  const auto checks = generated_compose(text, all).run(plan);
  write_durably(context.consolidation() + "/" + compose_output, text);
  const auto counts = count_files(files);
  ordered templates = ordered::array();
  for (const auto& item : files.templates)
    templates.push_back({{"path", encode_path(item.path)}, {"what", item.what}});
  ordered document{{"files_total", files.files.size()},
                   {"files_parsed", counts.parsed},
                   {"parse_errors", counts.problems.size()},
                   {"files_with_errors", counts.broken},
                   {"files_not_measured", counts.not_measured.size()},
                   {"files_by_kind", counts.kinds},
                   {"problems", counts.problems},
                   {"not_measured", counts.not_measured},
                   {"templates", templates},
                   {"findings_total", findings.size()},
                   {"findings_by_severity", by_severity(findings)},
                   {"findings", findings_json(findings)},
                   {"decisions", open_decisions_of(plan)},
                   {"services_planned", plan.services.size()},
                   {"compose_checks_failed", checks.failed()},
                   {"compose",
                    {{"file", std::string("consolidation/") + compose_output},
                     {"valid", checks.all()},
                     {"checks", checks.json()},
                     {"services", services_json(plan)},
                     {"decisions", notes_json(plan.decisions)},
                     {"left_out", notes_json(plan.left_out)}}}};
  return {document, std::to_string(counts.parsed) + " of " + counted(files.files.size(), "file")
                        + " parsed, " + counted(counts.problems.size(), "error") + ", "
                        + counted(findings.size(), "finding") + ", "
                        + counted(plan.services.size(), "service") + " in compose.yaml"};
}

} // namespace aeo::consolidate

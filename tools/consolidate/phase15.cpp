#include "tools/consolidate/phase15.hpp"

#include "tools/consolidate/execution_record.hpp"
#include "tools/consolidate/masking.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/readiness.hpp"
#include "tools/consolidate/scratch.hpp"
#include "tools/consolidate/supervised.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

namespace aeo::consolidate {

namespace {

constexpr const char* own_phase = "15";
constexpr const char* audit_file = "validation/production_readiness_audit.json";
constexpr const char* signoff_file = "validation/stakeholder_signoff.json";
constexpr const char* deployment_file = "validation/deployment_log.json";
constexpr const char* post_deployment_file = "validation/post_deployment_report.json";
constexpr std::chrono::seconds command_timeout{900};

std::string kind_of(const phase_record& phase) {
  if (phase.status == "skipped")
    return "skipped by a person";
  if (!phase.approved())
    return "none";
  if (phase.waived())
    return "a person, against the criteria";
  return phase.by() == "criteria" ? "automatic: the criteria were met" : "a person";
}

ordered approval_json(const phase_record& phase) {
  ordered entry{
      {"phase", phase.id},
      {"status", phase.status},
      {"kind", kind_of(phase)},
      {"by", phase.by().empty() ? ordered(nullptr) : ordered(phase.by())},
      {"at", phase.completed_at.empty() ? ordered(nullptr) : ordered(phase.completed_at)}};
  for (const auto* key : {"role", "reason", "comment", "votes", "digest"}) {
    if (phase.detail.contains(key))
      entry[key] = phase.detail.at(key);
  }
  std::size_t passed = 0;
  for (const auto& item : phase.criteria)
    passed += item.is_object() && item.value("passed", false) ? 1 : 0;
  entry["criteria"] = phase.criteria.size();
  entry["criteria_passed"] = passed;
  return entry;
}

/// Runs configured commands one after the other in a scratch copy of the monorepo; the first that
/// fails ends it.
class command_series {
public:
  command_series(const step_context& context, const std::string& name)
      : context_(context), name_(name), copy_(context, name) {}

  ordered run(const std::vector<command_setting>& commands) {
    std::size_t failed = 0;
    for (std::size_t i = 0; i < commands.size() && failed == 0; ++i) {
      failed += run_one(commands[i], i) ? 0 : 1;
      context_.progress(name_, i + 1, commands.size());
    }
    return {{"status", failed == 0 ? "succeeded" : "failed"},
            {"commit", copy_.head()},
            {"commands_total", commands.size()},
            {"commands_run", list_.size()},
            {"commands_failed", failed},
            {"commands", list_}};
  }

private:
  bool run_one(const command_setting& command, std::size_t index) {
    const auto log = "validation/logs/" + name_ + "-" + std::to_string(index + 1) + ".log";
    supervision rules;
    rules.directory = join_path(copy_.tree(), command.cwd);
    rules.log_file = context_.consolidation() + "/" + log;
    rules.timeout = command.timeout > 0 ? std::chrono::seconds(command.timeout) : command_timeout;
    std::filesystem::create_directories(context_.consolidation() + "/validation/logs");
    std::filesystem::remove(rules.log_file);
    // It talks to the outside with the credentials of whoever started us: nothing is hidden.
    rules.environment.push_back("AEO_COMMIT=" + copy_.head());
    for (const auto& [variable, value] : command.env)
      rules.environment.push_back(variable + "=" + value);
    log_mask log_secrets(context_, rules.log_file);
    const auto end = run_supervised(command.argv, rules);
    log_secrets.finish();
    const bool ok = end.exit_code == 0 && !end.timed_out;
    list_.push_back({{"name", command.name},
                     {"program", command.argv.front()},
                     {"exit_code", end.exit_code},
                     {"timed_out", end.timed_out},
                     {"seconds", end.seconds},
                     {"log", "consolidation/" + log}});
    return ok;
  }

  const step_context& context_;
  std::string name_;
  scratch_checkout copy_;
  ordered list_ = ordered::array();
};

ordered nothing_run(const std::string& status, const std::string& reason) {
  return {{"status", status},  {"reason", reason},     {"commands_total", 0},
          {"commands_run", 0}, {"commands_failed", 0}, {"commands", ordered::array()}};
}

std::string summary_of(const ordered& document) {
  const auto status = document.at("status").get<std::string>();
  if (document.contains("reason"))
    return status + ": " + document.at("reason").get<std::string>();
  return status + ": " + document.at("commands_run").dump() + " of "
         + document.at("commands_total").dump() + " commands run";
}

/// One line of the last table.
class last_table {
public:
  void add(const std::string& phase, const std::string& check, const std::string& source,
           const ordered& expected, const ordered& actual, bool passed, bool waived = false) {
    passed_ += passed ? 1 : 0;
    waived_ += waived ? 1 : 0;
    list_.push_back({{"phase", phase},
                     {"check", check},
                     {"source", source},
                     {"expected", expected},
                     {"actual", actual},
                     {"passed", passed}});
  }

  void add_deployment(const ordered& document, const char* file, const std::string& what) {
    const auto status = document.at("status").get<std::string>();
    add(own_phase, what, std::string("consolidation/") + file + "#/status",
        "succeeded or not_configured", status, status == "succeeded" || status == "not_configured");
  }

  /// A waived check did not pass: it stands with the name of the one who waived it, and is not
  /// among the failed.
  void add_audit(const ordered& audit) {
    std::map<std::string, std::string> people; // by phase
    for (const auto& item : audit.at("checks")) {
      const auto phase = item.at("phase").get<std::string>();
      const auto status = item.at("status").get<std::string>();
      if (item.contains("waived_by"))
        people[phase] = item.at("waived_by").get<std::string>();
      add(phase, item.at("check"), item.at("source"), item.at("expected"), item.at("actual"),
          status == "passed", status == "waived");
      if (status != "waived")
        continue;
      list_.back()["waived"] = true;
      list_.back()["waived_by"] = people[phase];
      waived_by_.insert(people[phase]);
    }
  }

  std::string counts_text() const {
    auto text = std::to_string(passed_) + " of " + counted(total(), "check") + " passed";
    if (failed() > 0)
      text += ", " + std::to_string(failed()) + " failed";
    if (waived_ == 0)
      return text;
    text += ", " + std::to_string(waived_) + " waived by ";
    for (const auto& name : waived_by_)
      text += (name == *waived_by_.begin() ? "" : ", ") + name;
    return text;
  }

  /// The first ones, each with what was expected.
  ordered failures() const {
    constexpr std::size_t most = 10;
    ordered out = ordered::array();
    for (const auto& item : list_) {
      if (item.at("passed") == true || item.contains("waived") || out.size() == most)
        continue;
      out.push_back("A check of phase " + item.at("phase").get<std::string>()
                    + " failed: " + item.at("check").get<std::string>() + ": expected "
                    + item.at("expected").dump() + ", actual " + item.at("actual").dump() + " ("
                    + item.at("source").get<std::string>() + ")");
    }
    return out;
  }

  std::size_t passed() const { return passed_; }
  std::size_t waived() const { return waived_; }
  std::size_t failed() const { return total() - passed_ - waived_; }
  const std::set<std::string>& waived_by() const { return waived_by_; }
  std::size_t total() const { return list_.size(); }
  const ordered& json() const { return list_; }

private:
  std::size_t passed_ = 0;
  std::size_t waived_ = 0;
  std::set<std::string> waived_by_;
  ordered list_ = ordered::array();
};

} // namespace

step_result readiness_audit(const step_context& context) {
  const auto record = read_execution(context, running_phase(own_phase));
  const readiness found(context, record);
  auto document = found.document();
  document["execution_id"] = record.execution_id;
  return {std::move(document), counted(found.passed(), "check") + " passed, "
                                   + std::to_string(found.failed()) + " failed, "
                                   + std::to_string(found.waived()) + " waived by people"};
}

step_result stakeholder_signoff(const step_context& context) {
  const auto record = read_execution(context, running_phase(own_phase));
  ordered list = ordered::array();
  std::size_t without = 0;
  std::size_t automatic = 0;
  std::size_t people = 0;
  std::size_t overridden = 0;
  std::size_t skipped = 0;
  for (const auto& phase : record.phases) {
    list.push_back(approval_json(phase));
    const bool skip = phase.status == "skipped";
    without += phase.approved() || skip ? 0 : 1;
    skipped += skip ? 1 : 0;
    overridden += phase.approved() && phase.waived() ? 1 : 0;
    const bool plain = phase.approved() && !phase.waived();
    automatic += plain && phase.by() == "criteria" ? 1 : 0;
    people += plain && phase.by() != "criteria" ? 1 : 0;
  }
  ordered document{{"execution_id", record.execution_id},
                   {"phases_total", record.phases.size()},
                   {"phases_without_approval", without},
                   {"approved_by_criteria", automatic},
                   {"approved_by_people", people},
                   {"overridden", overridden},
                   {"skipped", skipped},
                   {"signed_by_a_person", people + overridden > 0},
                   {"approvals", list}};
  return {document,
          counted(automatic, "phase")
              + (automatic == 1 ? " approved by its criteria, " : " approved by their criteria, ")
              + std::to_string(people) + " by people, " + std::to_string(overridden)
              + " against them by people, " + std::to_string(skipped) + " skipped, "
              + std::to_string(without) + " without approval"};
}

step_result deployment(const step_context& context) {
  const auto& commands = context.config.run.deploy;
  const auto audit = read_output(context, audit_file, "readiness-audit");
  const auto signoff = read_output(context, signoff_file, "stakeholder-signoff");
  ordered document;
  if (commands.empty())
    document = nothing_run("not_configured", "consolidation_config.json has no deploy commands");
  else if (!audit.at("ready").get<bool>() || signoff.at("phases_without_approval") != 0)
    document = nothing_run("not_run", "the audit or the sign-off failed: nothing is deployed");
  else
    document = command_series(context, "deploy").run(commands);
  auto summary = summary_of(document);
  return {std::move(document), std::move(summary)};
}

step_result post_deployment(const step_context& context) {
  const auto& commands = context.config.run.post_deploy;
  const auto deployed =
      read_output(context, deployment_file, "deployment").at("status").get<std::string>();
  ordered document;
  if (commands.empty())
    document =
        nothing_run("not_configured", "consolidation_config.json has no post_deploy commands");
  else if (deployed != "succeeded")
    document = nothing_run("not_run", "nothing was deployed: the deployment is " + deployed);
  else
    document = command_series(context, "post-deploy").run(commands);
  auto summary = summary_of(document);
  return {std::move(document), std::move(summary)};
}

namespace {

/// `list`: what failed; that comes first.
ordered last_decisions(const ordered& audit, const ordered& signoff, const ordered& deployed,
                       ordered list) {
  if (deployed.at("status") == "not_configured")
    list.push_back("Nothing was deployed, as no deploy commands are configured: decide how and "
                   "when this goes to production.");
  if (!signoff.at("signed_by_a_person").get<bool>())
    list.push_back("Every phase was approved by its criteria and none by a person: decide who "
                   "signs for the whole.");
  const auto& open = audit.at("findings_by_severity");
  const auto high = open.at("critical").get<std::size_t>() + open.at("high").get<std::size_t>();
  if (high > 0)
    list.push_back(counted(high, "critical or high finding")
                   + " in all: decide which are to be mended before production.");
  if (audit.at("checks_waived") > 0)
    list.push_back(counted(audit.at("checks_waived"), "check was", "checks were")
                   + " waived by people: see who and why in the audit.");
  return list;
}

} // namespace

step_result final_validation(const step_context& context) {
  const auto audit = read_output(context, audit_file, "readiness-audit");
  const auto signoff = read_output(context, signoff_file, "stakeholder-signoff");
  const auto deployed = read_output(context, deployment_file, "deployment");
  const auto checked = read_output(context, post_deployment_file, "post-deployment");
  last_table table;
  table.add_audit(audit);
  table.add(own_phase, "phases without an approval",
            std::string("consolidation/") + signoff_file + "#/phases_without_approval", 0,
            signoff.at("phases_without_approval"), signoff.at("phases_without_approval") == 0);
  table.add(own_phase, "checks that passed on evidence",
            std::string("consolidation/") + audit_file + "#/checks_passed", ">= 1",
            audit.at("checks_passed"), audit.at("checks_passed") > 0);
  table.add_deployment(deployed, deployment_file, "deployment");
  table.add_deployment(checked, post_deployment_file, "checks after the deployment");
  ordered document{{"all_checks_passed", table.passed() == table.total()},
                   {"checks_total", table.total()},
                   {"checks_passed", table.passed()},
                   {"checks_failed", table.failed()},
                   {"checks_waived", table.waived()},
                   {"waived_by", table.waived_by()},
                   {"phases_total", audit.at("phases_total")},
                   {"phases_approved", audit.at("phases_approved")},
                   {"approved_by_criteria", signoff.at("approved_by_criteria")},
                   {"approved_by_people", signoff.at("approved_by_people")},
                   {"overridden", signoff.at("overridden")},
                   {"decisions", last_decisions(audit, signoff, deployed, table.failures())},
                   {"deployment", deployed.at("status")},
                   {"post_deployment", checked.at("status")},
                   {"evidence_not_measured_total", audit.at("evidence_not_measured_total")},
                   {"findings_by_severity", audit.at("findings_by_severity")},
                   {"checks", table.json()}};
  return {document,
          table.counts_text() + ", deployment " + deployed.at("status").get<std::string>()};
}

} // namespace aeo::consolidate

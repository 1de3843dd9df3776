#include "tools/consolidate/workflow_check.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/workflow_syntax.hpp"

#include <yaml-cpp/yaml.h>

#include <re2/re2.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace aeo::consolidate {

namespace {

using namespace workflow_syntax;

class workflow_checker {
public:
  explicit workflow_checker(const std::vector<std::string>& more_events)
      : more_events_(more_events) {}

  workflow_report run(const std::string& text) {
    YAML::Node root;
    try {
      root = YAML::Load(text);
    } catch (const YAML::Exception& error) {
      report_.findings.push_back({true, "workflow-not-yaml", "high",
                                  static_cast<std::uint32_t>(error.mark.line + 1),
                                  "is not YAML: " + error.msg, "mend the syntax"});
      return std::move(report_);
    }
    if (!root.IsMap()) {
      refuse(root, "workflow-not-a-mapping", "is not a mapping", "begin with `on:` and `jobs:`");
      return std::move(report_);
    }
    keys(root, workflow_keys, "the workflow");
    no_duplicates(root);
    expressions(root);
    events(root);
    permissions(root["permissions"]);
    concurrency(root["concurrency"]);
    if (!root["permissions"])
      advise(root, "workflow-no-permissions", "medium",
             "states no permissions: the token may have more than it needs",
             "add `permissions: {contents: read}`");
    const auto jobs = root["jobs"];
    if (!jobs || !jobs.IsMap() || jobs.size() == 0)
      refuse(root, "workflow-no-jobs", "has no jobs", "add at least one job");
    else
      all_jobs(jobs);
    return std::move(report_);
  }

private:
  static std::uint32_t line(const YAML::Node& node) {
    return static_cast<std::uint32_t>(node.Mark().line + 1);
  }
  static std::string text(const YAML::Node& node) {
    return node && node.IsScalar() ? printable(node.Scalar(), 200) : std::string{};
  }

  void refuse(const YAML::Node& at, const std::string& rule, const std::string& message,
              const std::string& advice) {
    report_.findings.push_back({true, rule, "high", line(at), message, advice});
  }
  void advise(const YAML::Node& at, const std::string& rule, const std::string& severity,
              const std::string& message, const std::string& advice) {
    report_.findings.push_back({false, rule, severity, line(at), message, advice});
  }

  void keys(const YAML::Node& node, const names& known, const std::string& owner) {
    for (const auto& item : node) {
      if (!known.contains(text(item.first)))
        refuse(item.first, "workflow-unknown-key",
               owner + " has the unknown key \"" + text(item.first) + "\"",
               "remove it or correct its spelling");
    }
  }

  void no_duplicates(const YAML::Node& node) {
    std::set<std::string> seen;
    for (const auto& item : node) {
      if (node.IsMap()) {
        if (!seen.insert(text(item.first)).second)
          refuse(item.first, "workflow-duplicate-key",
                 "\"" + text(item.first) + "\" is there a second time", "keep one of them");
        no_duplicates(item.second);
      } else if (item.IsMap() || item.IsSequence()) {
        no_duplicates(item);
      }
    }
  }

  void expressions(const YAML::Node& node) {
    if (node.IsScalar()) {
      const auto& value = node.Scalar();
      for (auto at = value.find("${{"); at != std::string::npos; at = value.find("${{", at + 3)) {
        if (value.find("}}", at) == std::string::npos)
          refuse(node, "workflow-open-expression", "has an expression without its end",
                 "close it with }}");
      }
    }
    for (const auto& item : node)
      expressions(node.IsMap() ? item.second : item);
  }

  void events(const YAML::Node& root) {
    const auto on = root["on"];
    if (!on || on.IsNull()) {
      refuse(root, "workflow-no-trigger", "has no `on`", "say when it runs, e.g. `on: [push]`");
      return;
    }
    if (on.IsScalar())
      event(on, {});
    for (const auto& item : on)
      on.IsMap() ? event(item.first, item.second) : event(item, {});
  }

  void event(const YAML::Node& name, const YAML::Node& filters) {
    const auto id = text(name);
    report_.events.push_back(id);
    if (!known_events.contains(id) && std::ranges::find(more_events_, id) == more_events_.end()) {
      refuse(name, "workflow-unknown-event", "\"" + id + "\" is no event of GitHub",
             "correct it, or add a new event to `cicd.events`");
      return;
    }
    if (id == "schedule") {
      schedule(name, filters);
    } else if (filters.IsDefined() && filters.IsMap()) {
      if (id == "push")
        keys(filters, push_keys, "push");
      else if (id == "pull_request" || id == "pull_request_target")
        keys(filters, pull_request_keys, id);
      for (const auto* pair : {"branches", "tags", "paths"}) {
        if (filters[pair] && filters[std::string(pair) + "-ignore"])
          refuse(name, "workflow-both-filters",
                 id + " has " + pair + " and " + pair + "-ignore, of which one is allowed",
                 "use one, with ! for what is left out");
      }
    }
    if (id == "pull_request_target")
      advise(name, "workflow-pull-request-target", "high",
             "pull_request_target runs with write permission for code of strangers",
             "use pull_request unless the code of the pull request is never run");
  }

  void schedule(const YAML::Node& name, const YAML::Node& list) {
    static const re2::RE2 five(R"(^\S+( +\S+){4}$)");
    if (!list.IsDefined() || !list.IsSequence())
      return refuse(name, "workflow-schedule", "schedule is not a list",
                    "write `- cron: \"0 4 * * *\"`");
    for (const auto& item : list) {
      if (!item.IsMap() || !re2::RE2::FullMatch(text(item["cron"]), five))
        refuse(item, "workflow-schedule", "a schedule has no cron of five fields",
               "write `- cron: \"0 4 * * *\"`");
    }
  }

  void permissions(const YAML::Node& node) {
    if (!node)
      return;
    if (node.IsScalar() && text(node) != "read-all" && text(node) != "write-all")
      refuse(node, "workflow-permissions", "permissions is \"" + text(node) + "\"",
             "use read-all, write-all or a mapping");
    if (text(node) == "write-all")
      advise(node, "workflow-write-all", "high", "the token may write everything",
             "name the scopes that are needed");
    if (!node.IsMap())
      return;
    keys(node, permission_scopes, "permissions");
    for (const auto& item : node) {
      const auto value = text(item.second);
      if (value != "read" && value != "write" && value != "none")
        refuse(item.second, "workflow-permissions", text(item.first) + " is \"" + value + "\"",
               "use read, write or none");
    }
  }

  void concurrency(const YAML::Node& node) {
    if (!node || node.IsScalar())
      return;
    if (!node.IsMap() || !node["group"])
      refuse(node, "workflow-concurrency", "concurrency has no group", "name the group");
    else
      keys(node, {"group", "cancel-in-progress"}, "concurrency");
  }

  void all_jobs(const YAML::Node& jobs) {
    std::map<std::string, std::vector<std::string>> needs;
    static const re2::RE2 id_form("[A-Za-z_][A-Za-z0-9_-]{0,99}");
    for (const auto& item : jobs) {
      const auto id = text(item.first);
      if (!re2::RE2::FullMatch(id, id_form))
        refuse(item.first, "workflow-job-id", "\"" + id + "\" is no job id",
               "use letters, digits, - and _, at most 100");
      needs[id] = {};
      if (!item.second.IsMap()) {
        refuse(item.first, "workflow-job", "the job " + id + " is not a mapping",
               "give it runs-on and steps");
        continue;
      }
      needs[id] = one_job(id, item.first, item.second);
    }
    for (const auto& [id, others] : needs) {
      for (const auto& other : others) {
        if (!needs.contains(other))
          refuse(jobs[id]["needs"], "workflow-needs", id + " needs " + other + ", which is no job",
                 "name a job of this file");
      }
    }
    no_cycle(jobs, needs);
  }

  std::vector<std::string> one_job(const std::string& id, const YAML::Node& key,
                                   const YAML::Node& job) {
    workflow_job made;
    made.id = id;
    made.line = line(key);
    permissions(job["permissions"]);
    concurrency(job["concurrency"]);
    minutes(job);
    if (job["uses"]) {
      keys(job, called_job_keys, "the job " + id + ", which calls a workflow,");
      uses(job["uses"]);
    } else {
      keys(job, job_keys, "the job " + id);
      runner(id, key, job);
      if (const auto defaults = job["defaults"]; defaults && defaults["run"])
        made.directory = text(defaults["run"]["working-directory"]);
      steps(id, key, job["steps"], made);
      if (!job["timeout-minutes"])
        advise(key, "workflow-no-timeout", "low",
               "the job " + id + " has no timeout: it may run for six hours",
               "add `timeout-minutes`");
    }
    report_.jobs.push_back(std::move(made));
    std::vector<std::string> needs;
    const auto list = job["needs"];
    if (list && list.IsScalar())
      needs.push_back(text(list));
    for (const auto& item : list)
      needs.push_back(text(item));
    return needs;
  }

  void runner(const std::string& id, const YAML::Node& key, const YAML::Node& job) {
    const auto on = job["runs-on"];
    if (!on || on.IsNull() || (on.IsSequence() && on.size() == 0))
      refuse(key, "workflow-runs-on", "the job " + id + " has no runs-on",
             "name a runner, e.g. ubuntu-24.04");
    else if (on.IsMap())
      keys(on, {"group", "labels"}, "runs-on");
    const auto strategy = job["strategy"];
    if (strategy && strategy.IsMap()) {
      keys(strategy, strategy_keys, "strategy");
      if (strategy["matrix"] && strategy["matrix"].IsSequence())
        refuse(strategy["matrix"], "workflow-matrix", "the matrix is a list",
               "make it a mapping of name to values");
    }
  }

  void minutes(const YAML::Node& node) {
    const auto value = node["timeout-minutes"];
    if (!value)
      return;
    static const re2::RE2 number(R"(\d+(\.\d+)?|\$\{\{.*\}\})");
    if (!re2::RE2::FullMatch(text(value), number))
      refuse(value, "workflow-timeout", "timeout-minutes is \"" + text(value) + "\"",
             "give a number");
  }

  void steps(const std::string& id, const YAML::Node& key, const YAML::Node& list,
             workflow_job& made) {
    if (!list || !list.IsSequence() || list.size() == 0)
      return refuse(key, "workflow-no-steps", "the job " + id + " has no steps",
                    "give it at least one step");
    std::set<std::string> ids;
    for (const auto& step : list) {
      if (!step.IsMap()) {
        refuse(step, "workflow-step", "a step of " + id + " is not a mapping",
               "give it `uses` or `run`");
        continue;
      }
      one_step(id, step, made);
      const auto own = text(step["id"]);
      if (!own.empty() && !ids.insert(own).second)
        refuse(step, "workflow-step-id", "the step id " + own + " is there a second time in " + id,
               "use unique ids");
    }
  }

  void one_step(const std::string& job, const YAML::Node& step, workflow_job& made) {
    keys(step, step_keys, "a step of " + job);
    minutes(step);
    const bool calls = step["uses"].IsDefined();
    const bool runs = step["run"].IsDefined();
    if (calls == runs)
      refuse(step, "workflow-step",
             "a step of " + job + (calls ? " has uses and run" : " has neither uses nor run"),
             "give it exactly one of them");
    if (runs && step["with"])
      refuse(step, "workflow-step", "a step of " + job + " has run and with",
             "`with` belongs to `uses`");
    if (calls && (step["shell"] || step["working-directory"]))
      refuse(step, "workflow-step", "a step of " + job + " has uses and shell or working-directory",
             "they belong to `run`");
    if (calls) {
      uses(step["uses"]);
      made.uses.push_back(text(step["uses"]));
    }
    if (!runs)
      return;
    if (!step["run"].IsScalar())
      return refuse(step["run"], "workflow-step", "a run of " + job + " is not a string",
                    "write a shell line, or a block after `|`");
    auto directory = text(step["working-directory"]);
    made.commands.push_back(
        {step["run"].Scalar(), directory.empty() ? made.directory : directory, line(step["run"])});
    injection(step["run"]);
  }

  /// What a stranger writes into a title becomes part of a shell line.
  void injection(const YAML::Node& run) {
    static const re2::RE2 foreign(
        R"(\$\{\{[^}]*github\.(?:head_ref|event\.[\w.]*\.(?:title|body|message|ref|label|email|name)))");
    if (re2::RE2::PartialMatch(run.Scalar(), foreign))
      advise(run, "workflow-injection", "high", "puts text that others write into a shell line",
             "pass it through `env`");
  }

  void uses(const YAML::Node& node) {
    const auto value = text(node);
    static const re2::RE2 form(R"(\./\S*|docker://\S+|[\w.-]+/[\w.-]+(?:/[\w./-]+)?@\S+)");
    static const re2::RE2 pinned(R"(@(v?\d[\w.-]*|[0-9a-f]{40})$)");
    if (!re2::RE2::FullMatch(value, form))
      refuse(node, "workflow-uses", "uses is \"" + value + "\"",
             "write OWNER/NAME@REF, ./PATH or docker://IMAGE");
    else if (value.find('@') != std::string::npos && !re2::RE2::PartialMatch(value, pinned))
      advise(node, "workflow-unpinned", "medium", value + " follows a branch that may change",
             "pin it to a version or a commit");
  }

  void no_cycle(const YAML::Node& jobs,
                const std::map<std::string, std::vector<std::string>>& needs) {
    std::map<std::string, int> state; // 1: open, 2: done
    const std::function<bool(const std::string&)> visit = [&](const std::string& id) {
      auto& mark = state[id];
      if (mark != 0)
        return mark == 1;
      mark = 1;
      const auto found = needs.find(id);
      const bool cycle = found != needs.end() && std::ranges::any_of(found->second, visit);
      state[id] = 2;
      return cycle;
    };
    for (const auto& [id, ignored] : needs) {
      if (visit(id))
        refuse(jobs[id], "workflow-needs-cycle", id + " needs itself, through others",
               "break the cycle");
    }
  }

  const std::vector<std::string>& more_events_;
  workflow_report report_;
};

} // namespace

bool workflow_report::valid() const {
  return std::ranges::none_of(findings, [](const auto& item) { return item.refused; });
}

workflow_report check_workflow(const std::string& text,
                               const std::vector<std::string>& more_events) {
  return workflow_checker(more_events).run(text);
}

} // namespace aeo::consolidate

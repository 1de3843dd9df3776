#include "tools/consolidate/prometheus.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/process.hpp"
#include "tools/consolidate/supervised.hpp"
#include "tools/consolidate/yaml_text.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace aeo::consolidate {

namespace {

constexpr const char* probe_job = "health";

std::string target_of(const planned_service& service) {
  return service.name + ":" + std::to_string(service.port);
}

std::string job_of(const planned_service& service) {
  return service.name == probe_job ? service.name + "-service" : service.name;
}

YAML::Node labels_of(const planned_service& service) {
  YAML::Node labels;
  labels["service"] = service.name;
  if (!service.component.empty())
    labels["component"] = service.component;
  return labels;
}

YAML::Node metrics_job(const planned_service& service) {
  YAML::Node job;
  YAML::Node group;
  job["job_name"] = job_of(service);
  job["metrics_path"] = service.metrics_path;
  group["targets"] = yaml_list({target_of(service)});
  group["labels"] = labels_of(service);
  job["static_configs"].push_back(group);
  return job;
}

YAML::Node relabel(const std::string& from, const std::string& to, const std::string& value) {
  YAML::Node step;
  if (!from.empty())
    step["source_labels"] = yaml_list({from});
  step["target_label"] = to;
  if (!value.empty())
    step["replacement"] = value;
  return step;
}

/// The blackbox exporter asks for us: the target becomes its parameter.
YAML::Node health_job(const std::vector<const planned_service*>& probed,
                      const observability_settings& settings) {
  YAML::Node job;
  job["job_name"] = probe_job;
  job["metrics_path"] = "/probe";
  job["params"]["module"] = yaml_list({"http_2xx"});
  for (const auto* service : probed) {
    YAML::Node group;
    group["targets"] = yaml_list({"http://" + target_of(*service) + service->health_path});
    group["labels"] = labels_of(*service);
    job["static_configs"].push_back(group);
  }
  job["relabel_configs"].push_back(relabel("__address__", "__param_target", ""));
  job["relabel_configs"].push_back(relabel("__param_target", "instance", ""));
  job["relabel_configs"].push_back(relabel("", "__address__", settings.blackbox));
  return job;
}

YAML::Node alert(const std::string& name, const std::string& expression,
                 const std::string& duration, const std::string& severity,
                 const std::string& summary) {
  YAML::Node rule;
  rule["alert"] = name;
  rule["expr"] = expression;
  rule["for"] = duration;
  rule["labels"]["severity"] = severity;
  rule["annotations"]["summary"] = summary;
  return rule;
}

/// A service's name where only letters, digits and underscores may stand.
std::string alert_word(std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

YAML::Node alert_rules(const std::vector<planned_service>& services,
                       const observability_settings& settings) {
  YAML::Node rules(YAML::NodeType::Sequence);
  const auto probes = "{job=\"" + std::string(probe_job) + "\"}";
  std::string jobs;
  bool probed = false;
  for (const auto& service : services) {
    if (watched_by(service) == watch::metrics)
      jobs += (jobs.empty() ? "" : "|") + job_of(service);
    probed = probed || watched_by(service) == watch::health;
  }
  if (!jobs.empty()) {
    rules.push_back(alert("ServiceDown", "up{job=~\"" + jobs + "\"} == 0", settings.down_for,
                          "critical", "{{ $labels.service }} cannot be scraped"));
  }
  for (const auto& service : services) {
    if (watched_by(service) == watch::metrics)
      rules.push_back(alert("ServiceMissing_" + alert_word(service.name),
                            "absent(up{job=\"" + job_of(service) + "\"})", settings.down_for,
                            "warning", service.name + " is not among the targets"));
  }
  if (probed) {
    rules.push_back(alert("HealthCheckFailed", "probe_success" + probes + " == 0",
                          settings.down_for, "critical",
                          "{{ $labels.service }} does not answer its health check"));
    rules.push_back(alert("HealthCheckSlow",
                          "probe_duration_seconds" + probes + " > " + settings.slow_after,
                          settings.down_for, "warning",
                          "{{ $labels.service }} takes long to answer its health check"));
    rules.push_back(alert("ProbesMissing", "absent(up" + probes + " == 1)", settings.down_for,
                          "warning", "nobody asks the health checks: is the exporter running?"));
  }
  return rules;
}

} // namespace

watch watched_by(const planned_service& service) {
  if (service.port == 0)
    return watch::none;
  if (!service.metrics_path.empty())
    return watch::metrics;
  return service.health_path.empty() ? watch::none : watch::health;
}

prometheus_files prometheus_for(const std::vector<planned_service>& services,
                                const observability_settings& settings) {
  YAML::Node top;
  top["global"]["scrape_interval"] = settings.scrape_interval;
  top["global"]["evaluation_interval"] = settings.scrape_interval;
  top["rule_files"].push_back("rules/services.yml");
  top["scrape_configs"] = YAML::Node(YAML::NodeType::Sequence);
  std::vector<const planned_service*> probed;
  for (const auto& service : services) {
    if (watched_by(service) == watch::metrics)
      top["scrape_configs"].push_back(metrics_job(service));
    else if (watched_by(service) == watch::health)
      probed.push_back(&service);
  }
  if (!probed.empty())
    top["scrape_configs"].push_back(health_job(probed, settings));
  YAML::Node group;
  group["name"] = "services";
  group["rules"] = alert_rules(services, settings);
  YAML::Node rules;
  rules["groups"].push_back(group);
  YAML::Node module;
  module["prober"] = "http";
  module["timeout"] = "5s";
  module["http"]["method"] = "GET";
  module["http"]["preferred_ip_protocol"] = "ip4";
  YAML::Node blackbox;
  blackbox["modules"]["http_2xx"] = module;
  return {"# Watches the services of compose.yaml under the names that they have there.\n"
              + to_yaml(top),
          "# Alerts for every service that prometheus.yml watches.\n" + to_yaml(rules),
          "# For the blackbox exporter, which asks the health endpoints of services that tell no "
          "metrics.\n"
              + to_yaml(blackbox)};
}

namespace {

/// Reads the three files as Prometheus would and notes what it would refuse.
class prometheus_reader {
public:
  prometheus_reader(const prometheus_files& files, const std::vector<planned_service>& services)
      : files_(files) {
    for (const auto& service : services)
      known_.insert(target_of(service));
  }

  checklist run() {
    const auto config = load(files_.config, "prometheus.yml");
    const auto rules = load(files_.rules, "rules/services.yml");
    const auto blackbox = load(files_.blackbox, "blackbox.yml");
    for (const auto& job : yaml_at(config, "scrape_configs"))
      read_job(job);
    for (const auto& group : yaml_at(rules, "groups")) {
      for (const auto& rule : yaml_at(group, "rules"))
        read_rule_of_group(rule);
    }
    checklist checks;
    checks.add("mistakes when the files are parsed back", ordered::array(), broken_);
    checks.add("jobs without a name of their own", ordered::array(), jobs_twice_);
    checks.add("targets that are no service with its port", ordered::array(), strangers_);
    checks.add("rule files that prometheus.yml names", {"rules/services.yml"},
               yaml_strings(yaml_at(config, "rule_files")));
    checks.add("alerts with a mistake", ordered::array(), bad_alerts_);
    checks.add("jobs in expressions that are not scraped", ordered::array(), unknown_jobs_);
    checks.add("prober of the module http_2xx", "http",
               yaml_string(yaml_at(blackbox, {"modules", "http_2xx", "prober"})));
    return checks;
  }

private:
  YAML::Node load(const std::string& text, const std::string& name) {
    auto parsed = read_yaml(text);
    for (const auto& item : parsed.problems)
      broken_.push_back(name + ":" + std::to_string(item.line) + ": " + item.message);
    if (parsed.documents.size() == 1 && parsed.documents[0].IsMap())
      return parsed.documents[0];
    broken_.push_back(name + ": is not one mapping");
    return YAML::Node(YAML::NodeType::Map);
  }

  void read_job(const YAML::Node& job) {
    const auto name = yaml_string(yaml_at(job, "job_name"));
    if (name.empty() || !jobs_.insert(name).second)
      jobs_twice_.push_back(name);
    static const re2::RE2 address(R"re((?:http://)?([a-z0-9][a-z0-9-]*:[0-9]+)(?:/.*)?)re");
    std::size_t targets = 0;
    for (const auto& group : yaml_at(job, "static_configs")) {
      for (const auto& target : yaml_strings(yaml_at(group, "targets"))) {
        std::string host;
        ++targets;
        if (!re2::RE2::FullMatch(target, address, &host) || !known_.contains(host))
          strangers_.push_back(target);
      }
    }
    if (targets == 0)
      strangers_.push_back(name + " has no target");
  }

  void read_rule_of_group(const YAML::Node& rule) {
    static const re2::RE2 name_form("[a-zA-Z_][a-zA-Z0-9_]*");
    static const re2::RE2 duration("([0-9]+(ms|s|m|h|d))+");
    const auto name = yaml_string(yaml_at(rule, "alert"));
    const auto expression = yaml_string(yaml_at(rule, "expr"));
    const auto wrong = [&](const std::string& what) { bad_alerts_.push_back(name + ": " + what); };
    if (!re2::RE2::FullMatch(name, name_form) || !alerts_.insert(name).second)
      wrong("has no name of its own");
    if (expression.empty() || !is_balanced(expression))
      wrong("has no expression, or one whose brackets do not close");
    if (!re2::RE2::FullMatch(yaml_string(yaml_at(rule, "for")), duration))
      wrong("has no duration");
    if (yaml_string(yaml_at(rule, {"labels", "severity"})).empty())
      wrong("has no severity");
    if (yaml_string(yaml_at(rule, {"annotations", "summary"})).empty())
      wrong("has no summary");
    read_jobs_of(expression);
  }

  void read_jobs_of(const std::string& expression) {
    static const re2::RE2 matcher(R"re(job=~?"([^"]*)")re");
    re2::StringPiece rest(expression);
    std::string list;
    while (re2::RE2::FindAndConsume(&rest, matcher, &list)) {
      for (const auto job : split(list, '|')) {
        if (!jobs_.contains(std::string(job)))
          unknown_jobs_.push_back(job);
      }
    }
  }

  static bool is_balanced(const std::string& text) {
    std::string open;
    bool quoted = false;
    for (const char c : text) {
      quoted = quoted != (c == '"');
      if (quoted)
        continue;
      if (c == '(' || c == '{' || c == '[') {
        open += c == '(' ? ')' : c == '{' ? '}' : ']';
      } else if (c == ')' || c == '}' || c == ']') {
        if (open.empty() || open.back() != c)
          return false;
        open.pop_back();
      }
    }
    return open.empty() && !quoted;
  }

  const prometheus_files& files_;
  std::set<std::string> known_;
  std::set<std::string> jobs_;
  std::set<std::string> alerts_;
  ordered broken_ = ordered::array();
  ordered jobs_twice_ = ordered::array();
  ordered strangers_ = ordered::array();
  ordered bad_alerts_ = ordered::array();
  ordered unknown_jobs_ = ordered::array();
};

} // namespace

checklist check_prometheus(const prometheus_files& files,
                           const std::vector<planned_service>& services) {
  return prometheus_reader(files, services).run();
}

ordered ask_promtool(const std::string& directory) {
  const auto program = find_program("promtool");
  if (program.empty())
    return not_measured("promtool is not installed (package prometheus); the structure was checked "
                        "without it, PromQL was not");
  process_options options;
  options.directory = directory;
  // Of the configuration it checks the rule files too.
  const auto result = run_process({program, "check", "config", "prometheus.yml"}, options);
  return {{"status", result.exit_code == 0 ? "passed" : "failed"},
          {"command", "promtool check config prometheus.yml"},
          {"exit_code", result.exit_code},
          {"output", printable(trim(result.out + result.err), 2000)}};
}

} // namespace aeo::consolidate

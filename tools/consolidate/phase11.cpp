#include "tools/consolidate/phase11.hpp"

#include "tools/consolidate/monorepo_survey.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/prometheus.hpp"
#include "tools/consolidate/service_signals.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

constexpr std::size_t places_listed = 25;

ordered place_json(const file_line& place) {
  return {{"path", encode_path(place.path)}, {"line", place.line}};
}

ordered endpoint_json(const std::string& path, const file_line& place) {
  if (path.empty())
    return nullptr;
  return {{"endpoint", path}, {"path", encode_path(place.path)}, {"line", place.line}};
}

std::string_view watch_text(watch how) {
  return how == watch::metrics ? "metrics" : how == watch::health ? "health probe" : "nobody";
}

/// One entry per signal of the configuration; what own code lacks becomes a finding.
class service_report {
public:
  service_report(const step_context& within, const service_signals& signals)
      : within_(within), signals_(signals) {}

  void add(const planned_service& service) {
    ordered entry{{"name", service.name},
                  {"component", service.component},
                  {"own_code", service.own},
                  {"port", service.port == 0 ? ordered(nullptr) : ordered(service.port)},
                  {"endpoints",
                   {{"health", endpoint_json(service.health_path, service.health_place)},
                    {"metrics", endpoint_json(service.metrics_path, service.metrics_place)}}},
                  {"watched_by", watch_text(watched_by(service))}};
    if (service.own)
      entry["signals"] = look(service);
    if (watched_by(service) == watch::none)
      unwatched.push_back(
          {{"name", service.name},
           {"reason", service.port == 0 ? "it publishes no port and its image exposes none"
                                        : "neither a metrics nor a health endpoint was found"}});
    services.push_back(std::move(entry));
  }

  ordered services = ordered::array();
  ordered findings = ordered::array();
  ordered unwatched = ordered::array();

private:
  ordered look(const planned_service& service) {
    ordered found = ordered::object();
    for (const auto& rule : within_.config.signals) {
      const auto places = signals_.find(rule.id, service.area);
      ordered list = ordered::array();
      for (std::size_t i = 0; i < std::min(places.size(), places_listed); ++i)
        list.push_back(place_json(places[i]));
      found[rule.id] = {{"found", places.size()}, {"places", list}};
      const bool known = rule.id == "health" && !service.health_path.empty();
      if (places.empty() && !known)
        findings.push_back({{"rule", "no-" + rule.id},
                            {"severity", rule.severity},
                            {"path", encode_path(service.origin.path)},
                            {"line", service.origin.line},
                            {"subject", service.name},
                            {"message", rule.title + ": nothing of it was found in "
                                            + (service.area.empty() ? "." : service.area)},
                            {"advice", rule.advice}});
    }
    return found;
  }

  const step_context& within_;
  const service_signals& signals_;
};

} // namespace

namespace {

ordered monitoring_decisions(const ordered& unwatched) {
  ordered list = ordered::array();
  list.push_back("Decide who is called by the alerts in consolidation/observability/prometheus, "
                 "and by which Alertmanager: no receiver is configured.");
  for (const auto& item : unwatched)
    list.push_back({{"what", item.at("name").get<std::string>() + " is watched by nobody"},
                    {"reason", item.at("reason")}});
  return list;
}

} // namespace

step_result monitoring_setup(const step_context& context) {
  const auto within = monorepo_context(context);
  const rule_set rules(within.config);
  const auto all = scan_monorepo(within, rules);
  const auto plan = plan_services(within, all, rules, read_iac_files(within, all));
  const service_signals signals(within, all, rules);
  service_report report(within, signals);
  for (const auto& service : plan.services)
    report.add(service);
  const auto files = prometheus_for(plan.services, context.config.observability);
  const auto directory = context.consolidation() + "/observability/prometheus";
  write_durably(directory + "/prometheus.yml", files.config);
  write_durably(directory + "/rules/services.yml", files.rules);
  write_durably(directory + "/blackbox.yml", files.blackbox);
  const auto checks = check_prometheus(files, plan.services);
  auto promtool = ask_promtool(directory);
  const bool refused = promtool.at("status") == "failed";
  const auto watched = plan.services.size() - report.unwatched.size();
  ordered generated = ordered::array();
  for (const auto* name : {"prometheus.yml", "rules/services.yml", "blackbox.yml"})
    generated.push_back(std::string("consolidation/observability/prometheus/") + name);
  ordered document{{"services_total", plan.services.size()},
                   {"services_watched", watched},
                   {"files_generated", generated},
                   {"files_invalid", checks.all() && !refused ? 0 : 1},
                   {"structure_checks_failed", checks.failed()},
                   {"structure_checks", checks.json()},
                   {"promtool", std::move(promtool)},
                   {"services", report.services},
                   {"not_watched", report.unwatched},
                   {"decisions", monitoring_decisions(report.unwatched)},
                   {"findings_total", report.findings.size()},
                   {"findings", report.findings}};
  return {document, std::to_string(watched) + " of " + counted(plan.services.size(), "service")
                        + " watched, structure " + (checks.all() ? "valid" : "not valid")
                        + ", promtool " + document["promtool"]["status"].get<std::string>()};
}

} // namespace aeo::consolidate

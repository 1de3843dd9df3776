#pragma once

#include "tools/consolidate/checklist.hpp"
#include "tools/consolidate/infra_settings.hpp"
#include "tools/consolidate/service_plan.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// How a service is watched: its metrics are scraped, else its health endpoint is probed.
enum class watch { metrics, health, none };
watch watched_by(const planned_service& service);

/// The files of a Prometheus that watches the services by their names in the generated compose
/// file, ready to be committed as one directory.
struct prometheus_files {
  std::string config;   ///< prometheus.yml
  std::string rules;    ///< rules/services.yml
  std::string blackbox; ///< blackbox.yml, for the exporter that probes
};
prometheus_files prometheus_for(const std::vector<planned_service>& services,
                                const observability_settings& settings);

/// Parses the files back and checks that they are what Prometheus documents: unique jobs, targets
/// that are services of the plan, alerts with a valid name, expression, duration, severity and
/// summary, and no job in an expression that is not scraped. It does not parse PromQL: `promtool`
/// does.
checklist check_prometheus(const prometheus_files& files,
                           const std::vector<planned_service>& services);

/// `promtool check ...` on files that are written below `directory`: `{status, exit_code, output}`;
/// `not_measured` if it is not installed.
ordered ask_promtool(const std::string& directory);

} // namespace aeo::consolidate

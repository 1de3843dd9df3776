#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace aeo::consolidate {

class cursor;

/// How a finding of one kind is reported. The check itself is code; one that is not listed is off.
struct iac_check {
  std::string id;
  std::string severity = "medium"; ///< critical, high, medium or low
  std::string message;
  std::string advice;
};

/// A check that is data as a whole: an expression on the arguments of Dockerfile instructions.
struct iac_pattern : iac_check {
  std::string instruction; ///< e.g. RUN
  std::string content;     ///< RE2, ignoring case; heredocs are looked at too
};

/// How a container asks itself whether it is healthy, by the image that it is built on.
struct health_command {
  std::string image;                ///< glob on name and tag, e.g. `python:*`
  std::vector<std::string> command; ///< `{url}` is the address of the health endpoint
};

struct infrastructure_settings {
  std::vector<iac_check> checks;
  std::vector<iac_pattern> patterns;
  std::vector<std::string> templates; ///< globs of files that something fills in before they parse
  std::vector<health_command> health_commands;
  std::string cpus = "1.0"; ///< limits of a generated service
  std::string memory = "512m";

  /// nullptr: the check is off.
  const iac_check* check(const std::string& id) const;
};

/// What the generated monitoring asks and when it calls somebody.
struct observability_settings {
  std::vector<std::string> exclude; ///< globs of files that serve nobody: tests, examples
  std::string scrape_interval = "15s";
  std::string down_for = "2m";                     ///< a service may be unreachable that long
  std::string slow_after = "1";                    ///< seconds that a health check may take
  std::string blackbox = "blackbox-exporter:9115"; ///< probes services without metrics
};

/// A number of an output that says whether the whole is fit for production.
struct readiness_check {
  std::string id;
  std::string phase;
  std::string title;
  std::string file;   ///< below consolidation/
  std::string metric; ///< dotted path
  std::optional<double> min;
  std::optional<double> max;
  nlohmann::json exact; ///< null: not given
};

/// Ids of the checks that phase 10 knows.
const std::vector<std::string>& known_iac_checks();

/// Each reads its section: `infrastructure`, `observability` (all but its signals), `validation`.
void read_infrastructure(const cursor& root, infrastructure_settings& out);
void read_observability(const cursor& root, observability_settings& out);
void read_validation(const cursor& root, std::vector<readiness_check>& out);

} // namespace aeo::consolidate

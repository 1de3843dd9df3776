#pragma once

#include "tools/consolidate/load.hpp"
#include "tools/consolidate/scratch.hpp"
#include "tools/consolidate/services.hpp"
#include "tools/consolidate/supervised.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// What is loaded, or loads.
struct load_target {
  std::string name;
  bool configured = false;
  local_service service; ///< how it is started; for a load command only `start`
  std::string url;       ///< with `{port}`; empty for a command that loads by itself
  std::map<std::string, std::string> summary;
  std::vector<metric_limit> thresholds;
  std::chrono::seconds timeout{900}; ///< of a load command, or of the preparation of a service
};

/// A limit and what was measured.
struct checked_limit {
  metric_limit limit;
  std::optional<double> actual; ///< nothing: not measured, and outside
  bool holds = false;
};

struct target_result {
  bool measured = false;
  std::string reason; ///< why not
  std::string url;    ///< as it was loaded
  std::map<std::string, double> metrics;
  std::map<std::string, std::size_t> error_kinds;
  std::vector<checked_limit> limits;
  std::string log; ///< relative to the workspace
  std::size_t processes_ended = 0;
};

/// Starts services and load commands in a scratch copy, one at a time, and ends all that they
/// started. Logs are kept in `consolidation/performance/logs`.
class target_runner {
public:
  target_runner(const step_context& context, const scratch_checkout& checkout);

  target_result run(const load_target& target);

private:
  void run_service(const load_target& target, supervision& rules, target_result& out);
  void run_command(const load_target& target, const supervision& rules, target_result& out);
  bool prepare(const load_target& target, const supervision& rules, target_result& out);

  const step_context& context_;
  const scratch_checkout& checkout_;
  std::string logs_;
  std::size_t number_ = 0;
};

std::vector<checked_limit> check_limits(const std::vector<metric_limit>& limits,
                                        const std::map<std::string, double>& metrics);

/// A TCP port of the loopback interface that nobody listens on.
std::uint16_t free_port();
/// The TCP ports on which one of these processes listens.
std::vector<std::uint16_t> listening_ports(const std::vector<int>& pids);

} // namespace aeo::consolidate

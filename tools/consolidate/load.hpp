#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// How much, at most.
struct load_plan {
  std::string url; ///< http://127.0.0.1:PORT/PATH
  std::size_t requests = 1;
  std::size_t concurrency = 1;
  std::chrono::seconds duration{1};
};

struct load_result {
  std::size_t requests = 0; ///< finished, well or not
  std::size_t errors = 0;   ///< no answer, or one of 400 and above
  double seconds = 0;
  std::vector<double> milliseconds;         ///< of every answer, sorted
  std::map<std::string, std::size_t> kinds; ///< of errors: status or libcurl's words

  /// `requests errors error_rate seconds throughput p50_ms p95_ms p99_ms max_ms`; the percentiles
  /// only if there was an answer.
  std::map<std::string, double> metrics() const;
};

/// The smallest value that at least `percent` of the (sorted, non-empty) values do not exceed.
double percentile(const std::vector<double>& sorted, double percent);

/// Sends GET requests, `concurrency` at a time over kept connections, until one of the limits. Only
/// to this machine: no proxy, no redirect.
load_result send_load(const load_plan& plan);

/// HTTP status of one GET; 0: no answer within `limit`.
long ask_status(const std::string& url, std::chrono::milliseconds limit);

} // namespace aeo::consolidate

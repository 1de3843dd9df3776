#pragma once

#include "tools/consolidate/suites.hpp"
#include "tools/consolidate/test_counts.hpp"
#include "tools/consolidate/test_failures.hpp"

#include <optional>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// What a suite left behind.
struct suite_result {
  std::string status;            ///< passed, failed, no_tests, no_count, timed_out or not_measured
  std::string reason;            ///< in words, unless it passed
  std::vector<std::string> argv; ///< as it was started
  int exit_code = 0;
  double seconds = 0;
  std::size_t processes_ended = 0; ///< that it left running
  std::optional<test_counts> counts;
  std::string counted_from; ///< JUnit, go test -json, summary or configured
  std::vector<test_failure> failures;
  std::string log; ///< relative to the workspace
};

/// Runs suites one after another in a scratch copy; their logs and reports are kept in
/// `consolidation/repository_consolidation/test_logs`.
class suite_runner {
public:
  suite_runner(const step_context& context, const scratch_checkout& checkout);

  suite_result run(const test_suite& suite);

private:
  std::vector<std::string> command(const test_suite& suite, const std::string& report) const;
  void count(const test_suite& suite, const std::string& report, const std::string& output,
             suite_result& out) const;
  std::vector<std::string> reports(const test_suite& suite, const std::string& report) const;

  const step_context& context_;
  const scratch_checkout& checkout_;
  std::string logs_;
  std::size_t number_ = 0;
};

/// A command line as a shell reads it.
std::string shell_line(const std::vector<std::string>& argv);

} // namespace aeo::consolidate

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// What a runner says of its tests.
struct test_counts {
  std::size_t run = 0;     ///< executed: passed or failed
  std::size_t failed = 0;  ///< of those
  std::size_t skipped = 0; ///< or disabled; not in `run`
  std::size_t errors = 0;  ///< while collecting, in fixtures: no tests, but the suite failed

  test_counts& operator+=(const test_counts& other);
  bool operator==(const test_counts&) const = default;
};

/// Adds JUnit files up; a file that is not JUnit XML or has no suite makes it "no count".
std::optional<test_counts> count_junit(const std::vector<std::string>& files);

/// The events of `go test -json`: subtests count, packages do not. No test event but a package that
/// ended: zero tests.
std::optional<test_counts> count_go_json(std::string_view output);

/// The summaries that unittest, node, cargo, ctest, jest, vitest, mocha, ava, jasmine, automake,
/// tape and pytest print; several add up, of one runner (cargo: one per binary) or of different
/// ones. Beside those of ctest and automake no others count: tests that failed printed them.
/// Without any of them, the lines of a TAP producer.
std::optional<test_counts> count_summary(std::string_view output);

/// The text without the escape sequences of terminals.
std::string without_colours(std::string_view text);

/// Metric name -> number by the user's expressions (RE2, one group; matches add up). A metric
/// without a match is not in the result.
std::map<std::string, double> match_metrics(const std::map<std::string, std::string>& expressions,
                                            const std::string& output);

} // namespace aeo::consolidate

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// A test that failed, with the place that its runner names.
struct test_failure {
  std::string test;
  std::string path;       ///< relative to the monorepo; empty: the runner does not say
  std::uint32_t line = 0; ///< 0: the runner does not say
};

/// At most this many are listed for one suite; the counts are complete.
inline constexpr std::size_t failures_listed = 50;

/// Reads what unittest, node, go, cargo or TAP said. `tree` is where the monorepo was, `directory`
/// where in it the suite ran, `module` the name of its Go module.
std::vector<test_failure> find_failures(std::string_view output, const std::string& tree,
                                        const std::string& directory, const std::string& module);
/// The failed cases of a JUnit file.
std::vector<test_failure> junit_failures(const std::string& file, const std::string& tree,
                                         const std::string& directory);

} // namespace aeo::consolidate

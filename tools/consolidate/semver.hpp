#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// Up to four numbers and a pre-release mark; `1.2` equals `1.2.0`, `1.2-rc1` is below `1.2`.
struct version {
  std::vector<std::uint64_t> numbers;
  std::string prerelease;

  std::strong_ordering operator<=>(const version& other) const;
  bool operator==(const version& other) const { return (*this <=> other) == 0; }
  std::string text() const;
};

std::optional<version> parse_version(std::string_view text);

/// Between two versions; a missing end is open to infinity.
struct interval {
  std::optional<version> low;
  std::optional<version> high;
  bool low_included = true;
  bool high_included = false;

  bool empty() const;
};

/// A set of versions: a union of intervals. Holds what `^1.2`, `>=1,<2`, `1.x || 3.x`, `~=2.1`,
/// `[1,2)` mean in their ecosystem. Versions left out by `!=` are kept as points.
struct version_range {
  std::vector<interval> intervals;

  bool empty() const { return intervals.empty(); }
};

/// Reads a constraint as its ecosystem does (npm, pypi, cargo, go, maven, cmake). Nothing if it is
/// not about versions (a URL, a path, a tag name) or not understood.
std::optional<version_range> parse_range(std::string_view ecosystem, std::string_view constraint);

version_range intersect(const version_range& a, const version_range& b);
/// The lowest version that starts an interval of the range; empty if it has none.
std::optional<version> lowest(const version_range& range);

} // namespace aeo::consolidate

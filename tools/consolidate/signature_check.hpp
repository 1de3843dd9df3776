#pragma once

#include <re2/re2.h>

#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// Lines of code without those that are comments.
struct code_part {
  std::string function; ///< Whose they are; empty: of none.
  std::vector<std::string_view> lines;
};

/// Whether what `computes` names is compared with anything, other than with nothing or a number:
/// in its own statement, by a variable or by a function that hands it on, and the result is used;
/// or is the call of a function that verifies and is not among `parts`.
bool is_compared(const std::vector<code_part>& parts, const re2::RE2& computes);

} // namespace aeo::consolidate

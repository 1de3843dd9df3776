#pragma once

#include "tools/consolidate/code_index.hpp"
#include "tools/consolidate/endpoints.hpp"
#include "tools/consolidate/guard_rules.hpp"
#include "tools/consolidate/signature_check.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// Looks for guards in lines of code, for those that find and judge endpoints. Comments and what
/// the rules say is no guard are passed over. Who calls is `caller_check`'s. `code` and `guards`
/// have to outlive it.
class guard_search {
public:
  guard_search(const code_index& code, const guard_rules& guards) : code_(code), guards_(guards) {}

  /// The first line of a region that the expression matches; 0 if none.
  std::uint32_t line_of(const region& part, const re2::RE2& expression) const;
  /// The first place in the regions that the expression matches.
  guard_place find(const std::vector<region>& parts, const re2::RE2& expression) const;
  /// Where a signature is computed or checked, if it is compared with anything.
  guard_place find_signature(const std::vector<region>& parts, const re2::RE2& expression) const;
  /// Whether any line but comments matches, also one that is no guard.
  bool mentions(const std::vector<region>& parts, const re2::RE2& expression) const;

private:
  code_part text_of(const region& part) const;

  const code_index& code_;
  const guard_rules& guards_;
};

} // namespace aeo::consolidate

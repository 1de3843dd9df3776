#pragma once

#include "tools/consolidate/scan.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// A place that guards endpoints.
struct guard_place {
  std::size_t file = 0; ///< index in survey::files
  std::uint32_t line = 0;
  bool found = false;
  bool shared = false;    ///< Not in what the endpoint runs, but before it.
  bool possible = false;  ///< Not found; it may stand before the endpoint, which is not decided.
  bool only_read = false; ///< Not found; it is read there who calls, and nobody is refused.
};

/// An HTTP endpoint that the code registers, and what guards it: the code of its handler, and what
/// that calls by name in the same repository and language, a few steps deep; or a middleware that
/// is put before what it is registered with.
struct endpoint {
  std::size_t file = 0; ///< index in survey::files
  std::uint32_t line = 0;
  std::string method; ///< upper case; empty: any
  std::string route;
  std::string rule;
  std::string receiver; ///< what it is registered with; empty: not known
  std::string webhook;  ///< id of the webhook rule, `other`, or empty
  bool is_public = false;
  guard_place signature; ///< for a webhook
  guard_place constant_time;
  guard_place authentication;
  guard_place rate_limit;
};

/// Every endpoint in production code, third-party code left out.
std::vector<endpoint> find_endpoints(const step_context& context, const survey& all,
                                     const rule_set& rules);

} // namespace aeo::consolidate

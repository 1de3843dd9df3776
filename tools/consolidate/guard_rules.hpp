#pragma once

#include "tools/consolidate/security_rules.hpp"

#include <re2/re2.h>

#include <deque>
#include <string_view>

namespace aeo::consolidate {

/// The expressions that tell guards, compiled: once for all repositories, by `find_endpoints`,
/// which keeps them for all that look for endpoints and guards. Safe to share between threads.
struct guard_rules {
  explicit guard_rules(const security_rules& rules);

  std::deque<re2::RE2> signatures, routes, contexts; ///< parallel to security_rules::webhooks
  re2::RE2 constant_time, authentication, credentials, enforces, unauthorized, forbidden, aborts,
      not_refusals, rate_limit, middleware, webhook_route, public_routes, not_guards;
};

/// Whether the expression matches anywhere in the text.
bool has(const re2::RE2& expression, std::string_view text);

} // namespace aeo::consolidate

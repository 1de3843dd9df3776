#pragma once

// What can be found out about the access to GitHub without changing anything there.

#include "actors/core/github_rules.hpp"
#include "config/plan.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace aeo::core {

/// One thing that was looked at.
struct check_line {
  std::optional<bool> good; ///< nullopt: it cannot be known without writing.
  std::string what;
  std::string text;
};

/// Asks by `get` (a path below the API's URL) whether what the settings want will be possible. Only
/// GET requests; stops at the first thing that makes the others pointless.
std::vector<check_line> check_github(const github_settings&, const std::string& server,
                                     std::int64_t now_us,
                                     const std::function<http_reply(const std::string&)>& get);

} // namespace aeo::core

#pragma once

#include "tools/consolidate/step.hpp"

#include <optional>
#include <string>

namespace aeo::consolidate {

/// Asks a health URL with GET (5 s at most, no redirects): `{status, url, http_status,
/// milliseconds}`; `not_measured` with the reason if there is no URL or no answer.
ordered ask_health(const std::optional<std::string>& url);

} // namespace aeo::consolidate

#pragma once

#include "tools/consolidate/step.hpp"

#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// The severities, gravest first.
const std::vector<std::string>& severity_names();

/// One thing that a person has to look at. `where` is `{repository, path, line}` and what else
/// tells the place; it never holds the text that is there, which may be a secret.
ordered finding(std::string_view severity, std::string_view rule, std::string_view message,
                std::string_view advice, const ordered& where);

/// `{critical, high, medium, low}` with the number of findings of each.
ordered count_by_severity(const ordered& findings);

/// `PATH:LINE`, for messages.
std::string shown_place(const ordered& where);

} // namespace aeo::consolidate

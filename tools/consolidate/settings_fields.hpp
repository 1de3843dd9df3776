#pragma once

#include "tools/consolidate/extract.hpp"

#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// The variables that classes of Python derived from pydantic's `BaseSettings` read: a field's name
/// in upper case after the class's `env_prefix`, or the name that the field gives. A field with a
/// default, or that may be None, is optional. In order of their lines.
std::vector<variable_use> settings_fields(std::string_view text);

} // namespace aeo::consolidate

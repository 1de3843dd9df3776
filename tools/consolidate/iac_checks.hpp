#pragma once

#include "tools/consolidate/iac_files.hpp"
#include "tools/consolidate/infra_settings.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

struct iac_finding {
  const iac_check* rule = nullptr; ///< of the settings
  iac_kind kind = iac_kind::dockerfile;
  std::string path;
  std::uint32_t line = 0;
  std::string subject; ///< image, service, container or variable; never a value
};

/// Applies the checks and patterns of the settings, which must outlive the result, to every file
/// that parses. Sorted by path and line.
std::vector<iac_finding> check_iac(const infrastructure_settings& rules, const iac_files& all);

} // namespace aeo::consolidate

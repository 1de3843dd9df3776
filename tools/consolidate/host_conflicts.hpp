#pragma once

#include "tools/consolidate/compose.hpp"
#include "tools/consolidate/scan.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// A compose file of the workspace.
struct compose_source {
  std::size_t file = 0; ///< index in survey::files
  compose_file content;
};

/// Something of the host that two services want.
struct host_conflict {
  std::string rule; ///< port-conflict or container-name-conflict
  std::string what; ///< `8080/tcp` or the name
  struct claim {
    std::size_t file = 0;
    std::uint32_t line = 0;
    std::string service;
  };
  std::vector<claim> claims; ///< two or more
};

/// Every production compose file, read; variables get the values of the example files.
std::vector<compose_source> read_compose_files(const step_context& context, const survey& all);

/// Conflicts between services that may run at the same time. Files of one directory are one
/// project: in it a service of the same name is the same service, and two variants
/// (`compose.dev.yml`, `compose.prod.yml`) are alternatives, as are services of other profiles.
std::vector<host_conflict> find_host_conflicts(const survey& all,
                                               const std::vector<compose_source>& files);

} // namespace aeo::consolidate

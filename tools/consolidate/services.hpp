#pragma once

#include "tools/consolidate/scratch.hpp"
#include "tools/consolidate/step.hpp"

#include <map>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// A component that can be started without a container.
struct local_service {
  std::string name;                 ///< of the component
  std::string directory;            ///< relative to the monorepo
  std::vector<std::string> prepare; ///< built with this first; empty: nothing to build
  std::vector<std::string> start;
  std::string started_by;  ///< the path (with line) that told how
  std::string health_path; ///< empty: none was found
  std::string health_file; ///< where it stands
  std::uint32_t health_line = 0;
  std::map<std::string, std::string> env; ///< declared in .env.example; `{port}` is a free port
  std::vector<std::string> filled; ///< variables that had no value there and got a random one
  std::string missing;             ///< why it cannot be loaded here; empty: it can
};

/// Services of the mapped components, in the order of their directories: started as their
/// Dockerfile's command, Procfile, package.json, Go main package or Python main module says.
std::vector<local_service> find_services(const step_context& context,
                                         const scratch_checkout& checkout,
                                         const ordered& component_mapping);

} // namespace aeo::consolidate

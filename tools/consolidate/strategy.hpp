#pragma once

#include "tools/consolidate/mapping.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// A file that wants a target path.
struct claimant {
  std::size_t file = 0; ///< index in survey::files
  std::string target;   ///< after the strategy; empty: left out of the merged tree
};

/// Several files that want one path, or a file where others want a directory.
struct collision {
  std::string target;
  std::string kind; ///< identical, diverging or file_vs_directory
  std::string strategy;
  std::string reason;
  std::vector<claimant> files;
};

/// All collisions of a mapping with a strategy for each: the configured one that matches first,
/// else keep_one for identical files and rename for all others.
std::vector<collision> find_collisions(const step_context& context, const survey& all,
                                       const component_map& map);

} // namespace aeo::consolidate

#pragma once

#include "tools/consolidate/importer.hpp"
#include "tools/consolidate/mapping.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// Which files go where, source by source: the mapping with the strategies applied.
using merge_plan = std::vector<std::vector<placed_file>>;

/// What git says of the finished repository, asked after it was built.
struct verification {
  bool fsck_clean = false;
  std::string fsck_output;
  std::size_t commits_in = 0;        ///< in all sources
  std::size_t commits_reachable = 0; ///< of those, by what they became, from any reference
  std::size_t commits_distinct = 0;  ///< less if two became the same
  std::size_t commits_created = 0;   ///< merge commit, imports of plain directories
  std::size_t commits_total = 0;     ///< as `git rev-list --all --count` says
  std::size_t blobs_in = 0;
  std::size_t blobs_missing = 0;
  std::size_t files_tracked = 0;
  std::size_t files_in_place = 0; ///< same mode and content at the target
  std::size_t files_left_out = 0; ///< by a strategy; their content is in the history
  std::size_t files_unmapped = 0; ///< neither
};

struct built_monorepo {
  std::string head;
  std::vector<import_report> imports; ///< per source
  verification checks;
  std::string kept_previous; ///< where an older one with work in it was moved; empty: none
  ordered submodules = ordered::array();
  std::vector<std::pair<std::string, std::string>> unresolved;
};

/// Builds in a temporary directory beside `consolidation/monorepo`, verifies, checks out, and
/// swaps it in with one rename. The same sources give the same commit ids again.
built_monorepo build_monorepo(const step_context& context, const survey& all,
                              const component_map& map, const merge_plan& plan);

} // namespace aeo::consolidate

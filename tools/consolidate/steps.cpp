#include "tools/consolidate/phase0.hpp"
#include "tools/consolidate/phase1.hpp"
#include "tools/consolidate/phase2.hpp"
#include "tools/consolidate/phase3.hpp"
#include "tools/consolidate/phase4.hpp"

#include <array>

namespace aeo::consolidate {

std::span<const step> all_steps() {
  static constexpr std::array steps{
      step{"repository-analysis", "0", "git facts of every repository", repository_analysis},
      step{"workspace-analysis", "0", "files, bytes and lines per language", workspace_analysis},
      step{"bmc-inventory", "0", "domain components with their evidence", bmc_inventory},
      step{"integrations-status", "0", "integrations in code, variables, health",
           integrations_status},
      step{"quotation-assessment", "0", "the configured assessments", quotation_assessment},
      step{"production-gaps", "0", "requirements that are not met", production_gaps},
      step{"production-baseline", "0", "the numbers of the six outputs above", production_baseline},
      step{"repository-manifests", "1", "every manifest, parsed", repository_manifests},
      step{"workspace-duplicates", "1", "files with the same content", workspace_duplicates},
      step{"technologies", "1", "frameworks and databases in use", technologies},
      step{"dependencies", "1", "direct dependencies with constraints", dependencies},
      step{"component-mapping", "2", "directory to component to target path", component_mapping},
      step{"merge-strategy", "3", "collisions and version conflicts", merge_strategy},
      step{"conflict-resolution", "4", "build the monorepo with full history",
           conflict_resolution}};
  return steps;
}

} // namespace aeo::consolidate

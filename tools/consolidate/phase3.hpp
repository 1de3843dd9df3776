#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 3. `collisions_total collisions_without_strategy collisions[]: target kind strategy reason
/// files[]: repository path target; case_collisions_total case_collisions[] duplicates_identical[]
/// duplicates_diverging[] version_conflicts_total conflicts_without_strategy version_conflicts[]:
/// ecosystem name uses[] strategy reason align_on; constraints_compared
/// constraints_not_comparable[] heads[]`. Needs component_mapping.json, and refuses one that was
/// made from other commits.
step_result merge_strategy(const step_context& context);

/// Throws (bad data) if `document`'s `heads` are not those of the sources now.
void require_same_heads(const ordered& document, const std::vector<struct source>& sources,
                        const std::string& made_by);

} // namespace aeo::consolidate

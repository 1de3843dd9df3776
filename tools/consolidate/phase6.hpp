#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 6. Writes `consolidation/monorepo-docs/` (index.md, components/, environment.md,
/// commands.md), reads it back and follows its links. `broken_links_generated
/// broken_links_documents` (the criteria: the pages made here, and the production documents of
/// the monorepo), `broken_links_elsewhere links_checked components_total readme_expected
/// readme_present components_without_readme[] documents[] pages[] broken[] outside[]
/// variables_undocumented[] commands_total findings[] by_severity{}`.
step_result documentation(const step_context& context);

} // namespace aeo::consolidate

#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 4: builds `consolidation/monorepo` with the history of every source, and writes
/// `commit_map.tsv` (repository, original, rewritten) beside its output.
///
/// `head fsck_clean fsck_output commits_in commits_reachable commits_missing commits_distinct
/// commits_created commits_total blobs_in blobs_missing files_tracked files_in_place files_left_out
/// files_unmapped unresolved unresolved_items[] strategies_applied repositories[]: name commits_in
/// head refs[] refs_not_merged[] history_renames[]; not_read_by_github decisions[] submodules[]
/// left_out[] kept_previous`.
/// Needs merge_strategy.json, and refuses one that was made from other commits.
step_result conflict_resolution(const step_context& context);

} // namespace aeo::consolidate

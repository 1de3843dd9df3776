#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 14, disaster recovery. Makes the backup, restores it elsewhere with the very script that
/// it carries, compares, and only then puts it in the place of the one before.
///
/// disaster-recovery: `restored_equals_original files_covered files_identical files_different
/// files_unreadable bytes_covered refs_total refs_different work_tree_files work_tree_different
/// uncommitted_changes fsck_clean checks[]: check expected actual passed · recovery_time{seconds}
/// recovery_point{newest_change path completed_at age_seconds changed_meanwhile[]} backup{directory
/// files[]} copy_elsewhere{status} recovery_steps[] not_covered[] differences[] phases_in_backup[]
/// phases_not_in_backup[]: phase reason`. Writes `consolidation/backup/`. Configured `backup`
/// commands take it ($AEO_BACKUP) to another place; with one named `fetch` that brings it back
/// ($AEO_FETCHED), that copy is what is restored.
step_result disaster_recovery(const step_context& context);

} // namespace aeo::consolidate

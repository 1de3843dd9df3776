#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 0, discovery. Output keys are stable; counts are measured.
///
/// repository-analysis: `repositories_total repositories_empty commits_total files_total` and
/// `repositories[]`: `name location kind head branch branches[] tags commits authors[]
/// first_commit last_commit files submodules[] symlinks lfs_pointers shallow uncommitted{}
/// presence{readme license tests ci}`.
step_result repository_analysis(const step_context& context);
/// `files_total bytes_total lines{code comment blank} languages[] repositories[] structure[]
/// largest_files[] binary_files[] symlinks[] unreadable[] not_consolidated[] scan{read cached}`
step_result workspace_analysis(const step_context& context);
/// `components_expected components_found components_minimum components_short
/// components_missing[] components[]: id title required found files evidence[]`
step_result bmc_inventory(const step_context& context);
/// `integrations_expected integrations_found variables_undeclared unhealthy integrations[]: id
/// found evidence[] variables[]: name used[] declared[]; health{}`
step_result integrations_status(const step_context& context);
/// `checks_total checks_passed checks_failed assessments[]: checks[]: id passed severity
/// evidence[]`
step_result quotation_assessment(const step_context& context);
/// `requirements_total requirements_met gaps_total gaps_by_severity{} gaps[] met[]`
step_result production_gaps(const step_context& context);
/// The numbers of the six outputs above, each file with its SHA-256: what later runs compare with.
/// `inputs[] metrics{}`
step_result production_baseline(const step_context& context);

} // namespace aeo::consolidate

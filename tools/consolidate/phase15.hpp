#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 15, the last word. It judges nothing anew: it adds up what the other phases left in their
/// outputs and what consolidation/execution_state.json has on record of them, and never itself.
///
/// readiness-audit: `ready phases_total phases_approved checks_total checks_passed checks_failed
/// checks_waived checks[]: phase check source metric expected recorded actual status ·
/// evidence_not_measured[]: source reason · findings_by_severity{} findings_files[]`. A check is
/// `waived` where a named person skipped or overrode its phase.
step_result readiness_audit(const step_context& context);
/// `phases_without_approval approved_by_criteria approved_by_people overridden skipped
/// approvals[]: phase status kind by role at reason comment votes digest`
step_result stakeholder_signoff(const step_context& context);
/// `status` (not_configured, not_run, succeeded or failed) `commands_total commands_failed
/// commands[]: name command exit_code seconds timed_out log` and for not_run the `reason`
step_result deployment(const step_context& context);
step_result post_deployment(const step_context& context);
/// `all_checks_passed checks_total checks_passed checks_failed checks_waived waived_by[]
/// checks[]: phase check source expected actual passed waived waived_by · summary of the four
/// above`. A waived check has neither passed nor failed.
step_result final_validation(const step_context& context);

} // namespace aeo::consolidate

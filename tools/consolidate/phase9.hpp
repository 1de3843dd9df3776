#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 9. Every document has `findings_total by_severity{} findings[] accepted_total accepted[]`;
/// a finding has `severity rule repository path line message advice`. No secret is ever written.
///
/// webhook-validation-*: `endpoints_total validated unvalidated endpoints[] workflows_checked`
step_result webhook_validation_whatsapp(const step_context& context);
step_result webhook_validation_n8n(const step_context& context);
/// `files_scanned history{} secrets_total in_tree history_only not_scanned[]`; a finding also has
/// `found_in commit encoding fingerprint length places migrate_to`.
step_result secrets_migration(const step_context& context);
/// `endpoints_total protected protected_by_middleware unprotected endpoints[]`; what guards one
/// says `through` what: its `handler`, or a `middleware`, whose reach is not measured.
step_result rate_limiting(const step_context& context);
/// `permissive`: places that let any origin in; with credentials they weigh more.
step_result cors_config(const step_context& context);
/// `endpoints_total public protected protected_by_middleware unprotected endpoints[]`
step_result auth_implementation(const step_context& context);
/// All findings of the six, with those of risky calls and file modes: `sources[] findings[]`.
step_result security_audit_report(const step_context& context);
/// `critical high medium low findings_total` of the report, checked against its list.
step_result security_summary(const step_context& context);

} // namespace aeo::consolidate

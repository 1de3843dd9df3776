#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 10, infrastructure as code, read from the monorepo.
///
/// infrastructure-as-code: `files_total files_parsed parse_errors files_not_measured
/// files_by_kind{} templates[] problems[]: path line message · findings_total
/// findings_by_severity{} findings[]: rule severity kind path line subject message advice ·
/// services_planned compose{file valid checks[] services[] decisions[] left_out[]}`. Writes
/// `consolidation/infrastructure/compose.yaml`.
step_result infrastructure_as_code(const step_context& context);

} // namespace aeo::consolidate

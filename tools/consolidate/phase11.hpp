#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 11, observability, read from the monorepo.
///
/// monitoring-setup: `services_total services_watched files_generated[] files_invalid
/// structure_checks_failed structure_checks[] promtool{status ...} services[]: name component
/// own_code port endpoints{} signals{ID: found places[]} watched_by · findings[]: rule severity
/// path line subject message advice · not_watched[]`. Writes
/// `consolidation/observability/prometheus/`.
step_result monitoring_setup(const step_context& context);

} // namespace aeo::consolidate

#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 5: detects the suites of the monorepo and runs them in a scratch copy. Counts are the
/// runners' own; a suite that ended without one says so.
step_result testing(const step_context& context);

} // namespace aeo::consolidate

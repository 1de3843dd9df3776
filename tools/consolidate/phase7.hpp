#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 7: every source file of the monorepo parses, what its files say of each other holds, and
/// the configured integration commands succeed.
step_result integration_tests(const step_context& context);

} // namespace aeo::consolidate

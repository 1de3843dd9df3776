#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 12: runs the configured load commands, or starts the services that it finds and loads
/// their health endpoints; compares with the thresholds of the configuration.
step_result load_test(const step_context& context);

} // namespace aeo::consolidate

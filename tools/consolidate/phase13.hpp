#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 13: checks the workflows that are there and writes one, `cicd/workflows/ci.yml`, with a
/// job for each suite that phase 5 ran. What is claimed of it is read back from the file.
step_result pipeline(const step_context& context);

} // namespace aeo::consolidate

#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 2. `components_total files_tracked files_mapped files_unmapped files_mapped_twice
/// components[]: name kind repository directory target rule package files bytes; directories[]:
/// repository directory component target; dependencies[]: from to how evidence; heads[]`.
/// The counts are taken again from the components' directories, not from the mapping itself.
step_result component_mapping(const step_context& context);

} // namespace aeo::consolidate

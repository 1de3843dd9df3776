#pragma once

#include "tools/consolidate/step.hpp"

namespace aeo::consolidate {

/// Phase 8. `undeclared_required conflicts` (the criteria), `variables_total variables_required
/// variables_optional variables_provided variables_test_only undeclared_optional unused_declared
/// variables[] dynamic_uses[] compose_files[] ports_unknown[] files_checked files_parsed
/// files_unparsable files_not_checked by_format unparsable[] not_checked[] findings[]
/// by_severity{}`.
step_result final_configuration(const step_context& context);

} // namespace aeo::consolidate

#pragma once

#include "tests/tools/consolidate/temporary_workspace.hpp"

#include <algorithm>
#include <string>

namespace aeo::consolidate::test {

/// Runs a step of phase 9; its document.
inline ordered run_security(const temporary_workspace& ws, const std::string& step) {
  auto name = step;
  std::replace(name.begin(), name.end(), '-', '_');
  return ws.run(step, "security/" + name + ".json");
}

} // namespace aeo::consolidate::test

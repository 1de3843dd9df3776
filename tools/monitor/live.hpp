#pragma once

#include "tools/monitor/options.hpp"

namespace aeo::monitor {

/// The live view on a terminal; the exit code. Where there is no terminal it says what to use.
int run_live(const options&);

} // namespace aeo::monitor

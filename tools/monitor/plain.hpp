#pragma once

#include "tools/monitor/options.hpp"

namespace aeo::monitor {

/// --once, --json and --follow: text on standard output, trouble on standard error. The exit code.
int run_plain(const options&);

} // namespace aeo::monitor

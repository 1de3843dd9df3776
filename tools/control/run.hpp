#pragma once

#include "tools/control/options.hpp"

namespace aeo::control {

/// Does what was asked for and prints the outcome; the exit code.
int run(const options&);

} // namespace aeo::control

#pragma once

#include "tools/consolidate/dockerfile.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// What is wrong with the arguments of one instruction, in words that follow its keyword; empty:
/// Docker would take it.
std::vector<std::string> docker_mistakes(const docker_instruction& item);

} // namespace aeo::consolidate

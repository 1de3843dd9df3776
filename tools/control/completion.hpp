#pragma once

#include <string>

namespace aeo::control {

/// What a shell ("bash" or "zsh") is to evaluate: completes commands, options and, by asking the
/// node, phase ids.
std::string completion_script(const std::string& shell);

} // namespace aeo::control

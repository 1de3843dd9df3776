#pragma once

#include <string>
#include <string_view>

namespace aeo::attach {

/// A task's output for a person's terminal: text, line ends, tabs and colours get through; other
/// control characters, with which a task could set a title or answer for the person, become "?".
std::string terminal_text(std::string_view log);

/// Prints a task's output to standard output: as it is, or for a terminal if that is one.
void print_log(std::string_view log);

} // namespace aeo::attach

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// One simple command of a shell script: its words, quotes resolved, variables as written.
using shell_command = std::vector<std::string>;

/// The simple commands of a script in their order. Keywords (`if`, `then`, ...), settings of
/// variables before a command and redirections are left out.
std::vector<shell_command> shell_commands(std::string_view script);

/// True if none of them starts a program that could run tests: they print, set, look and exit.
bool only_print(const std::vector<shell_command>& commands);

/// Without the lines that the commands print themselves, word by word (`echo "12 passed"`): they
/// are nothing that a program said.
std::string without_printed(std::string_view output, const std::vector<shell_command>& commands);

} // namespace aeo::consolidate

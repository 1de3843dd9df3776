#pragma once

// .env files: lines of KEY=value.
//
//   line    = blank | '#' comment | ["export "] KEY "=" value [blank '#' comment]
//   KEY     = [A-Za-z_][A-Za-z0-9_]*
//   value   = plain | 'literal' | "with \n \t \r \" \\ \$ escapes"
//
// A plain value ends at " #" or the end of the line and is trimmed. Quoted values may span lines.
// Nothing is expanded. CRLF line ends are accepted. The last of several definitions of a KEY wins.

#include "config/plan.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace aeo::config {

/// A line that is not understood. Never quotes the value: it may be a secret.
struct env_problem {
  std::size_t line = 0; ///< Counted from 1.
  std::string what;
};

struct env_file {
  env_list variables; ///< In order of their first definition.
  std::vector<env_problem> problems;
};

/// Reads the text of a .env file; goes on after a bad line.
env_file parse_env(std::string_view text);

/// Whether a variable's value must never be shown: its name has TOKEN, SECRET, PASSWORD or KEY in
/// it, in any case.
bool is_secret_name(std::string_view name);

} // namespace aeo::config

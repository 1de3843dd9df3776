#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace aeo::consolidate {

/// Why a configuration file does not parse. The message never quotes the file: what stands at the
/// place may be a secret.
struct syntax_problem {
  std::uint32_t line = 0;   ///< from 1; 0: not known
  std::uint32_t column = 0; ///< from 1; 0: not known
  std::string message;      ///< empty: it parses
};

/// Parses `text` as `format` (json, jsonc, yaml, toml, xml, ini or env) and keeps nothing of it.
syntax_problem check_syntax(std::string_view format, const std::string& text);

} // namespace aeo::consolidate

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// A name with the line on which it stands (from 1).
struct named_line {
  std::string name;
  std::uint32_t line = 0;
};

/// A place that reads an environment variable.
struct variable_use {
  std::string name; ///< empty: the name is not written there
  std::uint32_t line = 0;
  bool required = false; ///< no default and no handling of its absence was seen
};

/// What a line of source code says about the world outside its file.
struct references {
  std::vector<named_line> imports;      ///< modules, packages, headers
  std::vector<variable_use> env_used;   ///< filled by `variable_finder`, whose idioms are data
  std::vector<named_line> env_declared; ///< `X=` in an environment file
  std::uint32_t main_line = 0; ///< of C's `main`, unless it is there for a setting only; 0: none
};

/// Reads one text. Works on lines, without a parser: an import in a string may be taken for one.
references extract_references(std::string_view language, std::string_view text);

} // namespace aeo::consolidate

#pragma once

#include "tools/consolidate/language.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// `allow_origins=["*"]` as it would stand in one line without comments.
struct origin_value {
  std::string text;
  std::uint32_t line = 0; ///< where the value is written, from 1
};

/// A place that says who may call.
struct origin_setting {
  std::uint32_t line = 0;           ///< from 1
  std::vector<origin_value> values; ///< several where a variable is given several in the file
  bool credentials = false;         ///< those who may call send theirs as well
};

/// Which languages `origin_settings` reads.
bool has_origin_settings(std::string_view language);

/// Reads keyword arguments, fields and variables that CORS libraries take origins from. A name that
/// the same file gives a value to stands for that value. Works on brackets and texts, without a
/// parser.
std::vector<origin_setting> origin_settings(std::string_view text, const language& lang);

} // namespace aeo::consolidate

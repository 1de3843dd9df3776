#pragma once

// JSON as text, where a value of its own for each member would cost too much.

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace aeo::config {

/// Appends the text as a JSON string; what is no UTF-8 in it is replaced.
inline void append_json_string(std::string& out, std::string_view text) {
  const auto plain = [](unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  if (std::all_of(text.begin(), text.end(), plain))
    out.append(1, '"').append(text).append(1, '"');
  else
    out += nlohmann::ordered_json(text).dump(-1, ' ', false,
                                             nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace aeo::config

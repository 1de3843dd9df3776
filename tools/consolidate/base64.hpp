#pragma once

#include <array>
#include <string>
#include <string_view>

namespace aeo::consolidate {

/// The values of base64 digits, of either alphabet; 64 for anything else.
constexpr std::array<unsigned char, 256> base64_table() {
  std::array<unsigned char, 256> table{};
  for (auto& entry : table)
    entry = 64;
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < digits.size(); ++i)
    table[static_cast<unsigned char>(digits[i])] = static_cast<unsigned char>(i);
  table['-'] = 62;
  table['_'] = 63;
  return table;
}
inline constexpr auto base64_values = base64_table();

inline bool is_base64(char c) {
  return base64_values[static_cast<unsigned char>(c)] < 64;
}

/// Ignores what is no digit: line ends within a run.
std::string decode_base64(std::string_view run);

/// True if decoded bytes hold a stretch of text: 16 bytes. Identifiers and hashes decode to
/// anything.
bool looks_like_text(std::string_view bytes);

/// Which of the first four digits of a run its decoding may start from to look like text: bit N is
/// digit N. One pass without memory of its own; most runs have none and need no decoding.
unsigned text_shifts(std::string_view run);

} // namespace aeo::consolidate

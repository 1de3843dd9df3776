#include "tools/consolidate/base64.hpp"

#include <algorithm>
#include <cstdint>

namespace aeo::consolidate {

namespace {

/// So many bytes of text in a row are some.
constexpr std::uint32_t enough_text = 16;

/// All bits set for a byte of text, none for another.
constexpr std::array<std::uint32_t, 256> text_masks() {
  std::array<std::uint32_t, 256> masks{};
  for (std::size_t c = 0; c < masks.size(); ++c)
    masks[c] = (c >= ' ' && c <= '~') || c == '\n' || c == '\r' || c == '\t' ? ~0U : 0U;
  return masks;
}
constexpr auto text_mask = text_masks();

} // namespace

std::string decode_base64(std::string_view run) {
  std::string out;
  out.reserve(run.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : run) {
    const auto value = base64_values[static_cast<unsigned char>(c)];
    if (value == 64)
      continue;
    bits = bits << 6 | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xFF);
    }
  }
  return out;
}

bool looks_like_text(std::string_view bytes) {
  std::uint32_t row = 0;
  for (const char c : bytes) {
    row = (row + 1) & text_mask[static_cast<unsigned char>(c)];
    if (row == enough_text)
      return true;
  }
  return false;
}

unsigned text_shifts(std::string_view run) {
  // At each digit a group of four ends, of one of the four divisions of the run into groups: all
  // are decoded side by side, and of each is known how long its last row of text is.
  std::array<std::uint32_t, 4> rows{};
  std::array<std::uint32_t, 4> longest{};
  std::uint32_t bits = 0;
  std::size_t at = 0;
  for (const char c : run) {
    const auto value = base64_values[static_cast<unsigned char>(c)];
    if (value == 64)
      continue;
    bits = bits << 6 | value;
    if (++at < 4)
      continue;
    auto row = rows[at % 4];
    auto& most = longest[at % 4];
    for (const unsigned byte : {16U, 8U, 0U}) {
      row = (row + 1) & text_mask[bits >> byte & 0xFF];
      most = std::max(most, row);
    }
    rows[at % 4] = row;
  }
  unsigned shifts = 0;
  for (unsigned shift = 0; shift < 4; ++shift) {
    // Digits that are no whole group make up to two bytes more.
    if (longest[shift] >= enough_text || rows[shift] + 2 >= enough_text)
      shifts |= 1U << shift;
  }
  return shifts;
}

} // namespace aeo::consolidate

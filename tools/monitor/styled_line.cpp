#include "tools/monitor/styled_line.hpp"

#include "actors/core/text.hpp"

#include <algorithm>
#include <utility>

namespace aeo::monitor {

std::string text_of(const styled_line& l) {
  std::string result;
  for (const auto& s : l.spans)
    result += s.text;
  return result;
}

std::string drawable(std::string_view text, bool utf8, std::size_t max_bytes) {
  auto line = core::plain_line(text.substr(0, max_bytes));
  if (utf8)
    return line;
  std::string result;
  for (auto c : line) // Valid UTF-8: one "?" for each leading byte.
    if (auto byte = static_cast<unsigned char>(c); byte < 0x80)
      result += c;
    else if ((byte & 0xC0) == 0xC0)
      result += '?';
  return result;
}

std::vector<std::string> wrapped(std::string text, std::size_t width, std::size_t max_lines,
                                 bool utf8) {
  std::vector<std::string> result;
  while (result.size() + 1 < max_lines && core::display_width(text) > width) {
    // Without a blank in its second half a line is broken anywhere.
    auto cut = core::cut_to_width(text, width + 1, false);
    auto end = cut.size() - 1; // Without the mark.
    auto blank = text.rfind(' ', end);
    auto from = blank != text.npos && blank > end / 2 ? blank : end;
    if (from == 0)
      break;
    result.push_back(text.substr(0, from));
    text.erase(0, from + (from == blank ? 1 : 0));
  }
  if (max_lines > 0)
    result.push_back(core::cut_to_width(text, width, utf8));
  return result;
}

line_builder& line_builder::add(std::string_view text, tone color) {
  // A column takes four bytes at most, and a few more for accents; the rest is not even read.
  auto drawn = drawable(text, utf8_, 8 * left_ + 64);
  push(core::cut_to_width(drawn, left_, utf8_), color);
  return *this;
}

line_builder& line_builder::field(std::string_view text, std::size_t columns, tone color) {
  if (columns == 0 || left_ == 0)
    return *this;
  columns = std::min(columns, left_);
  push(core::pad_to_width(drawable(text, utf8_, 8 * columns + 64), columns, utf8_), color);
  return add(" ");
}

line_builder& line_builder::field_right(std::string_view text, std::size_t columns, tone color) {
  auto used = core::display_width(drawable(text, utf8_));
  if (used >= columns)
    return field(text, columns, color);
  return add(std::string(columns - used, ' ')).add(text, color).add(" ");
}

line_builder& line_builder::go_to(std::size_t column) {
  auto at = width_ - left_;
  return column > at ? add(std::string(column - at, ' ')) : *this;
}

line_builder& line_builder::add_right(std::string_view text, tone color) {
  auto used = core::display_width(drawable(text, utf8_));
  if (used > left_)
    return *this;
  return go_to(width_ - used).add(text, color);
}

void line_builder::push(std::string drawn, tone color) {
  if (drawn.empty())
    return;
  left_ -= std::min(left_, core::display_width(drawn));
  if (!line_.spans.empty() && line_.spans.back().color == color)
    line_.spans.back().text += drawn;
  else
    line_.spans.push_back({std::move(drawn), color});
}

} // namespace aeo::monitor

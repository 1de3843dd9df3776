#pragma once

// What a picture is made of: text without control characters, and what it means. Which colours
// that becomes is the screen's affair.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aeo::monitor {

enum class tone : std::uint8_t { plain, strong, good, active, attention, bad, faint };

/// A piece of a line in one tone.
struct styled_span {
  std::string text; ///< UTF-8, or ASCII if that was asked for.
  tone color = tone::plain;
  friend bool operator==(const styled_span&, const styled_span&) = default;
};

/// One row of the terminal, not wider than it.
struct styled_line {
  std::vector<styled_span> spans;
  bool selected = false; ///< To be shown inverted over the whole width.
  friend bool operator==(const styled_line&, const styled_line&) = default;
};

/// The line without its tones.
std::string text_of(const styled_line&);

/// Text of others as it may be drawn: one line, no control characters; without `utf8` a "?" for
/// every character that is not ASCII. At most `max_bytes` of the text are looked at.
std::string drawable(std::string_view text, bool utf8, std::size_t max_bytes = 16384);
/// A drawable text broken at blanks into at most `max_lines` lines; the last one is cut.
std::vector<std::string> wrapped(std::string text, std::size_t width, std::size_t max_lines,
                                 bool utf8);

/// Puts a line together from left to right. Whatever is added is made drawable and cut where the
/// line is full.
class line_builder {
public:
  line_builder(std::size_t width, bool utf8) : left_(width), width_(width), utf8_(utf8) {}

  line_builder& add(std::string_view text, tone color = tone::plain);
  /// A field of that many columns and a blank; nothing when it has no columns.
  line_builder& field(std::string_view text, std::size_t columns, tone color = tone::plain);
  line_builder& field_right(std::string_view text, std::size_t columns, tone color = tone::plain);
  /// Blanks up to a column.
  line_builder& go_to(std::size_t column);
  /// The text at the right margin; nothing if it does not fit there whole.
  line_builder& add_right(std::string_view text, tone color = tone::plain);
  std::size_t left() const { return left_; }
  styled_line take() { return std::move(line_); }

private:
  void push(std::string drawn, tone color);

  styled_line line_;
  std::size_t left_;
  std::size_t width_;
  bool utf8_;
};

} // namespace aeo::monitor

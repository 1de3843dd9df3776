#include "actors/core/json_writer.hpp"

#include "config/json_text.hpp"

#include <algorithm>

namespace aeo::core {

void json_writer::new_line() {
  if (indented_)
    out_.append(1, '\n').append(2 * level_, ' ');
}

/// What stands between a value, or its key, and what came before.
void json_writer::next() {
  if (std::exchange(has_key_, false) || level_ == base_)
    return;
  if (!std::exchange(is_first_, false))
    out_ += ',';
  new_line();
}

void json_writer::begin(char bracket) {
  next();
  out_ += bracket;
  ++level_;
  is_first_ = true;
}

void json_writer::end(char bracket) {
  --level_;
  if (!std::exchange(is_first_, false)) // What is around these brackets is not empty.
    new_line();
  out_ += bracket;
}

void json_writer::key(std::string_view name) {
  next();
  config::append_json_string(out_, name);
  out_ += indented_ ? ": " : ":";
  has_key_ = true;
}

void json_writer::value(std::string_view text) {
  next();
  if (mask_)
    config::append_json_string(out_, mask_(text));
  else
    config::append_json_string(out_, text);
}

void json_writer::value(double x) {
  next();
  std::array<char, 400> digits{}; // The longest has 327.
  const auto* end =
      std::to_chars(digits.data(), digits.data() + digits.size(), x, std::chars_format::fixed).ptr;
  const std::string_view text{digits.data(), end};
  out_ += text;
  if (text.find('.') == text.npos)
    out_ += ".0";
}

void json_writer::value(lenient::ordered_json x) {
  next();
  lenient::mask_strings(x, mask_);
  const auto text = lenient::dump(x, indented_ ? 2 : -1);
  // A line end in the dump is always between values: strings have theirs escaped.
  for (std::size_t from = 0; from < text.size();) {
    const auto end = std::min(text.find('\n', from), text.size());
    if (from > 0)
      new_line();
    out_.append(text, from, end - from);
    from = end + 1;
  }
}

} // namespace aeo::core

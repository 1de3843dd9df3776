#include "config/values.hpp"

#include "config/characters.hpp"

#include <regex.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

namespace aeo::config {

namespace {

struct unit {
  std::string_view name;
  double seconds;
};

// "ms" before "m": the longest name that fits wins.
constexpr std::array<unit, 5> units = {
    {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3'600}, {"d", 86'400}}};

/// Digits with an optional fraction at the front of `text`, which is advanced behind them.
std::optional<double> take_decimal(std::string_view& text) {
  double value = 0;
  std::size_t i = 0;
  while (i < text.size() && is_digit(text[i]))
    value = value * 10 + (text[i++] - '0');
  if (i == 0)
    return std::nullopt;
  if (i + 1 < text.size() && text[i] == '.' && is_digit(text[i + 1])) {
    double scale = 0.1;
    for (++i; i < text.size() && is_digit(text[i]); scale /= 10)
      value += scale * (text[i++] - '0');
  }
  text.remove_prefix(i);
  return value;
}

std::optional<double> take_unit(std::string_view& text) {
  for (const auto& [name, seconds] : units)
    if (text.substr(0, name.size()) == name) {
      text.remove_prefix(name.size());
      return seconds;
    }
  return std::nullopt;
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::vector<std::size_t> next(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      next[j] =
          std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        next[j] = std::min(next[j], before[j - 2] + 1);
    }
    before = row;
    row.swap(next);
  }
  return row[b.size()];
}

/// The length of the control character at `pos`; 0: there is none.
std::size_t control_at(std::string_view text, std::size_t pos) {
  auto c = static_cast<unsigned char>(text[pos]);
  if (c < 0x20 || c == 0x7f)
    return 1;
  // U+0080 to U+009F: a terminal obeys them like ESC sequences.
  if (c == 0xc2 && pos + 1 < text.size() && static_cast<unsigned char>(text[pos + 1]) < 0xa0)
    return 2;
  return 0;
}

} // namespace

std::optional<duration> seconds_to_duration(double seconds) {
  if (!(seconds >= 0) || seconds > max_seconds)
    return std::nullopt;
  auto milliseconds = static_cast<std::int64_t>(std::llround(seconds * 1'000));
  if (milliseconds == 0 && seconds > 0)
    milliseconds = 1;
  return duration{milliseconds};
}

std::optional<duration> parse_duration(std::string_view text) {
  if (text.empty())
    return std::nullopt;
  double seconds = 0;
  while (!text.empty()) {
    auto value = take_decimal(text);
    if (!value)
      return std::nullopt;
    auto scale = take_unit(text);
    if (!scale)
      return std::nullopt;
    seconds += *value * *scale;
  }
  return seconds_to_duration(seconds);
}

std::string format_duration(duration value) {
  auto count = value.count();
  if (count % 1'000 != 0)
    return std::to_string(count) + "ms";
  count /= 1'000;
  for (const auto& [name, seconds] : {units[4], units[3], units[2]}) {
    auto size = static_cast<std::int64_t>(seconds);
    if (count != 0 && count % size == 0)
      return std::to_string(count / size) + std::string{name};
  }
  return std::to_string(count) + "s";
}

std::string check_id(std::string_view id) {
  if (id.empty())
    return "an id must not be empty";
  if (id.size() > 64)
    return "an id has at most 64 characters, this one " + std::to_string(id.size());
  if (id.front() == '.' || id.front() == '-')
    return "an id must not start with '" + std::string{id.front()} + "'";
  auto fits = [](char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
  };
  if (!std::all_of(id.begin(), id.end(), fits))
    return "the id " + in_quotes(id)
           + " has a character that is unfit for file names; allowed are A-Z a-z 0-9 . _ -";
  return {};
}

std::string check_path(std::string_view path) {
  if (path.empty())
    return "a path must not be empty";
  if (has_control_character(path))
    return "a path must not contain control characters";
  if (path.front() == '/')
    return "expected a path relative to the workspace, found the absolute path " + in_quotes(path);
  for (std::size_t begin = 0; begin <= path.size();) {
    auto end = std::min(path.find('/', begin), path.size());
    if (path.substr(begin, end - begin) == "..")
      return "the path " + in_quotes(path) + " may leave the workspace; '..' is not allowed";
    begin = end + 1;
  }
  return {};
}

std::string check_regex(const std::string& pattern) {
  regex_t compiled;
  auto code = regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB);
  if (code == 0) {
    regfree(&compiled);
    return {};
  }
  std::array<char, 256> text{};
  regerror(code, &compiled, text.data(), text.size());
  return text.data();
}

bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (control_at(text, i) > 0)
      return true;
  return false;
}

std::string escape_controls(std::string_view text) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    auto length = control_at(text, i);
    if (length == 0) {
      result += text[i++];
      continue;
    }
    i += length;
    auto code = static_cast<unsigned char>(text[i - 1]);
    result += "\\u00";
    result += digits[code >> 4];
    result += digits[code & 15];
  }
  return result;
}

std::string_view nearest(std::string_view text, std::span<const std::string_view> names) {
  std::string_view best;
  if (text.size() > 100)
    return best;
  auto limit = std::max<std::size_t>(1, text.size() / 3) + 1;
  for (auto name : names) {
    auto far = edit_distance(text, name);
    if (far < limit) {
      limit = far;
      best = name;
    }
  }
  return best;
}

std::string quoted_list(std::span<const std::string_view> names, std::string_view last) {
  std::string result;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0)
      result += i + 1 == names.size() ? " " + std::string{last} + " " : ", ";
    result += in_quotes(names[i]);
  }
  return result;
}

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (char c : shortened(text, 60)) {
    if (c == '"' || c == '\\')
      result += '\\';
    result += c;
  }
  return escape_controls(result + '"');
}

std::string shortened(std::string_view text, std::size_t limit) {
  if (text.size() <= limit)
    return std::string{text};
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80)
    --limit;
  return std::string{text.substr(0, limit)} + "…";
}

} // namespace aeo::config

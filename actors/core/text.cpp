#include "actors/core/text.hpp"

#include "actors/core/timestamp.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <iterator>

namespace aeo::core {

namespace {

constexpr std::string_view ellipsis = "\xe2\x80\xa6";

struct code_point {
  char32_t value = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// The first code point; overlong forms, surrogates and cut sequences are invalid single bytes.
code_point decode(std::string_view text) {
  auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80)
    return {first, 1, true};
  std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length)
    return {};
  constexpr std::array<unsigned char, 5> lead_mask = {0, 0, 0x1F, 0x0F, 0x07};
  char32_t value = first & lead_mask.at(length);
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i]))
      return {};
    value = (value << 6) | (static_cast<unsigned char>(text[i]) & 0x3F);
  }
  constexpr std::array<char32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
  if (value < least.at(length) || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
    return {};
  return {value, length, true};
}

struct range {
  char32_t first;
  char32_t last;
};

template <std::size_t N>
bool in_ranges(const std::array<range, N>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](range r) { return c >= r.first && c <= r.last; });
}

// Own tables: wcwidth() depends on the process's locale, and the widths must not.
constexpr std::array<range, 9> zero_width = {{{0x0300, 0x036F},
                                              {0x0483, 0x0489},
                                              {0x0591, 0x05BD},
                                              {0x064B, 0x065F},
                                              {0x200B, 0x200F},
                                              {0x202A, 0x202E},
                                              {0x2060, 0x2069},
                                              {0x20D0, 0x20FF},
                                              {0xFE00, 0xFE0F}}};
constexpr std::array<range, 11> double_width = {{{0x1100, 0x115F},
                                                 {0x2E80, 0x303E},
                                                 {0x3041, 0xA4CF},
                                                 {0xAC00, 0xD7A3},
                                                 {0xF900, 0xFAFF},
                                                 {0xFE30, 0xFE6F},
                                                 {0xFF00, 0xFF60},
                                                 {0xFFE0, 0xFFE6},
                                                 {0x1F300, 0x1F64F},
                                                 {0x1F680, 0x1F9FF},
                                                 {0x20000, 0x3FFFD}}};

bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

/// Direction overrides could make a line read differently from what it says.
bool is_bidi(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

std::size_t width_of(code_point c) {
  if (!c.valid)
    return 1;
  if (is_control(c.value) || in_ranges(zero_width, c.value))
    return 0;
  return in_ranges(double_width, c.value) ? 2 : 1;
}

template <class... Args>
std::string print(const char* format, Args... args) {
  std::array<char, 64> buffer{};
  auto n = std::snprintf(buffer.data(), buffer.size(), format, args...);
  return {buffer.data(), static_cast<std::size_t>(std::max(n, 0))};
}

} // namespace

std::string format_duration(duration d) {
  auto ms = std::max<std::int64_t>(d.count(), 0);
  if (ms < 100)
    return print("%d ms", static_cast<int>(ms));
  if (ms < 10'000)
    return print("%d.%d s", static_cast<int>(ms / 1000), static_cast<int>(ms % 1000 / 100));
  auto s = static_cast<long long>(ms / 1000);
  if (s < 60)
    return print("%lld s", s);
  if (s < 3600)
    return print("%lldm%02llds", s / 60, s % 60);
  if (s < 86'400)
    return print("%lldh%02lldm", s / 3600, s / 60 % 60);
  return print("%lldd%02lldh", s / 86'400, s / 3600 % 24);
}

std::string format_bytes(std::uint64_t n) {
  if (n < 1024)
    return print("%llu B", static_cast<unsigned long long>(n));
  constexpr std::array<const char*, 5> units = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(n) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit)
    value /= 1024;
  return print("%.1f %s", value, units.at(unit));
}

std::string short_time(std::int64_t time_us) {
  if (time_us == 0)
    return {};
  auto text = format_time(time_us);
  constexpr std::string_view fraction = ".000000";
  return text.erase(text.size() - 1 - fraction.size(), fraction.size());
}

std::string format_clock(std::int64_t time_us) {
  auto seconds = static_cast<std::time_t>(time_us / 1'000'000);
  std::tm parts{};
  if (localtime_r(&seconds, &parts) == nullptr)
    return "--:--:--";
  return print("%02d:%02d:%02d", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string format_count(std::uint64_t n) {
  auto digits = std::to_string(n);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

std::string shell_quote(std::string_view word) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789_-./:=,+@%^";
  if (!word.empty() && word.find_first_not_of(plain) == std::string_view::npos)
    return std::string{word};
  std::string result = "'";
  for (auto c : word) {
    if (c == '\'')
      result += "'\\''";
    else
      result += c;
  }
  return result + "'";
}

std::int64_t elapsed_us(std::int64_t from_us, std::int64_t to_us) {
  return std::max<std::int64_t>(to_us - from_us, 0);
}

std::string some_of(const std::vector<std::string>& names, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  return names.size() > most ? text + " and " + std::to_string(names.size() - most) + " more"
                             : text;
}

std::string in_workspace(std::string_view program, const std::string& workspace) {
  std::string result{program};
  if (!workspace.empty() && workspace != ".")
    result += " --workspace " + shell_quote(workspace);
  return result;
}

std::string shell_join(const std::vector<std::string>& argv) {
  if (argv.size() == 3 && argv[0] == "/bin/sh" && argv[1] == "-c")
    return argv[2];
  std::string result;
  for (const auto& word : argv) {
    if (!result.empty())
      result += ' ';
    result += shell_quote(word);
  }
  return result;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    auto c = decode(text);
    width += width_of(c);
    text.remove_prefix(c.bytes);
  }
  return width;
}

std::string cut_to_width(std::string_view text, std::size_t width, bool utf8_out) {
  if (display_width(text) <= width)
    return std::string{text};
  if (width == 0)
    return {};
  std::size_t used = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    auto c = decode(text.substr(end));
    auto w = width_of(c);
    if (used + w > width - 1)
      break;
    used += w;
    end += c.bytes;
  }
  std::string result{text.substr(0, end)};
  return result.append(utf8_out ? ellipsis : std::string_view{"~"});
}

std::string pad_to_width(std::string_view text, std::size_t width, bool utf8_out) {
  auto result = cut_to_width(text, width, utf8_out);
  auto used = display_width(result);
  if (used < width)
    result.append(width - used, ' ');
  return result;
}

std::string plain_line(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    auto c = decode(text);
    if (c.valid && (c.value == '\n' || c.value == '\t' || c.value == '\r'))
      result += ' ';
    else if (!c.valid || is_control(c.value) || is_bidi(c.value))
      result += '?';
    else
      result.append(text.substr(0, c.bytes));
    text.remove_prefix(c.bytes);
  }
  return result;
}

} // namespace aeo::core

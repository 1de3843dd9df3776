#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace aeo::consolidate {

namespace {

/// Length of the valid UTF-8 sequence at the start of `s`; 0 if there is none.
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80)
    return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || s.size() < length)
    return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80)
      return 0;
  }
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool beyond = (lead == 0xED && byte(1) > 0x9F) || (lead == 0xF4 && byte(1) > 0x8F);
  return overlong || beyond ? 0 : length;
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  out += "\\x";
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Matches one `[...]` set at the start of `p`; `used` is its length, 0 if it is not closed.
bool set_matches(std::string_view p, char c, std::size_t& used) {
  const auto end = p.find(']', 2);
  used = 0;
  if (end == std::string_view::npos)
    return false;
  used = end + 1;
  auto body = p.substr(1, end - 1);
  const bool negated = body.starts_with('!') || body.starts_with('^');
  if (negated)
    body.remove_prefix(1);
  bool found = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (i + 2 < body.size() && body[i + 1] == '-') {
      found = found || (body[i] <= c && c <= body[i + 2]);
      i += 2;
    } else {
      found = found || body[i] == c;
    }
  }
  return found != negated;
}

/// Backtracks to the last star only: linear for `*`, quadratic at worst with `**`.
bool match(std::string_view p, std::string_view s) {
  std::size_t pi = 0;
  std::size_t si = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_s = 0;
  std::size_t deep = std::string_view::npos;
  std::size_t deep_s = 0;
  while (si < s.size() || pi < p.size()) {
    if (p.substr(pi).starts_with("**")) {
      pi += 2;
      if (pi < p.size() && p[pi] == '/' && (si == 0 || s[si - 1] == '/'))
        ++pi;
      deep = pi;
      deep_s = si;
      star = std::string_view::npos;
      continue;
    }
    if (pi < p.size() && p[pi] == '*') {
      star = ++pi;
      star_s = si;
      continue;
    }
    std::size_t used = 1;
    if (pi < p.size() && si < s.size()) {
      bool same = p[pi] == '?' ? s[si] != '/' : p[pi] == s[si];
      if (p[pi] == '[') {
        const bool in_set = s[si] != '/' && set_matches(p.substr(pi), s[si], used);
        same = used != 0 ? in_set : p[pi] == s[si];
        used = std::max<std::size_t>(used, 1);
      }
      if (same) {
        pi += used;
        ++si;
        continue;
      }
    }
    if (star != std::string_view::npos && star_s < s.size() && s[star_s] != '/') {
      pi = star;
      si = ++star_s;
    } else if (deep != std::string_view::npos && deep_s < s.size()) {
      // `**/x` matches at component starts only; a bare `**` anywhere.
      const bool components = p[deep - 1] == '/';
      do {
        ++deep_s;
      } while (components && deep_s < s.size() && s[deep_s - 1] != '/');
      pi = deep;
      si = deep_s;
      star = std::string_view::npos;
    } else {
      return false;
    }
  }
  return true;
}

} // namespace

std::string encode_path(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  while (!raw.empty()) {
    const auto length = utf8_length(raw);
    if (length == 0) {
      append_escaped(out, raw[0]);
    } else if (raw[0] == '\\') {
      out += "\\\\";
    } else {
      out += raw.substr(0, length);
    }
    raw.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string decode_path(std::string_view encoded) {
  std::string out;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    const auto rest = encoded.substr(i);
    if (rest.starts_with("\\\\")) {
      out += '\\';
      ++i;
    } else if (rest.starts_with("\\x") && rest.size() >= 4 && hex_value(rest[2]) >= 0
               && hex_value(rest[3]) >= 0) {
      out += static_cast<char>(hex_value(rest[2]) * 16 + hex_value(rest[3]));
      i += 3;
    } else {
      out += encoded[i];
    }
  }
  return out;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (out.size() + std::max<std::size_t>(length, 4) > limit)
      return out + "...";
    if (length == 0)
      append_escaped(out, text[0]);
    else
      out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

bool glob_matches(std::string_view pattern, std::string_view path) {
  if (pattern.starts_with("(?i)"))
    return glob_matches(lower(pattern.substr(4)), lower(path));
  if (pattern.find('/') == std::string_view::npos && pattern != "**")
    path = base_name(path);
  return match(pattern, path);
}

bool whole_glob_matches(std::string_view pattern, std::string_view path) {
  return match(pattern, path);
}

bool any_glob_matches(const std::vector<std::string>& patterns, std::string_view path) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return glob_matches(pattern, path); });
}

std::string_view base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view dir_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

std::string join_path(std::string_view left, std::string_view right) {
  if (left.empty())
    return std::string(right);
  if (right.empty())
    return std::string(left);
  return std::string(left) + '/' + std::string(right);
}

bool is_below(std::string_view path, std::string_view directory) {
  return directory.empty()
         || (path.starts_with(directory)
             && (path.size() == directory.size() || path[directory.size()] == '/'));
}

std::string upper(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return result;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return result;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos)
      return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view space = " \t\r\n\f\v";
  const auto begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

} // namespace aeo::consolidate

#include "config/syntax_error.hpp"

#include "config/characters.hpp"
#include "config/env_file.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <fstream>

namespace aeo::config {

namespace {

/// The place of an error in a file.
struct spot {
  std::size_t line = 1;
  std::string before;    ///< The line up to the error.
  std::string after;     ///< The line from the error on.
  char last_sign = '\0'; ///< The last character before it that is not blank.
};

spot find_spot(const std::filesystem::path& path, std::size_t offset) {
  spot result;
  std::ifstream in{path, std::ios::binary};
  char c = 0;
  for (std::size_t i = 0; i < offset && in.get(c); ++i) {
    if (c == '\n') {
      ++result.line;
      result.before.clear();
    } else {
      result.before += c;
    }
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
      result.last_sign = c;
  }
  std::getline(in, result.after);
  if (!result.after.empty() && result.after.back() == '\r')
    result.after.pop_back();
  return result;
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

/// Printable ASCII only: the bytes may be no UTF-8 at all.
std::string printable(std::string_view text) {
  std::string result;
  for (char c : text) {
    auto code = static_cast<unsigned char>(c);
    result += c == '\t' ? ' ' : code < 0x20 || code >= 0x7f ? '?' : c;
  }
  return result;
}

std::string excerpt(const spot& x) {
  constexpr std::size_t side = 60;
  auto before = printable(x.before);
  auto after = printable(x.after);
  if (is_secret_name(before + after))
    return "(the line is not shown: it may hold a secret)";
  before.erase(0, before.find_first_not_of(' '));
  if (before.size() > side)
    before = "…" + before.substr(before.size() - side);
  if (after.size() > side)
    after = after.substr(0, side) + "…";
  return before.empty() && after.empty() ? "(the line is empty)" : "the line is: " + before + after;
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  if (auto pos = text.find(from); pos != std::string::npos)
    text.replace(pos, from.size(), to);
}

/// "unexpected X; expected Y" without the parser's jargon and without the text that it read.
std::string plain_words(std::string_view message) {
  auto begin = message.find(" - ");
  std::string text{begin == std::string_view::npos ? message : message.substr(begin + 3)};
  if (auto read = text.find("; last read: '"); read != std::string::npos) {
    auto end = text.rfind("'; expected");
    text.erase(read, end == std::string::npos || end < read ? std::string::npos : end + 1 - read);
  }
  replace(text, "invalid string: missing closing quote", "a string has no closing quote");
  if (text.find("must be escaped") != std::string::npos)
    text = text.find("(LF)") != std::string::npos || text.find("(CR)") != std::string::npos
               ? "a line ends inside a string; its closing quote is missing"
               : "a control character inside a string";
  if (text.find("UTF-8") != std::string::npos)
    text = "invalid UTF-8";
  if (text.find("out of range") != std::string::npos
      || text.find("out_of_range") != std::string::npos)
    text = "the number is too large";
  replace(text, "invalid literal", "this is no JSON value");
  replace(text, "unexpected end of input", "the file ends too early");
  replace(text, "string literal", "a string");
  replace(text, "string literal", "a string");
  replace(text, "number literal", "a number");
  replace(text, "; expected end of input", ", after the end of the object");
  replace(text, "; expected", ", expected");
  return text;
}

std::string hint(const spot& x) {
  char first = x.after.empty() ? '\0' : x.after.front();
  auto second = x.after.substr(0, 2);
  if (first == '#' || second == "//" || second == "/*")
    return "; comments are not allowed in JSON";
  if (first == '\'')
    return "; strings need double quotes";
  if ((first == '}' || first == ']') && x.last_sign == ',')
    return "; there is a comma too many before it";
  if (first == '"' && (x.last_sign == '"' || x.last_sign == '}' || x.last_sign == ']'))
    return "; is a comma missing before it?";
  return {};
}

} // namespace

std::string describe_syntax_error(const std::filesystem::path& path, std::size_t position,
                                  std::string_view token, std::string_view message) {
  auto offset = position > 0 ? position - 1 : 0;
  // The error is found at the token's end; people look at its start. The parser's text of the token
  // is its own only for strings and numbers.
  bool exact = message.find("unexpected string literal") != std::string_view::npos
               || message.find("unexpected number literal") != std::string_view::npos
               || message.find("invalid string") != std::string_view::npos
               || message.find("invalid number") != std::string_view::npos;
  if (exact && !token.empty() && token.find("<U+") == std::string_view::npos)
    offset = position - std::min(position, token.size());
  auto where = find_spot(path, offset);
  while (!exact && !where.before.empty() && is_letter(where.before.back())) {
    where.after.insert(where.after.begin(), where.before.back());
    where.before.pop_back();
  }
  auto comment = hint(where);
  return "line " + std::to_string(where.line) + ", column "
         + std::to_string(count_characters(where.before) + 1) + ": " + plain_words(message)
         + comment + "; " + excerpt(where);
}

} // namespace aeo::config

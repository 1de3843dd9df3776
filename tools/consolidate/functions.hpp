#pragma once

#include "tools/consolidate/security_rules.hpp"

#include <re2/re2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// Blanks and tabs before the text; of an empty line all there are.
std::size_t indent_of(std::string_view line);

/// A function as its first line shows it: it reaches to the brace that closes it, in Python to its
/// last indented line, and never beyond the next one that is indented no deeper, a class, or what
/// is written above those: decorators, annotations.
struct function_extent {
  std::string name;
  std::uint32_t first = 0; ///< line, from 1
  std::uint32_t last = 0;
};

/// Finds functions by their first lines, without a parser. Safe to share between threads.
class function_finder {
public:
  explicit function_finder(const security_rules& rules);

  bool knows(std::string_view language) const;
  /// In order of their first lines; functions inside others are listed too.
  std::vector<function_extent> find(std::string_view language,
                                    const std::vector<std::string_view>& lines) const;

private:
  struct idiom {
    std::vector<std::string> languages;
    std::unique_ptr<re2::RE2> pattern;
  };
  std::vector<idiom> idioms_;
};

inline bool is_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Calls `visit` with every identifier of two or more characters in `text`.
template <class Visit>
void each_identifier(std::string_view text, Visit visit) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && is_identifier(text[i]))
      continue;
    if (i > begin + 1 && (text[begin] < '0' || text[begin] > '9'))
      visit(text.substr(begin, i - begin));
    begin = i + 1;
  }
}

/// Calls `visit` with every identifier of two or more characters in `text`, and with what it is
/// looked up in: `views` of `views.show`; empty: nothing.
template <class Visit>
void each_qualified(std::string_view text, Visit visit) {
  each_identifier(text, [&](std::string_view name) {
    const auto at = static_cast<std::size_t>(name.data() - text.data());
    auto end = at;
    if (end > 0 && text[end - 1] == '.')
      --end;
    else if (end > 1 && (text.substr(end - 2, 2) == "::" || text.substr(end - 2, 2) == "->"))
      end -= 2;
    auto begin = end;
    while (end != at && begin > 0 && is_identifier(text[begin - 1]))
      --begin;
    // What is called before the point has no name: `f().g`.
    visit(end == at      ? std::string_view{}
          : begin == end ? std::string_view{"()"}
                         : text.substr(begin, end - begin),
          name);
  });
}

} // namespace aeo::consolidate

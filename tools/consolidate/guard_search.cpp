#include "tools/consolidate/guard_search.hpp"

#include <algorithm>

namespace aeo::consolidate {

std::uint32_t guard_search::line_of(const region& part, const re2::RE2& expression) const {
  const auto& code = code_[part.code];
  for (auto line = part.first; line <= part.last; ++line) {
    const auto text = code_.text_of(part, line);
    if (!code.comments[line - 1] && has(expression, text) && !has(guards_.not_guards, text))
      return line;
  }
  return 0;
}

guard_place guard_search::find(const std::vector<region>& parts, const re2::RE2& expression) const {
  for (const auto& part : parts) {
    if (const auto line = line_of(part, expression); line != 0)
      return {code_[part.code].file, line, true, false};
  }
  return {};
}

guard_place guard_search::find_signature(const std::vector<region>& parts,
                                         const re2::RE2& expression) const {
  const auto place = find(parts, expression);
  if (!place.found)
    return place;
  std::vector<code_part> texts;
  texts.reserve(parts.size());
  for (const auto& part : parts)
    texts.push_back(text_of(part));
  return is_compared(texts, expression) ? place : guard_place{};
}

code_part guard_search::text_of(const region& part) const {
  const auto& code = code_[part.code];
  code_part text;
  for (const auto& function : code.functions) {
    if (part.first <= function.first && function.last == part.last)
      text.function = function.name;
  }
  for (auto line = part.first; line <= part.last; ++line) {
    if (!code.comments[line - 1] && !has(guards_.not_guards, code.lines[line - 1]))
      text.lines.push_back(code_.text_of(part, line));
  }
  return text;
}

bool guard_search::mentions(const std::vector<region>& parts, const re2::RE2& expression) const {
  return std::any_of(parts.begin(), parts.end(), [&](const region& part) {
    const auto& code = code_[part.code];
    for (auto line = part.first; line <= part.last; ++line) {
      if (!code.comments[line - 1] && has(expression, code.lines[line - 1]))
        return true;
    }
    return false;
  });
}

} // namespace aeo::consolidate

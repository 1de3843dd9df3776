#include "tools/consolidate/comment_lines.hpp"

#include "tools/consolidate/paths.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

std::string_view line_at(std::string_view text, std::size_t at) {
  return text.substr(at, text.find('\n', at) - at);
}

/// What a trimmed line that begins a comment of several lines begins with, and what ends that.
struct bracket {
  std::string_view open;
  std::string_view close;
};

bracket opened_by(std::string_view line, const language& lang, bool may_document) {
  if (!lang.block_open.empty() && line.starts_with(lang.block_open))
    return {lang.block_open, lang.block_close};
  if (lang.triple_quotes && may_document) {
    const auto prefix = std::min(line.find_first_not_of("rRuU"), line.size());
    const auto quotes = line.substr(prefix, 3);
    if (prefix < 2 && (quotes == "\"\"\"" || quotes == "'''"))
      return {line.substr(0, prefix + 3), quotes};
  }
  return {};
}

/// Whether what is quoted after this line of code documents: `class X:`, `def f(x):`, `y) -> z:`.
bool begins_body(std::string_view line) {
  if (!line.ends_with(':'))
    return false;
  const auto head = trim(line.substr(0, line.size() - 1));
  const auto begins = [line](std::string_view word) { return line.starts_with(word); };
  return begins("class ") || begins("def ") || begins("async def ") || head.ends_with(')')
         || head.find(") -> ") != head.npos;
}

} // namespace

std::vector<bool> comment_lines(std::string_view text, const language* lang) {
  const auto& rules = or_plain(lang);
  std::vector<bool> result;
  bool may_document = true;
  for (std::size_t at = 0; at < text.size();) {
    const auto line = line_at(text, at);
    const auto trimmed = trim(line);
    const auto block = opened_by(trimmed, rules, may_document);
    auto close = text.npos;
    if (!block.open.empty()) {
      const auto indent = static_cast<std::size_t>(trimmed.data() - line.data());
      close = text.find(block.close, at + indent + block.open.size());
    }
    if (close == text.npos) {
      const auto is_comment = is_comment_line(line, lang);
      result.push_back(is_comment);
      if (!is_comment && !trimmed.empty())
        may_document = begins_body(trimmed);
      at += line.size() + 1;
      continue;
    }
    const auto after = close + block.close.size();
    const auto rest = line_at(text, after);
    result.insert(result.end(), std::count(text.data() + at, text.data() + after, '\n'), true);
    result.push_back(trim(rest).empty());
    may_document = may_document && result.back() && block.open == rules.block_open;
    at = after + rest.size() + 1;
  }
  return result;
}

} // namespace aeo::consolidate

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

/// A text over several lines is so long at most.
constexpr std::size_t longest_text = 400;

/// Where the last comment of several lines may end; npos: none does.
std::size_t last_close_of(std::string_view text, const language& lang) {
  return lang.block_close.empty() ? text.npos : text.rfind(lang.block_close);
}

/// Behind what is quoted at `at`, on one line; its end if nothing closes it there.
std::size_t after_quoted(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (++at; at < text.size() && text[at] != '\n'; ++at) {
    if (text[at] == '\\')
      ++at;
    else if (text[at] == quote)
      return at + 1;
  }
  return std::min(at, text.size());
}

/// What opens a text that may go over several lines at `at`; empty: nothing does.
std::string_view long_quotes(std::string_view text, std::size_t at, const language& lang) {
  const auto triple = text.substr(at, 3);
  if (lang.triple_quotes && (triple == "\"\"\"" || triple == "'''"))
    return triple;
  return text[at] == '`' && lang.quotes.find('`') != lang.quotes.npos ? text.substr(at, 1)
                                                                      : std::string_view{};
}

/// Behind the text that `quotes` open at `at`; npos if nothing closes it soon enough.
std::size_t after_long_text(std::string_view text, std::size_t at, std::string_view quotes) {
  std::size_t lines = 0;
  for (auto end = at + quotes.size(); end < text.size() && lines <= longest_text; ++end) {
    if (text[end] == '\\')
      ++end;
    else if (text[end] == '\n')
      ++lines;
    else if (text.substr(end).starts_with(quotes))
      return end + quotes.size();
  }
  return text.npos;
}

/// Behind the comment that begins at `at`; `at` if none does. `last_close`: where the last comment
/// of several lines ends.
std::size_t after_comment(std::string_view text, std::size_t at, std::size_t last_close,
                          const language& lang) {
  const auto rest = text.substr(at);
  if (!lang.block_open.empty() && rest.starts_with(lang.block_open)) {
    if (last_close == text.npos || at + lang.block_open.size() > last_close)
      return at;
    return text.find(lang.block_close, at + lang.block_open.size()) + lang.block_close.size();
  }
  const auto begins = [&](std::string_view mark) {
    return !mark.empty() && rest.starts_with(mark);
  };
  return begins(lang.line_comment) || begins(lang.line_comment_2)
             ? std::min(text.find('\n', at), text.size())
             : at;
}

} // namespace

std::vector<bool> lines_in_texts(std::string_view text, const language* lang) {
  const auto& rules = or_plain(lang);
  std::vector<bool> result{false};
  const auto last_close = last_close_of(text, rules);
  const auto pass = [&](std::size_t from, std::size_t to, bool quoted) {
    result.insert(result.end(), std::count(text.data() + from, text.data() + to, '\n'), quoted);
    return to;
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto quotes = long_quotes(text, at, rules);
    const auto end = quotes.empty() ? text.npos : after_long_text(text, at, quotes);
    if (end != text.npos)
      at = pass(at, end, true);
    else if (const auto behind = after_comment(text, at, last_close, rules); behind != at)
      at = pass(at, behind, false);
    else if (text[at] == '\\')
      at = pass(at, std::min(at + 2, text.size()), false);
    else if ((text[at] == '"' || text[at] == '\'')
             && rules.quotes.find(text[at]) != rules.quotes.npos)
      at = pass(at, after_quoted(text, at), false);
    else
      at = pass(at, at + 1, false);
  }
  return result;
}

std::vector<bool> comment_lines(std::string_view text, const language* lang) {
  const auto& rules = or_plain(lang);
  const auto last_close = last_close_of(text, rules);
  std::vector<bool> result;
  bool may_document = true;
  for (std::size_t at = 0; at < text.size();) {
    const auto line = line_at(text, at);
    const auto trimmed = trim(line);
    const auto block = opened_by(trimmed, rules, may_document);
    auto close = text.npos;
    const bool by_brackets = block.open == rules.block_open;
    if (!block.open.empty() && (!by_brackets || (last_close != text.npos && last_close > at))) {
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

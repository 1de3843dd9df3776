#include "tools/consolidate/route_shapes.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

/// So far above a class its annotations are looked for.
constexpr std::uint32_t annotation_lines = 10;

/// Behind the quote that ends the text which begins at `at`; the end of `text` if none does.
std::size_t after_text(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\')
      ++at;
    else if (text[at] == quote)
      return at + 1;
  }
  return text.size();
}

bool is_quote(char c) {
  return c == '"' || c == '\'' || c == '`';
}

/// Behind the parenthesis that closes the one before `at`.
std::size_t after_call(std::string_view text, std::size_t at) {
  for (int depth = 1; at < text.size();) {
    const char c = text[at];
    if (is_quote(c)) {
      at = after_text(text, at);
      continue;
    }
    ++at;
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (depth == 0)
      break;
  }
  return std::min(at, text.size());
}

bool begins_class(std::string_view line) {
  static const re2::RE2 head(
      R"(^\s*(?:@\w+(?:\([^()]*(?:\([^()]*\))?[^()]*\))?\s+)*(?:(?:export|default|public|private|protected|abstract|final|)"
      R"(open|static|sealed|data)\s+)*(?:class|interface|object|record)\s+\w)");
  return re2::RE2::PartialMatch(piece(line), head);
}

bool comment_begins(std::string_view line, std::size_t at, const language& lang) {
  if (at > 0 && line[at - 1] != ' ' && line[at - 1] != '\t')
    return false;
  const auto rest = line.substr(at);
  return (!lang.line_comment.empty() && rest.starts_with(lang.line_comment))
         || (!lang.line_comment_2.empty() && rest.starts_with(lang.line_comment_2));
}

/// How deep in brackets a text is, and what it has been through.
struct nesting {
  int depth = 0;
  bool closed_block = false; ///< Of braces, at the top.
  bool ended = false;        ///< By a semicolon at the top, or what is around it.
  bool quoted = false;       ///< In a text in back quotes.
};

void go_on(nesting& at, std::string_view line, const language& lang) {
  for (std::size_t i = 0; i < line.size();) {
    if (at.quoted) {
      const auto end = line.find('`', i);
      at.quoted = end == line.npos;
      i = std::min(end, line.size() - 1) + 1;
      continue;
    }
    if (comment_begins(line, i, lang))
      return;
    const char c = line[i];
    if (is_quote(c)) {
      const auto end = after_text(line, i);
      at.quoted = c == '`' && (end == i + 1 || line[end - 1] != '`');
      i = end;
      continue;
    }
    at.depth += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
    at.closed_block = at.closed_block || (c == '}' && at.depth == 0);
    at.ended = at.ended || at.depth < 0 || (c == ';' && at.depth == 0);
    ++i;
  }
}

/// Inside the parentheses of an annotation.
bool goes_on(std::string_view line) {
  const auto text = trim(line);
  return text.ends_with('(') || text.ends_with(',') || text.ends_with('{');
}

/// `"the token is not valid"`, but not `"Bearer "`, `"{user} is"` or `"SELECT x"`.
bool is_prose(std::string_view text) {
  static const re2::RE2 words(R"([A-Za-z]{2,}\W*\s+[A-Za-z]{2,})");
  static const re2::RE2 kept(R"((?i)[{%$]|^\W*(?:select|insert|update|delete)\s)");
  return re2::RE2::PartialMatch(piece(text), words) && !re2::RE2::PartialMatch(piece(text), kept);
}

/// So many calls are chained at most.
constexpr std::size_t longest_chain = 50;
/// A statement is so long at most.
constexpr std::uint32_t longest_statement = 200;

} // namespace

std::uint32_t statement_end(const std::vector<std::string_view>& lines, std::uint32_t line,
                            const language& lang, bool annotated) {
  nesting at;
  const auto end = std::min<std::size_t>(lines.size(), line + longest_statement);
  for (; line < end; ++line) {
    go_on(at, lines[line - 1], lang);
    const auto next = trim(lines[line]);
    const bool goes_on = at.depth > 0 || at.quoted || (annotated && !at.closed_block)
                         || next.starts_with('.') || next.starts_with("->")
                         || (annotated && next.starts_with('{'));
    if (at.ended || !goes_on)
      break;
  }
  return line;
}

std::vector<std::uint32_t> class_lines(const std::vector<std::string_view>& lines,
                                       const std::vector<bool>& comments) {
  std::vector<std::uint32_t> found(lines.size());
  std::uint32_t nearest = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    found[i] = nearest;
    if (!comments[i] && begins_class(lines[i]))
      nearest = static_cast<std::uint32_t>(i + 1);
  }
  return found;
}

std::uint32_t class_head(const std::vector<std::string_view>& lines, std::uint32_t line) {
  auto first = line;
  for (auto up = line - 1; up > 0 && up + annotation_lines > line; --up) {
    const auto text = trim(lines[up - 1]);
    if (text.ends_with('}') || text.ends_with(';') || text.empty())
      break;
    if (text.starts_with('@'))
      first = up;
  }
  return first;
}

std::vector<chained_call> chained_calls(std::string_view text, std::size_t at,
                                        const re2::RE2& call) {
  std::vector<chained_call> calls;
  std::string method;
  while (at < text.size() && calls.size() < longest_chain) {
    const auto begin = std::min(text.find_first_not_of(" \t\r\n", at), text.size());
    auto rest = piece(text.substr(begin));
    if (!re2::RE2::Consume(&rest, call, &method))
      break;
    at = after_call(text, static_cast<std::size_t>(rest.data() - text.data()));
    calls.push_back({method, begin, at});
  }
  return calls;
}

bool annotates_class(const std::vector<std::string_view>& lines, std::uint32_t line) {
  const auto end = std::min<std::size_t>(lines.size(), line + annotation_lines);
  bool open = goes_on(lines[line - 1]);
  for (std::size_t next = line; next < end; ++next) {
    const auto text = trim(lines[next]);
    if (!open && !text.empty() && !text.starts_with('@') && !text.starts_with(')'))
      return begins_class(text);
    open = goes_on(text);
  }
  return false;
}

std::string class_prefix(const std::vector<std::string_view>& lines,
                         const std::vector<bool>& comments, const language& lang,
                         std::uint32_t line, const re2::RE2& prefix) {
  ++line;            // so that the class is the line above
  std::string above; // the class
  for (std::uint32_t up = 0; up < annotation_lines && line > 2; ++up, --line) {
    const auto text = comments[line - 3] ? std::string() : effective_text(lines[line - 3], lang);
    const auto code = trim(text);
    if (code.ends_with('}') || code.ends_with(';'))
      break;
    above.insert(0, text + '\n');
  }
  std::string found;
  re2::StringPiece rest(above);
  while (re2::RE2::FindAndConsume(&rest, prefix, &found))
    ;
  return found;
}

std::string prefixed_route(const std::string& prefix, const std::string& route) {
  if (prefix.empty())
    return route;
  const auto inner = [](std::string_view text) {
    while (text.starts_with('/'))
      text.remove_prefix(1);
    while (text.ends_with('/'))
      text.remove_suffix(1);
    return std::string(text);
  };
  const auto rest = inner(route);
  return "/" + inner(prefix) + (rest.empty() ? "" : "/" + rest);
}

std::string effective_text(std::string_view line, const language& lang) {
  std::string out;
  for (std::size_t at = 0; at < line.size();) {
    if (comment_begins(line, at, lang))
      break;
    const auto end = is_quote(line[at]) ? after_text(line, at) : at + 1;
    const auto part = line.substr(at, end - at);
    if (part.size() < 2 || !is_prose(part))
      out += part;
    at = end;
  }
  return out;
}

std::string without_said(std::string text) {
  static const std::string words = R"re((?:[rfbRFB]?"[^"]*"|[rfbRFB]?'[^']*'|`[^`]*`))re";
  static const re2::RE2 property(
      "[\"'`]?[\\w-]+[\"'`]?(?:\\s*:=?|\\s=)\\s*(?:(?:true|false|null|nil|"
      "undefined|None|True|False|-?[0-9.]+)\\b|"
      + words + ")");
  static const re2::RE2 told("(?:\\breturn|=>|\\b(?i:send|json|end|write|print\\w*|echo|text|html|"
                             "render|jsonify|\\w*Response|\\w*Error|\\w*Exception)\\()\\s*"
                             + words);
  re2::RE2::GlobalReplace(&text, property, " ");
  re2::RE2::GlobalReplace(&text, told, " ");
  return text;
}

} // namespace aeo::consolidate

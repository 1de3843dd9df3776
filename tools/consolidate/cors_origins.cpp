#include "tools/consolidate/cors_origins.hpp"

#include "tools/consolidate/comment_lines.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <algorithm>
#include <array>

namespace aeo::consolidate {

namespace {

constexpr auto nowhere = std::string_view::npos;

/// Options that belong together are no further apart, in bytes.
constexpr std::size_t options_reach = 4096;

/// A program twice, byte for byte at the same places.
struct two_copies {
  std::string code; ///< comments are blanks
  std::string bare; ///< what texts say is, too: every bracket is one
};

void blank(std::string& text, std::size_t begin, std::size_t end) {
  for (auto i = begin; i < std::min(end, text.size()); ++i)
    text[i] = text[i] == '\n' ? '\n' : ' ';
}

/// Bytes up to the end of the text that begins here; one that is not closed ends with its line.
std::size_t quoted_length(std::string_view rest, const language& lang) {
  const auto triple = rest.substr(0, 3);
  if (lang.triple_quotes && (triple == "\"\"\"" || triple == "'''"))
    return std::min(rest.find(triple, 3), rest.size() - 3) + 3;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '\\')
      ++i;
    else if (rest[i] == rest[0])
      return i + 1;
    else if (rest[i] == '\n' && rest[0] != '`')
      return i;
  }
  return rest.size();
}

/// Bytes of the comment that begins here; 0: none does.
std::size_t comment_length(std::string_view rest, const language& lang) {
  if (!lang.line_comment.empty() && rest.starts_with(lang.line_comment))
    return std::min(rest.find('\n'), rest.size());
  if (lang.block_open.empty() || !rest.starts_with(lang.block_open))
    return 0;
  const auto close = rest.find(lang.block_close, lang.block_open.size());
  return close == nowhere ? rest.size() : close + lang.block_close.size();
}

two_copies copies_of(std::string_view text, const language& lang) {
  std::string code(text);
  std::size_t begin = 0;
  for (const bool comment : comment_lines(text, &lang)) {
    const auto end = std::min(text.find('\n', begin), text.size());
    if (comment)
      blank(code, begin, end);
    begin = end + 1;
  }
  auto bare = code;
  for (std::size_t at = 0; at < text.size();) {
    const auto rest = std::string_view(code).substr(at);
    auto length = comment_length(rest, lang);
    if (length > 0) {
      blank(bare, at, at + length);
      blank(code, at, at + length);
    } else if (lang.quotes.find(rest[0]) != nowhere) {
      length = quoted_length(rest, lang);
      blank(bare, at + 1, at + length - 1);
    }
    at += std::max<std::size_t>(length, 1);
  }
  return {std::move(code), std::move(bare)};
}

/// A file written by a person has so many settings, and a variable so many values, at most.
constexpr std::size_t most_settings = 200;
constexpr std::size_t most_values = 20;

/// The end of the value that begins at `at`: its line's, unless a bracket is open.
std::size_t value_end(std::string_view bare, std::size_t at) {
  int depth = 0;
  const auto first = std::min(bare.find_first_not_of(" \t\r\n", at), bare.size());
  const auto last = std::min(bare.size(), first + options_reach);
  for (auto i = first; i < last; ++i) {
    const char c = bare[i];
    if (c == '(' || c == '[' || c == '{')
      ++depth;
    else if (c == ')' || c == ']' || c == '}')
      --depth;
    if (depth < 0 || (depth == 0 && (c == ',' || c == ';' || c == '\n')))
      return i;
  }
  return last;
}

/// The bracket that is open at `at`; `nowhere`: none within reach.
std::size_t open_bracket(std::string_view bare, std::size_t at) {
  int depth = 0;
  const auto first = at - std::min(at, options_reach);
  for (auto i = at; i-- > first;) {
    const char c = bare[i];
    if (c == ')' || c == ']' || c == '}')
      ++depth;
    else if ((c == '(' || c == '[' || c == '{') && --depth < 0)
      return i;
  }
  return nowhere;
}

/// The last character before `at` that is no blank.
char before(std::string_view bare, std::size_t at) {
  const auto last = bare.substr(0, at).find_last_not_of(" \t\r\n");
  return last == nowhere ? '\0' : bare[last];
}

/// From the bracket on that holds all options of the call that `at` is in: that of the call, but no
/// body of a function.
std::size_t options_begin(std::string_view bare, std::size_t at) {
  auto begin = open_bracket(bare, at);
  while (begin != nowhere && bare[begin] != '(') {
    const auto outer = open_bracket(bare, begin);
    const bool body = outer != nowhere && bare[outer] == '{'
                      && (before(bare, outer) == ')' || before(bare, outer) == '>');
    if (outer == nowhere || body || at - outer > options_reach)
      break;
    begin = outer;
  }
  return begin;
}

/// The call or the object that `at` is in; at the top of a file, what is near.
std::string_view options_around(const two_copies& copies, std::size_t at) {
  const std::string_view code = copies.code;
  const auto begin = options_begin(copies.bare, at);
  if (begin == nowhere)
    return code.substr(at - std::min(at, options_reach), 2 * options_reach);
  const auto last = std::min(code.size(), at + options_reach);
  int depth = 0;
  auto end = begin;
  do {
    const char c = copies.bare[end++];
    depth += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
  } while (depth > 0 && end < last);
  return code.substr(begin, end - begin);
}

bool allows_credentials(std::string_view options) {
  static const re2::RE2 allowed(
      "\\b(?:allow_credentials|supports_credentials|credentials|AllowCredentials|"
      "CORS_ALLOW_CREDENTIALS)[\"']?\\s*[:=]\\s*(?i:true)\\b");
  return re2::RE2::PartialMatch(piece(options), allowed);
}

std::string in_one_line(std::string_view text) {
  std::string line;
  for (const char c : trim(text)) {
    const bool is_blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!is_blank || line.back() != ' ')
      line += is_blank ? ' ' : c;
  }
  return line;
}

class reader {
public:
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;

  reader(std::string_view text, const language& lang)
      : language_(lang.name), copies_(copies_of(text, lang)), code_(copies_.code) {}

  std::vector<origin_setting> read() const {
    std::vector<origin_setting> found;
    add_named(found);
    if (language_ == "Python")
      add_without_origins(found);
    return found;
  }

private:
  void add_named(std::vector<origin_setting>& found) const {
    static const re2::RE2 key(
        "\\b(allow_origins|allow_origin_regex|origins?|CORS_(?:ORIGIN_ALLOW_ALL|ALLOW_ALL_ORIGINS)|"
        "Allow(?:ed)?Origins|AllowAllOrigins)([\"']?\\s*(?::=|[:=]|[,}]))");
    std::array<re2::StringPiece, 3> match;
    for (std::size_t at = 0; found.size() < most_settings
                             && key.Match(piece(code_), at, code_.size(), re2::RE2::UNANCHORED,
                                          match.data(), match.size());) {
      const auto begin = static_cast<std::size_t>(match[1].data() - code_.data());
      at = begin + match[0].size();
      add({match[1].data(), match[1].size()}, {match[2].data(), match[2].size()}, found);
    }
  }

  /// Flask-CORS that is told no origins lets any in.
  void add_without_origins(std::vector<origin_setting>& found) const {
    static const re2::RE2 call("(class\\s+)?\\bCORS\\(\\s*\\w+\\s*,");
    static const re2::RE2 told("\\borigins\\b|\\*\\*|\\bresources\\s*=\\s*[A-Za-z_]\\w*\\s*[,)]");
    if (code_.find("CORS_ORIGINS") != nowhere || code_.find("CORS_RESOURCES") != nowhere)
      return;
    std::array<re2::StringPiece, 2> match;
    for (std::size_t at = 0; call.Match(piece(code_), at, code_.size(), re2::RE2::UNANCHORED,
                                        match.data(), match.size());) {
      const auto begin = static_cast<std::size_t>(match[0].data() - code_.data());
      at = begin + match[0].size();
      const auto options = options_around(copies_, at);
      if (match[1].empty() && !re2::RE2::PartialMatch(piece(options), told))
        found.push_back(
            {line_of(begin), {{"CORS(app)", line_of(begin)}}, allows_credentials(options)});
    }
  }

  std::uint32_t line_of(std::size_t at) const {
    return 1 + static_cast<std::uint32_t>(std::count(code_.data(), code_.data() + at, '\n'));
  }

  std::string_view value_at(std::size_t at) const {
    return trim(code_.substr(at, value_end(copies_.bare, at) - at));
  }

  /// `cors({ origin })` is short for `cors({ origin: origin })`.
  bool is_short(std::size_t at) const {
    const auto begin = options_begin(copies_.bare, at);
    return begin != nowhere && trim(code_.substr(0, begin)).ends_with("cors");
  }

  void add(std::string_view name, std::string_view separator,
           std::vector<origin_setting>& found) const {
    const auto at = static_cast<std::size_t>(name.data() - code_.data());
    const bool is_value = separator.ends_with('=') || separator.ends_with(':');
    if (!is_value && !is_short(at))
      return;
    const auto after = at + name.size() + separator.size();
    const auto head = std::string(name) + (is_value ? in_one_line(separator) : ":");
    origin_setting setting{line_of(at), {}, allows_credentials(options_around(copies_, at))};
    add_values(head, is_value ? value_at(after) : name, setting);
    found.push_back(std::move(setting));
  }

  void add_values(const std::string& head, std::string_view value, origin_setting& setting) const {
    static const re2::RE2 named(
        "((?:\\[\\]string\\s*\\{|\\[)?)\\s*([A-Za-z_]\\w*)\\s*,?\\s*([\\]}]?)");
    std::string open;
    std::string name;
    std::string close;
    if (re2::RE2::FullMatch(piece(value), named, &open, &name, &close)) {
      const re2::RE2 assigned("(?m)^[ \\t]*(?:export\\s+)?(?:(?:const|let|var)\\s+)?" + name
                              + "\\s*(?::[^=\\n]*)?=[^=>]");
      auto rest = piece(code_);
      while (setting.values.size() < most_values && re2::RE2::FindAndConsume(&rest, assigned)) {
        const auto at = static_cast<std::size_t>(rest.data() - code_.data()) - 1;
        setting.values.push_back({head + open + in_one_line(value_at(at)) + close, line_of(at)});
      }
    }
    if (setting.values.empty())
      setting.values.push_back({head + in_one_line(value), setting.line});
  }

  std::string_view language_;
  two_copies copies_;
  std::string_view code_;
};

} // namespace

bool has_origin_settings(std::string_view language) {
  constexpr std::array<std::string_view, 6> read{"Python", "JavaScript", "TypeScript",
                                                 "Vue",    "Svelte",     "Go"};
  return std::find(read.begin(), read.end(), language) != read.end();
}

std::vector<origin_setting> origin_settings(std::string_view text, const language& lang) {
  return reader(text, lang).read();
}

} // namespace aeo::consolidate

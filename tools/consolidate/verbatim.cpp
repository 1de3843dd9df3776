#include "tools/consolidate/verbatim.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <string>

namespace aeo::consolidate {

namespace {

std::size_t or_end(std::size_t at, std::string_view text) {
  return std::min(at, text.size());
}

/// Where a string that begins with these quotes at `at` ends; a plain one ends with its line.
std::size_t string_end(std::string_view text, std::size_t at, std::string_view quotes) {
  for (at += quotes.size(); at < text.size(); ++at) {
    if (text[at] == '\\')
      ++at;
    else if (text.substr(at).starts_with(quotes))
      return at + quotes.size();
    else if (text[at] == '\n' && quotes.size() == 1)
      return at;
  }
  return text.size();
}

/// The letters before a quote: `rb"""`.
bool is_format(std::string_view text, std::size_t quote) {
  constexpr std::string_view prefixes = "fFrRbBuUtT";
  while (quote > 0 && prefixes.find(text[quote - 1]) != std::string_view::npos) {
    if (std::string_view("fFtT").find(text[--quote]) != std::string_view::npos)
      return true;
  }
  return false;
}

std::vector<byte_range> triple_quoted(std::string_view text) {
  std::vector<byte_range> ranges;
  for (std::size_t at = 0; (at = text.find_first_of("#\"'", at)) != std::string_view::npos;) {
    if (text[at] == '#') {
      at = or_end(text.find('\n', at), text);
      continue;
    }
    const auto three = text.substr(at, 3);
    const bool triple = three == "\"\"\"" || three == "'''";
    const auto end = string_end(text, at, triple ? three : text.substr(at, 1));
    if (triple && !is_format(text, at))
      ranges.push_back({at, end});
    at = end;
  }
  return ranges;
}

/// Behind the line that is `word`, from `at` on; npos if none is.
std::size_t after_here_document(std::string_view text, std::size_t at, std::string_view word,
                                bool tabs) {
  while (at < text.size()) {
    const auto stop = or_end(text.find('\n', at), text);
    auto line = text.substr(at, stop - at);
    at = or_end(stop + 1, text);
    while (tabs && line.starts_with('\t'))
      line.remove_prefix(1);
    if (line == word)
      return at;
  }
  return std::string_view::npos;
}

/// Whether the line that opens a here-document gives it to a shell: `sudo sh -s <<'EOT'` and
/// `cat <<'EOT' | bash`, but not `cat > x.sh <<'EOT'`.
bool feeds_shell(std::string_view line) {
  static const std::string shell =
      R"((?:\b(?:sudo|exec|env)\s(?:[^|&;]*\s)?)?(?:\w+=\S*\s+)*(?:[\w./$-]*/)?(?:ba|da|z|k)?sh)";
  static const re2::RE2 reads(R"((?:^|[;|&({]|\b(?:then|do|else)\s)\s*)" + shell
                              + R"((?:\s(?:[^|&;]|>&)*)?<<)");
  static const re2::RE2 piped(R"(<<(?:[^;&]|>&)*[^|]\|&?\s*)" + shell + R"((?:[\s;&|)]|$))");
  return re2::RE2::PartialMatch(piece(line), reads) || re2::RE2::PartialMatch(piece(line), piped);
}

/// `cat <<'EOT'` and `<<-"EOT"`; not `bash <<'EOT'`, which reads the environment.
std::vector<byte_range> here_documents(std::string_view text) {
  static const re2::RE2 opened(R"re((?:^|[^<])<<(-?)\s*(?:'([^'\s]+)'|"([^"\s]+)"|\\(\w+)))re");
  std::vector<byte_range> ranges;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = or_end(text.find('\n', at), text);
    const auto line = text.substr(at, end - at);
    at = end + 1;
    std::string dash;
    std::string one;
    std::string two;
    std::string escaped;
    if (trim(line).starts_with('#')
        || !re2::RE2::PartialMatch(piece(line), opened, &dash, &one, &two, &escaped))
      continue;
    const auto word = one + two + escaped;
    const auto end_of_document = after_here_document(text, at, word, !dash.empty());
    if (end_of_document == std::string_view::npos)
      continue; // nothing ends it
    if (!feeds_shell(line))
      ranges.push_back({at, end_of_document});
    at = end_of_document;
  }
  return ranges;
}

} // namespace

std::vector<byte_range> verbatim_texts(std::string_view language, std::string_view text) {
  if (language == "Python")
    return triple_quoted(text);
  if (language == "Shell")
    return here_documents(text);
  return {};
}

} // namespace aeo::consolidate

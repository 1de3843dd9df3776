#include "tools/consolidate/functions.hpp"

#include "tools/consolidate/line_engine.hpp"
#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <set>

namespace aeo::consolidate {

std::size_t indent_of(std::string_view line) {
  return std::min(line.find_first_not_of(" \t"), line.size());
}

namespace {

/// A decorator of Python and TypeScript, an annotation of Java, an attribute of Rust and PHP.
bool is_attribute(std::string_view line) {
  const auto text = line.substr(std::min(indent_of(line), line.size()));
  return text.starts_with('@') || text.starts_with("#[");
}

bool begins_class(std::string_view line) {
  const auto text = line.substr(std::min(indent_of(line), line.size()));
  return text.starts_with("class ") || text.starts_with("export class ");
}

/// The line with the brace that closes what the line opens, or before the next statement beside it.
std::uint32_t closing_brace(const std::vector<std::string_view>& lines, std::uint32_t line) {
  const auto head = lines[line - 1];
  const auto opened = std::count(head.begin(), head.end(), '{');
  const auto end = trim(head);
  if (opened > 0 && opened == std::count(head.begin(), head.end(), '}')
      && (end.ends_with('}') || end.ends_with(';')))
    return line;
  const auto own = indent_of(head);
  for (auto down = line + 1; down <= lines.size(); ++down) {
    const auto text = lines[down - 1];
    const auto indent = indent_of(text);
    if (indent == own && text.substr(own).starts_with('}'))
      return down;
    const bool is_head = indent < text.size() && (text[indent] == '{' || text[indent] == ')');
    if (indent <= own && indent < text.size() && !is_head)
      return down - 1; // Something else begins.
  }
  return static_cast<std::uint32_t>(lines.size());
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

/// The last line of a block by its indentation; a bracket may close the head of it.
std::uint32_t last_indented(const std::vector<std::string_view>& lines, std::uint32_t line) {
  const auto own = indent_of(lines[line - 1]);
  auto last = line;
  bool quoted = false; // in a text in triple quotes
  for (auto down = line + 1; down <= lines.size(); ++down) {
    const auto text = trim(lines[down - 1]);
    const auto indent = indent_of(lines[down - 1]);
    const bool in_text = quoted;
    const auto quotes = count_of(text, "\"\"\"") + count_of(text, "'''");
    quoted = quoted != (quotes % 2 == 1);
    if (text.empty() || in_text) {
      last = in_text ? down : last;
      continue;
    }
    if (indent <= own && text[0] != ')' && text[0] != ']' && text[0] != '#')
      break;
    last = down;
  }
  return last;
}

/// Words that look like a method's name before a parenthesis.
bool is_keyword(const std::string& name) {
  static const std::set<std::string> words{"if",     "for",   "while", "switch", "catch",
                                           "return", "else",  "do",    "new",    "with",
                                           "try",    "throw", "await", "typeof"};
  return words.contains(name);
}

} // namespace

function_finder::function_finder(const security_rules& rules) {
  for (const auto& rule : rules.functions)
    idioms_.push_back(
        {rule.languages, std::make_unique<re2::RE2>(rule.pattern, line_engine::options())});
}

bool function_finder::knows(std::string_view language) const {
  return std::any_of(idioms_.begin(), idioms_.end(), [&](const idiom& item) {
    return std::find(item.languages.begin(), item.languages.end(), language)
           != item.languages.end();
  });
}

std::vector<function_extent>
function_finder::find(std::string_view language, const std::vector<std::string_view>& lines) const {
  std::vector<function_extent> found;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto line = lines[i].substr(0, 500);
    for (const auto& item : idioms_) {
      std::string name;
      if (std::find(item.languages.begin(), item.languages.end(), language) == item.languages.end()
          || !re2::RE2::PartialMatch({line.data(), line.size()}, *item.pattern, &name)
          || is_keyword(name))
        continue;
      found.push_back(
          {name, static_cast<std::uint32_t>(i + 1), static_cast<std::uint32_t>(lines.size())});
      break;
    }
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto own = indent_of(lines[found[i].first - 1]);
    for (std::size_t j = i + 1; j < found.size(); ++j) {
      if (indent_of(lines[found[j].first - 1]) <= own) {
        found[i].last = found[j].first - 1;
        break;
      }
    }
    found[i].last =
        std::min(found[i].last, language == "Python" ? last_indented(lines, found[i].first)
                                                     : closing_brace(lines, found[i].first));
    // What stands before the next one, as decorators and annotations do, is not this one's.
    for (auto line = found[i].first + 1; line <= found[i].last; ++line) {
      const auto text = lines[line - 1];
      if (indent_of(text) <= own && (is_attribute(text) || begins_class(text)))
        found[i].last = line - 1;
    }
  }
  return found;
}

} // namespace aeo::consolidate

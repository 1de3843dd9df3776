#include "tools/consolidate/settings_fields.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

namespace aeo::consolidate {

namespace {

/// So many lines a field is followed over.
constexpr std::size_t field_lines = 10;

/// The line without a comment at its end; what it leaves open adds to `depth`.
std::string_view code_in(std::string_view line, int& depth) {
  constexpr std::string_view opening = "([{";
  constexpr std::string_view closing = ")]}";
  char quote = '\0';
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (quote != '\0') {
      at += c == '\\' ? 1 : 0;
      quote = c == quote ? '\0' : quote;
    } else if (c == '#') {
      return line.substr(0, at);
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else {
      depth += opening.find(c) != opening.npos ? 1 : closing.find(c) != closing.npos ? -1 : 0;
    }
  }
  return line;
}

/// The line at index `at`, which moves behind it; a field with the lines up to where it closes.
std::string joined(const std::vector<std::string_view>& lines, std::size_t& at) {
  static const re2::RE2 field(R"(\s*[A-Za-z]\w*\s*:.*[(\[{].*)");
  const auto first = at++;
  const auto end = std::min(lines.size(), first + field_lines);
  int depth = 0;
  std::string text(code_in(lines[first], depth));
  if (depth <= 0 || !re2::RE2::FullMatch(text, field))
    return std::string(lines[first]);
  for (auto next = at; next < end; ++next) {
    text += " " + std::string(trim(code_in(lines[next], depth)));
    if (depth <= 0) {
      at = next + 1;
      return text;
    }
  }
  return std::string(lines[first]);
}

class settings_reader {
public:
  std::vector<variable_use> read(std::string_view text) {
    const auto lines = split(text, '\n');
    for (std::size_t at = 0; at < lines.size();) {
      const auto number = static_cast<std::uint32_t>(at + 1);
      read_line(joined(lines, at), number);
    }
    end_class();
    return std::move(uses_);
  }

private:
  /// A field that waits for the class's prefix, which may come after it.
  struct field {
    variable_use use;
    bool prefixed = true;
  };

  void read_line(std::string_view line, std::uint32_t number) {
    static const re2::RE2 head(R"(\s*class\s+(\w+)\s*\(([^)]*)\)\s*:.*)");
    static const re2::RE2 prefix(R"(\benv_prefix["']?\s*[=:]\s*["']([^"']*)["'])");
    const auto trimmed = trim(line);
    if (trimmed.empty() || trimmed.starts_with('#'))
      return;
    const auto indent = line.find_first_not_of(" \t");
    if (class_ && indent <= class_indent_)
      end_class();
    std::string name;
    std::string bases;
    if (!class_ && re2::RE2::FullMatch(piece(line), head, &name, &bases)) {
      begin_class(name, bases, indent);
      return;
    }
    if (!class_)
      return;
    body_indent_ = std::min(body_indent_, indent);
    if (std::string given; re2::RE2::PartialMatch(piece(line), prefix, &given))
      prefix_ = given;
    if (indent == body_indent_)
      add_field(trimmed, number);
  }

  void begin_class(const std::string& name, const std::string& bases, std::size_t indent) {
    static const re2::RE2 word(R"((\w+))");
    auto rest = piece(bases);
    std::string base;
    while (re2::RE2::FindAndConsume(&rest, word, &base)) {
      const auto known = classes_.find(base);
      if (known == classes_.end())
        continue;
      class_ = name;
      class_indent_ = indent;
      body_indent_ = std::string_view::npos;
      prefix_ = known->second;
    }
  }

  void add_field(std::string_view line, std::uint32_t number) {
    static const re2::RE2 declared(R"(([A-Za-z]\w*)\s*:\s*([^=]+?)\s*(?:=\s*(.*))?)");
    static const re2::RE2 given(
        R"(\b(?:env|alias|validation_alias)\s*=\s*(?:AliasChoices\(\s*)?["'](\w+)["'])");
    static const re2::RE2 needed(R"(\.\.\.|Field\(\s*(?:\.\.\.|\)|[^"'\s].*))");
    static const re2::RE2 defaulted(
        R"(\bdefault(?:_factory)?\s*=|Field\(\s*(?:["'\d\[{-]|None|True|False))");
    std::string name;
    std::string type;
    std::string value;
    if (!re2::RE2::FullMatch(piece(line), declared, &name, &type, &value) || name == "model_config"
        || type.starts_with("ClassVar") || line.starts_with("class ") || line.starts_with("def ")
        || line.starts_with("async "))
      return;
    field item;
    item.use.line = number;
    const bool none = type.find("None") != std::string::npos || type.starts_with("Optional[");
    const bool has_default =
        !value.empty()
        && (!re2::RE2::PartialMatch(value, needed) || re2::RE2::PartialMatch(value, defaulted));
    item.use.required = !none && !has_default;
    std::string alias;
    item.prefixed = !re2::RE2::PartialMatch(value, given, &alias);
    item.use.name = upper(item.prefixed ? name : alias);
    fields_.push_back(std::move(item));
  }

  void end_class() {
    if (!class_)
      return;
    for (auto& item : fields_) {
      if (item.prefixed)
        item.use.name.insert(0, upper(prefix_));
      uses_.push_back(std::move(item.use));
    }
    classes_.emplace(*class_, prefix_);
    fields_.clear();
    class_.reset();
  }

  std::map<std::string, std::string> classes_{{"BaseSettings", ""}}; ///< name -> its prefix
  std::optional<std::string> class_;
  std::size_t class_indent_ = 0;
  std::size_t body_indent_ = 0;
  std::string prefix_;
  std::vector<field> fields_;
  std::vector<variable_use> uses_;
};

} // namespace

std::vector<variable_use> settings_fields(std::string_view text) {
  if (text.find("BaseSettings") == std::string_view::npos)
    return {};
  return settings_reader().read(text);
}

} // namespace aeo::consolidate

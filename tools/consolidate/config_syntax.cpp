#include "tools/consolidate/config_syntax.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/yaml_text.hpp"

#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <toml++/toml.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

namespace aeo::consolidate {

namespace {

syntax_problem at_offset(std::string_view text, std::size_t offset, std::string message) {
  const auto before = text.substr(0, offset);
  const auto newline = before.rfind('\n');
  const auto column = newline == std::string_view::npos ? offset : offset - newline - 1;
  return {1 + static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n')),
          1 + static_cast<std::uint32_t>(column), std::move(message)};
}

/// Takes the events of a JSON parser and keeps the first error only.
class json_checker : public nlohmann::json_sax<nlohmann::json> {
public:
  explicit json_checker(std::string_view text) : text_(text) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // The parser's own message quotes what it read last.
    const std::string what = error.what();
    const bool early =
        position >= text_.size() && what.find("unexpected end of input") != std::string::npos;
    problem = at_offset(text_, std::min(text_.size(), position == 0 ? 0 : position - 1),
                        early                                     ? "ends too early"
                        : what.find("UTF-8") != std::string::npos ? "is not UTF-8"
                        : what.find("expected end of input") != std::string::npos
                            ? "something follows the first value"
                            : "is not JSON from here on");
    return false;
  }

  syntax_problem problem;

private:
  std::string_view text_;
};

/// Blanks commas before a closing bracket, so that offsets stay. Strings and comments are skipped.
std::string without_trailing_commas(std::string text) {
  std::size_t comma = std::string::npos;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i)
        i += text[i] == '\\' ? 1 : 0;
      comma = std::string::npos;
    } else if (text.compare(i, 2, "//") == 0) {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (text.compare(i, 2, "/*") == 0) {
      i = std::min(text.find("*/", i + 2), text.size() - 1) + 1;
    } else if (c == ',') {
      comma = i;
    } else if ((c == ']' || c == '}') && comma != std::string::npos) {
      text[comma] = ' ';
      comma = std::string::npos;
    } else if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      comma = std::string::npos;
    }
  }
  return text;
}

syntax_problem check_json(const std::string& text, bool comments) {
  json_checker checker(text);
  nlohmann::json::sax_parse(text, &checker, nlohmann::json::input_format_t::json, true, comments);
  return std::move(checker.problem);
}

syntax_problem check_yaml(const std::string& text) {
  try {
    check_yaml_stream(text);
  } catch (const YAML::Exception& error) {
    const auto message = error.msg.substr(0, error.msg.find(": "));
    return {static_cast<std::uint32_t>(error.mark.line + 1),
            static_cast<std::uint32_t>(error.mark.column + 1), printable(message, 200)};
  }
  return {};
}

/// toml++ shows the offending text behind "; saw" and in quotes: both are cut off.
syntax_problem check_toml(const std::string& text) {
  try {
    static_cast<void>(toml::parse(text));
  } catch (const toml::parse_error& error) {
    const auto message = error.description();
    return {error.source().begin.line, error.source().begin.column,
            printable(message.substr(0, message.find_first_of("';\"")), 200)};
  }
  return {};
}

syntax_problem check_xml(const std::string& text) {
  pugi::xml_document document;
  const auto result = document.load_buffer(text.data(), text.size(), pugi::parse_default);
  if (result || result.status == pugi::status_no_document_element)
    return {};
  return at_offset(
      text,
      std::min(text.size(), static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, result.offset))),
      result.description());
}

syntax_problem check_ini(const std::string& text) {
  std::uint32_t number = 0;
  bool continues = false;
  for (const auto line : split(text, '\n')) {
    ++number;
    const auto body = trim(line);
    const bool indented = !line.empty() && (line[0] == ' ' || line[0] == '\t');
    if (body.empty() || body[0] == '#' || body[0] == ';')
      continue;
    if (body[0] == '[') {
      if (body.find(']') == std::string_view::npos && !(indented && continues))
        return {number, 1, "a section name is not closed with ]"};
      continues = continues && indented;
      continue;
    }
    // A name alone is a setting without a value to some readers, an indented line goes on.
    continues = true;
    if (body[0] == '=' || (body[0] == ':' && !indented))
      return {number, 1, "a value without a name"};
  }
  return {};
}

syntax_problem check_env(const std::string& text) {
  std::uint32_t number = 0;
  char open = 0; // the quote of a value that goes on over several lines
  std::uint32_t opened = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    if (open != 0) {
      open = line.find(open) == std::string_view::npos ? open : '\0';
      continue;
    }
    line = trim(line);
    if (line.empty() || line[0] == '#')
      continue;
    if (line.starts_with("export "))
      line = trim(line.substr(7));
    const auto equals = line.find('=');
    const auto name = trim(line.substr(0, equals));
    const bool named = !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0
                       && std::all_of(name.begin(), name.end(), [](char c) {
                            return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'
                                   || c == '.' || c == '-';
                          });
    if (equals == std::string_view::npos || !named)
      return {number, 1, "is neither NAME=value nor a comment"};
    const auto value = trim(line.substr(equals + 1));
    if (!value.empty() && (value[0] == '"' || value[0] == '\'')
        && value.find(value[0], 1) == std::string_view::npos) {
      open = value[0];
      opened = number;
    }
  }
  return open != 0 ? syntax_problem{opened, 1, "a quote is not closed"} : syntax_problem{};
}

} // namespace

syntax_problem check_syntax(std::string_view format, const std::string& text) {
  if (format == "json")
    return check_json(text, false);
  if (format == "jsonc")
    return check_json(without_trailing_commas(text), true);
  if (format == "yaml")
    return check_yaml(text);
  if (format == "toml")
    return check_toml(text);
  if (format == "xml")
    return check_xml(text);
  return format == "ini" ? check_ini(text) : check_env(text);
}

} // namespace aeo::consolidate

// Data languages are parsed in this process, and the answers of scripts are read here.
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/process.hpp"
#include "tools/consolidate/syntax.hpp"
#include "tools/consolidate/yaml_text.hpp"

#include <toml++/toml.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

namespace aeo::consolidate {

namespace {

using outcome_kind = parse_outcome::kind;

/// Files that their programs read with comments and trailing commas, whatever the name says.
bool allows_comments(std::string_view path) {
  const auto name = base_name(path);
  const auto directory = base_name(dir_name(path));
  return name.ends_with(".jsonc") || name.ends_with(".code-workspace")
         || name.starts_with("tsconfig") || name.starts_with("jsconfig") || name == ".babelrc"
         || name == ".swcrc" || name.starts_with(".eslintrc") || name == "devcontainer.json"
         || name == "turbo.json" || name == "api-extractor.json" || directory == ".vscode"
         || directory == ".devcontainer";
}

/// A comma before a closing bracket becomes a space; strings and comments are left alone.
std::string json_without_trailing_commas(std::string text) {
  std::size_t comma = std::string::npos;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      in_string = c != '"';
      continue;
    }
    if (c == '/' && i + 1 < text.size() && (text[i + 1] == '/' || text[i + 1] == '*')) {
      const auto end = text[i + 1] == '/' ? text.find('\n', i) : text.find("*/", i + 2);
      i = end == std::string::npos ? text.size() : end + (text[i + 1] == '*' ? 1 : 0);
      continue;
    }
    if ((c == '}' || c == ']') && comma != std::string::npos)
      text[comma] = ' ';
    if (std::string_view(" \t\r\n").find(c) == std::string_view::npos)
      comma = c == ',' ? i : std::string::npos;
    in_string = c == '"';
  }
  return text;
}

std::uint32_t line_at(std::string_view text, std::size_t byte) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(byte, text.size()));
  return 1 + static_cast<std::uint32_t>(std::count(text.begin(), end, '\n'));
}

parse_outcome json_value(const std::string& text, bool comments) {
  try {
    const auto ignored = nlohmann::json::parse(text, nullptr, true, comments);
    return {outcome_kind::parsed, 0, ""};
  } catch (const nlohmann::json::parse_error& error) {
    std::string what = error.what();
    what.erase(0, what.find("] ") == std::string::npos ? 0 : what.find("] ") + 2);
    return {outcome_kind::failed, line_at(text, error.byte > 0 ? error.byte - 1 : 0),
            printable(what, 300)};
  }
}

/// A chart's templates are text for Go's templates; what they make is YAML.
bool is_chart_template(const scratch_checkout& checkout, std::string_view path) {
  const auto at = path.find("/templates/");
  const auto top = at == std::string_view::npos ? std::string_view{} : path.substr(0, at);
  return checkout.has_file(join_path(top, "Chart.yaml"))
         && (at != std::string_view::npos || path.starts_with("templates/"));
}

} // namespace

parse_outcome parse_json_file(const std::string& path, const std::string& text) {
  if (!path.ends_with(".jsonl") && !path.ends_with(".ndjson")) {
    const bool comments = allows_comments(path);
    return json_value(comments ? json_without_trailing_commas(text) : text, comments);
  }
  std::uint32_t number = 0;
  for (const auto line : split(text, '\n')) {
    ++number;
    if (trim(line).empty())
      continue;
    auto outcome = json_value(std::string(line), false);
    if (outcome.what == outcome_kind::failed) {
      outcome.line = number;
      return outcome;
    }
  }
  return {outcome_kind::parsed, 0, ""};
}

parse_outcome parse_yaml_file(const scratch_checkout& checkout, const std::string& path,
                              const std::string& text) {
  if (is_chart_template(checkout, path))
    return {outcome_kind::unmeasured, 0, "YAML after a template engine: not YAML by itself"};
  try {
    check_yaml_stream(text);
    return {outcome_kind::parsed, 0, ""};
  } catch (const YAML::Exception& error) {
    if (text.find("{%") != std::string::npos || text.find("{{-") != std::string::npos)
      return {outcome_kind::unmeasured, 0, "YAML after a template engine: not YAML by itself"};
    return {outcome_kind::failed, static_cast<std::uint32_t>(error.mark.line + 1), error.msg};
  }
}

parse_outcome parse_toml_file(const std::string& text) {
  try {
    const auto ignored = toml::parse(text);
    return {outcome_kind::parsed, 0, ""};
  } catch (const toml::parse_error& error) {
    return {outcome_kind::failed, error.source().begin.line, std::string(error.description())};
  }
}

std::vector<parse_outcome> run_script_batch(const scratch_checkout& checkout,
                                            const script_batch& batch,
                                            const std::vector<std::string>& files,
                                            std::vector<parsed_import>& imports) {
  std::string input;
  for (const auto& file : files)
    input += file + '\0';
  process_options options;
  options.directory = batch.directory;
  options.environment = checkout.environment(true);
  options.writable = checkout.writable();
  options.input = input;
  const auto said = run_process(batch.argv, options);
  if (said.exit_code != 0) {
    const auto reason = "its parser ended with " + std::to_string(said.exit_code) + ": "
                        + printable(trim(said.err), 200);
    return std::vector<parse_outcome>(files.size(), {outcome_kind::unmeasured, 0, reason});
  }
  std::vector<parse_outcome> outcomes(files.size(), {outcome_kind::parsed, 0, ""});
  for (const auto line : split(said.out, '\n')) {
    const auto answer = nlohmann::json::parse(line, nullptr, false);
    if (!answer.is_object() || !answer.contains("file"))
      continue;
    const auto index = answer["file"].get<std::size_t>();
    if (answer.contains("error"))
      outcomes.at(index) = {outcome_kind::failed, answer.value("line", 0U),
                            printable(answer.value("error", ""), 300)};
    if (answer.contains("unsupported"))
      outcomes.at(index) = {outcome_kind::unmeasured, 0,
                            answer.value("unsupported", "") + " needs a parser of its own"};
    if (!answer.contains("imports"))
      continue;
    for (const auto& item : answer["imports"])
      imports.push_back({files.at(index), item.value("line", 0U), item.value("target", ""),
                         item.value("names", std::vector<std::string>{}),
                         item.value("optional", false)});
  }
  return outcomes;
}

} // namespace aeo::consolidate

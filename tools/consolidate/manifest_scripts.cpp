// package.json, package-lock.json, composer.json, requirements.txt, pyproject.toml and Pipfile.
#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <toml++/toml.h>

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <stdexcept>

namespace aeo::consolidate {

namespace {

using nlohmann::json;

json object_of(const std::string& text) {
  auto document = json::parse(text);
  if (!document.is_object())
    throw std::runtime_error("is " + std::string(document.type_name()) + ", expected an object");
  return document;
}

std::string string_at(const json& document, const char* key) {
  return document.contains(key) && document[key].is_string() ? document[key].get<std::string>()
                                                             : std::string{};
}

/// `"KEY": {"name": "constraint", ...}`
void add_group(const json& document, const std::string& text, const std::string& key,
               const char* ecosystem, const char* scope, manifest& out) {
  if (!document.contains(key))
    return;
  const auto& group = document[key];
  if (group.is_array() && group.empty())
    return; // PHP writes an empty object so
  if (!group.is_object())
    throw std::runtime_error("/" + key + " is " + group.type_name() + ", expected an object");
  const auto from = text.find("\"" + key + "\"");
  for (const auto& [name, constraint] : group.items())
    out.dependencies.push_back({ecosystem, name,
                                constraint.is_string() ? constraint.get<std::string>() : "", scope,
                                line_of(text, "\"" + name + "\"", from)});
}

/// PEP 503: names compare in lower case with runs of `-_.` as one dash.
std::string normal_python_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool separator = c == '-' || c == '_' || c == '.';
    if (!separator)
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!out.ends_with('-'))
      out += '-';
  }
  return out;
}

std::uint32_t toml_line(const toml::node& node) {
  return node.source().begin.line;
}

void add_requirement(const toml::node& node, std::string_view scope, manifest& out) {
  dependency item;
  if (const auto text = node.value<std::string>(); text && parse_requirement(*text, item)) {
    item.scope = scope;
    item.line = toml_line(node);
    out.dependencies.push_back(std::move(item));
  }
}

void add_requirements(const toml::node* list, std::string_view scope, manifest& out) {
  if (list == nullptr || !list->is_array())
    return;
  for (const auto& node : *list->as_array())
    add_requirement(node, scope, out);
}

/// Poetry and Pipfile: `name = "constraint"` or `name = {version = "constraint", ...}`.
void add_table(const toml::table* table, std::string_view scope, manifest& out) {
  if (table == nullptr)
    return;
  for (const auto& [key, node] : *table) {
    if (key.str() == "python")
      continue;
    dependency item{"pypi", normal_python_name(key.str()), "", std::string(scope), toml_line(node)};
    if (const auto text = node.value<std::string>())
      item.constraint = *text;
    else if (const auto* details = node.as_table())
      item.constraint = details->get("version") != nullptr
                            ? details->get("version")->value_or(std::string{})
                            : "not a version";
    if (item.constraint == "*")
      item.constraint.clear();
    out.dependencies.push_back(std::move(item));
  }
}

} // namespace

void parse_package_json(const std::string& text, manifest& out) {
  const auto document = object_of(text);
  out.name = string_at(document, "name");
  out.version = string_at(document, "version");
  out.workspace_root = document.contains("workspaces");
  constexpr std::array<std::pair<const char*, const char*>, 4> groups{
      {{"dependencies", "runtime"},
       {"devDependencies", "development"},
       {"peerDependencies", "runtime"},
       {"optionalDependencies", "optional"}}};
  for (const auto& [key, scope] : groups)
    add_group(document, text, key, "npm", scope, out);
  if (document.contains("scripts") && document["scripts"].is_object()) {
    for (const auto& [name, ignored] : document["scripts"].items())
      out.scripts.push_back(name);
  }
  if (document.contains("bin"))
    out.entry_points.push_back("bin");
}

void parse_package_lock(const std::string& text, manifest& out) {
  const auto document = object_of(text);
  out.lock = true;
  if (document.contains("packages") && document["packages"].is_object()) {
    out.resolved = document["packages"].size() - (document["packages"].contains("") ? 1 : 0);
  } else if (document.contains("dependencies") && document["dependencies"].is_object()) {
    out.resolved = document["dependencies"].size();
  } else if (!document.contains("lockfileVersion")) {
    throw std::runtime_error("has neither \"packages\" nor \"dependencies\"");
  }
}

void parse_composer(const std::string& text, manifest& out) {
  const auto document = object_of(text);
  out.name = string_at(document, "name");
  out.version = string_at(document, "version");
  add_group(document, text, "require", "composer", "runtime", out);
  add_group(document, text, "require-dev", "composer", "development", out);
  // Without a vendor it is no package: `php`, `ext-json`, `composer-plugin-api`.
  std::erase_if(out.dependencies, [](const dependency& item) {
    return !item.name.empty() && item.name.find('/') == std::string::npos;
  });
  if (document.contains("bin"))
    out.entry_points.push_back("bin");
}

bool parse_requirement(std::string_view text, dependency& out) {
  text = trim(text.substr(0, text.find(';')));
  std::size_t end = 0;
  const auto name_char = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  };
  while (end < text.size() && name_char(text[end]))
    ++end;
  if (end == 0)
    return false;
  out.ecosystem = "pypi";
  out.name = normal_python_name(text.substr(0, end));
  text = trim(text.substr(end));
  if (text.starts_with('['))
    text = trim(text.substr(std::min(text.size(), text.find(']') + 1)));
  if (text.starts_with('(') && text.ends_with(')'))
    text = trim(text.substr(1, text.size() - 2));
  const bool version =
      text.empty() || std::string_view("=<>!~@").find(text[0]) != std::string_view::npos;
  out.constraint = text;
  return version;
}

namespace {

/// `-r other.txt`: its requirements count too. Those of `-c` only limit versions.
void note_include(std::string_view line, manifest& out) {
  static const re2::RE2 include(R"((?:-r|--requirement)[ =]*([^\s#:$]+))");
  std::string file;
  if (!re2::RE2::FullMatch(piece(line), include, &file))
    return;
  const auto whole = std::filesystem::path(join_path(std::string(dir_name(out.path)), file));
  out.includes.push_back(whole.lexically_normal().string());
}

/// `./package`, `../x[extra]`, `wheels/a-1.0.whl`, `.`: no name to go by.
bool is_local_path(std::string_view line) {
  static const re2::RE2 path(
      R"((?:\.{1,2}|(?:\.{0,2}/|[\w.-]+/)[^\s@;\[]*|[^\s/]+\.(?:whl|zip|tar\.gz)))"
      R"((?:\[[^\]]*\])?(?:\s*;.*)?)");
  return re2::RE2::FullMatch(piece(line), path);
}

} // namespace

void parse_requirements(const std::string& text, manifest& out) {
  std::uint32_t number = 0;
  std::string bad;
  const bool development =
      out.path.find("dev") != std::string::npos || out.path.find("test") != std::string::npos;
  for (auto line : split(text, '\n')) {
    ++number;
    const auto comment = line.find(" #");
    line = trim(line.substr(0, comment));
    if (const auto hash = line.find(" --hash"); hash != std::string_view::npos)
      line = trim(line.substr(0, hash));
    while (line.ends_with('\\'))
      line = trim(line.substr(0, line.size() - 1));
    note_include(line, out);
    if (line.empty() || line[0] == '#' || line[0] == '-' || is_local_path(line))
      continue; // options (-r, -e, --hash) and paths are not dependencies by name
    dependency item;
    if (line.find("://") != std::string_view::npos && line.find('@') == std::string_view::npos)
      continue; // a bare URL has no name
    if (!parse_requirement(line, item)) {
      bad += (bad.empty() ? "line " : "; line ") + std::to_string(number) + ": \""
             + printable(line, 60) + "\" is not a requirement";
      continue;
    }
    item.scope = development ? "development" : "runtime";
    item.line = number;
    out.dependencies.push_back(std::move(item));
  }
  if (!bad.empty())
    throw std::runtime_error(bad);
}

void parse_pyproject(const std::string& text, manifest& out) {
  const auto document = toml::parse(text);
  const auto project = document["project"];
  const auto poetry = document["tool"]["poetry"];
  out.name = project["name"].value_or(poetry["name"].value_or(std::string{}));
  out.version = project["version"].value_or(poetry["version"].value_or(std::string{}));
  add_requirements(project["dependencies"].node(), "runtime", out);
  if (const auto* groups = project["optional-dependencies"].as_table()) {
    for (const auto& [name, list] : *groups)
      add_requirements(&list, "optional", out);
  }
  if (const auto* groups = document["dependency-groups"].as_table()) {
    for (const auto& [name, list] : *groups)
      add_requirements(&list, "development", out);
  }
  add_requirements(document["tool"]["uv"]["dev-dependencies"].node(), "development", out);
  add_requirements(document["build-system"]["requires"].node(), "build", out);
  add_table(poetry["dependencies"].as_table(), "runtime", out);
  add_table(poetry["dev-dependencies"].as_table(), "development", out);
  if (const auto* groups = poetry["group"].as_table()) {
    for (const auto& [name, group] : *groups) {
      if (const auto* table = group.as_table())
        add_table((*table)["dependencies"].as_table(), "development", out);
    }
  }
  if (project["scripts"].is_table() || poetry["scripts"].is_table())
    out.entry_points.push_back("scripts");
}

void parse_pipfile(const std::string& text, manifest& out) {
  const auto document = toml::parse(text);
  add_table(document["packages"].as_table(), "runtime", out);
  add_table(document["dev-packages"].as_table(), "development", out);
}

} // namespace aeo::consolidate

// Local paths that manifests, compose files, Dockerfiles and workflows name.
#include "tools/consolidate/local_references.hpp"
#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <pugixml.hpp>
#include <toml++/toml.h>
#include <yaml-cpp/yaml.h>

#include <re2/re2.h>

#include <algorithm>
#include <functional>

namespace aeo::consolidate {

namespace {

/// What one manifest says, with what all its readers need.
class manifest_reader {
public:
  manifest_reader(const scratch_checkout& checkout, const std::string& path,
                  std::vector<local_reference>& out)
      : checkout_(checkout), path_(path), directory_(dir_name(path)), text_(checkout.read(path)),
        out_(out) {}

  void read() {
    const auto name = base_name(path_);
    const auto type = manifest_type(path_);
    if (type == "package.json")
      package();
    else if (type == "requirements.txt")
      requirements();
    else if (type == "pyproject.toml")
      pyproject();
    else if (type == "Cargo.toml")
      cargo();
    else if (type == "go.mod")
      go_module();
    else if (type == "pom.xml")
      pom();
    else if (type == "CMakeLists.txt")
      cmake();
    else if (type == "Dockerfile")
      dockerfile();
    else if (type == "compose")
      compose();
    else if (directory_ == ".github/workflows"
             && (name.ends_with(".yml") || name.ends_with(".yaml")))
      workflow();
  }

private:
  /// `below`: a file that must be in the directory that `target` names.
  void add(std::uint32_t line, const std::string& kind, const std::string& target,
           const std::vector<std::string>& below = {""}) {
    local_reference item{path_, line, kind, target, {}, false};
    for (const auto& file : below) {
      if (const auto place = resolved_path(directory_, target + "/" + file))
        item.places.push_back(*place);
    }
    out_.push_back(std::move(item));
  }

  /// One of the paths that match must exist.
  void add_glob(std::uint32_t line, const std::string& kind, const std::string& pattern,
                const std::string& base, const std::string& file) {
    local_reference item{path_, line, kind, pattern, {}, false};
    if (const auto whole = resolved_path(base, pattern + (file.empty() ? "" : "/" + file)))
      add_first_match(*whole, item.places);
    out_.push_back(std::move(item));
  }

  /// Only files that begin as the pattern does, up to its first special character, can match it.
  void add_first_match(const std::string& pattern, std::vector<std::string>& places) const {
    const auto literal = pattern.substr(0, pattern.find_first_of("*?["));
    const auto& files = checkout_.files();
    for (auto at = std::ranges::lower_bound(files, literal);
         at != files.end() && at->starts_with(literal); ++at) {
      if (whole_glob_matches(pattern, *at) || whole_glob_matches(pattern + "/**", *at)) {
        places.push_back(*at);
        return;
      }
    }
  }

  static bool is_glob(const std::string& text) {
    return text.find_first_of("*?[") != std::string::npos;
  }
  static bool has_variable(std::string_view text) {
    return text.find('$') != std::string_view::npos || text.find("{{") != std::string_view::npos;
  }

  void package() {
    const auto document = nlohmann::json::parse(text_, nullptr, false);
    if (!document.is_object())
      return;
    for (const auto* group :
         {"dependencies", "devDependencies", "optionalDependencies", "peerDependencies"}) {
      if (!document.contains(group) || !document[group].is_object())
        continue;
      for (const auto& [name, value] : document[group].items()) {
        const auto wanted = value.is_string() ? value.get<std::string>() : std::string{};
        for (const std::string_view scheme : {"file:", "link:", "portal:"}) {
          if (wanted.starts_with(scheme))
            add(line_of(text_, "\"" + name + "\""), "npm-file", wanted.substr(scheme.size()));
        }
      }
    }
    if (!document.contains("workspaces"))
      return;
    const auto& list = document["workspaces"].is_object()
                           ? document["workspaces"].value("packages", nlohmann::json::array())
                           : document["workspaces"];
    for (const auto& item : list) {
      if (item.is_string() && !item.get<std::string>().starts_with('!'))
        add_glob(line_of(text_, "\"" + item.get<std::string>() + "\""), "npm-workspace",
                 item.get<std::string>(), directory_, "package.json");
    }
  }

  void each_line(const std::function<void(std::string_view, std::uint32_t)>& visit) const {
    std::uint32_t number = 0;
    for (const auto line : split(text_, '\n'))
      visit(line, ++number);
  }

  void requirements() {
    static const re2::RE2 include(
        R"(^\s*(?:-r|--requirement|-c|--constraint)[ =]+([^\s#:]+)(?:\s.*)?$)");
    static const re2::RE2 local(
        R"(^\s*(?:(?:-e|--editable)[ =]+)?(\.{1,2}(?:/[^\s#\[;]*)?)(?:[\s\[;#].*)?$)");
    each_line([&](std::string_view line, std::uint32_t number) {
      std::string target;
      if (re2::RE2::FullMatch(piece(line), include, &target)
          || re2::RE2::FullMatch(piece(line), local, &target))
        if (!has_variable(target))
          add(number, "requirements-path", target);
    });
  }

  /// `name = {path = "../other"}`, at any depth.
  void toml_paths(const toml::table& table, const std::string& kind, const std::string& file) {
    for (const auto& [key, node] : table) {
      if (const auto* inner = node.as_table())
        toml_paths(*inner, kind, file);
    }
    const auto* path = table.get("path");
    if (path != nullptr && path->is_string() && table.get("name") == nullptr)
      add(path->source().begin.line, kind, path->value_or(std::string{}), {file});
  }

  void pyproject() {
    const auto document = toml::parse(text_);
    if (const auto* table = document["tool"]["poetry"].as_table())
      toml_paths(*table, "poetry-path", "");
  }

  void cargo() {
    const auto document = toml::parse(text_);
    for (const auto* group :
         {"dependencies", "dev-dependencies", "build-dependencies", "patch", "target"}) {
      if (const auto* table = document[group].as_table())
        toml_paths(*table, "cargo-path", "Cargo.toml");
    }
    if (const auto* shared = document["workspace"]["dependencies"].as_table())
      toml_paths(*shared, "cargo-path", "Cargo.toml");
    const auto* members = document["workspace"]["members"].as_array();
    if (members == nullptr)
      return;
    for (const auto& item : *members) {
      const auto pattern = item.value_or(std::string{});
      if (is_glob(pattern))
        add_glob(item.source().begin.line, "cargo-member", pattern, directory_, "Cargo.toml");
      else
        add(item.source().begin.line, "cargo-member", pattern, {"Cargo.toml"});
    }
  }

  void go_module() {
    static const re2::RE2 replace(
        R"(^\s*(?:replace\s+)?\S+(?:\s+v\S+)?\s+=>\s+(\.{1,2}/\S*|\.\.?)\s*(?://.*)?$)");
    each_line([&](std::string_view line, std::uint32_t number) {
      std::string target;
      if (re2::RE2::FullMatch(piece(line), replace, &target))
        add(number, "go-replace", target, {"go.mod"});
    });
  }

  void pom() {
    pugi::xml_document document;
    if (!document.load_string(text_.c_str()))
      return;
    for (const auto& item : document.child("project").child("modules").children("module")) {
      const std::string target(trim(item.text().as_string()));
      const auto line = line_of(text_, "<module>" + target);
      if (target.ends_with(".xml"))
        add(line, "maven-module", target);
      else
        add(line, "maven-module", target, {"pom.xml"});
    }
  }

  void cmake() {
    static const re2::RE2 directory(R"((?i)^\s*add_subdirectory\s*\(\s*"?([^\s")]+))");
    each_line([&](std::string_view line, std::uint32_t number) {
      std::string target;
      if (re2::RE2::PartialMatch(piece(line), directory, &target) && !has_variable(target)
          && !target.starts_with('/'))
        add(number, "cmake-subdirectory", target, {"CMakeLists.txt"});
    });
  }

  /// The context is not in the file: the nearest directory at or above it that has the source.
  void copied(const std::string& source, std::uint32_t line) {
    if (has_variable(source) || source.find("://") != std::string::npos || source.starts_with("<<")
        || source == "." || source == "./")
      return;
    local_reference item{path_, line, "dockerfile-copy", source, {}, false};
    for (std::string context = directory_;; context = dir_name(context)) {
      const auto whole = resolved_path(context, source);
      if (whole && !is_glob(source))
        item.places.push_back(*whole);
      else if (whole)
        add_first_match(*whole, item.places);
      if (context.empty())
        break;
    }
    out_.push_back(std::move(item));
  }

  void copy_instruction(std::string_view instruction, std::uint32_t line) {
    std::vector<std::string> words;
    const auto bracket = instruction.find('[');
    if (bracket != std::string_view::npos) {
      const auto list = nlohmann::json::parse(instruction.substr(bracket), nullptr, false);
      for (const auto& item : list)
        words.push_back(item.is_string() ? item.get<std::string>() : "$");
    } else {
      for (const auto word : split(instruction, ' ')) {
        const auto trimmed = trim(word);
        if (!trimmed.empty() && !trimmed.starts_with("--"))
          words.emplace_back(trimmed);
      }
    }
    if (instruction.find("--from=") != std::string_view::npos || words.size() < 2)
      return;
    words.pop_back();
    for (const auto& source : words)
      copied(source.starts_with('/') ? source.substr(1) : source, line);
  }

  void dockerfile() {
    static const re2::RE2 copy(R"((?i)^\s*(?:COPY|ADD)\s+(.*)$)");
    std::string open;
    std::uint32_t begin = 0;
    each_line([&](std::string_view line, std::uint32_t number) {
      if (open.empty())
        begin = number;
      const auto shown = trim(line);
      if (shown.starts_with('#'))
        return;
      if (shown.ends_with('\\')) {
        open += std::string(shown.substr(0, shown.size() - 1)) + " ";
        return;
      }
      const auto whole = open + std::string(shown);
      open.clear();
      std::string rest;
      if (re2::RE2::FullMatch(whole, copy, &rest))
        copy_instruction(rest, begin);
    });
  }

  static std::string scalar_of(const YAML::Node& node) {
    return node && node.IsScalar() ? node.Scalar() : std::string{};
  }

  void compose() {
    const auto document = YAML::Load(text_);
    if (!document.IsMap() || !document["services"] || !document["services"].IsMap())
      return;
    for (const auto& service : document["services"]) {
      if (!service.second.IsMap())
        continue;
      const auto build = service.second["build"];
      if (!build)
        continue;
      const auto context = build.IsMap() ? build["context"] : build;
      const auto directory = build.IsMap() && !context ? "." : scalar_of(context);
      if (directory.empty() || has_variable(directory)
          || directory.find("://") != std::string::npos)
        continue;
      const auto line = static_cast<std::uint32_t>((context ? context : build).Mark().line + 1);
      add(line, "compose-build", directory);
      const auto file = build.IsMap() ? build["dockerfile"] : YAML::Node{};
      const auto name = file.IsDefined() && file.IsScalar() ? file.Scalar() : "Dockerfile";
      const bool inline_file = build.IsMap() && build["dockerfile_inline"].IsDefined();
      if (!has_variable(name) && !inline_file)
        add(file.IsDefined() && file.IsScalar() ? static_cast<std::uint32_t>(file.Mark().line + 1)
                                                : line,
            "compose-dockerfile", directory + "/" + name);
    }
  }

  /// `uses: ./path` is an action or a workflow of this repository, seen from its top.
  void workflow() {
    static const re2::RE2 uses(R"re(^\s*-?\s*uses:\s*["']?\./([^\s"'#]*))re");
    each_line([&](std::string_view line, std::uint32_t number) {
      std::string target;
      if (!re2::RE2::PartialMatch(piece(line), uses, &target))
        return;
      local_reference item{path_, number, "workflow-uses", "./" + target, {}, false};
      if (target.ends_with(".yml") || target.ends_with(".yaml"))
        item.places = {target};
      else
        item.places = {join_path(target, "action.yml"), join_path(target, "action.yaml"),
                       join_path(target, "Dockerfile")};
      out_.push_back(std::move(item));
    });
  }

  const scratch_checkout& checkout_;
  std::string path_;
  std::string directory_;
  std::string text_;
  std::vector<local_reference>& out_;
};

bool names_local_paths(const std::string& path) {
  const auto type = manifest_type(path);
  return (!type.empty() && type != "package-lock.json" && type != "Pipfile")
         || dir_name(path) == ".github/workflows";
}

} // namespace

void manifest_references(const scratch_checkout& checkout, const std::string& path,
                         std::vector<local_reference>& out) {
  if (!names_local_paths(path))
    return;
  // One that does not parse is reported by the syntax check (and by phase 1).
  const auto before = out.size();
  try {
    manifest_reader(checkout, path, out).read();
  } catch (const toml::parse_error&) {
    out.resize(before);
  } catch (const YAML::Exception&) {
    out.resize(before);
  }
}

} // namespace aeo::consolidate

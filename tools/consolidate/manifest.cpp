#include "tools/consolidate/manifest.hpp"

#include "tools/consolidate/paths.hpp"

#include <toml++/toml.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <stdexcept>

namespace aeo::consolidate {

namespace {

struct parser {
  std::string_view type;
  void (*parse)(const std::string&, manifest&);
};

constexpr std::array parsers{parser{"package.json", parse_package_json},
                             parser{"package-lock.json", parse_package_lock},
                             parser{"composer.json", parse_composer},
                             parser{"requirements.txt", parse_requirements},
                             parser{"pyproject.toml", parse_pyproject},
                             parser{"Pipfile", parse_pipfile},
                             parser{"go.mod", parse_go_mod},
                             parser{"Cargo.toml", parse_cargo},
                             parser{"pom.xml", parse_pom},
                             parser{"CMakeLists.txt", parse_cmake},
                             parser{"Dockerfile", parse_dockerfile},
                             parser{"compose", parse_compose}};

constexpr const char* no_parser = "no parser for this kind of file";

/// Manifests by name or, with a star, by the end of it.
constexpr std::array<std::string_view, 32> unread{
    "Gemfile",       "*.gemspec",    "build.gradle",    "build.gradle.kts", "build.sbt",
    "setup.py",      "setup.cfg",    "environment.yml", "environment.yaml", "*.csproj",
    "*.fsproj",      "*.vbproj",     "packages.config", "Package.swift",    "Podfile",
    "mix.exs",       "rebar.config", "pubspec.yaml",    "*.cabal",          "stack.yaml",
    "project.clj",   "deps.edn",     "cpanfile",        "Makefile.PL",      "meson.build",
    "conanfile.txt", "conanfile.py", "vcpkg.json",      "bower.json",       "deno.json",
    "Project.toml",  "shard.yml"};

manifest parse_as(std::string_view type, std::string_view path, const std::string& text);

bool is_compose(std::string_view name) {
  const bool yaml = name.ends_with(".yml") || name.ends_with(".yaml");
  return yaml && (name.starts_with("docker-compose") || name.starts_with("compose."));
}

} // namespace

std::string_view manifest_type(std::string_view path) {
  const auto name = base_name(path);
  for (const std::string_view exact :
       {"package.json", "package-lock.json", "composer.json", "pyproject.toml", "Pipfile", "go.mod",
        "Cargo.toml", "pom.xml", "CMakeLists.txt"}) {
    if (name == exact)
      return exact;
  }
  const bool requirements =
      name.ends_with(".txt")
      && (name.starts_with("requirements") || base_name(dir_name(path)) == "requirements");
  if (requirements)
    return "requirements.txt";
  if (name == "Dockerfile" || name == "Containerfile" || name.starts_with("Dockerfile.")
      || name.ends_with(".Dockerfile"))
    return "Dockerfile";
  return is_compose(name) ? "compose" : "";
}

std::string_view unread_manifest_type(std::string_view path) {
  const auto name = base_name(path);
  const auto* found = std::find_if(unread.begin(), unread.end(), [&](std::string_view item) {
    return item.starts_with('*') ? name.ends_with(item.substr(1)) : name == item;
  });
  return found == unread.end() ? std::string_view{} : *found;
}

manifest parse_manifest(std::string_view path, const std::string& text) {
  return parse_as(manifest_type(path), path, text);
}

namespace {

manifest parse_as(std::string_view type, std::string_view path, const std::string& text) {
  manifest out;
  out.path = path;
  out.type = type;
  const auto* found = std::find_if(parsers.begin(), parsers.end(),
                                   [&](const parser& p) { return p.type == out.type; });
  if (found == parsers.end()) {
    out.error = no_parser;
    return out;
  }
  try {
    found->parse(text, out);
  } catch (const toml::parse_error& error) {
    out.error = "line " + std::to_string(error.source().begin.line) + ": "
                + std::string(error.description());
  } catch (const YAML::Exception& error) {
    out.error = "line " + std::to_string(error.mark.line + 1) + ": " + error.msg;
  } catch (const nlohmann::json::parse_error& error) {
    // Its own words quote the text, which may hold a secret.
    const auto good = std::min(error.byte, text.size());
    const auto lines =
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(good), '\n');
    out.error = "line " + std::to_string(lines + 1) + ": is no JSON";
  } catch (const std::exception& error) {
    out.error = printable(error.what(), 300);
  }
  const auto nameless = std::ranges::find(out.dependencies, "", &dependency::name);
  if (nameless != out.dependencies.end()) {
    if (out.error.empty())
      out.error = (nameless->line > 0 ? "line " + std::to_string(nameless->line) + ": " : "")
                  + "a dependency has no name";
    std::erase_if(out.dependencies, [](const dependency& item) { return item.name.empty(); });
  }
  return out;
}

bool may_be_manifest(const step_context& context, const survey& all, const scanned_file& file) {
  const auto& tracked = all.tracked(file);
  return !tracked.is_symlink() && !tracked.is_submodule()
         && !any_glob_matches(context.config.vendored, tracked.path);
}

manifest read_manifest(const survey& all, const scanned_file& file, std::string_view type) {
  const auto& path = all.tracked(file).path;
  manifest item;
  if (!file.facts.problem.empty() || file.facts.too_large || file.facts.binary) {
    item.path = path;
    item.type = type;
    item.error = !file.facts.problem.empty() ? file.facts.problem
                 : file.facts.binary         ? "is binary"
                                             : "is larger than scan.max_text_bytes";
  } else {
    item = parse_as(type, path, read_content(all, file));
  }
  item.source = file.source;
  return item;
}

/// Reads what the manifests include and what that includes, each once, as the same type.
void add_included(const step_context& context, const survey& all, std::vector<manifest>& list) {
  std::map<std::pair<std::size_t, std::string_view>, const scanned_file*> files;
  std::set<std::pair<std::size_t, std::string>> seen;
  for (const auto& item : list)
    seen.emplace(item.source, item.path);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!list[i].includes.empty() && files.empty()) {
      for (const auto& file : all.files)
        files.emplace(std::pair(file.source, std::string_view(all.tracked(file).path)), &file);
    }
    const auto includes = list[i].includes; // the list grows
    for (const auto& path : includes) {
      const auto found = files.find({list[i].source, path});
      if (found != files.end() && may_be_manifest(context, all, *found->second)
          && seen.emplace(list[i].source, path).second)
        list.push_back(read_manifest(all, *found->second, list[i].type));
    }
  }
}

} // namespace

std::vector<manifest> read_manifests(const step_context& context, const survey& all) {
  std::vector<manifest> result;
  for (const auto& file : all.files) {
    const auto type = manifest_type(all.tracked(file).path);
    if (!type.empty() && may_be_manifest(context, all, file))
      result.push_back(read_manifest(all, file, type));
  }
  add_included(context, all, result);
  return result;
}

std::vector<manifest> list_unread_manifests(const step_context& context, const survey& all) {
  std::vector<manifest> result;
  for (const auto& file : all.files) {
    manifest item;
    item.source = file.source;
    item.path = all.tracked(file).path;
    item.type = unread_manifest_type(item.path);
    item.error = no_parser;
    if (!item.type.empty() && may_be_manifest(context, all, file))
      result.push_back(std::move(item));
  }
  return result;
}

std::uint32_t line_of(std::string_view text, std::string_view needle, std::size_t from) {
  const auto at = text.find(needle, from);
  if (at == std::string_view::npos)
    return 0;
  return 1
         + static_cast<std::uint32_t>(
             std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

} // namespace aeo::consolidate

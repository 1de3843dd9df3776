#include "tools/consolidate/manifest.hpp"

#include "tools/consolidate/paths.hpp"

#include <toml++/toml.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace aeo::consolidate {

namespace {

struct parser {
  std::string_view type;
  void (*parse)(const std::string&, manifest&);
};

constexpr std::array parsers{parser{"package.json", parse_package_json},
                             parser{"package-lock.json", parse_package_lock},
                             parser{"requirements.txt", parse_requirements},
                             parser{"pyproject.toml", parse_pyproject},
                             parser{"Pipfile", parse_pipfile},
                             parser{"go.mod", parse_go_mod},
                             parser{"Cargo.toml", parse_cargo},
                             parser{"pom.xml", parse_pom},
                             parser{"CMakeLists.txt", parse_cmake},
                             parser{"Dockerfile", parse_dockerfile},
                             parser{"compose", parse_compose}};

bool is_compose(std::string_view name) {
  const bool yaml = name.ends_with(".yml") || name.ends_with(".yaml");
  return yaml && (name.starts_with("docker-compose") || name.starts_with("compose."));
}

} // namespace

std::string_view manifest_type(std::string_view path) {
  const auto name = base_name(path);
  for (const std::string_view exact :
       {"package.json", "package-lock.json", "pyproject.toml", "Pipfile", "go.mod", "Cargo.toml",
        "pom.xml", "CMakeLists.txt"}) {
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

manifest parse_manifest(std::string_view path, const std::string& text) {
  manifest out;
  out.path = path;
  out.type = manifest_type(path);
  const auto* found = std::find_if(parsers.begin(), parsers.end(),
                                   [&](const parser& p) { return p.type == out.type; });
  if (found == parsers.end()) {
    out.error = "no parser for this kind of file";
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

std::vector<manifest> read_manifests(const step_context& context, const survey& all) {
  std::vector<manifest> result;
  for (const auto& file : all.files) {
    const auto& path = all.tracked(file).path;
    if (manifest_type(path).empty() || all.tracked(file).is_symlink()
        || all.tracked(file).is_submodule() || any_glob_matches(context.config.vendored, path))
      continue;
    manifest item;
    if (!file.facts.problem.empty() || file.facts.too_large || file.facts.binary) {
      item.path = path;
      item.type = manifest_type(path);
      item.error = !file.facts.problem.empty() ? file.facts.problem
                   : file.facts.binary         ? "is binary"
                                               : "is larger than scan.max_text_bytes";
    } else {
      item = parse_manifest(path, read_content(all, file));
    }
    item.source = file.source;
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

#include "tools/consolidate/mapping.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/technologies.hpp"
#include "tools/consolidate/variable_table.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace aeo::consolidate {

namespace {

struct known_directory {
  std::string_view name;
  std::string_view kind;
};

/// Top-level directories whose name says what they are.
constexpr std::array known_directories{
    known_directory{"docs", "docs"},
    known_directory{"doc", "docs"},
    known_directory{"documentation", "docs"},
    known_directory{".github", "infrastructure"},
    known_directory{".circleci", "infrastructure"},
    known_directory{"deploy", "infrastructure"},
    known_directory{"deployment", "infrastructure"},
    known_directory{"docker", "infrastructure"},
    known_directory{"helm", "infrastructure"},
    known_directory{"infra", "infrastructure"},
    known_directory{"infrastructure", "infrastructure"},
    known_directory{"k8s", "infrastructure"},
    known_directory{"kubernetes", "infrastructure"},
    known_directory{"terraform", "infrastructure"},
    known_directory{"ansible", "infrastructure"},
    known_directory{"data", "data"},
    known_directory{"datasets", "data"},
};

std::string_view room_of(std::string_view kind) {
  if (kind == "service")
    return "services";
  if (kind == "app")
    return "apps";
  if (kind == "library")
    return "libs";
  if (kind == "infrastructure")
    return "infra";
  return kind; // docs, data
}

std::string filled(std::string text, const source& from, std::string_view directory) {
  const std::array<std::pair<std::string_view, std::string_view>, 3> values{
      {{"{repository}", from.name}, {"{directory}", directory}, {"{name}", base_name(directory)}}};
  for (const auto& [key, value] : values) {
    for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at + value.size()))
      text.replace(at, key.size(), value);
  }
  return text;
}

/// What the files of one directory (and below) say about its kind.
struct traits {
  std::string server; ///< the evidence, empty if there is none
  std::string front;
  std::string program;
  std::size_t code = 0;
  std::size_t docs = 0;
  std::size_t data = 0;
  std::size_t infrastructure = 0;
};

std::string place(const manifest& from, std::uint32_t line) {
  return encode_path(from.path) + (line > 0 ? ":" + std::to_string(line) : "");
}

class mapper {
public:
  mapper(const step_context& context, const survey& all, const std::vector<manifest>& manifests)
      : context_(context), all_(all), manifests_(manifests) {}

  component_map run() {
    map_.by_directory.resize(all_.sources.size());
    collect_directories();
    for (std::size_t s = 0; s < all_.sources.size(); ++s) {
      add_root(s);
      for (const auto& directory : directories_[s])
        consider(s, directory);
    }
    set_targets();
    count_files();
    name_components();
    return std::move(map_);
  }

private:
  void collect_directories() {
    directories_.resize(all_.sources.size());
    for (const auto& file : all_.files) {
      auto directory = dir_name(all_.tracked(file).path);
      while (!directory.empty() && directories_[file.source].emplace(directory).second)
        directory = dir_name(directory);
    }
  }

  traits look_at(std::size_t s, const std::string& directory) const {
    traits found;
    for (const auto& item : manifests_) {
      if (item.source != s || dir_name(item.path) != directory)
        continue;
      for (const auto& needed : item.dependencies) {
        const auto* known = find_technology(needed.ecosystem, needed.name);
        if (known == nullptr || needed.ecosystem == "docker" || needed.scope == "development")
          continue;
        if (known->role == "server" && found.server.empty())
          found.server = std::string(known->name) + " in " + place(item, needed.line);
        if (known->role == "front end" && found.front.empty())
          found.front = std::string(known->name) + " in " + place(item, needed.line);
      }
      if (item.type == "Dockerfile" && found.server.empty()
          && (!item.ports.empty() || !item.entry_points.empty()))
        found.server = "a container image that starts a program: " + place(item, 0);
      if (item.type != "compose" && !item.entry_points.empty() && found.program.empty())
        found.program = "entry point in " + place(item, 0);
    }
    for (const auto& file : all_.files) {
      if (file.source == s && is_below(all_.tracked(file).path, directory))
        count_kind(file, directory, found);
    }
    return found;
  }

  /// A C file with a main makes a component a program at its top and in src; elsewhere it tests or
  /// shows something.
  bool is_program(const std::string& path, const std::string& directory) const {
    return is_production(context_, path)
           && (dir_name(path) == directory || is_below(path, join_path(directory, "src")));
  }

  void count_kind(const scanned_file& file, const std::string& directory, traits& found) const {
    const auto& path = all_.tracked(file).path;
    const std::string_view lang = file.facts.language;
    constexpr std::array<std::string_view, 4> documents{"Markdown", "reStructuredText", "Text",
                                                        "TeX"};
    constexpr std::array<std::string_view, 7> records{
        "JSON", "CSV", "XML", "YAML", "TOML", "INI", "Jupyter notebook"};
    if (lang == "HTML" && base_name(path) == "index.html" && found.front.empty())
      found.front = encode_path(path);
    if (lang == "Go" && base_name(path) == "main.go" && dir_name(path) == directory
        && found.program.empty())
      found.program = encode_path(path);
    if (file.facts.refs.main_line > 0 && found.program.empty() && is_program(path, directory))
      found.program = encode_path(path) + ":" + std::to_string(file.facts.refs.main_line);
    if (lang == "HCL" || lang == "Dockerfile")
      ++found.infrastructure;
    else if (std::find(documents.begin(), documents.end(), lang) != documents.end())
      ++found.docs;
    else if (lang.empty() || std::find(records.begin(), records.end(), lang) != records.end())
      ++found.data;
    else
      ++found.code;
  }

  /// Kind and the words that say why.
  std::pair<std::string, std::string> judge(std::size_t s, const std::string& directory) const {
    const auto found = look_at(s, directory);
    if (!found.server.empty())
      return {"service", "has a server: " + found.server};
    if (!found.front.empty())
      return {"app", "has a front end: " + found.front};
    if (!found.program.empty())
      return {"app", "has a program: " + found.program};
    if (found.code > 0)
      return {"library", counted(found.code, "source file") + " without a program"};
    if (found.infrastructure > 0)
      return {"infrastructure", "only infrastructure files"};
    return found.docs >= found.data ? std::pair<std::string, std::string>{"docs", "only documents"}
                                    : std::pair<std::string, std::string>{"data", "only data"};
  }

  void add(std::size_t s, const std::string& directory, const std::string& kind,
           const std::string& target, const std::string& rule) {
    map_.by_directory[s][directory] = map_.components.size();
    map_.components.push_back({"", kind, s, directory, target, rule, package_of(s, directory)});
  }

  std::string package_of(std::size_t s, const std::string& directory) const {
    for (const auto& item : manifests_) {
      if (item.source == s && dir_name(item.path) == directory && !item.name.empty()
          && !item.lock) {
        const std::string_view ecosystem = item.type == "package.json"     ? "npm"
                                           : item.type == "pyproject.toml" ? "pypi"
                                           : item.type == "go.mod"         ? "go"
                                           : item.type == "Cargo.toml"     ? "cargo"
                                           : item.type == "pom.xml"        ? "maven"
                                           : item.type == "composer.json"  ? "composer"
                                                                           : "";
        if (!ecosystem.empty())
          return std::string(ecosystem) + ":" + item.name;
      }
    }
    return {};
  }

  const mapping_rule* configured(std::size_t s, const std::string& directory) const {
    for (const auto& rule : context_.config.mapping) {
      if (whole_glob_matches(rule.repository, all_.sources[s].name)
          && whole_glob_matches(rule.directory, directory.empty() ? "." : directory))
        return &rule;
    }
    return nullptr;
  }

  bool add_configured(std::size_t s, const std::string& directory) {
    const auto* rule = configured(s, directory);
    if (rule != nullptr)
      add(s, directory, rule->kind, filled(rule->target, all_.sources[s], directory),
          "configured: " + rule->name);
    return rule != nullptr;
  }

  void add_root(std::size_t s) {
    if (add_configured(s, ""))
      return;
    const auto [kind, why] = judge(s, "");
    add(s, "", kind, "", "root of the repository, " + why);
  }

  void consider(std::size_t s, const std::string& directory) {
    if (any_glob_matches(context_.config.vendored, directory + "/x"))
      return;
    if (add_configured(s, directory))
      return;
    constexpr std::array<std::string_view, 5> packages{"package.json", "pyproject.toml", "go.mod",
                                                       "Cargo.toml", "pom.xml"};
    for (const auto& item : manifests_) {
      if (item.source == s && dir_name(item.path) == directory
          && std::find(packages.begin(), packages.end(), item.type) != packages.end()) {
        const auto [kind, why] = judge(s, directory);
        add(s, directory, kind, "", "has its own " + item.type + ", " + why);
        return;
      }
    }
    for (const auto& known : known_directories) {
      if (directory == known.name) {
        add(s, directory, std::string(known.kind), "",
            "a top-level directory named " + std::string(known.name));
        return;
      }
    }
  }

  /// A component without a target of its own stays where it is inside its parent.
  void set_targets() {
    for (auto& item : map_.components) {
      const auto& from = all_.sources[item.source];
      if (item.directory.empty() && !from.target.empty())
        item.target = from.target;
      else if (item.directory.empty() && item.target.empty())
        item.target = std::string(room_of(item.kind)) + "/" + from.name;
      else if (item.target.empty())
        item.target = map_.target_of(item.source, item.directory);
    }
  }

  void count_files() {
    for (const auto& file : all_.files) {
      const auto& path = all_.tracked(file).path;
      const auto index =
          static_cast<std::size_t>(&map_.owner(file.source, path) - map_.components.data());
      map_.of_file.push_back(index);
      ++map_.components[index].files;
      map_.components[index].bytes += all_.tracked(file).size;
    }
  }

  void name_components() {
    for (auto& item : map_.components)
      item.name = encode_path(join_path(all_.sources[item.source].name, item.directory));
  }

  const step_context& context_;
  const survey& all_;
  const std::vector<manifest>& manifests_;
  component_map map_;
  std::vector<std::set<std::string, std::less<>>> directories_;
};

} // namespace

const component& component_map::owner(std::size_t source, std::string_view path) const {
  const auto& directories = by_directory[source];
  for (auto directory = dir_name(path); !directory.empty(); directory = dir_name(directory)) {
    if (const auto it = directories.find(directory); it != directories.end())
      return components[it->second];
  }
  return components[directories.find(std::string_view{})->second];
}

std::string component_map::target_of(std::size_t source, std::string_view path) const {
  const auto& from = owner(source, path);
  const auto rest = from.directory.empty() ? path : path.substr(from.directory.size() + 1);
  return join_path(from.target, rest);
}

component_map map_components(const step_context& context, const survey& all,
                             const std::vector<manifest>& manifests) {
  auto map = mapper(context, all, manifests).run();
  find_edges(all, manifests, map);
  return map;
}

} // namespace aeo::consolidate

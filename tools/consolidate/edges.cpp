// Who depends on whom: manifests name packages, imports name packages, modules and headers.
#include "tools/consolidate/mapping.hpp"
#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <set>

namespace aeo::consolidate {

namespace {

class edge_finder {
public:
  edge_finder(const survey& all, component_map& map) : all_(all), map_(map) {
    for (std::size_t i = 0; i < map.components.size(); ++i) {
      if (!map.components[i].package.empty())
        packages_.emplace(map.components[i].package, i);
    }
    for (std::size_t f = 0; f < all.files.size(); ++f)
      index_file(f);
  }

  void manifest_edges(const std::vector<manifest>& manifests) {
    for (const auto& item : manifests) {
      const auto from = owner(item.source, item.path);
      for (const auto& needed : item.dependencies) {
        const auto found = packages_.find(needed.ecosystem + ":" + needed.name);
        if (found != packages_.end())
          add(from, found->second, "manifest", needed.name, item.path, needed.line);
      }
    }
  }

  void import_edges() {
    for (std::size_t f = 0; f < all_.files.size(); ++f) {
      const auto& file = all_.files[f];
      for (const auto& item : file.facts.refs.imports) {
        const auto to = resolve(file.facts.language, map_.of_file[f], item.name);
        if (to != none)
          add(map_.of_file[f], to, "import", item.name, all_.tracked(file).path, item.line);
      }
    }
  }

private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  std::size_t owner(std::size_t source, const std::string& path) const {
    return static_cast<std::size_t>(&map_.owner(source, path) - map_.components.data());
  }

  /// A Python package is a directory with `__init__.py`; a header is found by its base name.
  void index_file(std::size_t f) {
    const auto& path = all_.tracked(all_.files[f]).path;
    if (base_name(path) == "__init__.py") {
      const auto parent = dir_name(path);
      const auto above = join_path(dir_name(parent), "__init__.py");
      const auto& files = all_.source_of(all_.files[f]).files;
      const auto next = std::lower_bound(
          files.begin(), files.end(), above,
          [](const tracked_file& file, const std::string& wanted) { return file.path < wanted; });
      const bool top = next == files.end() || next->path != above;
      if (top && !parent.empty())
        python_[std::string(base_name(parent))].insert(map_.of_file[f]);
    }
    const std::string_view lang = all_.files[f].facts.language;
    if (lang == "C header" || (lang == "C++" && path.find(".h") != std::string::npos))
      headers_[std::string(base_name(path))].insert(map_.of_file[f]);
  }

  /// The one component that the name can mean; none if it is our own, unknown or ambiguous.
  std::size_t resolve(std::string_view language, std::size_t from, const std::string& name) const {
    if (language == "Python")
      return only(python_, name.substr(0, name.find('.')), from);
    if (language == "C" || language == "C++" || language == "C header")
      return only(headers_, std::string(base_name(name)), from);
    const std::string_view ecosystem = language == "Go"     ? "go:"
                                       : language == "Rust" ? "cargo:"
                                                            : "npm:";
    // A package, or a path below one: `@scope/name/file`, `example.org/module/part`.
    for (std::string_view part = name; !part.empty(); part = dir_name(part)) {
      const auto found = packages_.find(std::string(ecosystem) + std::string(part));
      if (found != packages_.end())
        return found->second == from ? none : found->second;
    }
    return none;
  }

  static std::size_t only(const std::map<std::string, std::set<std::size_t>>& table,
                          const std::string& name, std::size_t from) {
    const auto found = table.find(name);
    if (found == table.end() || found->second.contains(from) || found->second.size() != 1)
      return none;
    return *found->second.begin();
  }

  void add(std::size_t from, std::size_t to, const char* how, const std::string& name,
           const std::string& path, std::uint32_t line) {
    if (from != to)
      map_.edges.push_back({from, to, how, printable(name, 200), path, line});
  }

  const survey& all_;
  component_map& map_;
  std::map<std::string, std::size_t> packages_;
  std::map<std::string, std::set<std::size_t>> python_;
  std::map<std::string, std::set<std::size_t>> headers_;
};

} // namespace

void find_edges(const survey& all, const std::vector<manifest>& manifests, component_map& map) {
  edge_finder finder(all, map);
  finder.manifest_edges(manifests);
  finder.import_edges();
}

} // namespace aeo::consolidate

#pragma once

#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/scan.hpp"

#include <map>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// A directory of a source that moves as one.
struct component {
  std::string name; ///< unique
  std::string kind; ///< service, app, library, infrastructure, docs or data
  std::size_t source = 0;
  std::string directory; ///< in the source; "" is its root
  std::string target;    ///< in the monorepo
  std::string rule;      ///< what decided, in words
  std::string package;   ///< `ecosystem:name` it publishes, if a manifest says so
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};

struct component_edge {
  std::size_t from = 0; ///< indices of components
  std::size_t to = 0;
  std::string how; ///< manifest or import
  std::string name;
  std::string path; ///< in the source of `from`
  std::uint32_t line = 0;
};

/// Which component every tracked file belongs to, and where it goes. Every file has exactly one
/// component by construction: the one with the longest directory that holds it.
struct component_map {
  std::vector<component> components;
  std::vector<std::size_t> of_file; ///< parallel to survey::files
  std::vector<component_edge> edges;

  /// Where a path of a source goes, also one that only the history knows.
  std::string target_of(std::size_t source, std::string_view path) const;
  const component& owner(std::size_t source, std::string_view path) const;

  std::vector<std::map<std::string, std::size_t, std::less<>>> by_directory; ///< per source
};

component_map map_components(const step_context& context, const survey& all,
                             const std::vector<manifest>& manifests);
/// Who depends on whom, from manifests and imports; fills `edges`.
void find_edges(const survey& all, const std::vector<manifest>& manifests, component_map& map);

} // namespace aeo::consolidate

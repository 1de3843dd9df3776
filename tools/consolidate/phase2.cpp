#include "tools/consolidate/phase2.hpp"

#include "tools/consolidate/mapping.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/wording.hpp"

#include <map>
#include <set>

namespace aeo::consolidate {

namespace {

/// How many components claim a file: those with the longest directory that holds it.
std::size_t claims(const component_map& map, std::size_t source, const std::string& path) {
  std::size_t longest = 0;
  std::size_t count = 0;
  for (const auto& item : map.components) {
    if (item.source != source || !is_below(path, item.directory))
      continue;
    const auto length = item.directory.size() + 1;
    count = length > longest ? 1 : count + (length == longest ? 1 : 0);
    longest = std::max(longest, length);
  }
  return count;
}

ordered components_json(const survey& all, const component_map& map) {
  ordered list = ordered::array();
  for (const auto& item : map.components) {
    ordered entry{{"name", item.name},
                  {"kind", item.kind},
                  {"repository", all.sources[item.source].name},
                  {"directory", item.directory.empty() ? "." : encode_path(item.directory)},
                  {"target", encode_path(item.target)},
                  {"rule", item.rule},
                  {"files", item.files},
                  {"bytes", item.bytes}};
    if (!item.package.empty())
      entry["package"] = printable(item.package, 300);
    list.push_back(entry);
  }
  return list;
}

ordered directories_json(const survey& all, const component_map& map) {
  std::map<std::pair<std::size_t, std::string>, std::size_t> files;
  for (const auto& file : all.files)
    ++files[{file.source, std::string(dir_name(all.tracked(file).path))}];
  ordered list = ordered::array();
  for (const auto& [key, count] : files) {
    const auto inside = join_path(key.second, "x");
    const auto& owner = map.owner(key.first, inside);
    list.push_back({{"repository", all.sources[key.first].name},
                    {"directory", key.second.empty() ? "." : encode_path(key.second)},
                    {"component", owner.name},
                    {"target", encode_path(dir_name(map.target_of(key.first, inside)))},
                    {"files", count}});
  }
  return list;
}

ordered edges_json(const survey& all, const component_map& map) {
  std::map<std::pair<std::size_t, std::size_t>, ordered> by_pair;
  for (const auto& edge : map.edges) {
    auto& places = by_pair[{edge.from, edge.to}];
    if (places.size() < 10)
      places.push_back({{"how", edge.how},
                        {"name", edge.name},
                        {"repository", all.sources[map.components[edge.from].source].name},
                        {"path", encode_path(edge.path)},
                        {"line", edge.line}});
  }
  ordered list = ordered::array();
  for (const auto& [pair, places] : by_pair)
    list.push_back({{"from", map.components[pair.first].name},
                    {"to", map.components[pair.second].name},
                    {"evidence", places}});
  return list;
}

} // namespace

step_result component_mapping(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  const auto map = map_components(context, all, read_manifests(context, all));
  std::size_t once = 0;
  std::size_t none = 0;
  for (const auto& file : all.files) {
    const auto count = claims(map, file.source, all.tracked(file).path);
    once += count == 1 ? 1 : 0;
    none += count == 0 ? 1 : 0;
  }
  std::map<std::string, std::size_t> kinds;
  std::size_t from_components = 0;
  for (const auto& item : map.components) {
    ++kinds[item.kind];
    from_components += item.files;
  }
  ordered heads = ordered::array();
  for (const auto& from : all.sources)
    heads.push_back({{"repository", from.name}, {"head", from.head}, {"files", from.files.size()}});
  const auto total = all.files.size();
  ordered document{{"components_total", map.components.size()},
                   {"components_by_kind", kinds},
                   {"files_tracked", total},
                   {"files_mapped", once},
                   {"files_unmapped", none},
                   {"files_mapped_twice", total - once - none},
                   {"files_in_components", from_components},
                   {"heads", heads},
                   {"components", components_json(all, map)},
                   {"dependencies_total", map.edges.size()},
                   {"dependencies", edges_json(all, map)},
                   {"directories", directories_json(all, map)}};
  return {document, std::to_string(once) + " of " + counted(total, "file") + " mapped to "
                        + counted(map.components.size(), "component")};
}

} // namespace aeo::consolidate

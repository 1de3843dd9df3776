#include "tools/consolidate/evidence.hpp"

#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <map>

namespace aeo::consolidate {

bool is_excluded(const step_context& context, const survey& all, const scanned_file& file) {
  const auto& path = all.tracked(file).path;
  return any_glob_matches(context.config.vendored, path)
         || all.source_of(file).directory + "/" + path == context.config.file;
}

std::vector<evidence> find_evidence(const step_context& context, const survey& all,
                                    const rule_set& rules, const std::string& key) {
  const auto index = rules.index_of(key);
  const auto& rule = rules.rule(index);
  const bool by_path = rule.content.empty() && !rule.paths.empty();
  std::vector<evidence> found;
  for (const auto& file : all.files) {
    if (is_excluded(context, all, file))
      continue;
    const auto& path = all.tracked(file).path;
    if (by_path && any_glob_matches(rule.paths, path))
      found.push_back({file.source, path, 0, "path", ""});
    for (const auto& hit : file.facts.hits) {
      if (hit.rule == index)
        found.push_back({file.source, path, hit.line, "content", ""});
    }
    const auto variables = [&](const auto& names, std::string_view kind) {
      for (const auto& item : names) {
        if (std::find(rule.env.begin(), rule.env.end(), item.name) != rule.env.end())
          found.push_back({file.source, path, item.line, kind, item.name});
      }
    };
    variables(file.facts.refs.env_used, "used");
    variables(file.facts.refs.env_declared, "declared");
  }
  return found;
}

ordered evidence_json(const survey& all, const std::vector<evidence>& found, std::size_t limit) {
  // Round after round, one place per file: the first places show the breadth.
  std::map<std::pair<std::size_t, std::string>, std::vector<const evidence*>> by_file;
  for (const auto& item : found)
    by_file[{item.source, item.path}].push_back(&item);
  ordered list = ordered::array();
  bool more = true;
  for (std::size_t round = 0; more && list.size() < limit; ++round) {
    more = false;
    for (const auto& [file, places] : by_file) {
      if (round >= places.size() || list.size() == limit)
        continue;
      more = true;
      const auto& item = *places[round];
      ordered entry{{"repository", all.sources[item.source].name},
                    {"path", encode_path(item.path)}};
      if (item.line > 0)
        entry["line"] = item.line;
      entry["kind"] = item.kind;
      if (!item.name.empty())
        entry["name"] = item.name;
      list.push_back(std::move(entry));
    }
  }
  return list;
}

std::size_t distinct_files(const std::vector<evidence>& found) {
  std::set<std::pair<std::size_t, std::string_view>> files;
  for (const auto& item : found)
    files.emplace(item.source, item.path);
  return files.size();
}

} // namespace aeo::consolidate

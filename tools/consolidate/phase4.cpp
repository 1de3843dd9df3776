#include "tools/consolidate/phase4.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/fixed_places.hpp"
#include "tools/consolidate/monorepo.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/phase3.hpp"
#include "tools/consolidate/wording.hpp"

#include <map>
#include <set>

namespace aeo::consolidate {

namespace {

/// (repository, path) -> target as merge_strategy.json decided; empty: left out.
using decisions = std::map<std::pair<std::string, std::string>, std::string>;

struct plan_with_notes {
  merge_plan plan;
  ordered left_out = ordered::array();
  std::size_t applied = 0;
  std::vector<std::pair<std::string, std::string>> unresolved;
};

/// A person may have edited the file between the two phases: what it says is what is done.
decisions read_decisions(const ordered& document, plan_with_notes& out) {
  decisions result;
  const std::set<std::string> known{"keep_one", "rename", "keep_newest", "keep_repository"};
  for (const auto& item : document.value("collisions", ordered::array())) {
    const auto strategy = item.value("strategy", "");
    if (!known.contains(strategy)) {
      out.unresolved.emplace_back("collision at " + item.value("target", ""),
                                  "has the strategy \"" + strategy + "\", which is unknown");
      continue;
    }
    ++out.applied;
    for (const auto& file : item.value("files", ordered::array())) {
      const auto& target = file.at("target");
      result[{file.at("repository"), decode_path(file.at("path").get<std::string>())}] =
          target.is_string() ? decode_path(target.get<std::string>()) : std::string{};
    }
  }
  return result;
}

plan_with_notes make_plan(const survey& all, const component_map& map, const ordered& strategy) {
  plan_with_notes out;
  const auto decided = read_decisions(strategy, out);
  out.plan.resize(all.sources.size());
  for (std::size_t f = 0; f < all.files.size(); ++f) {
    const auto& file = all.files[f];
    const auto& path = all.tracked(file).path;
    placed_file item{f, map.target_of(file.source, path), ""};
    item.mapped = item.target;
    const auto found = decided.find({all.source_of(file).name, path});
    if (found != decided.end())
      item.target = found->second;
    if (item.target.empty())
      out.left_out.push_back({{"repository", all.source_of(file).name},
                              {"path", encode_path(path)},
                              {"reason", "another file was kept at " + encode_path(item.mapped)}});
    out.plan[file.source].push_back(std::move(item));
  }
  return out;
}

ordered pairs_json(const std::vector<std::pair<std::string, std::string>>& pairs, const char* first,
                   const char* second) {
  ordered list = ordered::array();
  for (const auto& [a, b] : pairs)
    list.push_back({{first, printable(a, 500)}, {second, printable(b, 500)}});
  return list;
}

ordered repositories_json(const survey& all, const built_monorepo& built) {
  ordered list = ordered::array();
  for (std::size_t s = 0; s < all.sources.size(); ++s) {
    const auto& from = all.sources[s];
    const auto& item = built.imports[s];
    list.push_back({{"name", from.name},
                    {"kind", to_string(from.kind)},
                    {"empty", from.empty},
                    {"shallow", from.shallow},
                    {"original_head", from.head},
                    {"head", item.head},
                    {"commits_in", item.commits_in},
                    {"commits_created", item.commits_created},
                    {"blobs_in", item.blobs.size()},
                    {"identities_repaired", item.identities_repaired},
                    {"refs", pairs_json(item.refs, "original", "name")},
                    {"refs_not_merged", item.refs_not_merged},
                    {"history_renames", item.history_renames}});
  }
  return list;
}

void write_commit_map(const step_context& context, const survey& all, const built_monorepo& built) {
  std::string text = "# repository\toriginal\trewritten\n";
  for (std::size_t s = 0; s < all.sources.size(); ++s) {
    const std::map<std::string, std::string> sorted(built.imports[s].commits.begin(),
                                                    built.imports[s].commits.end());
    for (const auto& [original, made] : sorted)
      text.append(all.sources[s].name)
          .append("\t")
          .append(original)
          .append("\t")
          .append(made)
          .append("\n");
  }
  write_durably(context.consolidation() + "/repository_consolidation/commit_map.tsv", text);
}

std::string unread_text(std::size_t count) {
  return count == 0 ? std::string{}
                    : ", " + counted(count, "file") + " that GitHub does not read any more";
}

} // namespace

step_result conflict_resolution(const step_context& context) {
  const auto strategy =
      read_output(context, "repository_consolidation/merge_strategy.json", "merge-strategy");
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  require_same_heads(strategy, all.sources, "merge-strategy");
  const auto map = map_components(context, all, read_manifests(context, all));
  auto plan = make_plan(all, map, strategy);
  auto built = build_monorepo(context, all, map, plan.plan);
  write_commit_map(context, all, built);
  auto unresolved = plan.unresolved;
  unresolved.insert(unresolved.end(), built.unresolved.begin(), built.unresolved.end());
  const auto& checks = built.checks;
  const auto unread = unread_by_github(all, plan.plan);
  ordered document{{"monorepo", "consolidation/monorepo"},
                   {"head", built.head},
                   {"fsck_clean", checks.fsck_clean},
                   {"fsck_output", checks.fsck_output},
                   {"commits_in", checks.commits_in},
                   {"commits_reachable", checks.commits_reachable},
                   {"commits_missing", checks.commits_in - checks.commits_reachable},
                   {"commits_distinct", checks.commits_distinct},
                   {"commits_created", checks.commits_created},
                   {"commits_total", checks.commits_total},
                   {"blobs_in", checks.blobs_in},
                   {"blobs_missing", checks.blobs_missing},
                   {"files_tracked", checks.files_tracked},
                   {"files_in_place", checks.files_in_place},
                   {"files_left_out", checks.files_left_out},
                   {"files_unmapped", checks.files_unmapped},
                   {"strategies_applied", plan.applied},
                   {"unresolved", unresolved.size()},
                   {"unresolved_items", pairs_json(unresolved, "what", "why")},
                   {"repositories", repositories_json(all, built)},
                   {"not_read_by_github", unread.size()},
                   {"decisions", unread},
                   {"submodules", built.submodules},
                   {"left_out", plan.left_out},
                   {"kept_previous", built.kept_previous}};
  return {document,
          std::to_string(checks.commits_reachable) + " of " + counted(checks.commits_in, "commit")
              + ", " + std::to_string(checks.files_in_place) + " of "
              + counted(checks.files_tracked, "file") + " in the monorepo, fsck "
              + (checks.fsck_clean ? "clean" : "not clean") + ", "
              + std::to_string(unresolved.size()) + " unresolved" + unread_text(unread.size())};
}

} // namespace aeo::consolidate

#include "tools/consolidate/phase1.hpp"

#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/technologies.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace aeo::consolidate {

namespace {

/// Counted without the parsers, so that a manifest that they lose shows.
std::size_t manifest_names(const step_context& context, const survey& all) {
  return static_cast<std::size_t>(
      std::count_if(all.files.begin(), all.files.end(), [&](const scanned_file& file) {
        const auto& tracked = all.tracked(file);
        return !(manifest_type(tracked.path).empty() && unread_manifest_type(tracked.path).empty())
               && !tracked.is_symlink() && !tracked.is_submodule()
               && !any_glob_matches(context.config.vendored, tracked.path);
      }));
}

ordered use_json(const survey& all, const manifest& from, const dependency& item) {
  ordered use{{"repository", all.sources[from.source].name}, {"path", encode_path(from.path)}};
  if (item.line > 0)
    use["line"] = item.line;
  use["constraint"] = item.constraint;
  use["scope"] = item.scope;
  return use;
}

} // namespace

step_result repository_manifests(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  auto manifests = read_manifests(context, all);
  // Those that only an include makes manifests have other names.
  const auto included = static_cast<std::size_t>(std::ranges::count_if(
      manifests, [](const manifest& item) { return manifest_type(item.path).empty(); }));
  const auto found = manifest_names(context, all) + included;
  std::ranges::move(list_unread_manifests(context, all), std::back_inserter(manifests));
  ordered list = ordered::array();
  std::size_t parsed = 0;
  std::map<std::string, std::size_t> by_type;
  for (const auto& item : manifests) {
    parsed += item.error.empty() ? 1 : 0;
    ++by_type[item.type];
    ordered entry{{"repository", all.sources[item.source].name},
                  {"path", encode_path(item.path)},
                  {"type", item.type},
                  {"parsed", item.error.empty()}};
    if (!item.error.empty())
      entry["error"] = item.error;
    if (!item.name.empty())
      entry["name"] = printable(item.name, 200);
    if (!item.version.empty())
      entry["version"] = printable(item.version, 100);
    entry["dependencies"] = item.dependencies.size();
    if (item.lock)
      entry["resolved"] = item.resolved;
    list.push_back(entry);
    context.progress("manifests", list.size(), manifests.size());
  }
  ordered document{{"manifests_found", found},
                   {"manifests_parsed", parsed},
                   {"manifests_unparsable", list.size() - parsed},
                   {"manifests_unlisted", found - list.size()},
                   {"by_type", by_type},
                   {"manifests", list}};
  return {document, counted(found, "manifest") + ", " + std::to_string(parsed) + " parsed, "
                        + std::to_string(list.size() - parsed) + " unparsable"};
}

step_result workspace_duplicates(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  // The format is part of the key: ids of different hashes never compare.
  std::map<std::pair<std::string, std::string>, std::vector<const scanned_file*>> by_content;
  std::size_t empty = 0;
  for (const auto& file : all.files) {
    const auto& tracked = all.tracked(file);
    if (tracked.is_symlink() || tracked.is_submodule() || !file.facts.problem.empty())
      continue;
    if (file.facts.size == 0)
      ++empty;
    else
      by_content[{all.source_of(file).object_format, file.facts.oid}].push_back(&file);
  }
  ordered groups = ordered::array();
  std::size_t files = 0;
  std::size_t across = 0;
  std::uint64_t bytes = 0;
  for (const auto& [key, members] : by_content) {
    if (members.size() < 2)
      continue;
    ordered list = ordered::array();
    std::set<std::size_t> in;
    for (const auto* file : members) {
      in.insert(file->source);
      list.push_back({{"repository", all.source_of(*file).name},
                      {"path", encode_path(all.tracked(*file).path)}});
    }
    files += members.size();
    bytes += members[0]->facts.size * (members.size() - 1);
    across += in.size() > 1 ? 1 : 0;
    groups.push_back({{"oid", key.second},
                      {"bytes", members[0]->facts.size},
                      {"across_repositories", in.size() > 1},
                      {"files", list}});
  }
  ordered document{{"files_total", all.files.size()},
                   {"duplicate_groups", groups.size()},
                   {"duplicate_files", files},
                   {"duplicate_bytes", bytes},
                   {"groups_across_repositories", across},
                   {"empty_files", empty},
                   {"groups", groups}};
  return {document, counted(groups.size(), "group") + " of duplicates, " + std::to_string(across)
                        + " of them across repositories, " + counted(bytes, "byte")
                        + " could be saved"};
}

step_result technologies(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  struct row {
    std::string role;
    std::set<std::string> repositories;
    ordered evidence = ordered::array();
  };
  std::map<std::string, row> rows;
  for (const auto& item : read_manifests(context, all)) {
    for (const auto& needed : item.dependencies) {
      const auto* known = find_technology(needed.ecosystem, needed.name);
      if (known == nullptr)
        continue;
      auto& entry = rows[std::string(known->name)];
      entry.role = known->role;
      entry.repositories.insert(all.sources[item.source].name);
      auto use = use_json(all, item, needed);
      use["package"] = needed.name;
      entry.evidence.push_back(use);
    }
  }
  ordered list = ordered::array();
  for (const auto& [name, entry] : rows)
    list.push_back({{"name", name},
                    {"role", entry.role},
                    {"repositories", entry.repositories},
                    {"evidence", entry.evidence}});
  std::map<std::string, std::map<std::string, line_counts>> languages;
  for (const auto& file : all.files) {
    if (!file.facts.language.empty() && !is_excluded(context, all, file))
      languages[all.source_of(file).name][file.facts.language] += file.facts.lines;
  }
  ordered by_repository = ordered::array();
  for (const auto& [name, counts] : languages) {
    ordered code = ordered::object();
    for (const auto& [lang, lines] : counts)
      code[lang] = lines.code;
    by_repository.push_back({{"repository", name}, {"code_lines", code}});
  }
  ordered document{
      {"technologies_total", list.size()}, {"technologies", list}, {"languages", by_repository}};
  return {document, counted(list.size(), "technology", "technologies")};
}

step_result dependencies(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  std::map<std::pair<std::string, std::string>, ordered> packages;
  std::map<std::pair<std::string, std::string>, std::set<std::size_t>> users;
  std::map<std::string, std::size_t> by_ecosystem;
  std::size_t total = 0;
  for (const auto& item : read_manifests(context, all)) {
    for (const auto& needed : item.dependencies) {
      const auto key = std::pair(needed.ecosystem, printable(needed.name, 200));
      packages[key].push_back(use_json(all, item, needed));
      users[key].insert(item.source);
      ++by_ecosystem[needed.ecosystem];
      ++total;
    }
  }
  ordered list = ordered::array();
  std::size_t shared = 0;
  for (const auto& [key, uses] : packages) {
    shared += users[key].size() > 1 ? 1 : 0;
    list.push_back({{"ecosystem", key.first},
                    {"name", key.second},
                    {"repositories", users[key].size()},
                    {"uses", uses}});
  }
  ordered document{{"dependencies_total", total},
                   {"packages_total", packages.size()},
                   {"packages_shared", shared},
                   {"by_ecosystem", by_ecosystem},
                   {"packages", list}};
  return {document, counted(total, "direct dependency", "direct dependencies") + " on "
                        + counted(packages.size(), "package") + ", " + std::to_string(shared)
                        + " shared between repositories"};
}

} // namespace aeo::consolidate

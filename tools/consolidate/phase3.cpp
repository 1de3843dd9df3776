#include "tools/consolidate/phase3.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/semver.hpp"
#include "tools/consolidate/strategy.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace aeo::consolidate {

namespace {

ordered place(const survey& all, const scanned_file& file) {
  return {{"repository", all.source_of(file).name}, {"path", encode_path(all.tracked(file).path)}};
}

ordered collisions_json(const survey& all, const std::vector<collision>& collisions) {
  ordered list = ordered::array();
  for (const auto& item : collisions) {
    ordered files = ordered::array();
    for (const auto& file : item.files) {
      auto entry = place(all, all.files[file.file]);
      entry["target"] = file.target.empty() ? ordered() : ordered(encode_path(file.target));
      files.push_back(entry);
    }
    list.push_back({{"target", encode_path(item.target)},
                    {"kind", item.kind},
                    {"strategy", item.strategy},
                    {"reason", item.reason},
                    {"files", files}});
  }
  return list;
}

/// Paths that differ in case only: two files here, one on a file system that ignores case.
ordered case_collisions(const survey& all, const component_map& map) {
  std::map<std::string, std::set<std::string>> by_lower;
  for (const auto& file : all.files) {
    const auto target = map.target_of(file.source, all.tracked(file).path);
    by_lower[lower(target)].insert(target);
  }
  ordered list = ordered::array();
  for (const auto& [key, targets] : by_lower) {
    if (targets.size() < 2)
      continue;
    ordered names = ordered::array();
    for (const auto& target : targets)
      names.push_back(encode_path(target));
    list.push_back({{"targets", names},
                    {"strategy", "keep_each"},
                    {"reason", "they only meet on file systems that ignore case"}});
  }
  return list;
}

struct duplicate_lists {
  ordered identical = ordered::array();
  ordered diverging = ordered::array();
};

bool is_plain_file(const survey& all, const scanned_file& file) {
  const auto& tracked = all.tracked(file);
  return !tracked.is_symlink() && !tracked.is_submodule() && file.facts.size > 0
         && file.facts.problem.empty();
}

/// Identical: same content in two repositories. Diverging: same path in two repositories, other
/// content. Both only where the targets differ; the rest are collisions.
duplicate_lists find_duplicates(const step_context& context, const survey& all,
                                const component_map& map) {
  std::map<std::string, std::vector<const scanned_file*>> by_content;
  std::map<std::string, std::vector<const scanned_file*>> by_path;
  std::map<std::string, std::set<std::size_t>> at_target;
  for (const auto& file : all.files) {
    const auto& path = all.tracked(file).path;
    at_target[map.target_of(file.source, path)].insert(file.source);
    if (!is_plain_file(all, file) || any_glob_matches(context.config.vendored, path))
      continue;
    by_content[all.source_of(file).object_format + file.facts.oid].push_back(&file);
    by_path[path].push_back(&file);
  }
  const auto across = [&](const std::vector<const scanned_file*>& files) {
    return std::any_of(files.begin(), files.end(),
                       [&](const auto* file) { return file->source != files[0]->source; });
  };
  const auto collides = [&](const scanned_file* file) {
    return at_target[map.target_of(file->source, all.tracked(*file).path)].size() > 1;
  };
  const auto places = [&](const std::vector<const scanned_file*>& files) {
    ordered list = ordered::array();
    for (const auto* file : files) {
      auto entry = place(all, *file);
      entry["target"] = encode_path(map.target_of(file->source, all.tracked(*file).path));
      list.push_back(entry);
    }
    return list;
  };
  duplicate_lists result;
  for (const auto& [oid, files] : by_content) {
    if (across(files) && !std::all_of(files.begin(), files.end(), collides))
      result.identical.push_back(
          {{"bytes", files[0]->facts.size},
           {"files", places(files)},
           {"strategy", "keep_each"},
           {"reason", "each component stays complete on its own; git stores the content once"}});
  }
  for (const auto& [path, files] : by_path) {
    const auto& first = files[0]->facts.oid;
    const bool differ = std::any_of(files.begin(), files.end(), [&first](const auto* file) {
      return file->facts.oid != first;
    });
    if (differ && across(files) && !std::all_of(files.begin(), files.end(), collides))
      result.diverging.push_back(
          {{"path", encode_path(path)},
           {"files", places(files)},
           {"strategy", "keep_each"},
           {"reason", "same name, other content: each belongs to its own component"}});
  }
  return result;
}

struct use {
  const manifest* from;
  const dependency* item;
  std::optional<version_range> range;
};

ordered use_json(const survey& all, const use& u) {
  return {{"repository", all.sources[u.from->source].name},
          {"path", encode_path(u.from->path)},
          {"line", u.item->line},
          {"constraint", u.item->constraint},
          {"scope", u.item->scope}};
}

/// Constraints of one package: a conflict if any two have no version in common.
struct conflict_report {
  ordered conflicts = ordered::array();
  ordered not_comparable = ordered::array();
  std::size_t compared = 0;

  void add(const survey& all, const std::pair<std::string, std::string>& package,
           const std::vector<use>& uses) {
    std::set<std::size_t> involved;
    std::optional<version> highest;
    for (std::size_t a = 0; a < uses.size(); ++a) {
      for (std::size_t b = a + 1; b < uses.size(); ++b) {
        if (!uses[a].range || !uses[b].range)
          continue;
        ++compared;
        if (intersect(*uses[a].range, *uses[b].range).empty())
          involved.insert({a, b});
      }
    }
    if (involved.empty())
      return;
    ordered list = ordered::array();
    for (const auto index : involved) {
      list.push_back(use_json(all, uses[index]));
      const auto low = lowest(*uses[index].range);
      if (low && (!highest || *low > *highest))
        highest = low;
    }
    ordered entry{{"ecosystem", package.first},
                  {"name", printable(package.second, 200)},
                  {"uses", list},
                  {"strategy", "isolate"},
                  {"reason", "no version satisfies all: each component keeps its own manifest and "
                             "installs its own version"}};
    entry["align_on"] = highest ? ordered(highest->text()) : ordered();
    conflicts.push_back(entry);
  }
};

conflict_report find_conflicts(const survey& all, const std::vector<manifest>& manifests) {
  std::map<std::pair<std::string, std::string>, std::vector<use>> packages;
  for (const auto& from : manifests) {
    for (const auto& item : from.dependencies)
      packages[{item.ecosystem, item.name}].push_back(
          {&from, &item, parse_range(item.ecosystem, item.constraint)});
  }
  conflict_report report;
  for (const auto& [package, uses] : packages) {
    report.add(all, package, uses);
    for (const auto& item : uses) {
      if (item.range)
        continue;
      auto entry = use_json(all, item);
      entry["ecosystem"] = package.first;
      entry["name"] = printable(package.second, 200);
      entry["reason"] =
          package.first == "docker" ? "an image tag has no order" : "not a range of versions";
      report.not_comparable.push_back(entry);
    }
  }
  return report;
}

/// What "isolate" leaves open: whether it stays so.
ordered open_decisions(const ordered& conflicts) {
  ordered list = ordered::array();
  for (const auto& item : conflicts) {
    const auto name = item["ecosystem"].get<std::string>() + " " + item["name"].get<std::string>();
    const auto& best = item["align_on"];
    std::string uses;
    for (const auto& use : item["uses"])
      uses += (uses.empty() ? "" : ", ") + use["repository"].get<std::string>() + "/"
              + use["path"].get<std::string>() + ":" + std::to_string(use["line"].get<int>())
              + " asks for " + use["constraint"].get<std::string>();
    list.push_back(
        {{"what", best.is_null() ? name + ": one version for all, or each its own as it is now?"
                                 : name + ": all on " + best.get<std::string>()
                                       + " or later, or each its own as it is now?"},
         {"reason", uses}});
  }
  return list;
}

/// On a file system that ignores case a checkout has one of them only.
void add_case_decisions(const ordered& cases, ordered& decisions) {
  for (const auto& item : cases) {
    std::string names;
    for (const auto& target : item["targets"])
      names += (names.empty() ? "" : " and ") + target.get<std::string>();
    decisions.push_back({{"what", names + ": is one to be renamed?"}, {"reason", item["reason"]}});
  }
}

std::string cases_text(std::size_t count) {
  return count == 0 ? std::string{}
                    : ", " + counted(count, "group") + " of paths that differ in case only";
}

std::size_t without_strategy(const ordered& list) {
  return static_cast<std::size_t>(std::count_if(list.begin(), list.end(), [](const ordered& item) {
    return item.value("strategy", "").empty();
  }));
}

std::string collisions_text(const ordered& list) {
  const auto open = without_strategy(list);
  return counted(list.size(), "collision")
         + (open == 0 ? "" : " (" + std::to_string(open) + " without a strategy)");
}

} // namespace

void require_same_heads(const ordered& document, const std::vector<source>& sources,
                        const std::string& made_by) {
  std::map<std::string, std::string> recorded;
  for (const auto& item : document.value("heads", ordered::array()))
    recorded[item.value("repository", "")] = item.value("head", "");
  bool same = recorded.size() == sources.size();
  for (const auto& from : sources)
    same = same && recorded.contains(from.name) && recorded[from.name] == from.head;
  if (!same)
    throw failure(exit_status::bad_data, "the sources are not at the commits that " + made_by
                                             + " saw (run `aeo-consolidate " + made_by
                                             + "` again, then this step)");
}

step_result merge_strategy(const step_context& context) {
  const auto mapping = read_output(context, "reports/component_mapping.json", "component-mapping");
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  require_same_heads(mapping, all.sources, "component-mapping");
  const auto manifests = read_manifests(context, all);
  const auto map = map_components(context, all, manifests);
  const auto collisions = find_collisions(context, all, map);
  context.progress("strategies", collisions.size(), collisions.size());
  const auto list = collisions_json(all, collisions);
  auto duplicates = find_duplicates(context, all, map);
  auto conflicts = find_conflicts(all, manifests);
  const auto cases = case_collisions(all, map);
  auto decisions = open_decisions(conflicts.conflicts);
  add_case_decisions(cases, decisions);
  ordered document{{"files_total", all.files.size()},
                   {"collisions_total", list.size()},
                   {"collisions_without_strategy", without_strategy(list)},
                   {"version_conflicts_total", conflicts.conflicts.size()},
                   {"conflicts_without_strategy", without_strategy(conflicts.conflicts)},
                   {"duplicates_identical_total", duplicates.identical.size()},
                   {"duplicates_diverging_total", duplicates.diverging.size()},
                   {"constraints_compared", conflicts.compared},
                   {"constraints_not_comparable_total", conflicts.not_comparable.size()},
                   {"heads", mapping["heads"]},
                   {"decisions", decisions},
                   {"collisions", list},
                   {"case_collisions_total", cases.size()},
                   {"case_collisions", cases},
                   {"version_conflicts", conflicts.conflicts},
                   {"duplicates_identical", duplicates.identical},
                   {"duplicates_diverging", duplicates.diverging},
                   {"constraints_not_comparable", conflicts.not_comparable}};
  return {document, collisions_text(list) + ", "
                        + counted(conflicts.conflicts.size(), "version conflict")
                        + cases_text(cases.size())};
}

} // namespace aeo::consolidate

#include "tools/consolidate/phase0.hpp"

#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/history.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace fs = std::filesystem;

namespace aeo::consolidate {

namespace {

struct presence_rule {
  std::string_view name;
  std::vector<std::string> globs;
};

const std::vector<presence_rule>& presence_rules() {
  static const std::vector<presence_rule> rules{
      {"readme", {"(?i)readme", "(?i)readme.*", "(?i)readme[-_]*"}},
      {"license",
       {"(?i)licen[cs]e", "(?i)licen[cs]e.md", "(?i)licen[cs]e.rst", "(?i)licen[cs]e.txt",
        "LICENSE[-.]*", "(?i)copying", "(?i)copying.*", "(?i)unlicense"}},
      {"tests",
       {"test_*.py",      "*_test.py",     "*.test.[jt]s",     "*.test.[jt]sx", "*.test.[cm][jt]s",
        "*.spec.[jt]s",   "*.spec.[jt]sx", "*.spec.[cm][jt]s", "*_spec.rb",     "*_test.rb",
        "*_test.go",      "*_test.cpp",    "*_test.cc",        "*_test.c",      "*Test.java",
        "*Tests.java",    "*Test.kt",      "*Test.php",        "**/tests/**",   "**/test/**",
        "**/__tests__/**"}},
      {"ci",
       {"**/.github/workflows/*.yml", "**/.github/workflows/*.yaml", ".gitlab-ci.yml",
        "Jenkinsfile", "**/.circleci/config.yml", "azure-pipelines.yml", ".travis.yml",
        "bitbucket-pipelines.yml"}},
      {"container",
       {"Dockerfile", "Dockerfile.*", "Containerfile", "docker-compose*.y*ml", "compose.y*ml"}},
      {"changelog", {"CHANGELOG", "CHANGELOG.*", "NEWS", "NEWS.*", "HISTORY.*"}}};
  return rules;
}

ordered presence(const source& from) {
  ordered result = ordered::object();
  for (const auto& rule : presence_rules()) {
    std::size_t count = 0;
    std::string first;
    for (const auto& file : from.files) {
      if (!any_glob_matches(rule.globs, file.path))
        continue;
      const bool shallower = std::count(file.path.begin(), file.path.end(), '/')
                             < std::count(first.begin(), first.end(), '/');
      if (count++ == 0 || shallower)
        first = file.path;
    }
    result[rule.name] = {{"present", count > 0}, {"files", count}};
    if (count > 0)
      result[rule.name]["path"] = encode_path(first);
  }
  return result;
}

ordered git_facts(const source& from) {
  const auto repository = from.repository();
  ordered branches = ordered::array();
  std::size_t tags = 0;
  std::size_t remote_branches = 0;
  for (const auto& ref : read_refs(repository)) {
    if (ref.name.starts_with("refs/heads/"))
      branches.push_back({{"name", encode_path(ref.name.substr(11))}, {"head", ref.commit}});
    tags += ref.name.starts_with("refs/tags/") ? 1 : 0;
    remote_branches += ref.name.starts_with("refs/remotes/") && ref.symref.empty() ? 1 : 0;
  }
  const auto commits = read_commits(repository);
  std::map<std::string, std::size_t> by_author;
  auto first = commits.empty() ? 0 : commits.front().committed;
  auto last = first;
  for (const auto& commit : commits) {
    ++by_author[commit.author];
    first = std::min(first, commit.committed);
    last = std::max(last, commit.committed);
  }
  std::vector<std::pair<std::string, std::size_t>> ranked(by_author.begin(), by_author.end());
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  ordered authors = ordered::array();
  for (const auto& [name, count] : ranked)
    authors.push_back({{"name", name}, {"commits", count}});
  ordered facts{{"head", from.head},
                {"branch", from.branch.empty() ? ordered() : ordered(encode_path(from.branch))},
                {"branches", branches},
                {"remote_branches", remote_branches},
                {"tags", tags},
                {"commits", commits.size()},
                {"authors", authors},
                {"shallow", from.shallow},
                {"object_format", from.object_format}};
  if (!commits.empty()) {
    facts["first_commit"] = iso_time(first);
    facts["last_commit"] = iso_time(last);
  }
  return facts;
}

std::size_t untracked_files(const source& from) {
  const auto listing = from.repository().output({"ls-files", "-o", "--exclude-standard", "-z"});
  return static_cast<std::size_t>(std::count(listing.begin(), listing.end(), '\0'));
}

ordered repository_facts(const survey& all, std::size_t index) {
  const auto& from = all.sources[index];
  ordered facts{{"name", from.name},
                {"location", from.location},
                {"kind", to_string(from.kind)},
                {"empty", from.empty}};
  if (from.has_history())
    facts.update(git_facts(from));
  ordered submodules = ordered::array();
  ordered modified = ordered::array();
  std::size_t symlinks = 0;
  std::size_t missing = 0;
  std::size_t lfs = 0;
  for (const auto& file : all.files) {
    if (file.source != index)
      continue;
    const auto& tracked = all.tracked(file);
    symlinks += tracked.is_symlink() ? 1 : 0;
    lfs += file.facts.lfs_pointer ? 1 : 0;
    if (tracked.is_submodule())
      submodules.push_back({{"path", encode_path(tracked.path)}, {"commit", tracked.oid}});
    const bool absent = from.kind == source_kind::git && file.facts.from_git;
    missing += absent ? 1 : 0;
    if (!absent && all.modified(file))
      modified.push_back(encode_path(tracked.path));
  }
  facts["files"] = from.files.size();
  facts["submodules"] = submodules;
  facts["symlinks"] = symlinks;
  facts["lfs_pointers"] = lfs;
  if (from.kind == source_kind::git)
    facts["uncommitted"] = {{"modified", modified.size()},
                            {"missing", missing},
                            {"untracked", untracked_files(from)},
                            {"modified_files", modified},
                            {"note", "only what is committed is consolidated"}};
  facts["presence"] = presence(from);
  return facts;
}

struct language_row {
  std::size_t files = 0;
  std::uint64_t bytes = 0;
  line_counts lines;
};

ordered to_json(const line_counts& lines) {
  return {{"code", lines.code},
          {"comment", lines.comment},
          {"blank", lines.blank},
          {"total", lines.total()}};
}

class workspace_report {
public:
  workspace_report(const step_context& context, const survey& all) : context_(context), all_(all) {
    for (const auto& file : all.files)
      add(file);
  }

  ordered document() {
    ordered result{{"files_total", all_.files.size()},
                   {"bytes_total", bytes_},
                   {"vendored_files", vendored_},
                   {"lines", to_json(total_)}};
    result["languages"] = languages_json();
    ordered tree = ordered::array();
    for (const auto& [key, row] : structure_)
      tree.push_back({{"repository", all_.sources[key.first].name},
                      {"directory", encode_path(key.second)},
                      {"files", row.files},
                      {"bytes", row.bytes},
                      {"code", row.lines.code}});
    result["structure"] = tree;
    result["largest_files"] = largest();
    result["large_files"] = large_;
    result["binary_files_total"] = binary_.size();
    result["binary_files"] = binary_;
    result["symlinks"] = symlinks_;
    result["unreadable"] = unreadable_;
    result["skipped"] = skipped();
    result["not_consolidated"] = ordered::array();
    for (const auto& entry : uncovered_entries(context_, all_.sources))
      result["not_consolidated"].push_back(encode_path(entry));
    result["scan"] = {{"read", all_.read}, {"cached", all_.cached}};
    return result;
  }

private:
  ordered place(const scanned_file& file) const {
    return {{"repository", all_.source_of(file).name},
            {"path", encode_path(all_.tracked(file).path)}};
  }

  void add(const scanned_file& file) {
    const auto& tracked = all_.tracked(file);
    if (tracked.is_submodule())
      return;
    const auto& facts = file.facts;
    bytes_ += facts.size;
    if (!facts.problem.empty()) {
      auto entry = place(file);
      entry["problem"] = facts.problem;
      unreadable_.push_back(entry);
    }
    if (tracked.is_symlink())
      add_symlink(file);
    if (facts.binary) {
      auto entry = place(file);
      entry["bytes"] = facts.size;
      binary_.push_back(entry);
    }
    if (facts.size >= context_.config.large_file_bytes)
      ++large_;
    by_size_.push_back(&file);
    auto& directory =
        structure_[{file.source, tracked.path.find('/') == std::string::npos
                                     ? std::string(".")
                                     : tracked.path.substr(0, tracked.path.find('/'))}];
    ++directory.files;
    directory.bytes += facts.size;
    if (any_glob_matches(context_.config.vendored, tracked.path)) {
      ++vendored_;
      return;
    }
    directory.lines += facts.lines;
    if (facts.binary || facts.too_large || tracked.is_symlink())
      return;
    total_ += facts.lines;
    auto& row = languages_[facts.language.empty() ? "Other text" : facts.language];
    ++row.files;
    row.bytes += facts.size;
    row.lines += facts.lines;
  }

  /// A link is followed one step in the mind only: nothing is opened.
  void add_symlink(const scanned_file& file) {
    const auto& from = all_.source_of(file);
    auto entry = place(file);
    if (from.kind == source_kind::bare) {
      entry["state"] = "not checked: a bare repository has no work tree";
      symlinks_.push_back(entry);
      return;
    }
    const auto link = from.directory + "/" + all_.tracked(file).path;
    std::error_code ec;
    const auto real = std::filesystem::canonical(link, ec);
    const bool inside = !ec && is_below(real.string(), from.directory);
    entry["state"] = ec == std::errc::too_many_symbolic_link_levels ? "loop"
                     : ec                                           ? "broken"
                     : inside                                       ? "ok"
                                                                    : "leads outside";
    symlinks_.push_back(entry);
  }

  ordered languages_json() const {
    std::vector<std::pair<std::string, language_row>> rows(languages_.begin(), languages_.end());
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
      return a.second.lines.code > b.second.lines.code;
    });
    ordered list = ordered::array();
    for (const auto& [name, row] : rows) {
      ordered entry{{"language", name}, {"files", row.files}, {"bytes", row.bytes}};
      entry.update(to_json(row.lines));
      list.push_back(entry);
    }
    return list;
  }

  ordered largest() {
    const auto count = std::min<std::size_t>(20, by_size_.size());
    std::partial_sort(by_size_.begin(), by_size_.begin() + static_cast<std::ptrdiff_t>(count),
                      by_size_.end(),
                      [](const auto* a, const auto* b) { return a->facts.size > b->facts.size; });
    ordered list = ordered::array();
    for (std::size_t i = 0; i < count; ++i) {
      auto entry = place(*by_size_[i]);
      entry["bytes"] = by_size_[i]->facts.size;
      list.push_back(entry);
    }
    return list;
  }

  ordered skipped() const {
    ordered list = ordered::array();
    for (const auto& from : all_.sources) {
      for (const auto& note : from.skipped)
        list.push_back(
            {{"repository", from.name}, {"path", encode_path(note.path)}, {"reason", note.what}});
    }
    return list;
  }

  const step_context& context_;
  const survey& all_;
  std::uint64_t bytes_ = 0;
  std::size_t vendored_ = 0;
  std::size_t large_ = 0;
  line_counts total_;
  std::map<std::string, language_row> languages_;
  std::map<std::pair<std::size_t, std::string>, language_row> structure_;
  std::vector<const scanned_file*> by_size_;
  ordered binary_ = ordered::array();
  ordered symlinks_ = ordered::array();
  ordered unreadable_ = ordered::array();
};

/// Directories that a person may miss in the monorepo; that of the configuration is none.
bool is_worktree(const std::vector<source>& sources, const std::string& entry) {
  return std::any_of(sources.begin(), sources.end(), [&](const source& from) {
    return std::any_of(from.skipped.begin(), from.skipped.end(),
                       [&](const source_note& note) { return note.path == "../" + entry; });
  });
}

std::string left_text(const step_context& context, const std::vector<source>& sources) {
  constexpr std::size_t most = 5;
  auto left = uncovered_entries(context, sources);
  std::erase_if(left, [&](const auto& entry) {
    const auto path = context.workspace + "/" + entry;
    return !fs::is_directory(fs::symlink_status(path)) || is_below(context.config.file, path)
           || is_worktree(sources, entry);
  });
  std::string text;
  for (std::size_t i = 0; i < std::min(most, left.size()); ++i)
    text += (i == 0 ? ", not consolidated: " : ", ") + printable(left[i], 200);
  return left.size() > most ? text + " and " + std::to_string(left.size() - most) + " more" : text;
}

} // namespace

step_result repository_analysis(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  ordered list = ordered::array();
  std::size_t commits = 0;
  std::size_t empty = 0;
  for (std::size_t i = 0; i < all.sources.size(); ++i) {
    auto facts = repository_facts(all, i);
    commits += facts.value("commits", std::size_t{0});
    empty += all.sources[i].empty ? 1 : 0;
    list.push_back(std::move(facts));
    context.progress("repositories", i + 1, all.sources.size());
  }
  ordered document{{"repositories_total", all.sources.size()},
                   {"repositories_empty", empty},
                   {"commits_total", commits},
                   {"files_total", all.files.size()},
                   {"repositories", list}};
  return {document, counted(all.sources.size(), "repository", "repositories") + ", "
                        + counted(commits, "commit") + ", "
                        + counted(all.files.size(), "tracked file")};
}

step_result workspace_analysis(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  auto document = workspace_report(context, all).document();
  const auto summary =
      counted(all.files.size(), "file") + ", " + counted(document["bytes_total"], "byte") + ", "
      + counted(document["lines"]["code"], "line") + " of code in "
      + counted(document["languages"].size(), "language") + left_text(context, all.sources);
  return {std::move(document), summary};
}

step_result production_baseline(const step_context& context) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> inputs{
      {{"repository_analysis", "repository-analysis"},
       {"workspace_analysis", "workspace-analysis"},
       {"bmc_inventory", "bmc-inventory"},
       {"integrations_status", "integrations-status"},
       {"quotation_assessment", "quotation-assessment"},
       {"production_gaps", "production-gaps"}}};
  ordered files = ordered::array();
  ordered metrics = ordered::object();
  std::size_t count = 0;
  for (const auto& [name, step_name] : inputs) {
    const auto relative = "discovery/" + std::string(name) + ".json";
    const auto document = read_output(context, relative, step_name);
    std::ifstream in(context.consolidation() + "/" + relative, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    files.push_back({{"path", "consolidation/" + relative},
                     {"bytes", text.str().size()},
                     {"sha256", sha256_hex(text.str())}});
    for (const auto& [key, value] : document.items()) {
      if (value.is_number() && key != "format") {
        metrics[name][key] = value;
        ++count;
      }
    }
    context.progress("baseline", files.size(), inputs.size());
  }
  metrics["lines"] = read_output(context, "discovery/workspace_analysis.json", "workspace-analysis")
                         .value("lines", ordered::object());
  return {{{"metrics_total", count}, {"metrics", metrics}, {"inputs", files}},
          counted(count, "metric") + " from " + counted(files.size(), "output")};
}

} // namespace aeo::consolidate

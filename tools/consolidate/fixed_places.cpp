#include "tools/consolidate/fixed_places.hpp"

#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace aeo::consolidate {

namespace {

/// Whole paths in small letters: GitHub takes some of them in any case.
constexpr std::array<std::string_view, 18> read_paths{".github/workflows/*.yml",
                                                      ".github/workflows/*.yaml",
                                                      ".github/issue_template/*",
                                                      ".github/pull_request_template/*",
                                                      ".github/discussion_template/*",
                                                      ".github/pull_request_template.md",
                                                      ".github/dependabot.y*ml",
                                                      ".github/release.y*ml",
                                                      ".github/funding.yml",
                                                      ".github/security.md",
                                                      ".github/support.md",
                                                      ".github/contributing.md",
                                                      ".github/code_of_conduct.md",
                                                      ".github/copilot-instructions.md",
                                                      ".github/codeowners",
                                                      "codeowners",
                                                      "docs/codeowners",
                                                      "docs/pull_request_template.md"};

/// What is in the merged tree at each of those paths: index in `survey::files`.
std::map<std::string, std::size_t> kept_files(const merge_plan& plan) {
  std::map<std::string, std::size_t> kept;
  for (const auto& files : plan) {
    for (const auto& item : files) {
      if (github_reads(item.target))
        kept[item.target] = item.file;
    }
  }
  return kept;
}

std::string shown_file(const survey& all, std::size_t file) {
  return all.source_of(all.files[file]).name + "/" + encode_path(all.tracked(all.files[file]).path);
}

} // namespace

bool github_reads(std::string_view path) {
  const auto small = lower(path);
  return std::any_of(read_paths.begin(), read_paths.end(),
                     [&](auto pattern) { return whole_glob_matches(pattern, small); });
}

ordered unread_by_github(const survey& all, const merge_plan& plan) {
  const auto kept = kept_files(plan);
  ordered list = ordered::array();
  for (const auto& files : plan) {
    for (const auto& item : files) {
      const auto& file = all.files[item.file];
      if (!github_reads(all.tracked(file).path) || github_reads(item.target))
        continue;
      const auto name = shown_file(all, item.file);
      const auto winner = kept.find(item.mapped);
      if (!item.target.empty()) {
        list.push_back({{"what", name + ": what becomes of it? At " + encode_path(item.target)
                                     + " GitHub does not read it"},
                        {"reason", "GitHub reads it at its own path only, at the top"}});
      } else if (winner != kept.end() && all.files[winner->second].facts.oid != file.facts.oid) {
        list.push_back(
            {{"what", name + ": is its content wanted in " + encode_path(item.mapped) + " of "
                          + all.source_of(all.files[winner->second]).name + "?"},
             {"reason", "GitHub reads one file at that path, and that one was kept"}});
      }
    }
  }
  return list;
}

} // namespace aeo::consolidate

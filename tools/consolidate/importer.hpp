#pragma once

#include "tools/consolidate/history.hpp"
#include "tools/consolidate/scan.hpp"

#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace aeo::consolidate {

/// A file of a source's HEAD with its place in the merged tree.
struct placed_file {
  std::size_t file = 0; ///< index in survey::files
  std::string target;   ///< where it is in the merged tree; empty: left out by a strategy
  std::string mapped;   ///< where the mapping alone puts it
};

/// What one source brought.
struct import_report {
  std::string head;      ///< its HEAD in the monorepo; empty if it has no commit
  std::int64_t time = 0; ///< when that commit was made
  std::unordered_map<std::string, std::string> commits; ///< original -> rewritten
  std::size_t commits_in = 0;
  std::unordered_set<std::string> blobs;                 ///< all in the exported history
  std::vector<std::pair<std::string, std::string>> refs; ///< original -> name in the monorepo
  ordered refs_not_merged = ordered::array();
  ordered history_renames = ordered::array(); ///< paths of the past that had to step aside
  std::size_t identities_repaired = 0;
  std::size_t commits_created = 0;                             ///< for a plain directory
  std::vector<std::pair<std::string, std::string>> unresolved; ///< what, why
  std::string refs_seen; ///< to see whether the source moved meanwhile
};

/// Brings the full history of one source into the repository at `target_repository`, each path
/// under its name in the monorepo, branches as `NAME/BRANCH`, tags as `NAME/TAG`.
///
/// Why rewritten history, not a merge of the original commits below a prefix: `git log PATH`,
/// `blame` and `bisect` then work for every file at its new place without `--follow` through a
/// merge, for files of all repositories alike. The price is new commit ids: `commits` keeps the
/// table. Contents are not rewritten: blobs travel in one pack, deltas included, and only commits
/// and trees are made anew (`fast-export --no-data`).
class importer {
public:
  importer(const survey& all, std::size_t source, std::vector<placed_file> files,
           std::function<std::string(std::string_view)> target_of, const git& target_repository,
           std::string scratch);

  import_report run();

private:
  void choose_refs();
  void choose_remote_branches(const std::vector<git_ref>& refs);
  std::string free_ref(std::string name);
  void read_commits_in();
  void copy_blobs();
  void copy_history();
  void read_marks(const std::vector<std::pair<std::uint64_t, std::string>>& commits);
  void check_head_tree();
  void import_plain();
  std::string place(std::string_view path);

  const survey& all_;
  const source& from_;
  std::vector<placed_file> files_;
  std::function<std::string(std::string_view)> target_of_;
  const git& into_;
  std::string scratch_;
  import_report report_;
  std::unordered_map<std::string, std::string> placed_;       ///< path -> target, all history
  std::unordered_map<std::string, std::string> taken_;        ///< target -> path
  std::map<std::string, std::string, std::less<>> ref_names_; ///< original -> new
};

} // namespace aeo::consolidate

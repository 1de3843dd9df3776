#pragma once

#include "tools/consolidate/archive.hpp"
#include "tools/consolidate/git.hpp"
#include "tools/consolidate/step.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// Something below `consolidation/` that is not in the archive, and why.
struct left_out {
  std::string path;
  std::string reason;
};

/// What there is to back up besides the monorepo. Paths are relative to `consolidation/`.
struct backup_set {
  std::vector<archived_entry> entries; ///< sorted: a directory comes before what it holds
  std::vector<left_out> excluded;      ///< on purpose
  std::vector<left_out> unreadable;    ///< it should be covered and is not

  std::size_t files() const;
  std::uint64_t bytes() const;
};

/// Walks `consolidation`. The database of the execution is live: `snapshot`, a copy made by
/// `snapshot_database`, stands in its place; without one (empty) it is listed as unreadable.
backup_set collect_outputs(const std::string& consolidation, const std::string& snapshot);

/// Copies a live SQLite database with SQLite's online backup and checks the copy. Returns what is
/// wrong; empty: nothing is.
std::string snapshot_database(const std::string& database, const std::string& copy);

/// Names of the files of a backup, inside its directory.
namespace backup_file {
inline constexpr const char* bundle = "monorepo.bundle";
inline constexpr const char* archive = "outputs.tar.gz";
inline constexpr const char* manifest = "outputs.sha256";
inline constexpr const char* sums = "SHA256SUMS";
inline constexpr const char* script = "restore.sh";
} // namespace backup_file

/// Writes the five files above into `directory` (made, mode 0700). Entries of `set` that cannot be
/// read any more move to its `unreadable`.
void write_backup(const git& monorepo, backup_set& set, const std::string& directory,
                  const progress_function& progress);

/// What `restore.sh` does, one command each, for people and for the recovery plan. `$backup` and
/// `$target` are absolute directories.
struct restore_command {
  const char* what;
  const char* command;
};
const std::vector<restore_command>& restore_commands();

} // namespace aeo::consolidate

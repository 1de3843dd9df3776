#pragma once

// consolidation/execution_state.json: the whole state as people and scripts read it, and what a
// resume reads when the database is gone.
//
//   {"execution_id", "started_at", "last_updated", "current_phase", "overall_status",
//    "phases": {ID: see core/phase_json.hpp},
//    "metadata": {"started_by", "plan_hash", "last_seq", "chain_head", "checksum"}}
//
// Times are ISO 8601 in UTC with microseconds. `current_phase` is the lowest-numbered phase that is
// not terminal, null when all are. Phases stand in the plan's order. `checksum`, the last member,
// is the SHA-256 of all bytes before its key: a file of ours that was damaged or edited does not
// pass for what was written. Whoever edits it on purpose removes the member: then it is another
// tool's.

#include "actors/core/execution_state.hpp"
#include "config/plan.hpp"
#include "messages/error.hpp"

#include <caf/expected.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::io {

/// Replaces the file (0600): a reader sees the old or the new one, and it is durable when there is
/// no error. Streamed: takes 100 KiB of memory besides the state. ec::storage_failed: the old file
/// is still there. Plans of more than 1,000 phases get one line per phase.
caf::error write_state_file(const std::filesystem::path& file, const plan&,
                            const core::execution_state&);

/// What a state file says.
struct imported_state {
  /// id is empty when the file has none; phases by phase_index; last_seq 0 and no chain_head, as in
  /// a new database.
  core::execution_state state;
  std::string plan_hash;      ///< Empty: the file is another tool's.
  std::string chain_head;     ///< Of the database that was; empty: the file is another tool's.
  std::uint64_t last_seq = 0; ///< The newest event of the database that was.
  bool ours = false;          ///< Written by write_state_file and not changed since.
  std::vector<std::string> warnings;       ///< One line each, with the file's name.
  std::vector<std::string> unknown_phases; ///< Ids that the plan does not have.
  std::vector<phase_index> found;          ///< Phases that the file has; the others are pending.
};

/// Reads a file of ours or one that another tool wrote with these keys; every key but `phases` may
/// be missing, null or accompanied by others. nullopt: there is no such file.
/// ec::corrupt_state: not JSON (with line and column), not what its checksum says, no phases, a
/// phase with an unknown status; says what to do. ec::storage_failed: cannot be read.
/// Never changes the file.
caf::expected<std::optional<imported_state>> read_state_file(const std::filesystem::path& file,
                                                             const plan&);

/// One state_imported per phase that was found, in the plan's order: applied to a fresh state they
/// give `imported.state.phases`. Not numbered.
std::vector<event> import_events(const imported_state&, const plan&, std::int64_t time_us);

} // namespace aeo::io

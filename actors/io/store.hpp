#pragma once

// The durable event log: what the state actor's writer says before anyone acts on it.
//
// Each event carries the SHA-256 of the one before it (actors/io/event_chain.hpp), and the number
// and hash of the newest one are kept beside them. That shows:
// - an event that was edited, deleted (also at the end), added, moved or renumbered;
// - a record of an execution that was edited.
// It does not show a history that somebody rewrote as a whole with the right hashes, or replaced by
// an older copy of the file, or that lost its last transactions because the log (-wal) was damaged
// or removed while no node ran: for these, compare head() with the one in execution_state.json, in
// the reports and on GitHub.

#include "config/plan.hpp"
#include "messages/error.hpp"
#include "messages/execution.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aeo::io {

/// One run of a plan in the workspace.
struct execution_row {
  std::string id; ///< UUID.
  std::int64_t started_us = 0;
  std::string plan_hash;
  std::string plan_text; ///< Canonical JSON of the plan's phases, to show differences on a resume.
  std::string started_by;
  bool operator==(const execution_row&) const = default;
};

/// A row of the chain that does not fit.
struct chain_fault {
  std::uint64_t seq = 0;
  std::string what; ///< Edited, deleted or reordered, and how it shows.
};

/// Where events become durable. Not thread-safe: one thread uses it. Every failure is an error with
/// ec::storage_failed, ec::corrupt_state or ec::newer_schema; a failed append stored nothing.
/// The seam lets tests see what happens when writing fails, without a disk.
class event_store {
public:
  virtual ~event_store() = default;
  /// Numbers the events (seq) and stores them as one transaction; durable when it returns.
  /// ec::wrong_state: the database is not ours any more (removed, replaced, or written by another
  /// node), and never will be again.
  virtual caf::error append(const std::string& execution, std::vector<event>& batch) = 0;
  virtual caf::error begin_execution(const execution_row&) = 0;
  /// The plan that the execution runs by changed (`--accept-plan-change`).
  virtual caf::error update_plan(const std::string& execution, const std::string& plan_hash,
                                 const std::string& plan_text) = 0;
  /// The newest execution, if any.
  virtual caf::expected<std::optional<execution_row>> last_execution() = 0;
  /// Calls `each` for the execution's events in order, from `first_seq` on; stops when it says
  /// false. Checks the chain on the way: after an error, forget what `each` was given. `each` must
  /// not use the store.
  virtual caf::error read(const std::string& execution, std::uint64_t first_seq,
                          const std::function<bool(event&&)>& each) = 0;
  /// SHA-256 (hex) over the newest row: the head of the chain. Empty store: 64 zeros.
  virtual std::string head() const = 0;
  /// Walks the chain; nullopt when every row fits.
  virtual caf::expected<std::optional<chain_fault>> verify() = 0;
};

/// Opens or makes `file` (SQLite, WAL, synchronous=FULL, 0600), migrating an older schema.
/// Other processes may read it meanwhile. The process that has it open must not open the file by
/// any other means than these functions: closing such a descriptor would drop SQLite's locks.
/// A damaged file is left as it is.
caf::expected<std::unique_ptr<event_store>> open_store(const std::filesystem::path& file);

/// Opens it for reading, also while a node writes to it; writes nothing at all, not even files
/// beside it. Appending to it is ec::wrong_state. ec::not_found: there is no database. What was
/// stored after the first read of a call is not seen by that call. ec::storage_failed of a call also
/// where a node that started meanwhile has written over what was read.
caf::expected<std::unique_ptr<event_store>> open_store_read_only(const std::filesystem::path& file);

/// An execution that this database has seen.
struct past_execution {
  std::string id; ///< UUID.
  std::int64_t started_us = 0;
  std::string started_by;
  std::int64_t ended_us = 0; ///< 0: it has not ended, or was cut off.
  std::string outcome;       ///< execution_ended's data, a JSON object, or empty.
};
/// The newest `limit` ones, newest first. Writes nothing. ec::not_found: there is no database.
caf::expected<std::vector<past_execution>> past_executions(const std::filesystem::path& file,
                                                           std::size_t limit);

/// How long phases took, from the start of the attempt that was approved to its completion, without
/// the time that people took: the median in milliseconds by phase id, over the newest 20 executions
/// but `except`. Writes nothing. No database: empty.
caf::expected<std::map<std::string, std::int64_t>>
typical_durations(const std::filesystem::path& file, const std::string& except = {});

/// The same for each phase of the plan; 0: not known. Empty: there is nothing that can be read.
std::vector<std::int64_t> typical_durations(const plan&, const std::filesystem::path& file,
                                            const std::string& except = {});

} // namespace aeo::io

#pragma once

// How execution.db is opened, checked and brought up to date; what its errors mean.
// A part of the store: everybody else includes actors/io/store.hpp.

#include "messages/error.hpp"

#include <caf/expected.hpp>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace aeo::io {

/// Marks a database as ours (PRAGMA application_id): "aeo1".
constexpr int application_id = 0x61656f31;

/// The steps from an empty database to the present schema; step n leads to user_version n + 1.
/// A step that was released never changes: later tables come with further steps.
std::span<const char* const> schema_steps();

/// Runs the steps that the database lacks, all in one transaction. ec::newer_schema when it has had
/// more steps than there are; it is left as it is.
caf::error migrate(SQLite::Database&, const std::filesystem::path& file,
                   std::span<const char* const> steps);

/// Opens or makes the database for writing: 0600, WAL, synchronous=FULL, schema up to date.
/// A file that is missing or empty is made new, unless its log (-wal) has something in it: then the
/// database was lost, which is ec::corrupt_state. Damage and foreign databases are
/// ec::corrupt_state, and the file is left as it is.
caf::expected<std::unique_ptr<SQLite::Database>> open_database(const std::filesystem::path& file,
                                                               std::span<const char* const> steps);

/// A database that is open for reading.
struct readable_database {
  std::unique_ptr<SQLite::Database> db;
  /// Asked after each reading. ec::storage_failed: a node has written over what was read; forget
  /// it, damage that was found included.
  std::function<caf::error()> check;
};

/// Opens it for reading without writing a single byte or making a file beside it:
/// - no log (-wal), or an empty one: nobody has it open, the file alone is complete (immutable=1).
/// - a log and its index (-shm): a node runs, or died. Read through both, opened read-only.
/// - a log without an index (a copied database): the index is built in memory.
/// Looks again where a node that starts or ends has changed meanwhile which of these it is. In the
/// first and the last there are no locks to keep such a node from writing over what is read.
/// ec::not_found: there is no database. ec::newer_schema, ec::corrupt_state as above; a database of
/// an older schema is ec::wrong_state, because it would have to be migrated first.
caf::expected<readable_database> open_database_read_only(const std::filesystem::path& file,
                                                         std::span<const char* const> steps);

/// ec::corrupt_state with what to do.
caf::error damaged(const std::filesystem::path& file, std::string_view what);

/// Damage becomes ec::corrupt_state, everything else ec::storage_failed with what to do; rights are
/// named only where this user lacks some.
/// `what`: "store events in", "read events from".
caf::error database_error(const SQLite::Exception&, std::string_view what,
                          const std::filesystem::path& file);

} // namespace aeo::io

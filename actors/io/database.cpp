#include "actors/io/database.hpp"

#include "actors/io/files.hpp"
#include "messages/type_ids.hpp"

#include <sqlite3.h>

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <mutex>
#include <optional>

namespace aeo::io {

namespace fs = std::filesystem;

namespace {

constexpr int busy_timeout_ms = 2000;
constexpr off_t header_size = 100;
constexpr off_t log_header_size = 32;
constexpr int most_looks = 10;

int pragma(SQLite::Database& db, const char* text) {
  return db.execAndGet(text).getInt();
}

// Version 1. `chain` has one row: number and hash of the newest event, so that events missing at
// the end show. `executions.digest` is the SHA-256 over the row's other columns. Events are only
// ever added; the triggers stop a slip of the hand, the chain shows the rest.
constexpr const char* step_1 = R"(
CREATE TABLE executions (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  started_us INTEGER NOT NULL,
  plan_hash TEXT NOT NULL,
  plan_text TEXT NOT NULL,
  started_by TEXT NOT NULL,
  first_seq INTEGER NOT NULL,
  digest BLOB NOT NULL);
CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  execution INTEGER NOT NULL REFERENCES executions (n),
  time_us INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  phase TEXT NOT NULL,
  task TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  data TEXT NOT NULL,
  before BLOB NOT NULL);
CREATE TRIGGER events_no_update BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
CREATE TABLE chain (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  seq INTEGER NOT NULL,
  head BLOB NOT NULL);
INSERT INTO chain VALUES (1, 0, zeroblob(32));
)";

// Version 2. What GitHub has of an execution: the rest of its events is what is still to be told.
// A hint, not the truth: GitHub is asked where it matters, so it need not be synced.
constexpr const char* step_2 = R"(
CREATE TABLE github (
  execution INTEGER PRIMARY KEY REFERENCES executions (n),
  repository TEXT NOT NULL,
  issue INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  closed INTEGER NOT NULL,
  settled INTEGER NOT NULL,
  not_before_us INTEGER NOT NULL);
)";

constexpr const char* steps[] = {step_1, step_2};

// WAL frames are checkpointed every 1 MiB: small enough that no append waits long for it, and a
// short log is written over and over in place, which syncs faster than one that grows.
constexpr auto settings = "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 256;"
                          "PRAGMA journal_size_limit = 4194304; PRAGMA trusted_schema = OFF;"
                          "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;";
// In KiB (negative): the log is written at its end and read in order, which needs few pages; with
// more, a node's memory would grow with its log.
constexpr auto small_cache = "PRAGMA cache_size = -256";

std::optional<struct stat> look_at(const fs::path& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0)
    return std::nullopt;
  return info;
}

fs::path beside(const fs::path& file, const char* suffix) {
  auto result = file;
  result += suffix;
  return result;
}

// What tells a file from another one, and from itself before it was written to.
struct file_mark {
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t changed_s = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const file_mark&) const = default;
};

std::optional<file_mark> mark_of(const fs::path& file) {
  const auto info = look_at(file);
  if (!info)
    return std::nullopt;
  return file_mark{info->st_ino, info->st_size, info->st_mtim.tv_sec, info->st_mtim.tv_nsec};
}

// A database and what stands beside it at one time.
struct database_files {
  explicit database_files(const fs::path& file)
      : database(mark_of(file)), log(mark_of(beside(file, "-wal"))),
        index(mark_of(beside(file, "-shm"))) {}

  // A log of its header alone, of a program that was killed just then, holds nothing; SQLite would
  // look for its index for ten seconds when it must not write one.
  bool has_log() const { return log && log->size > log_header_size; }

  // Nothing that is read through the index is written over meanwhile.
  bool has_locks() const { return has_log() && index; }

  bool operator==(const database_files&) const = default;

  std::optional<file_mark> database;
  std::optional<file_mark> log;
  std::optional<file_mark> index;
};

// SQLite takes a log with another header for an empty one when it may write, and looks for ten
// seconds for a better one when it may not. The header ends with a sum of its first 24 bytes.
bool has_sound_log(const fs::path& file) {
  std::array<unsigned char, log_header_size> header{};
  std::ifstream in(beside(file, "-wal"), std::ios::binary);
  if (!in.read(reinterpret_cast<char*>(header.data()), log_header_size))
    return false;
  const auto word = [&header](std::size_t i, bool big_endian) {
    std::uint32_t result = 0;
    for (std::size_t k = 0; k < 4; ++k)
      result = result << 8 | header[4 * i + (big_endian ? k : 3 - k)];
    return result;
  };
  constexpr std::uint32_t signature = 0x377f0682; // The lowest bit: sums are of big-endian words.
  if ((word(0, true) & ~1U) != signature)
    return false;
  const auto big = (word(0, true) & 1U) != 0;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  for (std::size_t i = 0; i < 6; i += 2) {
    a += word(i, big) + b;
    b += word(i + 1, big) + a;
  }
  return word(6, true) == a && word(7, true) == b;
}

// Makes an empty file where there is none, so that it has its permissions from the beginning;
// SQLite gives the files beside it the same.
caf::error prepare_file(const fs::path& file) {
  const auto info = look_at(file);
  if (info && !S_ISREG(info->st_mode))
    return caf::make_error(ec::storage_failed, file.string() + " is not a file; move it away");
  if ((!info || info->st_size == 0) && database_files(file).has_log())
    return damaged(file, "it is missing or empty, but its log " + beside(file, "-wal").string()
                             + " has something in it");
  if (info && info->st_size != 0 && info->st_size < header_size)
    return damaged(file, "it is too short to be a database"); // SQLite takes one byte for none.
  if (info) {
    if ((info->st_mode & 077) != 0 && ::chmod(file.c_str(), 0600) != 0)
      return file_error("set the permissions of", file, errno);
    return {};
  }
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return file_error("make", file, errno);
  ::close(fd);
  return sync_directory(file.parent_path());
}

caf::error check_owner(SQLite::Database& db, const fs::path& file) {
  const auto id = pragma(db, "PRAGMA application_id");
  if (id == application_id)
    return {};
  if (id == 0 && pragma(db, "SELECT count(*) FROM sqlite_schema") == 0
      && pragma(db, "PRAGMA user_version") == 0)
    return {}; // Made, but not finished, when the program died.
  return damaged(file, "it is a database of another program");
}

caf::error newer_schema(const fs::path& file, int version, std::size_t known) {
  return caf::make_error(ec::newer_schema,
                         file.string() + " has schema version " + std::to_string(version)
                             + ", but this program knows versions up to " + std::to_string(known)
                             + "; use the newer program that wrote it. Nothing was changed");
}

// The default VFS without the right to write: what SQLite would open for writing although it only
// reads (the log), it opens read-only.
int open_read_only(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
  flags &= ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  return static_cast<sqlite3_vfs*>(sqlite3_vfs_find("unix"))
      ->xOpen(vfs, name, file, flags | SQLITE_OPEN_READONLY, out);
}

const char* read_only_vfs(const char* base, const char* name) {
  static std::mutex mutex;
  std::lock_guard guard(mutex);
  if (!sqlite3_vfs_find(name)) {
    // Lives as long as the process: SQLite keeps the pointer.
    static sqlite3_vfs copies[2];
    static int used = 0;
    auto& copy = copies[used++];
    copy = *sqlite3_vfs_find(base);
    copy.zName = name;
    copy.pNext = nullptr;
    copy.xOpen = open_read_only;
    sqlite3_vfs_register(&copy, 0);
  }
  return name;
}

std::string uri_of(const fs::path& file, std::string_view parameters) {
  std::string result = "file:";
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (unsigned char c : fs::absolute(file).string()) {
    if (c == '%' || c == '?' || c == '#') {
      result += '%';
      result += digits[c >> 4];
      result += digits[c & 15];
    } else {
      result += static_cast<char>(c);
    }
  }
  return result.append(parameters);
}

std::unique_ptr<SQLite::Database> connect_read_only(const fs::path& file,
                                                    const database_files& found) {
  const int flags = SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX | SQLite::OPEN_URI;
  const auto open = [&](std::string_view parameters, const char* vfs) {
    return std::make_unique<SQLite::Database>(uri_of(file, parameters), flags, busy_timeout_ms,
                                              vfs);
  };
  if (!found.has_log())
    return open("?mode=ro&immutable=1", read_only_vfs("unix", "aeo-read-only"));
  if (found.has_locks())
    return open("?mode=ro&readonly_shm=1", read_only_vfs("unix", "aeo-read-only"));
  auto db = open("?mode=ro", read_only_vfs("unix-none", "aeo-read-only-alone"));
  db->exec("PRAGMA locking_mode = EXCLUSIVE");
  return db;
}

caf::expected<std::unique_ptr<SQLite::Database>>
open_found(const fs::path& file, const database_files& found, std::span<const char* const> wanted) {
  const bool empty = !found.database || found.database->size == 0;
  if (empty && found.has_log())
    return damaged(file, "it is missing or empty, but its log has something in it");
  if (empty)
    return caf::make_error(ec::not_found, "there is no database " + file.string());
  if (found.has_log() && !has_sound_log(file))
    return caf::make_error(ec::corrupt_state,
                           "the header of " + beside(file, "-wal").string()
                               + " is damaged, so that the newest events cannot be read; the next "
                                 "start of the node with --resume tells whether any are lost");
  try {
    auto db = connect_read_only(file, found);
    db->exec(small_cache);
    if (auto err = check_owner(*db, file))
      return err;
    const auto version = pragma(*db, "PRAGMA user_version");
    if (version < 0 || static_cast<std::size_t>(version) > wanted.size())
      return newer_schema(file, version, wanted.size());
    if (version == 0 && pragma(*db, "SELECT count(*) FROM sqlite_schema") == 0)
      return caf::make_error(ec::not_found, "the making of " + file.string()
                                                + " was interrupted: nothing is in it yet");
    if (static_cast<std::size_t>(version) < wanted.size())
      return caf::make_error(ec::wrong_state, file.string() + " has the older schema version "
                                                  + std::to_string(version)
                                                  + "; the next start of the node with "
                                                  + "--resume migrates it");
    return db;
  } catch (const SQLite::Exception& e) {
    return database_error(e, "open", file);
  }
}

caf::error changed_meanwhile(const fs::path& file) {
  return caf::make_error(ec::storage_failed,
                         file.string()
                             + " changed while it was read (has a node just started?): try again");
}

// Of a database that was read without locks. A log that was added or removed since changes nothing
// of what is read.
caf::error check_unchanged(const fs::path& file, const database_files& found) {
  const database_files now(file);
  const bool same_log = !found.has_log() || !now.log || now.log == found.log;
  return now.database == found.database && same_log ? caf::error{} : changed_meanwhile(file);
}

bool lacks_rights(const fs::path& file) {
  const auto denied = [](const fs::path& where, int rights) {
    return ::access(where.c_str(), rights) != 0 && errno != ENOENT;
  };
  return denied(file, R_OK | W_OK) || denied(file.parent_path() / ".", W_OK | X_OK);
}

} // namespace

std::span<const char* const> schema_steps() {
  return steps;
}

caf::error migrate(SQLite::Database& db, const fs::path& file,
                   std::span<const char* const> wanted) {
  SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
  const auto version = pragma(db, "PRAGMA user_version");
  if (version < 0 || static_cast<std::size_t>(version) > wanted.size())
    return newer_schema(file, version, wanted.size());
  const auto had = static_cast<std::size_t>(version);
  if (had == wanted.size())
    return {};
  for (const auto* step : wanted.subspan(had))
    db.exec(step);
  db.exec("PRAGMA application_id = " + std::to_string(application_id));
  db.exec("PRAGMA user_version = " + std::to_string(wanted.size()));
  transaction.commit();
  return {};
}

caf::expected<std::unique_ptr<SQLite::Database>>
open_database(const fs::path& file, std::span<const char* const> wanted) {
  if (auto err = prepare_file(file))
    return err;
  try {
    auto db = std::make_unique<SQLite::Database>(
        file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX, busy_timeout_ms);
    if (auto err = check_owner(*db, file))
      return err;
    // Before anything is written, the mode of the journal included.
    const auto version = pragma(*db, "PRAGMA user_version");
    if (version < 0 || static_cast<std::size_t>(version) > wanted.size())
      return newer_schema(file, version, wanted.size());
    const auto mode = db->execAndGet("PRAGMA journal_mode = WAL").getString();
    if (mode != "wal")
      return caf::make_error(ec::storage_failed,
                             "cannot use a write-ahead log for " + file.string()
                                 + ": the file system lacks shared memory; use a local one");
    db->exec(settings);
    db->exec(small_cache);
    if (auto err = migrate(*db, file, wanted))
      return err;
    return db;
  } catch (const SQLite::Exception& e) {
    return database_error(e, "open", file);
  }
}

caf::expected<readable_database> open_database_read_only(const fs::path& file,
                                                         std::span<const char* const> wanted) {
  for (int looks = 1;; ++looks) {
    const database_files found(file);
    auto db = open_found(file, found, wanted);
    if (db && found.has_locks())
      return readable_database{std::move(*db), [] { return caf::error{}; }};
    const bool unchanged = database_files(file) == found;
    if (!unchanged && looks < most_looks)
      continue; // What was decided upon is no more: a node starts or ends.
    if (!db)
      return std::move(db.error());
    if (!unchanged)
      return changed_meanwhile(file);
    return readable_database{std::move(*db),
                             [file, found] { return check_unchanged(file, found); }};
  }
}

caf::error damaged(const fs::path& file, std::string_view what) {
  const auto name = file.string();
  return caf::make_error(
      ec::corrupt_state,
      name + " is damaged: " + std::string(what) + ". It is kept as it is. To go on from "
          + (file.parent_path() / "execution_state.json").string() + ", move " + name + " (and "
          + name + "-wal, " + name + "-shm if they are there) away and start with --resume");
}

caf::error database_error(const SQLite::Exception& e, std::string_view what, const fs::path& file) {
  const char* advice = "";
  switch (e.getErrorCode() & 0xff) {
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_FORMAT:
  case SQLITE_ERROR: // A table or column that should be there is not.
  case SQLITE_MISMATCH:
  case SQLITE_CONSTRAINT: // A row that should not be there is.
    return damaged(file, e.what());
  case SQLITE_FULL:
    advice = "; free some space";
    break;
  case SQLITE_READONLY:
  case SQLITE_PERM:
  case SQLITE_CANTOPEN:
    if (lacks_rights(file))
      advice = "; make the file and its folder writable for this user";
    break;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    advice = "; another program holds a lock on it: close that program";
    break;
  case SQLITE_IOERR:
    advice = "; the disk reports an error or is full";
    break;
  default:
    break;
  }
  return caf::make_error(ec::storage_failed, "cannot " + std::string(what) + ' ' + file.string()
                                                 + ": " + e.what() + advice);
}

} // namespace aeo::io

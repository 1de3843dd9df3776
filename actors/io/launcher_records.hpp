#pragma once

// What a launcher leaves behind if it is killed: WORKSPACE/consolidation/.aeo/launcher.records.
//
//   file   := record*
//   record := length:u32le crc32:u32le type:u8 body   crc32 and length cover type and body
//   type   := 1 header | 2 intent | 3 started | 4 ended | 5 acknowledged     values: see codec.hpp
//
// An intent is written before its task is spawned, so no task runs that is not in the file. The
// writes are not synced while a node is connected: they outlive the launcher, and the machine's end
// ends the tasks too. While no node is connected exits are synced. A tail that does not check is
// dropped.

#include "actors/io/unique_fd.hpp"
#include "messages/task.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace aeo::io {

inline constexpr const char* records_name = "launcher.records";

/// Who wrote the records.
struct records_header {
  std::string execution;
  std::string workspace; ///< Absolute path.
  std::string folder;    ///< Of folder_id(): a copied workspace's records are not about its tasks.
  std::string boot;      ///< Of boot_id().
  std::int64_t launcher_pid = 0; ///< Also its session's id.
  std::uint64_t launcher_ticks = 0;
  bool operator==(const records_header&) const = default;
};
template <class Inspector>
bool inspect(Inspector& f, records_header& x) {
  return f.object(x).fields(f.field("execution", x.execution), f.field("workspace", x.workspace),
                            f.field("folder", x.folder), f.field("boot", x.boot),
                            f.field("launcher_pid", x.launcher_pid),
                            f.field("launcher_ticks", x.launcher_ticks));
}

struct recorded_state {
  bool found = false; ///< There was a file with a header.
  records_header header;
  std::map<task_key, task_start> running; ///< With pid 0 when only the intent is known.
  std::map<task_key, task_exit> ended;    ///< Not acknowledged.
  std::string note;                       ///< Not empty: what was dropped, or why it was not read.
};

/// Reads the records in the folder (an open directory). `text` is for tests.
recorded_state read_records(int folder);
recorded_state parse_records(std::string_view text);

/// Writes the records. What is noted reaches the file at the next flush.
class record_file {
public:
  /// Borrows the folder. An earlier file's exits that are still to be acknowledged may be given:
  /// they are kept, and the file is replaced at the first flush.
  record_file(int folder, records_header, std::map<task_key, task_exit> ended = {});

  void intend(const task_key&);
  void started(const task_start&);
  void ended(const task_exit&);
  void acknowledged(const task_key&);

  /// Writes what was noted since. With `sync` it is durable when true is returned. False: see
  /// error(); nothing is forgotten, the next flush tries again.
  bool flush(bool sync);
  /// The orderly end: no file when nothing is left to acknowledge, else a durable one.
  bool finish();

  const recorded_state& state() const { return state_; }
  const std::string& error() const { return error_; }

private:
  bool rewrite(bool sync);
  bool fail(const char* what);

  int folder_;
  recorded_state state_;
  unique_fd file_;
  std::string pending_;
  std::size_t size_ = 0;       ///< Of the file, complete records only.
  std::size_t rewrite_at_ = 0; ///< The size at which the file is written anew.
  bool replace_ = true;        ///< The file on disk is an earlier one, or a write was cut short.
  bool unsynced_ = false;
  std::string error_;
};

} // namespace aeo::io

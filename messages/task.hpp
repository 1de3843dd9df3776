#pragma once

// What is said about a task's process, between the executor, the launcher and the phases.
// Plain aggregates; no CAF header is needed to read them.

#include "messages/enum_field.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace aeo {

/// Names one process of one execution. Criteria commands use the task id "criteria.N".
struct task_key {
  std::string phase;
  std::string task;
  std::uint32_t attempt = 0;
  auto operator<=>(const task_key&) const = default;
};

template <class Inspector>
bool inspect(Inspector& f, task_key& x) {
  return f.object(x).fields(f.field("phase", x.phase), f.field("task", x.task),
                            f.field("attempt", x.attempt));
}

/// All the launcher needs to start a process.
struct task_spec {
  task_key key;
  std::vector<std::string> argv; ///< argv[0] is looked up in the PATH of the task's environment.
  std::vector<std::pair<std::string, std::string>> env; ///< Added to the base environment.
  std::string cwd;                                      ///< Absolute.
  std::string log;                 ///< Absolute; created with its folder at the first byte, 0600.
  std::int64_t timeout_ms = 0;     ///< 0: none.
  std::int64_t grace_ms = 10000;   ///< Between SIGTERM and SIGKILL.
  std::uint32_t max_processes = 0; ///< At once; 0: any number.
  bool operator==(const task_spec&) const = default;
};

template <class Inspector>
bool inspect(Inspector& f, task_spec& x) {
  return f.object(x).fields(f.field("key", x.key), f.field("argv", x.argv), f.field("env", x.env),
                            f.field("cwd", x.cwd), f.field("log", x.log),
                            f.field("timeout_ms", x.timeout_ms), f.field("grace_ms", x.grace_ms),
                            f.field("max_processes", x.max_processes));
}

/// How a task's process ended. The numbers are persisted (launcher records) and never change.
enum class exit_kind : std::uint8_t {
  exited = 0,      ///< `code` is the exit status.
  signalled = 1,   ///< `code` is the signal's number.
  timed_out = 2,   ///< Ended by us after timeout_ms; `code` is the last signal that was sent.
  cancelled = 3,   ///< Ended by us on request.
  not_started = 4, ///< `code` is the errno of the spawn, `detail` says which file.
  lost = 5,        ///< The launcher is gone and with it the outcome.
  over_limit = 6   ///< Ended by us: it had more than max_processes; `detail` says how many.
};
std::string_view to_string(exit_kind);
std::optional<exit_kind> exit_kind_from_string(std::string_view);

/// The end of a task's process, as the launcher measured it.
struct task_exit {
  task_key key;
  exit_kind kind = exit_kind::lost;
  std::int32_t code = 0;
  std::int64_t pid = 0;
  std::int64_t started_us = 0; ///< Microseconds since the epoch, UTC.
  std::int64_t ended_us = 0;   ///< When the whole process group was gone.
  std::int64_t cpu_us = 0;     ///< User and system time of the process and its waited children.
  std::int64_t peak_rss_kb = 0;
  std::int64_t log_bytes = 0;
  std::int32_t leftovers = 0; ///< Nonzero: other processes of the group had to be ended.
  std::string detail;
  bool ok() const { return kind == exit_kind::exited && code == 0; }
  bool operator==(const task_exit&) const = default;
};

template <class Inspector>
bool inspect(Inspector& f, task_exit& x) {
  return f.object(x).fields(
      f.field("key", x.key), enum_field(f, "kind", x.kind, exit_kind::over_limit),
      f.field("code", x.code), f.field("pid", x.pid), f.field("started_us", x.started_us),
      f.field("ended_us", x.ended_us), f.field("cpu_us", x.cpu_us),
      f.field("peak_rss_kb", x.peak_rss_kb), f.field("log_bytes", x.log_bytes),
      f.field("leftovers", x.leftovers), f.field("detail", x.detail));
}

/// A task's process runs.
struct task_start {
  task_key key;
  std::int64_t pid = 0; ///< Also the process group's id.
  std::uint64_t start_ticks =
      0; ///< Field 22 of /proc/PID/stat: with the boot id, names the process.
  std::int64_t started_us = 0;
  bool operator==(const task_start&) const = default;
};

template <class Inspector>
bool inspect(Inspector& f, task_start& x) {
  return f.object(x).fields(f.field("key", x.key), f.field("pid", x.pid),
                            f.field("start_ticks", x.start_ticks),
                            f.field("started_us", x.started_us));
}

/// What a launcher that was there already knows of this execution.
struct launcher_inventory {
  bool found = false;              ///< A launcher of an earlier node answered: it knows every task
                                   ///< that was started and has not been acknowledged.
  std::vector<task_start> running; ///< To adopt.
  std::vector<task_exit> ended;    ///< Not acknowledged yet, those of the record file included.
};

template <class Inspector>
bool inspect(Inspector& f, launcher_inventory& x) {
  return f.object(x).fields(f.field("found", x.found), f.field("running", x.running),
                            f.field("ended", x.ended));
}

} // namespace aeo

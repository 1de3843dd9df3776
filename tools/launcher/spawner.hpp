#pragma once

#include "actors/io/launcher_survivors.hpp"
#include "messages/task.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace aeo::launcher {

struct spawned {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;
  std::int64_t started_us = 0; ///< Time of day.
  std::int64_t boot_us = 0;    ///< The same moment since the machine's start.
  int error = 0;               ///< Not 0: errno; nothing was started.
  std::string detail;          ///< Names the file and says what is wrong with it.
};

/// Microseconds since the machine's start, its sleep included.
std::int64_t boot_us();

/// Starts processes: own process group, default signals, the launcher's stdin (/dev/null), nothing
/// else of what the launcher has open. Only for a process that was set up by prepare_process().
class spawner {
public:
  explicit spawner(io::run_names);
  spawner(const spawner&) = delete;
  spawner& operator=(const spawner&) = delete;

  /// "NAME=value" of all tasks.
  void set_environment(std::vector<std::string> base);

  /// Starts the task with stdout and stderr into `output`.
  spawned spawn(const task_spec&, int output);

private:
  void build_environment(const task_spec&);
  void set_variable(std::string_view name, std::string_view value);
  std::string find_program(const task_spec&) const;
  std::string diagnose(const task_spec&, const std::string& program, int error) const;
  std::string_view task_path() const;

  io::run_names run_;
  bool resets_waits_; ///< Tasks have to take our wish of short waits back.
  std::vector<std::string> base_;
  std::unordered_map<std::string_view, std::size_t> index_; ///< Name to its place in base_.
  // Reused from task to task.
  std::vector<std::string> added_;
  std::vector<char*> environment_;
  std::vector<char*> arguments_;
};

/// Microseconds since the epoch.
std::int64_t now_us();

} // namespace aeo::launcher

#pragma once

#include "actors/io/launcher_survivors.hpp"
#include "messages/task.hpp"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace aeo::launcher {

/// Says when the tasks' processes are worth counting, which costs a look at each process of the
/// machine. How many threads it has costs nothing, and no task has more processes than that.
class census_schedule {
public:
  /// `threads`: of the whole machine; 0: unknown. `smallest`: the lowest limit of a task.
  bool due(std::uint64_t threads, std::uint64_t smallest, std::int64_t now_us);
  /// They were counted, in `took_us`; every task may have `room` processes more, at least.
  void counted(std::uint64_t threads, std::uint64_t room, std::int64_t now_us,
               std::int64_t took_us);

private:
  std::uint64_t lowest_ = std::numeric_limits<std::uint64_t>::max(); ///< Since the last count.
  std::uint64_t room_ = std::numeric_limits<std::uint64_t>::max();
  std::int64_t next_us_ = 0; ///< When to count although the machine has not grown by that.
};

/// A task that may have so many processes at once.
struct limited_task {
  std::uint64_t id = 0; ///< For the caller.
  pid_t group = 0;
  const task_key* key = nullptr;
  std::size_t limit = 0;
  std::size_t count = 0; ///< At least, where that is enough to know whether it is above the limit.
};

/// Counts each task's processes: its group's, ended ones that nobody has waited for included, and
/// those outside of it that carry its names. `over` is called once for each task above its limit,
/// as soon as that is known: on a machine full of processes that all run, this one has a turn of
/// 0.1 ms every other second. `newest` of io::read_load().
void count_processes(const io::run_names&, std::vector<limited_task>&, pid_t newest,
                     const std::function<void(limited_task&)>& over);

/// SIGKILL for all that carry the task's names, until there are none; those of `group` are left
/// out.
void kill_named(const io::run_names&, const task_key&, pid_t group);

} // namespace aeo::launcher

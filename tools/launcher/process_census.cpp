#include "tools/launcher/process_census.hpp"

#include "actors/io/process_table.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace aeo::launcher {

namespace {

/// A count may take this part of the time.
constexpr std::int64_t pause_per_cost = 4000;
constexpr std::int64_t first_pause_us = 2'000'000;
/// A machine whose numbers go up and down by less, as a part of the smallest limit, is not counted
/// for that, even if a task is as near to its limit.
constexpr std::uint64_t least_growth_share = 8;
/// How many of the newest numbers are looked at first, for each process that a task may have.
constexpr std::size_t numbers_per_process = 4;
constexpr std::size_t most_numbers = 65'536;
/// More would be a task that forks faster than it can be read of.
constexpr int most_rounds = 20;

using group_index = std::unordered_map<pid_t, limited_task*>;

/// Who breeds has the newest numbers. Asking for the group of a number costs a hundredth of reading
/// of a process, so these go first.
void count_newest(const group_index& by_group, pid_t newest,
                  const std::function<void(limited_task&)>& over) {
  std::size_t numbers = 0;
  for (const auto& [group, t] : by_group)
    numbers = std::max(numbers, numbers_per_process * t->limit);
  const auto limit = io::pid_limit();
  numbers = std::min({numbers, most_numbers, static_cast<std::size_t>(std::max(limit, 0))});
  for (auto pid = newest; numbers > 0 && newest > 0; --numbers) {
    if (const auto at = by_group.find(::getpgid(pid)); at != by_group.end())
      if (++at->second->count == at->second->limit + 1)
        over(*at->second);
    pid = pid > 1 ? pid - 1 : limit - 1;
  }
}

/// Adds those of `others` that carry a task's names. Environments are costly: only where these can
/// make the difference.
void count_named(const io::run_names& run, std::vector<limited_task>& tasks,
                 const std::vector<pid_t>& others) {
  const auto undecided = std::any_of(tasks.begin(), tasks.end(), [&others](const auto& t) {
    return t.count <= t.limit && t.count + others.size() > t.limit;
  });
  if (!undecided)
    return;
  for (const auto pid : others) {
    const auto environment = io::environment_of(pid);
    const auto owner = std::find_if(tasks.begin(), tasks.end(), [&](const auto& t) {
      return io::carries_names(environment, run, *t.key);
    });
    if (owner != tasks.end())
      ++owner->count;
  }
}

} // namespace

bool census_schedule::due(std::uint64_t threads, std::uint64_t smallest, std::int64_t now_us) {
  lowest_ = std::min(lowest_, threads);
  if (threads != 0 && threads <= smallest) {
    next_us_ = now_us + first_pause_us;
    return false;
  }
  const auto growth = std::clamp(room_, smallest / least_growth_share, smallest);
  return threads - lowest_ > growth || now_us >= next_us_;
}

void census_schedule::counted(std::uint64_t threads, std::uint64_t room, std::int64_t now_us,
                              std::int64_t took_us) {
  lowest_ = threads;
  room_ = room;
  next_us_ = now_us + std::max(first_pause_us, pause_per_cost * took_us);
}

void count_processes(const io::run_names& run, std::vector<limited_task>& tasks, pid_t newest,
                     const std::function<void(limited_task&)>& over) {
  group_index by_group;
  for (auto& t : tasks)
    by_group[t.group] = &t;
  count_newest(by_group, newest, over);
  std::vector<std::size_t> counted;
  counted.reserve(tasks.size());
  for (auto& t : tasks)
    counted.push_back(std::exchange(t.count, 0));
  std::vector<pid_t> others;
  for (const auto pid : io::all_pids()) {
    const auto group = ::getpgid(pid);
    if (const auto at = by_group.find(group); at != by_group.end())
      ++at->second->count;
    else if (group > 0) // The kernel's own have none.
      others.push_back(pid);
  }
  count_named(run, tasks, others);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (counted[i] <= tasks[i].limit && tasks[i].count > tasks[i].limit)
      over(tasks[i]);
    tasks[i].count = std::max(tasks[i].count, counted[i]); // Some may be gone since.
  }
}

void kill_named(const io::run_names& run, const task_key& key, pid_t group) {
  std::unordered_set<pid_t> ended;
  for (int round = 0; round < most_rounds; ++round) {
    const auto before = ended.size();
    for (const auto pid : io::all_pids()) {
      if (ended.contains(pid) || ::getpgid(pid) == group)
        continue;
      // Opened before it is looked at: if the number passes on meanwhile, nobody gets the signal.
      const io::unique_fd process{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
      if (process && io::carries_names(io::environment_of(pid), run, key)) {
        io::signal_process(process, SIGKILL);
        ended.insert(pid);
      }
    }
    if (ended.size() == before)
      return;
  }
}

} // namespace aeo::launcher

#include "tools/launcher/task_table.hpp"

#include "actors/io/process_table.hpp"

#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <limits>

namespace aeo::launcher {

namespace {

/// How often a group without a leader is looked at: its members may be other processes' children,
/// of whose end nobody tells us.
constexpr std::int64_t look_again_ms = 50;

/// A process that executes a program has no environment to show for a moment.
constexpr std::int64_t look_soon_ms = 5;
constexpr int most_unclear_looks = 20;

/// How often the machine's number of threads is looked at while tasks with a limit run.
constexpr std::int64_t look_at_growth_ms = 200;

/// A century stands for ever, and does not overflow.
constexpr std::int64_t longest_ms = std::int64_t{100} * 365 * 24 * 3600 * 1000;

bool group_exists(pid_t group) {
  return ::kill(-group, 0) == 0 || errno != ESRCH;
}

/// The members that live. Only those of our own session: the number of a group that is gone may be
/// somebody else's by now.
int living_members(pid_t group) {
  const auto all = io::all_processes();
  return static_cast<int>(std::count_if(all.begin(), all.end(), [group](const auto& x) {
    return x.group == group && !x.ended() && x.session == ::getsid(0);
  }));
}

std::int64_t microseconds(const timeval& t) {
  return std::int64_t{t.tv_sec} * 1'000'000 + t.tv_usec;
}

} // namespace

std::int64_t now_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

task_table::task_table(int epoll, std::string workspace, std::string execution, events on)
    : epoll_{epoll}, run_{std::move(workspace), std::move(execution)}, spawner_{run_},
      events_{std::move(on)}, memory_kills_{io::memory_kills()} {}

void task_table::refuse(const task_spec& spec, int error, std::string detail) {
  task_exit x;
  x.key = spec.key;
  x.kind = exit_kind::not_started;
  x.code = error;
  x.detail = std::move(detail);
  x.started_us = x.ended_us = now_us();
  events_.ended(std::move(x));
}

/// Our own limit of open files is raised when it is reached; the tasks keep theirs.
bool task_table::open_pipe(task& t, const std::string& log) {
  if (t.log.open(log))
    return true;
  rlimit limit{};
  if (errno != EMFILE || ::getrlimit(RLIMIT_NOFILE, &limit) != 0
      || limit.rlim_cur >= limit.rlim_max)
    return false;
  if (descriptors_ == 0)
    descriptors_ = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && t.log.open(log);
}

void task_table::start(task_spec spec) {
  if (const auto known = by_key_.find(spec.key); known != by_key_.end()) {
    events_.started(tasks_.at(known->second)->start);
    return;
  }
  auto t = std::make_unique<task>();
  if (!open_pipe(*t, spec.log))
    return refuse(spec, errno,
                  std::string{"cannot make a pipe for the output: "} + std::strerror(errno));
  rlimit ours{};
  if (descriptors_ != 0 && ::getrlimit(RLIMIT_NOFILE, &ours) == 0) {
    const rlimit theirs{descriptors_, ours.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &theirs);
  }
  auto child = spawner_.spawn(spec, t->log.write_end());
  if (ours.rlim_max != 0)
    ::setrlimit(RLIMIT_NOFILE, &ours);
  if (child.error != 0)
    return refuse(spec, child.error, std::move(child.detail));
  // The number was free: a group that had it is gone.
  if (const auto old = by_pid_.find(child.pid); old != by_pid_.end())
    finish(old->second, *tasks_.at(old->second));
  const auto id = next_id_++;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, t->log.read_end(), &event) != 0)
    events_.note("the output of " + spec.key.task
                 + " is read only at its end: " + std::strerror(errno));
  t->start = {spec.key, child.pid, child.start_ticks, child.started_us};
  t->start_boot_us = child.boot_us;
  t->spec = std::move(spec);
  auto& added = *tasks_.emplace(id, std::move(t)).first->second;
  by_pid_[child.pid] = id;
  by_key_[added.spec.key] = id;
  if (added.spec.max_processes > 0) {
    if (limits_.empty())
      look_at_ms_ = std::max(look_at_ms_, now_ms()); // What the machine has without it.
    limits_.insert(added.spec.max_processes);
  }
  if (added.spec.timeout_ms > 0)
    set_due(id, added, now_ms() + std::min(added.spec.timeout_ms, longest_ms));
  events_.started(added.start);
}

void task_table::cancel(const task_key& key) {
  if (const auto known = by_key_.find(key); known != by_key_.end())
    terminate(known->second, *tasks_.at(known->second), exit_kind::cancelled, "cancelled");
}

void task_table::end_all(const std::string& why) {
  for (auto& [id, t] : tasks_)
    terminate(id, *t, exit_kind::signalled, why);
}

void task_table::drain(std::uint64_t id) {
  if (const auto at = tasks_.find(id); at != tasks_.end())
    at->second->log.drain();
}

void task_table::reap() {
  for (;;) {
    int status = 0;
    rusage usage{};
    const auto pid = ::wait4(-1, &status, WNOHANG, &usage);
    if (pid <= 0)
      break;
    bare_.erase(pid);
    const auto at = by_pid_.find(pid);
    if (at == by_pid_.end() || tasks_.at(at->second)->leader_gone)
      continue; // An orphan of some task: we are its reaper now.
    auto& t = *tasks_.at(at->second);
    t.leader_gone = true;
    t.status = status;
    t.usage = usage;
    orphaned_.insert(at->second);
  }
  // Only now, so that members that ended together with their leader are not in the way.
  for (auto at = orphaned_.begin(); at != orphaned_.end();) {
    const auto id = *at++; // finish() erases it.
    leader_ended(id, *tasks_.at(id));
  }
}

/// Who gives up the names on purpose is left alone. Those whose parent lives are found when it does
/// not: then they are ours.
/// `unclear`: who shows no environment (it is about to execute a program, or has none), or is still
/// in the group.
std::vector<pid_t> task_table::escaped(const task& t, std::vector<pid_t>* unclear) {
  std::vector<pid_t> result;
  for (const auto pid : children_.read()) {
    if (by_pid_.contains(pid))
      continue;
    const auto info = io::find_process(pid);
    if (!info || info->ended())
      continue;
    const auto in_group = info->group == t.start.pid;
    const auto environment = in_group ? std::string{} : io::environment_of(pid);
    if (environment.size() <= 1 && unclear != nullptr && !bare_.contains(pid))
      unclear->push_back(pid);
    if (io::carries_names(environment, run_, t.spec.key))
      result.push_back(pid);
  }
  return result;
}

void task_table::leader_ended(std::uint64_t id, task& t) {
  const auto group = static_cast<pid_t>(t.start.pid);
  const auto has_group = group_exists(group);
  if (has_group && t.leftovers > 0)
    return; // Seen before: tick() looks again.
  // In this order: who leaves the group between the looks is seen by the last one. Without living
  // members it may be that of zombies of somebody else.
  const auto members = has_group ? living_members(group) : 0;
  std::vector<pid_t> unclear;
  const auto others = static_cast<int>(escaped(t, &unclear).size());
  if (members + others == 0) {
    if (!unclear.empty() && t.unclear_looks++ < most_unclear_looks)
      return set_due(id, t, now_ms() + look_soon_ms);
    bare_.insert(unclear.begin(), unclear.end());
    return finish(id, t);
  }
  if (t.leftovers > 0)
    return;
  t.leftovers = members + others;
  if (t.at == stage::running)
    terminate(id, t, exit_kind::exited, {});
  else
    set_due(id, t, now_ms() + look_again_ms);
}

void task_table::signal_all(task& t, int signal) {
  t.last_signal = signal;
  ::kill(static_cast<pid_t>(-t.start.pid), signal);
  signal_escaped(t, escaped(t));
}

/// Each gets a signal once. Our own children: their numbers are theirs until we reap them.
void task_table::signal_escaped(task& t, const std::vector<pid_t>& all) {
  for (const auto pid : all) {
    if (std::exchange(t.escaped_signals[pid], t.last_signal) == t.last_signal)
      continue;
    ::kill(pid, t.last_signal);
    ::kill(pid, SIGCONT);
  }
}

void task_table::terminate(std::uint64_t id, task& t, exit_kind reason, std::string detail) {
  if (t.at != stage::running)
    return;
  const auto now = now_ms();
  t.at = stage::terminating;
  t.reason = reason;
  t.detail = std::move(detail);
  t.kill_at_ms = now + std::clamp<std::int64_t>(t.spec.grace_ms, 0, longest_ms);
  signal_all(t, SIGTERM);
  ::kill(static_cast<pid_t>(-t.start.pid), SIGCONT); // A stopped process acts on SIGTERM only then.
  set_due(id, t, t.leader_gone ? std::min(t.kill_at_ms, now + look_again_ms) : t.kill_at_ms);
}

void task_table::advance(std::uint64_t id, task& t, std::int64_t now) {
  const auto group = static_cast<pid_t>(t.start.pid);
  if (t.at == stage::running && t.leader_gone)
    return leader_ended(id, t);
  if (t.at == stage::running)
    return terminate(id, t, exit_kind::timed_out,
                     "timed out after " + std::to_string(t.spec.timeout_ms) + " ms");
  if (t.leader_gone) {
    const auto has_group = group_exists(group) && (now < t.kill_at_ms || living_members(group) > 0);
    const auto others = escaped(t);
    if (others.empty() && !has_group)
      return finish(id, t);
    signal_escaped(t, others);
    if (t.at == stage::killing && ::kill(-group, SIGKILL) != 0 && errno == EPERM) {
      t.detail += (t.detail.empty() ? "" : "; ")
                  + std::string{"processes of another user are left in its group"};
      return finish(id, t);
    }
  }
  if (now >= t.kill_at_ms) {
    t.at = stage::killing;
    signal_all(t, SIGKILL);
  }
  const auto next = now + look_again_ms;
  if (t.leader_gone)
    set_due(id, t, t.at == stage::killing ? next : std::min(t.kill_at_ms, next));
  else
    set_due(id, t, t.at == stage::killing ? 0 : t.kill_at_ms); // The leader's end wakes us.
}

/// Of a task that was killed, not by us: whether it may have been the kernel, for want of memory.
std::string task_table::want_of_memory(std::int64_t peak_kb) {
  const auto before = std::exchange(memory_kills_, io::memory_kills());
  if (memory_kills_ <= before)
    return {};
  return "the kernel has ended a process for want of memory (OOM killer) meanwhile; this one had "
         "up "
         "to "
         + std::to_string(peak_kb / 1024) + " MiB";
}

void task_table::finish(std::uint64_t id, task& t) {
  t.log.finish();
  task_exit x;
  x.key = t.spec.key;
  x.pid = t.start.pid;
  x.started_us = t.start.started_us;
  // As long after the start as it ran, whatever was done to the clock meanwhile.
  x.ended_us = x.started_us + (boot_us() - t.start_boot_us);
  x.cpu_us = microseconds(t.usage.ru_utime) + microseconds(t.usage.ru_stime);
  x.peak_rss_kb = t.usage.ru_maxrss;
  x.log_bytes = t.log.bytes();
  x.leftovers = t.leftovers;
  if (t.reason != exit_kind::exited) { // Whatever it says itself: it was not let finish.
    x.kind = t.reason;
    x.code = t.last_signal;
  } else if (WIFSIGNALED(t.status)) {
    x.kind = exit_kind::signalled;
    x.code = WTERMSIG(t.status);
    if (x.code == SIGKILL)
      t.detail += want_of_memory(x.peak_rss_kb);
  } else {
    x.kind = exit_kind::exited;
    x.code = WEXITSTATUS(t.status);
  }
  x.detail = std::move(t.detail);
  if (auto problem = t.log.problem(); !problem.empty())
    x.detail += (x.detail.empty() ? "" : "; ") + problem;
  set_due(id, t, 0);
  by_pid_.erase(static_cast<pid_t>(t.start.pid));
  by_key_.erase(x.key);
  orphaned_.erase(id);
  if (const auto at = limits_.find(t.spec.max_processes); at != limits_.end())
    limits_.erase(at);
  tasks_.erase(id); // `t` ends here.
  events_.ended(std::move(x));
}

void task_table::set_due(std::uint64_t id, task& t, std::int64_t at_ms) {
  if (t.due_ms != 0)
    due_.erase({t.due_ms, id});
  t.due_ms = at_ms;
  if (at_ms != 0)
    due_.emplace(at_ms, id);
}

void task_table::tick(std::int64_t now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto id = due_.begin()->second;
    advance(id, *tasks_.at(id), now);
  }
  if (!limits_.empty() && look_at_ms_ <= now) {
    look_at_growth();
    look_at_ms_ = now_ms() + look_at_growth_ms;
  }
}

/// Ends what has more processes than it may.
void task_table::look_at_growth() {
  const auto load = io::read_load();
  const auto start_us = boot_us();
  if (!census_.due(load.threads, *limits_.begin(), start_us))
    return;
  std::vector<limited_task> watched;
  for (const auto& [id, t] : tasks_)
    if (t->spec.max_processes > 0)
      watched.push_back(
          {id, static_cast<pid_t>(t->start.pid), &t->spec.key, t->spec.max_processes});
  count_processes(run_, watched, load.newest, [](const limited_task& x) {
    ::kill(-x.group, SIGKILL); // All of a group at once: none of them forks any more.
  });
  auto room = std::numeric_limits<std::uint64_t>::max();
  for (const auto& x : watched)
    if (x.count > x.limit)
      end_crowd(x.id, *tasks_.at(x.id), x.count);
    else
      room = std::min<std::uint64_t>(room, x.limit - x.count);
  const auto end_us = boot_us();
  census_.counted(load.threads, room, end_us, end_us - start_us);
}

void task_table::end_crowd(std::uint64_t id, task& t, std::size_t count) {
  kill_named(run_, t.spec.key, static_cast<pid_t>(t.start.pid));
  if (t.at == stage::killing)
    return;
  if (t.at == stage::running) { // Else it had to end before.
    t.reason = exit_kind::over_limit;
    t.detail = "had " + std::to_string(count) + " processes at once (max_processes is "
               + std::to_string(t.spec.max_processes)
               + "), all were ended; if it needs so many, raise max_processes of the task or in "
                 "orchestrator_config.json";
  }
  t.at = stage::killing;
  t.kill_at_ms = now_ms();
  signal_all(t, SIGKILL);
  set_due(id, t, t.leader_gone ? t.kill_at_ms + look_again_ms : 0);
}

int task_table::due_in(std::int64_t now) const {
  auto next = due_.empty() ? std::numeric_limits<std::int64_t>::max() : due_.begin()->first;
  if (!limits_.empty())
    next = std::min(next, look_at_ms_);
  else if (due_.empty())
    return -1;
  return static_cast<int>(std::clamp<std::int64_t>(next - now, 0, std::numeric_limits<int>::max()));
}

std::vector<task_start> task_table::running() const {
  std::vector<task_start> all;
  for (const auto& [key, id] : by_key_)
    all.push_back(tasks_.at(id)->start);
  return all;
}

} // namespace aeo::launcher

#pragma once

#include "actors/io/process_table.hpp"
#include "messages/task.hpp"
#include "tools/launcher/log_pipe.hpp"
#include "tools/launcher/process_census.hpp"
#include "tools/launcher/spawner.hpp"

#include <sys/resource.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace aeo::launcher {

/// The running tasks: starts them, carries their output, ends them in time, reaps them.
///
/// A task's processes are its group, and what has left that but not this process, whose children
/// become orphans: those that still carry the task's names in their environment.
///
///   running ─► leader gone, no process left ─────────────────────► ended
///      │  └──► leader gone, others left ─┐
///      └─ timeout, cancel, end_all ──────┴► terminating ─ grace ─► killing ─► ended
///                                           SIGTERM+SIGCONT        SIGKILL
///
/// From terminating and killing a task ends as soon as all its processes are gone. One that has
/// more processes than it may is killed at once, from wherever it is.
class task_table {
public:
  struct events {
    std::function<void(const task_start&)> started;
    std::function<void(task_exit&&)> ended;
    std::function<void(const std::string&)> note; ///< For the launcher's log.
  };

  /// Pipes are watched in `epoll`, with the task's id as data.
  task_table(int epoll, std::string workspace, std::string execution, events);

  void set_environment(std::vector<std::string> base) { spawner_.set_environment(std::move(base)); }

  /// Starts the task, or reports it as not_started. One that runs already is not started again: its
  /// start is reported once more.
  void start(task_spec);
  /// Nothing happens to a task that is not running.
  void cancel(const task_key&);
  /// Ends all tasks; they are reported with their signal and `why`.
  void end_all(const std::string& why);

  /// Output of this task is waiting.
  void drain(std::uint64_t id);
  /// Children ended.
  void reap();
  /// Acts on what is due.
  void tick(std::int64_t now_ms);
  /// Milliseconds until something is due; -1: nothing ever.
  int due_in(std::int64_t now_ms) const;

  bool contains(const task_key& key) const { return by_key_.contains(key); }
  bool empty() const { return tasks_.empty(); }
  std::size_t size() const { return tasks_.size(); }
  std::vector<task_start> running() const;

private:
  enum class stage : std::uint8_t { running, terminating, killing };

  struct task {
    task_spec spec;
    task_start start;
    std::int64_t start_boot_us = 0; ///< The start as boot_us() says it.
    log_pipe log;
    stage at = stage::running;
    exit_kind reason = exit_kind::exited; ///< Another kind: why we ended it.
    std::string detail;
    int last_signal = 0;
    std::map<pid_t, int> escaped_signals; ///< The last one to each process outside of the group.
    int leftovers = 0;
    int unclear_looks = 0;
    bool leader_gone = false;
    int status = 0; ///< Of the leader, as wait4 says.
    rusage usage{};
    std::int64_t due_ms = 0;     ///< In due_; 0: not.
    std::int64_t kill_at_ms = 0; ///< When the grace is over.
  };

  void refuse(const task_spec&, int error, std::string detail);
  bool open_pipe(task&, const std::string& log);
  void terminate(std::uint64_t id, task&, exit_kind reason, std::string detail);
  void advance(std::uint64_t id, task&, std::int64_t now_ms);
  void look_at_growth();
  void end_crowd(std::uint64_t id, task&, std::size_t count);
  void leader_ended(std::uint64_t id, task&);
  void finish(std::uint64_t id, task&);
  void set_due(std::uint64_t id, task&, std::int64_t at_ms);
  void signal_all(task&, int signal);
  void signal_escaped(task&, const std::vector<pid_t>&);
  std::vector<pid_t> escaped(const task&, std::vector<pid_t>* unclear = nullptr);
  std::string want_of_memory(std::int64_t peak_kb);

  int epoll_;
  io::run_names run_;
  spawner spawner_;
  io::own_children children_;
  events events_;
  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, std::unique_ptr<task>> tasks_;
  std::unordered_map<pid_t, std::uint64_t> by_pid_; ///< By the leader's pid, the group's id.
  std::map<task_key, std::uint64_t> by_key_;
  std::set<std::uint64_t> orphaned_; ///< The leader is gone, other processes are not.
  std::set<pid_t> bare_; ///< Children of ours that have no environment, as they have shown.
  std::set<std::pair<std::int64_t, std::uint64_t>> due_;
  std::multiset<std::uint32_t> limits_; ///< Of the tasks that have one.
  std::int64_t look_at_ms_ = 0;         ///< When the machine's growth is looked at.
  census_schedule census_;
  std::uint64_t memory_kills_;
  rlim_t descriptors_ = 0; ///< The tasks' own limit, where ours had to be raised above it.
};

/// Monotonic milliseconds.
std::int64_t now_ms();

} // namespace aeo::launcher

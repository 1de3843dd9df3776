#include "actors/io/launcher_survivors.hpp"

#include "actors/io/launcher_folder.hpp"
#include "actors/io/process_table.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <map>
#include <set>

namespace aeo::io {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// After SIGKILL only a process stuck in the kernel stays.
constexpr milliseconds patience{10000};

/// Recognises the tasks that ran when the records ended, and their descendants.
class survivor_test {
public:
  explicit survivor_test(const recorded_state& state)
      : state_{state}, run_{state.header.workspace, state.header.execution},
        same_boot_{!state.header.boot.empty() && state.header.boot == boot_id()} {
    for (const auto& [key, start] : state.running)
      if (start.pid != 0)
        groups_.insert(static_cast<pid_t>(start.pid));
  }

  bool operator()(const process_info& x) const {
    if (x.ended() || x.pid == ::getpid())
      return false;
    const auto is_child = is_in_session(x);
    return (is_child && groups_.contains(x.group)) || is_marked(x, is_child);
  }

private:
  /// The launcher leads its own session, and its number stays taken while the session has a member.
  bool is_in_session(const process_info& x) const {
    return same_boot_ && x.session == state_.header.launcher_pid && x.pid != x.session
           && x.start_ticks >= state_.header.launcher_ticks;
  }

  bool is_marked(const process_info& x, bool is_child) const {
    const auto environment = environment_of(x.pid);
    if (environment.empty())
      return false;
    // Outside its session, that is another launcher which starts: it finds the lock taken.
    if (is_child && has_entry(environment, launcher_marker, state_.header.folder))
      return true;
    return std::any_of(state_.running.begin(), state_.running.end(), [&](const auto& task) {
      return carries_names(environment, run_, task.first);
    });
  }

  const recorded_state& state_;
  run_names run_;
  bool same_boot_;
  std::set<pid_t> groups_;
};

/// What was found alive: each process that was recognised stays recognised.
class hunt {
public:
  explicit hunt(const recorded_state& state) : test_{state} {}

  /// Looks for survivors; true while there are any.
  bool look() {
    std::erase_if(prey_, [](const auto& entry) {
      const auto now = find_process(entry.first);
      return !now || now->ended() || now->start_ticks != entry.second.info.start_ticks;
    });
    for (const auto& x : all_processes())
      if (!prey_.contains(x.pid) && test_(x))
        if (auto handle = open_process(x)) {
          prey_.emplace(x.pid, target{x, std::move(handle), 0});
          ++found_;
        }
    return !prey_.empty();
  }

  /// Signals those that did not get this signal yet.
  void signal(int number) {
    for (auto& [pid, target] : prey_)
      if (std::exchange(target.signalled, number) != number) {
        signal_process(target.handle, number);
        if (number == SIGTERM)
          signal_process(target.handle, SIGCONT);
      }
  }

  /// Waits until one is gone, for a short time at most: new ones may have been forked.
  void wait(milliseconds at_most) const {
    std::vector<pollfd> handles;
    for (const auto& [pid, target] : prey_)
      handles.push_back({target.handle.get(), POLLIN, 0});
    ::poll(handles.data(), handles.size(), static_cast<int>(at_most.count()));
  }

  int found() const { return found_; }

  std::string left() const {
    std::string text;
    for (const auto& [pid, target] : prey_)
      text += (text.empty() ? "" : ", ") + std::to_string(pid);
    return text;
  }

private:
  struct target {
    process_info info;
    unique_fd handle;
    int signalled;
  };
  survivor_test test_;
  std::map<pid_t, target> prey_;
  int found_ = 0;
};

} // namespace

bool carries_names(const std::string& environment, const run_names& run, const task_key& key) {
  return has_entry(environment, "AEO_WORKSPACE", run.workspace)
         && has_entry(environment, "AEO_EXECUTION_ID", run.execution)
         && has_entry(environment, "AEO_TASK", key.task)
         && has_entry(environment, "AEO_PHASE", key.phase)
         && has_entry(environment, "AEO_ATTEMPT", std::to_string(key.attempt));
}

ended_survivors end_survivors(int folder, const recorded_state& state, milliseconds grace) {
  ended_survivors result;
  if (!state.found || state.header.folder != folder_id(folder))
    return result;
  hunt hunt{state};
  const auto kill_at = clock::now() + grace;
  constexpr milliseconds step{200};
  while (hunt.look()) {
    const auto now = clock::now();
    if (now > kill_at + patience) {
      result.error = "processes of execution " + state.header.execution
                     + " do not end even on SIGKILL: pid " + hunt.left()
                     + "; end them, then try again";
      break;
    }
    hunt.signal(now < kill_at ? SIGTERM : SIGKILL);
    hunt.wait(step);
  }
  result.processes = hunt.found();
  return result;
}

} // namespace aeo::io

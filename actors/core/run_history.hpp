#pragma once

// What the event log tells beyond the state: every attempt and task with its measured times, who
// intervened, when nodes ran. Fed with events as they become durable, or by reading the log.

#include "actors/core/execution_state.hpp"
#include "messages/task.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::core {

/// One try of a phase. `ended_us` 0: not ended, or its end was never measured (a crash).
struct attempt_record {
  phase_index phase = 0;
  std::uint32_t attempt = 0;
  std::int64_t started_us = 0;
  std::int64_t ended_us = 0;                      ///< Tasks done, failed or to be retried.
  event_kind outcome = event_kind::phase_started; ///< phase_started: no outcome known.
};

/// One process of a try, as the launcher measured it.
struct task_record {
  phase_index phase = 0;
  std::uint32_t attempt = 0;
  task_index task = 0;
  exit_kind kind = exit_kind::lost;
  bool finished = false;
  bool ok = false;
  std::int32_t code = 0;
  std::uint32_t cpu_ms = 0;
  std::int64_t started_us = 0;
  std::int64_t ended_us = 0;
  std::int64_t peak_rss_kb = 0;
  std::int64_t log_bytes = 0;
};

/// What a person did to a phase or to the execution.
struct intervention {
  std::int64_t time_us = 0;
  event_kind kind = event_kind::note;
  std::string phase; ///< Empty: the whole execution.
  std::string by;
  std::string reason;
  std::uint32_t others = 0; ///< Phases after it that were to run again with it.
};

/// One node's time with the execution.
struct session_record {
  std::int64_t started_us = 0;
  std::int64_t ended_us = 0; ///< 0: still running, or the node died.
  std::string user;
  std::string status; ///< execution_ended's; empty: none was recorded.
  std::string reason; ///< Why it ended, or "plan changed" facts of the resume.
  bool plan_changed = false;
  bool imported = false;
};

/// Accumulates; about 40 bytes per attempt and 64 per task. The plan must outlive it.
class run_history {
public:
  explicit run_history(const plan& p) : run_history(p, phase_lookup{p}) {}
  run_history(const plan&, phase_lookup);
  /// Takes one durable event, in order of the log. Unknown phases and unreadable data are passed
  /// over: a report shows what is known.
  void add(const event&);

  /// A phase's records, oldest first.
  std::vector<attempt_record> attempts(phase_index) const;
  std::vector<task_record> tasks(phase_index, std::uint32_t attempt) const;
  const std::vector<intervention>& interventions() const { return interventions_; }
  const std::vector<session_record>& sessions() const { return sessions_; }
  /// Notes of level "warning" or "error", the newest 100.
  const std::vector<intervention>& warnings() const { return warnings_; }
  /// The phase's state was taken from a file of another run: its times are not ours.
  bool imported(phase_index) const;
  /// "automated", "manual"; empty when the log does not say.
  const std::string& mode() const { return mode_; }
  const std::string& program() const { return program_; }
  const std::string& workspace() const { return workspace_; }

private:
  void on_execution(const event&);
  void on_attempt(phase_index, const event&);
  void on_task(phase_index, const event&);
  void on_intervention(const event&);
  void keep(intervention&&);

  const plan* plan_;
  phase_lookup lookup_;
  static constexpr std::uint32_t none = 0xffffffff;
  struct attempt_node : attempt_record {
    std::uint32_t previous = none;
  };
  struct task_node : task_record {
    std::uint32_t previous = none;
  };
  std::deque<attempt_node> attempts_; ///< Grow in equal steps.
  std::deque<task_node> tasks_;
  std::vector<std::uint32_t> last_attempt_; ///< By phase: newest record; they are chained.
  std::vector<std::uint32_t> last_task_;
  std::vector<bool> imported_;
  std::vector<intervention> interventions_;
  bool goes_on_ = false; ///< The event before was a decision that the next one may be part of.
  std::vector<intervention> warnings_;
  std::vector<session_record> sessions_;
  std::string mode_;
  std::string program_;
  std::string workspace_;
};

/// True when `by` names a person and not the engine ("", "auto", "criteria", "engine", "plan").
bool is_person(std::string_view by);

} // namespace aeo::core

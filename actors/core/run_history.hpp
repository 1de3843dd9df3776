#pragma once

// What the event log tells beyond the state: every attempt and task with its measured times, who
// intervened, when nodes ran. Fed with events as they become durable, or by reading the log.

#include "actors/core/execution_state.hpp"
#include "messages/task.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
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

/// What is kept of the attempts before those that are.
struct earlier_attempts {
  std::uint32_t count = 0;
  std::uint32_t unmeasured = 0; ///< Of them: without an end, or with one before their start.
  std::int64_t worked_us = 0;   ///< All measured ones together.
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

/// Records of phases, each phase's newest first; the room of dropped ones is used again.
template <class Record>
class phase_records {
public:
  explicit phase_records(std::size_t phases) : last_(phases, none) {}

  Record& add(phase_index p, Record x) {
    auto at = free_;
    if (at == none) {
      at = static_cast<std::uint32_t>(nodes_.size());
      nodes_.emplace_back();
    } else {
      free_ = nodes_[at].previous;
    }
    nodes_[at] = {std::move(x), last_[p]};
    last_[p] = at;
    return nodes_[at].record;
  }
  /// Null: none is like that. Pointers hold until the record is dropped.
  template <class Predicate>
  Record* newest(phase_index p, Predicate is_wanted) {
    auto at = last_[p];
    while (at != none && !is_wanted(nodes_[at].record))
      at = nodes_[at].previous;
    return at == none ? nullptr : &nodes_[at].record;
  }
  /// Calls f with each, newest first.
  template <class Function>
  void visit(phase_index p, Function f) const {
    for (auto at = last_.at(p); at != none; at = nodes_[at].previous)
      f(nodes_[at].record);
  }
  template <class Predicate>
  void drop_if(phase_index p, Predicate is_unwanted) {
    for (auto* at = &last_[p]; *at != none;) {
      auto& node = nodes_[*at];
      if (is_unwanted(node.record)) {
        const auto dropped = std::exchange(*at, node.previous);
        node.previous = std::exchange(free_, dropped);
      } else {
        at = &node.previous;
      }
    }
  }

private:
  static constexpr std::uint32_t none = 0xffffffff;
  struct node {
    Record record;
    std::uint32_t previous = none;
  };
  std::deque<node> nodes_;          ///< Grows in equal steps.
  std::vector<std::uint32_t> last_; ///< By phase.
  std::uint32_t free_ = none;
};

/// Accumulates; about 40 bytes per attempt and 64 per task, for the newest attempts of each phase
/// and the newest interventions. The plan must outlive it.
class run_history {
public:
  /// Attempts of a phase, and interventions, that are kept: the event log has them all.
  static constexpr std::uint32_t kept_attempts = 20;
  static constexpr std::size_t kept_interventions = 500;

  explicit run_history(const plan& p) : run_history(p, phase_lookup{p}) {}
  run_history(const plan&, phase_lookup);
  /// Takes one durable event, in order of the log. Unknown phases and unreadable data are passed
  /// over: a report shows what is known.
  void add(const event&);

  /// A phase's records that are kept, oldest first.
  std::vector<attempt_record> attempts(phase_index) const;
  earlier_attempts attempts_before(phase_index) const;
  std::vector<task_record> tasks(phase_index, std::uint32_t attempt) const;
  const std::vector<intervention>& interventions() const { return interventions_; }
  /// How many came before those that are kept.
  std::size_t interventions_before() const { return interventions_before_; }
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
  void forget_oldest_attempt(phase_index);

  const plan* plan_;
  phase_lookup lookup_;
  phase_records<attempt_record> attempts_;
  phase_records<task_record> tasks_;
  std::map<phase_index, earlier_attempts> before_;
  std::vector<bool> imported_;
  std::vector<intervention> interventions_;
  std::size_t interventions_before_ = 0;
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

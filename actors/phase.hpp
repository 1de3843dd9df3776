#pragma once

#include "actors/context.hpp"
#include "actors/core/criteria.hpp"
#include "actors/core/event_data.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo {

/// Whom a phase talks to, and what it reads files with.
struct phase_deps {
  context_ptr context;
  state_actor store;
  executor_actor executor;
  approval_actor approval;
  retry_actor retry;
  std::shared_ptr<core::file_access> files;
  /// The last lines of a log (absolute path), secrets masked; empty when there is none.
  std::function<std::string(const std::string& log)> tail;
};

/// Where an earlier node left the phase; what the launcher knows of its current attempt.
struct phase_origin {
  phase_state saved;
  std::vector<std::string> unfinished; ///< Tasks with a task_started and no task_finished.
  std::vector<task_exit> failed;       ///< Recorded with task_finished, not ok.
  std::vector<task_start> running;     ///< The launcher's word.
  std::vector<task_exit> ended;        ///< The launcher's word; not recorded yet.
  bool launcher_found = false;         ///< It knows of every task that was ever started.
};

/// One phase's attempts: starts its tasks as their needs end, has the failed attempt classified,
/// has the gate judged, and says each step to the state actor.
struct phase_actor_state {
  static inline const char* name = "phase";
  enum class stage : std::uint8_t { waiting, running, repeating, done, failed };

  phase_actor::pointer self = nullptr;
  trigger_actor trigger;
  std::shared_ptr<const phase_deps> deps;
  phase_index index = 0;

  std::uint32_t attempt = 0;
  std::uint32_t retries = 0;                  ///< That counted.
  std::uint32_t losses = 0;                   ///< Retries that did not count.
  std::optional<std::int64_t> first_start_us; ///< Of the attempts that count; steady, as the next.
  std::int64_t attempt_start_us = 0;
  /// Of the attempt: it is recorded. Else its only task waits for a slot with the launcher.
  bool begun = true;
  core::fingerprints before;
  event_batch held;                 ///< Recorded together with the verdict.
  std::vector<stage> stages;        ///< By task_index.
  std::optional<task_exit> failure; ///< The first one of the attempt.
  std::optional<std::string> cancelled;
  std::optional<operator_decision> canceller; ///< Null: the node cancels, the phase stays pending.
  std::string waited; ///< phase_waiting's data of the gate that is being judged again.
  std::string asking; ///< A task whose outcome a person must find out.
  std::string asking_why;
  bool ended = false; ///< The attempt has ended; late answers change nothing.

  void start();
  void withdraw();
  void heard_start(const task_start&);
  void heard_exit(const task_exit&);
  void cancel(const std::string& reason);
  void cancel(const operator_decision&);
  void restore(phase_origin origin);

private:
  const phase_def& def() const { return deps->context->phase(index); }
  void run_ready_tasks();
  void run_task(task_index);
  event begin(std::int64_t started_us);
  void give_back();
  task_spec make_spec(task_index) const;
  std::int64_t timeout_ms(const task_def&) const;
  std::size_t count(stage) const;
  void repeat_when_durable(task_index, event_batch&& batch);
  void proceed();
  void complete(event_batch&& batch);
  void review();
  void judged(const verdict&);
  void attempt_failed();
  void decided(const retry_decision&, const core::failure_text&);
  void wait_for_retry(std::int64_t left_us);
  std::int64_t steady_of(std::int64_t time_us) const;
  std::int64_t left_of_retry_wait(const phase_state& saved) const;
  void finish(event&&);
  void restore_attempt(const phase_origin&);
  void restore_task(const phase_origin&, task_index);
  void outcome_lost(task_index, const std::string& why);
  void ask();
  void finish_cancelled();
  bool needs_done(const task_def&) const;
  bool is_strict() const;
  void record(event&&);
  void propose(event&&);
  event_batch with_held(event&&);
  event make_event(event_kind, std::string task = {}, std::string data = {}) const;
  void fail_on_error(const caf::error&);
};

phase_actor::behavior_type phase(phase_actor::stateful_pointer<phase_actor_state> self,
                                 std::shared_ptr<const phase_deps> deps, trigger_actor trigger,
                                 phase_index index, std::optional<phase_origin> origin);

/// consolidation/logs/PHASE/TASK.ATTEMPT.log, relative to the workspace.
std::string log_path(const task_key&);

} // namespace aeo

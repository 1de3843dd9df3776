#pragma once

#include "actors/context.hpp"
#include "actors/core/criteria.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace aeo {

struct approval_deps {
  context_ptr context;
  state_actor store;
  executor_actor executor;
  std::shared_ptr<core::file_access> files;
  std::function<std::string(const std::string& log)> tail; ///< As in phase_deps.
  bool manual = false;  ///< Manual mode: every phase needs a person.
  bool detached = true; ///< Read files on a thread of their own; tests want one order.
};

/// Judges gates: runs the criteria's commands, has the criteria evaluated, says what follows.
/// Counts what people say about gates that wait for them, and keeps to their deadlines. Nothing of
/// that is kept here alone: voices and deadlines are in phase_waiting's data.
struct approval_state {
  static inline const char* name = "approval";

  /// A gate being judged.
  struct review {
    review_request request;
    std::vector<task_key> checks; ///< The commands' processes.
    std::vector<core::command_result> results;
    std::size_t missing = 0; ///< Commands that still run.
    bool dropped = false;    ///< They are being ended: the phase was decided upon.
    /// The phase that asks for its verdict and, in the same moment, people who approve.
    std::vector<caf::typed_response_promise<verdict>> promises;
    std::vector<caf::typed_response_promise<verdict>> people;
  };

  approval_actor::pointer self = nullptr;
  std::shared_ptr<const approval_deps> deps;
  std::map<std::pair<std::string, std::uint32_t>, review> reviews; ///< By phase id and attempt.
  std::vector<caf::typed_response_promise<verdict>> abandoned;     ///< Their check was cancelled.

  std::map<phase_index, std::uint32_t>
      deciding; ///< Decisions that are being looked at: the attempt.
  std::map<phase_index, std::int64_t> deadlines; ///< The one that its timer is for.

  caf::result<verdict> begin(review_request request);
  void command_ended(const task_exit&);
  void hear(const event_batch&);
  caf::result<std::string> act(const operator_decision&);

private:
  using answer = caf::typed_response_promise<std::string>;
  approval_policy policy_of(phase_index) const;
  void decide(phase_index, const phase_state&, const operator_decision&, answer);
  void approve_waiting(phase_index, const phase_state&, const operator_decision&, answer);
  void count_voice(phase_index, const std::string& waiting_data, const verdict&,
                   const operator_decision&, answer);
  void take_anew(phase_index, std::string waiting_data, answer);
  void override_failed(phase_index, const phase_state&, const operator_decision&, answer);
  void refuse(phase_index, answer, ec, const std::string& why);
  void settle(phase_index, const operator_decision&, event_kind, std::string data, std::string text,
              answer);
  bool is_too_late(phase_index, std::int64_t deadline_us) const;
  void arm(phase_index, std::int64_t deadline_us);
  void propose(event&&, std::uint32_t attempt);
  void deadline_passed(phase_index, std::int64_t deadline_us);
  void end_checks(const std::string& phase);
  void run_commands(review&, const phase_def&);
  void run_command(const task_key&, const phase_def&, std::size_t check);
  void evaluate(review&&);
};

approval_actor::behavior_type approval(approval_actor::stateful_pointer<approval_state> self,
                                       std::shared_ptr<const approval_deps> deps);

/// What follows from evaluated criteria under the phase's policy.
verdict judge(const phase_def&, const core::gate_result&, bool manual_mode);
/// The same, taking over from what it waited for before (phase_waiting's data, or empty).
verdict judge(const phase_def&, const core::gate_result&, bool manual_mode, std::string_view waited,
              std::int64_t now_us);

} // namespace aeo

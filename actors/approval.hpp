#pragma once

#include "actors/context.hpp"
#include "actors/core/criteria.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace aeo {

struct approval_deps {
  context_ptr context;
  executor_actor executor;
  std::shared_ptr<core::file_access> files;
  std::function<std::string(const std::string& log)> tail; ///< As in phase_deps.
  bool manual = false;  ///< Manual mode: every phase needs a person.
  bool detached = true; ///< Read files on a thread of their own; tests want one order.
};

/// Judges gates: runs the criteria's commands, has the criteria evaluated, says what follows.
struct approval_state {
  static inline const char* name = "approval";

  /// A gate being judged.
  struct review {
    review_request request;
    std::vector<core::command_result> results;
    std::size_t missing = 0; ///< Commands that still run.
    caf::typed_response_promise<verdict> promise;
  };

  approval_actor::pointer self = nullptr;
  std::shared_ptr<const approval_deps> deps;
  std::map<std::pair<std::string, std::uint32_t>, review> reviews; ///< By phase id and attempt.
  std::vector<caf::typed_response_promise<verdict>> abandoned;     ///< Their check was cancelled.

  caf::result<verdict> begin(review_request request);
  void command_ended(const task_exit&);

private:
  void run_commands(review&, const phase_def&);
  void evaluate(review&&);
};

approval_actor::behavior_type approval(approval_actor::stateful_pointer<approval_state> self,
                                       std::shared_ptr<const approval_deps> deps);

/// What follows from evaluated criteria under the phase's policy.
verdict judge(const phase_def&, const core::gate_result&, bool manual_mode);

} // namespace aeo

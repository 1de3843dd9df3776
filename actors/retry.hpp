#pragma once

#include "actors/context.hpp"
#include "actors/core/retry_rules.hpp"

#include <functional>

namespace aeo {

struct retry_state {
  static inline const char* name = "retry";
  context_ptr context;
  core::rule_set rules;
  std::function<double()> random01; ///< In [0, 1).

  retry_decision decide(const attempt_failure&) const;
};

/// Classifies failed attempts and says when to try again.
retry_actor::behavior_type retry(retry_actor::stateful_pointer<retry_state> self,
                                 context_ptr context, core::rule_set rules,
                                 std::function<double()> random01);

} // namespace aeo

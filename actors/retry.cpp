#include "actors/retry.hpp"

#include <algorithm>

namespace aeo {

retry_decision retry_state::decide(const attempt_failure& what) const {
  const auto& phase = context->phase(what.phase);
  core::failure failure{.exit = what.exit, .tail = what.tail};
  auto task = std::ranges::find(phase.tasks, what.exit.key.task, &task_def::id);
  failure.shell = task != phase.tasks.end() && task->command.size() == 3
                  && task->command[0] == "/bin/sh" && task->command[1] == "-c";
  auto cls = core::classify(failure, rules);
  core::retry_question question{.cls = cls,
                                .lost = what.exit.kind == exit_kind::lost,
                                .retries = what.retries,
                                .lost_retries = what.losses,
                                .elapsed = duration{what.elapsed_ms},
                                .total_timeout = phase.total_timeout,
                                .random01 = random01(),
                                .retry_after = core::retry_after(what.tail, context->now_us())};
  auto decision = core::decide(context->the_plan->retry_of(phase), question);
  return {.retry = decision.retry,
          .delay_ms = decision.delay.count(),
          .counted = decision.counted,
          .cls = std::string{to_string(cls)},
          .why = decision.reason};
}

retry_actor::behavior_type retry(retry_actor::stateful_pointer<retry_state> self,
                                 context_ptr context, core::rule_set rules,
                                 std::function<double()> random01) {
  self->state.context = std::move(context);
  self->state.rules = std::move(rules);
  self->state.random01 = std::move(random01);
  return {
      [self](atom::decide, const attempt_failure& what) { return self->state.decide(what); },
  };
}

} // namespace aeo

#include "actors/approval.hpp"

#include "actors/core/event_data.hpp"
#include "actors/phase.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace aeo {

namespace {

constexpr std::string_view task_prefix = "criteria.";

judge_actor::behavior_type judge_gate(judge_actor::pointer self,
                                      std::shared_ptr<const approval_deps> deps,
                                      review_request request,
                                      std::vector<core::command_result> results) {
  return {
      [=](atom::review) {
        self->quit();
        const auto& phase = deps->context->phase(request.phase);
        auto gate = core::evaluate(phase, request.before, results, *deps->files);
        return judge(phase, gate, deps->manual);
      },
  };
}

std::string failed_checks(const core::gate_result& gate) {
  std::string text;
  std::size_t failed = 0;
  for (const auto& check : gate.checks) {
    if (check.passed)
      continue;
    if (++failed == 1)
      text = check.check + ": expected " + check.expected + ", actual " + check.actual;
  }
  if (failed > 1)
    text += " (and " + std::to_string(failed - 1) + " more)";
  return std::to_string(failed) + " of " + std::to_string(gate.checks.size())
         + " criteria not met: " + text;
}

std::string waiting_reason(const phase_def& phase, bool manual_mode) {
  const approval_policy policy = phase.approval ? *phase.approval : approval_policy{};
  std::string who;
  for (const auto& name : policy.from)
    who += (who.empty() ? "" : ", ") + name;
  std::string why = manual_mode && policy.mode != approval_mode::manual
                        ? "the execution runs in manual mode"
                        : "the phase's approval is manual";
  return "waits for " + std::to_string(policy.required) + " of: " + who + " (" + why + ")";
}

} // namespace

verdict judge(const phase_def& phase, const core::gate_result& gate, bool manual_mode) {
  if (!gate.passed) {
    auto summary = failed_checks(gate);
    return {verdict_kind::failed, core::criteria_failed_data(summary, gate), summary};
  }
  auto manual = manual_mode || (phase.approval && phase.approval->mode == approval_mode::manual);
  if (!manual)
    return {verdict_kind::approved, core::approved_data(gate), {}};
  auto reason = waiting_reason(phase, manual_mode);
  return {verdict_kind::waiting, core::waiting_data(reason, gate), reason};
}

caf::result<verdict> approval_state::begin(review_request request) {
  const auto& phase = deps->context->phase(request.phase);
  if (core::has_empty_gate(phase))
    return judge(phase, core::evaluate(phase, request.before, {}, *deps->files), deps->manual);
  review next;
  next.request = std::move(request);
  next.promise = self->make_response_promise<verdict>();
  auto promise = next.promise;
  run_commands(next, phase);
  if (next.missing == 0)
    evaluate(std::move(next));
  else
    reviews.insert_or_assign({phase.id, next.request.attempt}, std::move(next));
  return promise;
}

void approval_state::run_commands(review& r, const phase_def& phase) {
  if (!phase.criteria)
    return;
  const auto& context = *deps->context;
  for (std::size_t i = 0; i < phase.criteria->checks.size(); ++i) {
    const auto& check = phase.criteria->checks[i];
    if (check.type != check_type::command)
      continue;
    task_spec spec;
    spec.key = {phase.id, std::string{task_prefix} + std::to_string(i), r.request.attempt};
    spec.argv = check.command;
    spec.env = {{"AEO_PHASE", phase.id},
                {"AEO_TASK", spec.key.task},
                {"AEO_ATTEMPT", std::to_string(r.request.attempt)}};
    spec.cwd = context.workspace.string();
    spec.log = (context.workspace / log_path(spec.key)).string();
    spec.timeout_ms = context.the_plan->timeout_of(phase).count();
    spec.grace_ms = context.the_plan->options.kill_grace.count();
    self->send(deps->executor, atom::run_v, std::move(spec),
               caf::actor_cast<task_listener_actor>(self));
    ++r.missing;
  }
}

void approval_state::command_ended(const task_exit& exit) {
  auto found = reviews.find({exit.key.phase, exit.key.attempt});
  if (found == reviews.end() || !exit.key.task.starts_with(task_prefix))
    return;
  auto& r = found->second;
  core::command_result result{.check_index = 0, .exit = exit, .tail = {}};
  auto digits = std::string_view{exit.key.task}.substr(task_prefix.size());
  std::from_chars(digits.data(), digits.data() + digits.size(), result.check_index);
  result.tail = deps->tail((deps->context->workspace / log_path(exit.key)).string());
  r.results.push_back(std::move(result));
  if (--r.missing > 0)
    return;
  auto done = std::move(r);
  reviews.erase(found);
  // A check that was cancelled says nothing about the phase: no verdict, the gate stays unjudged.
  auto cancelled = std::ranges::any_of(done.results, [](const core::command_result& c) {
    return c.exit.kind == exit_kind::cancelled;
  });
  if (cancelled)
    abandoned.push_back(std::move(done.promise));
  else
    evaluate(std::move(done));
}

void approval_state::evaluate(review&& r) {
  auto judge = deps->detached
                   ? self->spawn<caf::detached>(judge_gate, deps, r.request, std::move(r.results))
                   : self->spawn(judge_gate, deps, r.request, std::move(r.results));
  r.promise.delegate(judge, atom::review_v);
}

approval_actor::behavior_type approval(approval_actor::stateful_pointer<approval_state> self,
                                       std::shared_ptr<const approval_deps> deps) {
  self->state.self = self;
  self->state.deps = std::move(deps);
  return {
      [](const task_start&) {},
      [self](const task_exit& exit) { self->state.command_ended(exit); },
      [self](atom::review, review_request& request) {
        return self->state.begin(std::move(request));
      },
  };
}

} // namespace aeo

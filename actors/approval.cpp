#include "actors/approval.hpp"

#include "actors/core/decisions.hpp"
#include "actors/core/event_data.hpp"
#include "actors/core/timestamp.hpp"
#include "actors/phase.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace aeo {

namespace {

constexpr std::string_view task_prefix = "criteria.";
/// How late a deadline is noticed on a machine that slept: timers stand still there.
constexpr std::int64_t longest_look_us = 10'000'000;

judge_actor::behavior_type judge_gate(judge_actor::pointer self,
                                      std::shared_ptr<const approval_deps> deps,
                                      review_request request,
                                      std::vector<core::command_result> results) {
  return {
      [=](atom::review) {
        self->quit();
        const auto& phase = deps->context->phase(request.phase);
        auto gate = core::evaluate(phase, request.before, results, *deps->files);
        return judge(phase, gate, deps->manual, request.waited, deps->context->now_us());
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

verdict judge(const phase_def& phase, const core::gate_result& gate, bool manual_mode,
              std::string_view waited, std::int64_t now_us) {
  auto result = judge(phase, gate, manual_mode);
  if (result.kind == verdict_kind::waiting)
    result.detail = core::keep_waiting(
        result.detail, waited, phase.approval ? *phase.approval : approval_policy{}, now_us);
  return result;
}

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
    return judge(phase, core::evaluate(phase, request.before, {}, *deps->files), deps->manual,
                 request.waited, deps->context->now_us());
  // First, for a promise takes the sender with it.
  const auto& asker = self->current_sender();
  const auto by_person = asker != nullptr && asker->get() == self;
  auto promise = self->make_response_promise<verdict>();
  const auto add = [&](review& r) { (by_person ? r.people : r.promises).push_back(promise); };
  const std::pair key{phase.id, request.attempt};
  if (const auto found = reviews.find(key); found != reviews.end()) {
    add(found->second); // Its checks run already; they run once.
    return promise;
  }
  review next;
  next.request = std::move(request);
  add(next);
  run_commands(next, phase);
  if (next.missing == 0)
    evaluate(std::move(next));
  else
    reviews.emplace(key, std::move(next));
  return promise;
}

void approval_state::run_commands(review& r, const phase_def& phase) {
  if (!phase.criteria)
    return;
  for (std::size_t i = 0; i < phase.criteria->checks.size(); ++i) {
    if (phase.criteria->checks[i].type != check_type::command)
      continue;
    r.checks.push_back({phase.id, std::string{task_prefix} + std::to_string(i), r.request.attempt});
    run_command(r.checks.back(), phase, i);
    ++r.missing;
  }
}

void approval_state::run_command(const task_key& key, const phase_def& phase, std::size_t check) {
  const auto& context = *deps->context;
  task_spec spec;
  spec.key = key;
  spec.argv = phase.criteria->checks[check].command;
  spec.env = context.task_variables(spec.key);
  spec.cwd = context.workspace.string();
  spec.log = (context.workspace / log_path(spec.key)).string();
  spec.timeout_ms = context.the_plan->timeout_of(phase).count();
  spec.grace_ms = context.the_plan->options.kill_grace.count();
  spec.max_processes = context.the_plan->options.max_processes;
  self->send(deps->executor, atom::run_v, std::move(spec),
             caf::actor_cast<task_listener_actor>(self));
}

void approval_state::command_ended(const task_exit& exit) {
  auto found = reviews.find({exit.key.phase, exit.key.attempt});
  if (found == reviews.end() || !exit.key.task.starts_with(task_prefix))
    return;
  auto& r = found->second;
  core::command_result result{.check_index = 0, .exit = exit, .tail = {}};
  auto digits = std::string_view{exit.key.task}.substr(task_prefix.size());
  std::from_chars(digits.data(), digits.data() + digits.size(), result.check_index);
  if (exit.kind == exit_kind::lost && !r.dropped) {
    // Nothing was measured; how often a launcher may be lost the executor limits.
    run_command(exit.key, deps->context->phase(r.request.phase), result.check_index);
    return;
  }
  result.tail = deps->tail((deps->context->workspace / log_path(exit.key)).string());
  r.results.push_back(std::move(result));
  if (--r.missing > 0)
    return;
  auto done = std::move(r);
  reviews.erase(found);
  // A check that was cancelled says nothing about the phase: no verdict, the gate stays unjudged.
  auto unknown = std::ranges::any_of(done.results, [](const core::command_result& c) {
    return c.exit.kind == exit_kind::cancelled || c.exit.kind == exit_kind::lost;
  });
  if (!unknown) {
    evaluate(std::move(done));
    return;
  }
  std::ranges::move(done.promises, std::back_inserter(abandoned));
  for (auto& promise : done.people)
    promise.deliver(caf::make_error(ec::wrong_state,
                                    "the check of its criteria was ended before it was through: "
                                    "ask again"));
}

void approval_state::evaluate(review&& r) {
  auto judge = deps->detached
                   ? self->spawn<caf::detached>(judge_gate, deps, r.request, std::move(r.results))
                   : self->spawn(judge_gate, deps, r.request, std::move(r.results));
  auto all = std::move(r.promises);
  std::ranges::move(r.people, std::back_inserter(all));
  if (all.size() == 1) {
    all.front().delegate(judge, atom::review_v);
    return;
  }
  self->request(judge, caf::infinite, atom::review_v)
      .then(
          [all](const verdict& v) mutable {
            for (auto& promise : all)
              promise.deliver(v);
          },
          [all](const caf::error& err) mutable {
            for (auto& promise : all)
              promise.deliver(err);
          });
}

void approval_state::hear(const event_batch& batch) {
  for (const auto& e : batch) {
    const auto to = reviews.empty() ? std::nullopt : core::status_after(e.kind);
    if (to && *to != phase_status::completed && *to != phase_status::waiting_approval)
      end_checks(e.phase);
    if (e.kind == event_kind::phase_waiting)
      if (auto i = (*deps->context->lookup)(e.phase); i != core::phase_lookup::npos)
        arm(i, core::read_waiting(e.data).deadline_us);
  }
}

/// Nobody waits for a judgement any more: the phase was decided upon.
void approval_state::end_checks(const std::string& phase) {
  for (auto at = reviews.lower_bound({phase, 0}); at != reviews.end() && at->first.first == phase;
       ++at) {
    at->second.dropped = true;
    for (const auto& key : at->second.checks)
      self->send(deps->executor, atom::cancel_v, key);
  }
}

approval_policy approval_state::policy_of(phase_index i) const {
  const auto& phase = deps->context->phase(i);
  return phase.approval ? *phase.approval : approval_policy{};
}

caf::result<std::string> approval_state::act(const operator_decision& decision) {
  const auto& id = decision.request.phase;
  auto i = (*deps->context->lookup)(id);
  if (i == core::phase_lookup::npos)
    return caf::make_error(ec::not_found, "the plan has no phase " + id);
  if (!deciding.emplace(i, 0).second)
    return caf::make_error(ec::wrong_state,
                           "another decision on phase " + id + " is being looked at: ask again");
  auto promise = self->make_response_promise<std::string>();
  self->request(deps->store, caf::infinite, atom::get_v)
      .then([this, i, decision,
             promise](const snapshot_ptr& s) { decide(i, s->phases[i], decision, promise); },
            [this, i, promise](const caf::error& err) {
              refuse(i, promise, ec::internal, message_of(err));
            });
  return promise;
}

void approval_state::refuse(phase_index i, answer promise, ec code, const std::string& why) {
  deciding.erase(i);
  promise.deliver(caf::make_error(code, why));
}

void approval_state::decide(phase_index i, const phase_state& p, const operator_decision& decision,
                            answer promise) {
  const auto& id = decision.request.phase;
  const auto approves = decision.request.command == control_command::approve;
  deciding[i] = p.attempt;
  if (approves && p.status == phase_status::failed) {
    override_failed(i, p, decision, promise);
  } else if (p.status != phase_status::waiting_approval) {
    refuse(i, promise, ec::wrong_state,
           "phase " + id + " is " + std::string{to_string(p.status)}
               + (p.status == phase_status::completed ? ": its criteria are being judged, ask again"
                                                      : ": it does not wait for an approval"));
  } else if (core::is_ask(p.detail)) {
    refuse(i, promise, ec::wrong_state,
           "phase " + id
               + " does not wait for an approval but for what became of a task: find "
                 "that out, then retry or skip the phase");
  } else if (approves) {
    approve_waiting(i, p, decision, promise);
  } else if (decision.request.reason.empty()) {
    refuse(i, promise, ec::wrong_state, "a rejection needs a reason");
  } else {
    auto policy = policy_of(i);
    policy.allow_self = true; // Whoever started the run may stop it.
    if (auto why = core::why_not_counted(policy, {}, decision, {}); !why.empty())
      refuse(i, promise, ec::not_permitted, why);
    else
      settle(i, decision, event_kind::phase_rejected, core::decided_data(decision),
             "phase " + id + " is rejected; what depends on it is blocked", promise);
  }
}

void approval_state::override_failed(phase_index i, const phase_state& p,
                                     const operator_decision& decision, answer promise) {
  const auto& id = decision.request.phase;
  const auto why = core::why_not_alone(policy_of(i), decision, deps->context->started_by);
  if (!decision.request.override_criteria)
    refuse(i, promise, ec::wrong_state,
           "phase " + id + " has failed: mend the cause and retry it"
               + (why.empty() ? ", or approve it with --override and a --reason"
                              : "; you cannot override it: " + why));
  else if (decision.request.reason.empty())
    refuse(i, promise, ec::wrong_state, "an override needs a reason");
  else if (!why.empty())
    refuse(i, promise, ec::not_permitted, why);
  else
    settle(i, decision, event_kind::phase_approved, core::overridden_data(p.detail, decision),
           "phase " + id + " is approved although it failed; every report says so", promise);
}

/// What was reviewed must be what is there now: the gate is judged once more.
void approval_state::approve_waiting(phase_index i, const phase_state& p,
                                     const operator_decision& decision, answer promise) {
  const auto gate = core::read_waiting(p.detail);
  const auto& digest = decision.request.digest;
  if (auto why = core::why_not_counted(policy_of(i), gate, decision, deps->context->started_by);
      !why.empty())
    return refuse(i, promise, ec::not_permitted, why);
  if (!digest.empty() && !gate.digest.starts_with(digest))
    return refuse(i, promise, ec::wrong_state,
                  "what waits for approval is not what was reviewed (its digest is " + gate.digest
                      + "): review it again");
  review_request again{.phase = i, .attempt = p.attempt, .before = {}, .waited = p.detail};
  if (auto read = core::fingerprints_from_json(p.before))
    again.before = *read;
  self->request(caf::actor_cast<approval_actor>(self), caf::infinite, atom::review_v,
                std::move(again))
      .then([this, i, decision, promise,
             waited = p.detail](const verdict& v) { count_voice(i, waited, v, decision, promise); },
            [this, i, promise](const caf::error& err) {
              refuse(i, promise, err == ec::wrong_state ? ec::wrong_state : ec::internal,
                     message_of(err));
            });
}

void approval_state::count_voice(phase_index i, const std::string& waiting_data, const verdict& v,
                                 const operator_decision& decision, answer promise) {
  const auto& id = decision.request.phase;
  const auto gate = core::read_waiting(waiting_data);
  if (is_too_late(i, gate.deadline_us)) {
    deadline_passed(i, gate.deadline_us);
    return refuse(i, promise, ec::wrong_state,
                  "the deadline of phase " + id + " has passed ("
                      + core::format_time(gate.deadline_us) + "): it is being rejected");
  }
  if (v.kind == verdict_kind::failed)
    return refuse(i, promise, ec::wrong_state,
                  "phase " + id + " no longer meets its criteria: " + v.summary
                      + "; retry it, or put right what was changed");
  if (v.kind == verdict_kind::waiting && core::read_waiting(v.detail).digest != gate.digest) {
    take_anew(i, v.detail, promise);
    return;
  }
  const auto required = policy_of(i).required;
  auto data = core::add_voice(waiting_data,
                              {decision.by, decision.request.reason, deps->context->now_us()});
  const auto voices = gate.voices.size() + 1;
  if (voices < required)
    settle(i, decision, event_kind::phase_waiting, std::move(data),
           std::to_string(voices) + " of " + std::to_string(required) + " approvals of phase " + id
               + ": it waits for " + std::to_string(required - voices) + " more",
           promise);
  else
    settle(i, decision, event_kind::phase_approved, core::approved_by_people(data),
           "phase " + id + " is approved", promise);
}

/// What is there now is what the next one reviews, who hears of it when it is to be seen.
void approval_state::take_anew(phase_index i, std::string waiting_data, answer promise) {
  event_batch batch;
  batch.push_back(deps->context->event_of(event_kind::phase_waiting, i, std::move(waiting_data)));
  batch.back().attempt = deciding[i];
  self->request(deps->store, caf::infinite, atom::record_v, std::move(batch))
      .then(
          [this, i, promise] {
            refuse(i, promise, ec::wrong_state,
                   "the outputs of phase " + deps->context->phase(i).id
                       + " have changed since they were judged: the evidence was taken anew and "
                         "earlier approvals do not count; review it, then approve again");
          },
          [this, i, promise](const caf::error& err) {
            refuse(i, promise, ec::wrong_state, message_of(err));
          });
}

/// Durable together with its audit, then the answer.
void approval_state::settle(phase_index i, const operator_decision& decision, event_kind kind,
                            std::string data, std::string text, answer promise) {
  event_batch batch;
  batch.push_back(deps->context->event_of(kind, i, std::move(data)));
  batch.back().attempt = deciding[i]; // Should the phase run again meanwhile, it is not about that.
  batch.push_back(core::make_audit(decision, true, text, deps->context->now_us()));
  self->request(deps->store, caf::infinite, atom::record_v, std::move(batch))
      .then(
          [this, i, promise, text]() mutable {
            deciding.erase(i);
            promise.deliver(text);
          },
          [this, i, promise](const caf::error& err) {
            refuse(i, promise, ec::wrong_state, message_of(err));
          });
}

/// Its timer may not have noticed yet.
bool approval_state::is_too_late(phase_index i, std::int64_t deadline_us) const {
  return deadline_us != 0 && deps->context->now_us() >= deadline_us
         && policy_of(i).on_deadline == deadline_action::reject;
}

void approval_state::arm(phase_index i, std::int64_t deadline_us) {
  auto& armed = deadlines[i];
  if (deadline_us == 0 || armed == deadline_us)
    return;
  armed = deadline_us;
  const auto left =
      std::clamp<std::int64_t>(deadline_us - deps->context->now_us(), 0, longest_look_us);
  self->run_delayed(std::chrono::microseconds{left},
                    [this, i, deadline_us] { deadline_passed(i, deadline_us); });
}

void approval_state::deadline_passed(phase_index i, std::int64_t deadline_us) {
  if (deadlines[i] != deadline_us)
    return;
  deadlines.erase(i);
  if (deps->context->now_us() < deadline_us) {
    arm(i, deadline_us);
    return;
  }
  self->request(deps->store, caf::infinite, atom::get_v)
      .then([this, i, deadline_us](const snapshot_ptr& s) {
        const auto& p = s->phases[i];
        if (p.status != phase_status::waiting_approval
            || core::read_waiting(p.detail).deadline_us != deadline_us)
          return;
        const auto rejects = policy_of(i).on_deadline == deadline_action::reject;
        const auto text = "nobody decided until " + core::format_time(deadline_us);
        propose(rejects ? deps->context->event_of(event_kind::phase_rejected, i,
                                                  core::decision_data("deadline", text))
                        : deps->context->event_of(
                            event_kind::note, i, core::warning_data(text + "; it goes on waiting")),
                p.attempt);
      });
}

/// A person who decided in the same moment comes first.
void approval_state::propose(event&& e, std::uint32_t attempt) {
  e.attempt = attempt;
  event_batch batch;
  batch.push_back(std::move(e));
  self->request(deps->store, caf::infinite, atom::record_v, std::move(batch))
      .then([] {},
            [this](const caf::error& err) {
              if (err != ec::wrong_state)
                self->quit(err);
            });
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
      [self](atom::publish, const event_batch& batch) { self->state.hear(batch); },
      [self](atom::act, const operator_decision& decision) { return self->state.act(decision); },
  };
}

} // namespace aeo

// What people decide about phases and the run.

#include "actors/core/decisions.hpp"
#include "actors/core/execution_state.hpp"
#include "actors/core/text.hpp"
#include "actors/trigger.hpp"

#include <algorithm>
#include <utility>

namespace aeo {

caf::result<std::string> trigger_state::act(const operator_decision& decision) {
  const auto& wanted = decision.request;
  if (stopping || closed)
    return caf::make_error(ec::wrong_state, "the node is stopping: nothing is decided any more");
  if (wanted.command == control_command::pause || wanted.command == control_command::resume)
    return pause(wanted.command == control_command::pause, decision);
  if (wanted.command == control_command::cancel && wanted.phase.empty())
    return cancel_all(decision);
  auto i = (*context->lookup)(wanted.phase);
  if (i == core::phase_lookup::npos)
    return caf::make_error(ec::not_found, "the plan has no phase " + wanted.phase);
  if (auto undecided = why_undecided(i))
    return *undecided;
  switch (wanted.command) {
  case control_command::retry:
    return retry(i, decision);
  case control_command::skip:
    return skip(i, decision);
  case control_command::cancel:
    return cancel(i, decision);
  default:
    return caf::make_error(ec::internal, "the trigger does not decide this");
  }
}

std::string trigger_state::state_of(phase_index i) const {
  return std::string{to_string(status[i])};
}

/// Of a phase that is under way. One that has a slot and is pending is about to start.
std::string trigger_state::activity_of(phase_index i) const {
  if (has_not_begun(i))
    return "is about to start";
  if (status[i] != phase_status::in_progress && status[i] != phase_status::pending)
    return "is " + state_of(i);
  const auto attempt = attempts[i] + (status[i] == phase_status::pending ? 1 : 0);
  return "runs already (attempt " + std::to_string(attempt) + ")";
}

std::optional<caf::error> trigger_state::why_undecided(phase_index i) const {
  if (!deciding.contains(i))
    return {};
  return caf::make_error(ec::wrong_state, "another decision on phase " + context->phase(i).id
                                              + " is being looked at: ask again");
}

/// The events and their audit become durable together, then comes the answer.
caf::result<std::string> trigger_state::settle(event_batch&& batch,
                                               const operator_decision& decision, std::string text,
                                               std::vector<phase_index> about) {
  batch.push_back(core::make_audit(decision, true, text, context->now_us()));
  auto promise = self->make_response_promise<std::string>();
  decide(std::move(batch), std::move(about),
         [promise, text = std::move(text)](const caf::error& err) mutable {
           if (err)
             promise.deliver(err);
           else
             promise.deliver(text);
         });
  return promise;
}

/// From now on it holds for the phases that it is about.
void trigger_state::decide(event_batch&& batch, std::vector<phase_index> about,
                           std::function<void(const caf::error&)> then) {
  for (auto i : about) {
    deciding.insert(i);
    if (unqueue(i) && status[i] == phase_status::retry_wait)
      due.insert(i);
  }
  ++asked;
  self->request(store, caf::infinite, atom::record_v, std::move(batch))
      .then(
          [this, then, about] {
            then({});
            settled(about, true);
          },
          [this, then, about](const caf::error& err) {
            then(err);
            settled(about, false);
          });
}

/// The events were heard before. Without them all is as it was.
void trigger_state::settled(const std::vector<phase_index>& about, bool durable) {
  --asked;
  for (auto i : about)
    deciding.erase(i);
  for (auto i : about) {
    if (is_open(status[i]))
      for (auto dependent : graph->open(i))
        enqueue(dependent);
    block_behind(i);
    if (graph->is_ready(i))
      enqueue(i);
    if (due.erase(i) > 0 && !durable && status[i] == phase_status::retry_wait)
      want_again(i);
  }
  if (!durable) {
    reported = false;
    unsettled = true; // What it was spared meanwhile.
    settle_blocks();
  }
  proceed();
}

caf::result<std::string> trigger_state::retry(phase_index i, const operator_decision& decision) {
  const auto& id = context->phase(i).id;
  auto all = decision.request.downstream ? graph->downstream(i) : std::vector<phase_index>{};
  all.insert(all.begin(), i);
  event_batch batch;
  std::vector<phase_index> about;
  for (auto p : all) {
    if (auto undecided = why_undecided(p))
      return *undecided;
    const auto name = "phase " + context->phase(p).id;
    const auto s = status[p];
    const auto idle = is_shut(s) || is_open(s) || s == phase_status::waiting_approval
                      || s == phase_status::retry_wait;
    if (ending.contains(p))
      return caf::make_error(ec::wrong_state, name + " is being cancelled: ask again");
    if (is_busy(p) || (!idle && s != phase_status::pending))
      return caf::make_error(ec::wrong_state, name + " " + activity_of(p)
                                                  + ": wait for its end, or cancel it first");
    if (p == i && s == phase_status::approved && !decision.request.force)
      return refuse_approved(i);
    if (p == i && s == phase_status::pending)
      return caf::make_error(ec::wrong_state, name + " is pending: it starts by itself");
    if (p == i && s == phase_status::blocked && !self_blocked.contains(p))
      return caf::make_error(ec::wrong_state,
                             name + " is blocked by a phase that it depends on: retry that one");
    const auto culprit = p == i ? shut_dependency(p) : core::phase_lookup::npos;
    if (culprit != core::phase_lookup::npos)
      return caf::make_error(
          ec::wrong_state, name + " depends on phase " + context->phase(culprit).id + ", which is "
                               + state_of(culprit) + ": retry that one, or skip it");
    if (!selected.empty() && !selected[p])
      return caf::make_error(ec::wrong_state, name
                                                  + " was not selected for this run (--only or "
                                                    "--from): run it with --resume --only");
    // What a dependency blocks is given back by itself when that is mended.
    if (s != phase_status::pending && (p == i || s != phase_status::blocked)) {
      batch.push_back(context->event_of(event_kind::phase_reset, p, core::decided_data(decision)));
      about.push_back(p);
    }
  }
  if (auto lost = decision.request.force ? std::optional<caf::error>{} : why_kept(i, about))
    return *lost;
  const auto others = batch.size() - 1;
  auto answer =
      settle(std::move(batch), decision,
             "phase " + id + " is tried again (attempt " + std::to_string(attempts[i] + 1) + ")"
                 + (others > 0 ? ", and " + std::to_string(others) + " that depend on it" : ""),
             about);
  for (auto p : about)
    if (is_open(status[p]))
      shut_again(p);
  return answer;
}

/// Approvals of what depends on it are not lost unasked.
std::optional<caf::error> trigger_state::why_kept(phase_index i,
                                                  const std::vector<phase_index>& again) const {
  constexpr std::size_t most = 20;
  std::vector<std::string> ids;
  for (auto p : again)
    if (status[p] == phase_status::approved)
      ids.push_back(context->phase(p).id);
  if (ids.empty())
    return {};
  const auto names = core::some_of(ids, most);
  return caf::make_error(
      ec::wrong_state,
      (ids.size() == 1 ? "phase " + names + " depends on it and is approved already; to run it"
                       : "phases " + names + " depend on it and are approved already; to run them")
          + " again, too: aeo-control retry " + core::shell_quote(context->phase(i).id)
          + " --downstream --force");
}

/// Two people may have had the same thought: the second one hears that it is done.
caf::result<std::string> trigger_state::refuse_approved(phase_index i) {
  auto promise = self->make_response_promise<std::string>();
  self->request(store, caf::infinite, atom::get_v)
      .then(
          [this, i, promise](const snapshot_ptr& s) mutable {
            promise.deliver(caf::make_error(
                ec::wrong_state, core::why_not_again(context->phase(i).id, s->phases[i])));
          },
          [promise](const caf::error& err) mutable { promise.deliver(err); });
  return promise;
}

caf::result<std::string> trigger_state::skip(phase_index i, const operator_decision& decision) {
  const auto& id = context->phase(i).id;
  if (decision.request.reason.empty())
    return caf::make_error(ec::wrong_state, "skipping needs a reason");
  if (cancelling.contains(i))
    return caf::make_error(ec::wrong_state, "phase " + id + " is being cancelled: ask again");
  if (finishing.contains(i))
    return caf::make_error(ec::wrong_state, "phase " + id + " ends in this moment: ask again");
  if (has_not_begun(i))
    return caf::make_error(ec::wrong_state,
                           "phase " + id
                               + " is about to start: it cannot be skipped; cancel it first");
  if (running.contains(i) || !core::can_transition(status[i], phase_status::skipped)
      || status[i] == phase_status::completed)
    return caf::make_error(ec::wrong_state, "phase " + id + " is "
                                                + (running.contains(i) ? "running" : state_of(i))
                                                + ": it cannot be skipped"
                                                + (running.contains(i) ? "; cancel it first" : ""));
  // Skipping opens the gate, too.
  if (const auto* policy = context->phase(i).approval.get(); policy != nullptr)
    if (auto why = core::why_not_alone(*policy, decision, context->started_by); !why.empty())
      return caf::make_error(ec::not_permitted, why);
  event_batch batch;
  batch.push_back(context->event_of(event_kind::phase_skipped, i, core::decided_data(decision)));
  return settle(std::move(batch), decision,
                "phase " + id + " is skipped; what depends on it goes on", {i});
}

caf::result<std::string> trigger_state::cancel(phase_index i, const operator_decision& decision) {
  const auto& id = context->phase(i).id;
  if (live.contains(i) && (is_busy(i) || status[i] == phase_status::retry_wait)) {
    auto promise = self->make_response_promise<std::string>();
    cancelling.emplace(i, promise);
    const auto* what = has_not_begun(i) ? "it was about to start" : "its processes are being ended";
    end_by_itself(i, decision);
    event_batch batch;
    batch.push_back(core::make_audit(decision, true, what, context->now_us()));
    self->send(store, atom::record_v, std::move(batch));
    return promise;
  }
  // Whose criteria are being judged is cancelled unless the verdict comes first.
  if (!core::can_transition(status[i], phase_status::cancelled))
    return caf::make_error(ec::wrong_state,
                           "phase " + id + " is " + state_of(i) + ": there is nothing to cancel");
  event_batch batch;
  batch.push_back(context->event_of(event_kind::phase_cancelled, i, core::decided_data(decision)));
  return settle(std::move(batch), decision,
                "phase " + id + " is cancelled; what depends on it is blocked", {i});
}

/// What has just ended may be about to say that it ended well: nothing is said here for what an
/// actor speaks for.
caf::result<std::string> trigger_state::cancel_all(const operator_decision& decision) {
  event_batch batch;
  std::vector<phase_index> about;
  std::vector<phase_index> asking;
  std::vector<phase_index> judged;
  std::size_t ended = 0;
  if (!deciding.empty())
    return *why_undecided(*deciding.begin());
  const auto data = core::decided_data(decision);
  for (phase_index i = 0; i < status.size(); ++i) {
    if (status[i] == phase_status::waiting_approval) {
      asking.push_back(i);
    } else if (status[i] == phase_status::completed) {
      judged.push_back(i);
      ++ended;
    } else if (live.contains(i)) {
      end_by_itself(i, decision);
      ++ended;
    } else if (core::can_transition(status[i], phase_status::cancelled)) {
      batch.push_back(context->event_of(event_kind::phase_cancelled, i, data));
      about.push_back(i);
    }
  }
  const auto others = about.size() + asking.size();
  if (ended + others == 0)
    return caf::make_error(ec::wrong_state, "there is nothing left to cancel");
  // Each by itself: a person, or the verdict, may decide about one of them in this moment, and
  // comes first.
  asking.insert(asking.end(), judged.begin(), judged.end());
  for (auto i : asking)
    propose({context->event_of(event_kind::phase_cancelled, i, data)}, {});
  return settle(std::move(batch), decision,
                "the run is cancelled: " + std::to_string(ended) + " phases are being ended, "
                    + std::to_string(others) + " will not start",
                std::move(about));
}

void trigger_state::end_by_itself(phase_index i, const operator_decision& decision) {
  ending.insert(i);
  unqueue(i);
  self->send(live.at(i), atom::cancel_v, decision);
}

/// Phases with a process. What was granted a slot ahead has none.
std::size_t trigger_state::count_going_on() const {
  const auto begun =
      running.size() - static_cast<std::size_t>(std::ranges::count_if(running, [this](auto i) {
        return has_not_begun(i);
      }));
  return std::max(begun, std::min(running.size(), slots));
}

caf::result<std::string> trigger_state::pause(bool on, const operator_decision& decision) {
  if (paused == on)
    return caf::make_error(ec::wrong_state,
                           on ? "the run is paused already" : "the run is not paused");
  event_batch batch;
  batch.push_back({.time_us = context->now_us(),
                   .kind = on ? event_kind::execution_paused : event_kind::execution_continued,
                   .phase = {},
                   .task = {},
                   .data = core::decided_data(decision)});
  return settle(std::move(batch), decision,
                on ? "the run is paused: " + std::to_string(count_going_on())
                         + " running phases go on, nothing more is started"
                   : std::string{"the run goes on"},
                {});
}

} // namespace aeo

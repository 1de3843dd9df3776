#include "actors/trigger.hpp"

#include "actors/core/criteria.hpp"
#include "actors/core/event_data.hpp"
#include "actors/core/execution_state.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace aeo {

namespace {

/// A phase that an earlier node left in the middle: its actor takes it up again by itself.
bool is_under_way(phase_status s) {
  return s == phase_status::in_progress || s == phase_status::completed
         || s == phase_status::waiting_approval || s == phase_status::retry_wait;
}

/// What ended within this time is about what will end within the next: so many slots are granted
/// ahead where that is more than one turn of all slots.
constexpr std::int64_t look_ahead_us = 10'000;
constexpr std::size_t most_ahead = 64;
/// Phases that were granted a slot ahead wait at most that long without any that ends.
constexpr auto staged_patience = std::chrono::milliseconds{100};

bool is_configuration_error(const event& e) {
  return e.data.starts_with(R"({"class":"configuration")");
}

} // namespace

void trigger_state::restore(const core::execution_state& initial) {
  paused = initial.overall == overall_status::paused;
  status.reserve(initial.phases.size());
  queued.resize(initial.phases.size());
  for (phase_index i = 0; i < initial.phases.size(); ++i) {
    const auto& saved = initial.phases[i];
    // Its actor has a waiting gate judged again: until then it is under way.
    auto judged = saved.status == phase_status::waiting_approval && !core::is_ask(saved.detail);
    status.push_back(judged ? phase_status::completed : saved.status);
    attempts.push_back(saved.attempt);
    if (is_open(status[i]))
      graph->open(i);
  }
}

void trigger_state::start() {
  started = true;
  for (phase_index i = 0; i < status.size(); ++i) {
    if (is_under_way(status[i])) {
      if (status[i] == phase_status::in_progress)
        running.insert(i);
      if (status[i] == phase_status::waiting_approval)
        ++waiting;
      phase(i);
    } else if (graph->is_ready(i)) {
      enqueue(i);
    }
  }
  // A dependency that ended badly before this node began still blocks what needs it.
  for (phase_index i = 0; i < status.size(); ++i)
    if (is_shut(status[i]))
      block_dependents(i);
  proceed();
}

phase_actor& trigger_state::phase(phase_index i) {
  auto found = live.find(i);
  if (found == live.end()) {
    found = live.emplace(i, spawn_phase(self, i, attempts[i])).first;
    self->link_to(found->second);
  }
  return found->second;
}

void trigger_state::proceed() {
  while (may_start() && !ready.empty() && has_slot_for(ready.front())) {
    auto next = ready.front();
    ready.pop_front();
    queued[next] = false;
    running.insert(next);
    reported = false;
    self->send(phase(next), atom::start_v);
  }
  watch_staged();
  answer_detach();
  report_if_done();
}

bool trigger_state::has_slot_for(phase_index i) {
  return running.size() < slots
         || (running.size() < slots + slots_ahead()
             && core::begins_with_its_task(context->phase(i)));
}

void trigger_state::forget_releases() {
  const auto since_us = context->steady_us() - look_ahead_us;
  while (!releases.empty() && releases.front() < since_us)
    releases.pop_front();
}

std::size_t trigger_state::slots_ahead() {
  forget_releases();
  return releases.size() > slots ? std::min(releases.size(), most_ahead) : 0;
}

/// As long as what was granted a slot may wait for it.
void trigger_state::watch_staged() {
  if (watching || running.size() <= slots || all_have_begun())
    return;
  watching = true;
  const auto since_us = context->steady_us();
  self->run_delayed(staged_patience, [this, since_us] {
    watching = false;
    if (running.size() > slots && last_release_us <= since_us)
      recall_all();
    watch_staged();
  });
}

/// Holds a slot, and that its attempt has begun is not durable.
bool trigger_state::has_not_begun(phase_index i) const {
  return running.contains(i)
         && (status[i] == phase_status::pending || status[i] == phase_status::retry_wait);
}

bool trigger_state::all_have_begun() const {
  return std::ranges::none_of(running, [this](auto i) { return has_not_begun(i); });
}

void trigger_state::recall(phase_index i) {
  if (has_not_begun(i))
    self->send(live.at(i), atom::withdraw_v);
}

void trigger_state::recall_all() {
  // The last one first: who gives a slot back comes first again.
  std::vector<phase_index> all{running.begin(), running.end()};
  std::ranges::sort(all, std::greater{});
  for (auto i : all)
    recall(i);
}

/// It wants its slot as before, and comes first.
void trigger_state::take_back(phase_index i) {
  const auto had_slot = running.erase(i) > 0;
  // What was told to end will say so itself.
  if (!had_slot || stopping || ending.contains(i))
    return;
  const auto retries = status[i] == phase_status::retry_wait; // Its actor knows of the attempts.
  if (!retries)
    ended(i);
  if (graph->is_ready(i)) {
    queued[i] = true;
    ready.push_front(i);
  } else if (retries) {
    start_over(i);
  } else {
    block_behind(i);
  }
  proceed();
}

void trigger_state::set_stalled(bool on) {
  stalled = on;
  if (on)
    recall_all();
  proceed();
}

void trigger_state::hear_of_run(const event& e) {
  if (e.kind != event_kind::execution_paused && e.kind != event_kind::execution_continued)
    return;
  paused = e.kind == event_kind::execution_paused;
  if (paused)
    recall_all();
}

void trigger_state::hear(const event& e) {
  auto to = core::status_after(e.kind);
  if (!to) {
    hear_of_run(e);
    return;
  }
  auto i = (*context->lookup)(e.phase);
  if (i == core::phase_lookup::npos)
    return;
  unblocking.erase(i);
  if (e.kind == event_kind::phase_unblocked && status[i] != phase_status::blocked)
    return; // Known already, and perhaps running.
  auto from = std::exchange(status[i], *to);
  if (*to != phase_status::in_progress)
    finishing.erase(i);
  if (from == phase_status::waiting_approval)
    --waiting;
  if (from == phase_status::waiting_approval || is_shut(from) || is_open(from))
    reported = false; // A person has decided: what is left to do is to be said anew.
  if (*to == phase_status::in_progress)
    attempts[i] = e.attempt;
  if (is_open(from) && !is_open(*to))
    shut_again(i);
  if (e.kind == event_kind::phase_blocked && !e.task.empty())
    self_blocked.insert(i);
  else
    self_blocked.erase(i);
  if (*to == phase_status::waiting_approval) {
    ++waiting;
    ending.erase(i);
    answer_cancel(i); // All tasks had ended well before they could be cancelled.
  }
  // It wanted a slot, and a person decided otherwise.
  if (is_open(*to) || is_shut(*to)
      || ((from == phase_status::pending || from == phase_status::retry_wait)
          && *to != phase_status::in_progress))
    unqueue(i);
  if (is_open(*to))
    opened(i);
  else if (is_shut(*to))
    shut(i, e);
  else if (*to == phase_status::pending)
    ended(i);
  if (is_shut(from) && !is_shut(*to) && e.kind != event_kind::phase_unblocked)
    unblock(graph->downstream(i), "phase " + context->phase(i).id + " blocks it no more");
  if (graph->is_ready(i))
    enqueue(i);
}

void trigger_state::heard(const event_batch& batch) {
  for (const auto& e : batch)
    hear(e);
  // Only now: one batch may mend what another event of it depends on.
  for (const auto& e : batch)
    if (core::status_after(e.kind) == phase_status::pending)
      block_behind((*context->lookup)(e.phase));
  looked_again = false;
  settle_blocks();
  proceed();
}

/// The blocked ones among them wait again, unless something blocks them still.
void trigger_state::unblock(const std::vector<phase_index>& candidates, const std::string& why) {
  std::vector<bool> held(status.size());
  for (phase_index i = 0; i < status.size(); ++i)
    if (is_shut(status[i]) && (status[i] != phase_status::blocked || self_blocked.contains(i)))
      for (auto d : held_by(i))
        held[d] = true;
  event_batch batch;
  std::vector<phase_index> freed;
  const auto data = core::decision_data("engine", why);
  for (auto d : candidates)
    if (status[d] == phase_status::blocked && !held[d] && !self_blocked.contains(d)
        && !deciding.contains(d)) {
      batch.push_back(context->event_of(event_kind::phase_unblocked, d, data));
      unblocking.insert(d);
      freed.push_back(d);
    }
  propose(std::move(batch), {}, std::move(freed));
}

/// All that waits for it, directly or not: not what is open, nor what waits behind that alone.
std::vector<phase_index> trigger_state::held_by(phase_index culprit) const {
  std::vector<phase_index> result;
  std::vector<bool> seen(status.size());
  const auto add = [&](phase_index i) {
    for (auto d : graph->dependents(i))
      if (!seen[d] && !is_open(status[d])) {
        seen[d] = true;
        result.push_back(d);
      }
  };
  add(culprit);
  for (std::size_t k = 0; k < result.size(); ++k)
    add(result[k]);
  std::ranges::sort(result);
  return result;
}

/// Somebody may have decided otherwise in the same moment. Then it is refused, and looked at again:
/// at once, for that decision may have become durable meanwhile, else when it does. `blocked`:
/// whose status shows it already; `freed`: who are in `unblocking` for it.
void trigger_state::propose(event_batch&& batch, std::vector<phase_index> blocked,
                            std::vector<phase_index> freed) {
  if (batch.empty())
    return;
  ++asked;
  self->request(store, caf::infinite, atom::record_v, std::move(batch))
      .then(
          [this] {
            --asked;
            proceed();
          },
          [this, blocked = std::move(blocked), freed = std::move(freed)](const caf::error& err) {
            if (err != ec::wrong_state) {
              self->quit(err);
              return;
            }
            --asked;
            for (auto i : freed)
              unblocking.erase(i);
            for (auto i : blocked)
              if (status[i] == phase_status::blocked)
                status[i] = phase_status::pending; // It was not to be.
            unsettled = true;
            if (!std::exchange(looked_again, true))
              settle_blocks();
            proceed();
          });
}

/// What was proposed and refused, as of now.
void trigger_state::settle_blocks() {
  if (!std::exchange(unsettled, false))
    return;
  std::vector<phase_index> all;
  for (phase_index i = 0; i < status.size(); ++i) {
    all.push_back(i);
    block_behind(i);
    if (graph->is_ready(i))
      enqueue(i);
  }
  unblock(all, "what blocked it does no more");
}

/// npos: none.
phase_index trigger_state::shut_dependency(phase_index i) const {
  const auto& needed = context->phase(i).dependencies;
  const auto found = std::ranges::find_if(
      needed, [this](auto d) { return is_shut(status[d]) && !unblocking.contains(d); });
  return found == needed.end() ? core::phase_lookup::npos : *found;
}

/// A phase that waits behind one that is shut would wait for ever.
void trigger_state::block_behind(phase_index i) {
  if (i == core::phase_lookup::npos || status[i] != phase_status::pending || deciding.contains(i))
    return;
  if (const auto culprit = shut_dependency(i); culprit != core::phase_lookup::npos)
    block_dependents(culprit);
}

void trigger_state::opened(phase_index i) {
  ended(i);
  if (deciding.contains(i))
    return; // Perhaps not for long: see settled().
  for (auto dependent : graph->open(i))
    enqueue(dependent);
}

/// It is to run again: what has its turn still before it waits for that.
void trigger_state::shut_again(phase_index i) {
  graph->shut(i);
  for (auto dependent : graph->dependents(i)) {
    if (unqueue(dependent) && status[dependent] == phase_status::retry_wait)
      start_over(dependent);
    recall(dependent);
  }
}

void trigger_state::enqueue(phase_index i) {
  auto chosen = selected.empty() || selected[i];
  if (status[i] == phase_status::pending && chosen && !stopping && !is_busy(i)
      && !deciding.contains(i))
    want(i);
}

void trigger_state::want(phase_index i) {
  if (queued[i])
    return;
  queued[i] = true;
  ready.push_back(i);
}

/// Its retry is due. What it depends on may be to run again since.
void trigger_state::want_again(phase_index i) {
  if (graph->is_ready(i))
    want(i);
  else
    start_over(i);
}

/// Its turn comes as that of a phase that has not run yet does: when what it depends on is
/// approved.
void trigger_state::start_over(phase_index i) {
  if (stopping || closed || ending.contains(i))
    return; // The next node, or its actor, has the last word.
  const auto& needed = context->phase(i).dependencies;
  const auto shut = std::ranges::find_if_not(needed, [this](auto d) { return graph->is_open(d); });
  const auto why = "phase " + context->phase(*shut).id + ", which it depends on, is not approved";
  due.insert(i);
  decide({context->event_of(event_kind::phase_reset, i, core::decision_data("engine", why))}, {i},
         [this](const caf::error& err) {
           if (err && err != ec::wrong_state)
             self->quit(err);
         });
}

/// False: it was not in the queue.
bool trigger_state::unqueue(phase_index i) {
  if (!queued[i])
    return false;
  queued[i] = false;
  std::erase(ready, i);
  return true;
}

void trigger_state::shut(phase_index i, const event& e) {
  ended(i);
  if (e.kind == event_kind::phase_failed && is_configuration_error(e)) {
    configuration = true;
    recall_all();
  }
  // What a dependency blocks was blocked as a whole; a phase that blocks itself names its task.
  if (e.kind != event_kind::phase_blocked || !e.task.empty())
    block_dependents(i);
}

void trigger_state::block_dependents(phase_index culprit) {
  event_batch batch;
  std::vector<phase_index> blocked;
  for (auto i : held_by(culprit)) {
    if (status[i] != phase_status::pending || deciding.contains(i) || running.contains(i))
      continue;
    unqueue(i);
    status[i] = phase_status::blocked;
    const auto& why = context->phase(culprit);
    nlohmann::json data{{"by", why.id},
                        {"reason", "phase " + why.id + " (" + std::string{why.label()} + ") is "
                                       + std::string{to_string(status[culprit])}}};
    batch.push_back(context->event_of(event_kind::phase_blocked, i, data.dump()));
    blocked.push_back(i);
  }
  propose(std::move(batch), std::move(blocked));
}

/// Its actor has said the last word, or a person has, and whatever it still waits for is void.
void trigger_state::ended(phase_index i) {
  running.erase(i);
  finishing.erase(i);
  ending.erase(i);
  if (auto found = live.find(i); found != live.end()) {
    self->unlink_from(found->second);
    self->send_exit(found->second, caf::exit_reason::user_shutdown);
    live.erase(found);
  }
  answer_cancel(i);
}

void trigger_state::answer_cancel(phase_index i) {
  auto [first, last] = cancelling.equal_range(i);
  for (auto at = first; at != last; ++at)
    at->second.deliver("phase " + context->phase(i).id + " is " + state_of(i));
  cancelling.erase(first, last);
}

void trigger_state::release(phase_index i) {
  if (running.erase(i) > 0) {
    finishing.insert(i);
    last_release_us = context->steady_us();
    releases.push_back(last_release_us);
    forget_releases();
  }
  proceed();
}

void trigger_state::want_slot(phase_index i) {
  if (status[i] != phase_status::retry_wait)
    return; // A person decided otherwise meanwhile.
  if (deciding.contains(i))
    due.insert(i);
  else
    want_again(i);
  proceed();
}

void trigger_state::stop(const std::string& reason) {
  stopping = true;
  reported = false;
  for (auto i : std::exchange(ready, {}))
    queued[i] = false;
  for (auto& [i, actor] : live)
    if (status[i] != phase_status::waiting_approval)
      self->send(actor, atom::cancel_v, reason);
  report_if_done();
}

caf::result<void> trigger_state::detach() {
  closed = true;
  recall_all();
  auto promise = self->make_response_promise<void>();
  detach_promises.push_back(promise);
  answer_detach();
  return promise;
}

void trigger_state::answer_detach() {
  if (detach_promises.empty() || !all_have_begun() || !ending.empty())
    return;
  for (auto& promise : std::exchange(detach_promises, {}))
    promise.deliver();
}

/// Phases that will still change by themselves. When stopping, a gate that is being judged is left
/// as it is: the next node judges it again. After a configuration error no retry gets a slot: they
/// are left to the next node too.
std::size_t trigger_state::under_way() const {
  if (!stopping && !configuration)
    return live.size() - waiting;
  return static_cast<std::size_t>(std::ranges::count_if(live, [this](const auto& entry) {
    auto s = status[entry.first];
    if (stopping)
      return s != phase_status::waiting_approval && s != phase_status::completed;
    return s != phase_status::waiting_approval
           && (s != phase_status::retry_wait || running.contains(entry.first));
  }));
}

void trigger_state::report_if_done() {
  auto more = may_start() && !ready.empty();
  // While storage fails nothing ends: what is ready goes on when it works again.
  auto held = (stalled || paused) && !stopping && !ready.empty();
  const auto open_questions = !stopping && (asked > 0 || unsettled);
  if (!started || closed || reported || more || held || open_questions || under_way() > 0)
    return;
  reported = true;
  run_outcome outcome;
  outcome.waiting = waiting > 0;
  outcome.configuration = configuration;
  outcome.interrupted = stopping;
  for (phase_index i = 0; i < status.size() && !stopping && !configuration && waiting == 0; ++i)
    outcome.stuck = outcome.stuck || (selected.empty() && !is_terminal(status[i]));
  self->send(boss, atom::done_v, outcome);
}

/// False: there is something to do again, and the end will be reported anew.
bool trigger_state::close() {
  const auto more = asked > 0 || unsettled || under_way() > 0 || (may_start() && !ready.empty());
  if (!reported || (!stopping && more)) {
    reported = false;
    return false;
  }
  closed = true;
  return true;
}

trigger_actor::behavior_type trigger(trigger_actor::stateful_pointer<trigger_state> self,
                                     context_ptr context, state_actor store, supervisor_actor boss,
                                     phase_factory spawn_phase, snapshot_ptr initial,
                                     std::size_t slots, std::vector<bool> selected) {
  auto& st = self->state;
  st.self = self;
  st.graph = std::make_unique<core::ready_graph>(*context->the_plan);
  st.context = std::move(context);
  st.store = std::move(store);
  st.boss = std::move(boss);
  st.spawn_phase = std::move(spawn_phase);
  st.slots = slots;
  st.selected = std::move(selected);
  st.restore(*initial);
  return {
      [self](atom::publish, const event_batch& batch) { self->state.heard(batch); },
      [self](atom::start) { self->state.start(); },
      [self](atom::release, std::uint32_t i) { self->state.release(i); },
      [self](atom::ready, std::uint32_t i) { self->state.want_slot(i); },
      [self](atom::withdraw, std::uint32_t i) { self->state.take_back(i); },
      [self](atom::stop, const std::string& reason) { self->state.stop(reason); },
      [self](atom::detach) { return self->state.detach(); },
      [self](atom::stalled, bool stalled) { self->state.set_stalled(stalled); },
      [self](atom::act, const operator_decision& decision) { return self->state.act(decision); },
      [self](atom::finish) { return self->state.close(); },
  };
}

} // namespace aeo

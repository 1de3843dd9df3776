#include "actors/trigger.hpp"

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

bool is_configuration_error(const event& e) {
  return e.data.starts_with(R"({"class":"configuration")");
}

} // namespace

void trigger_state::restore(const core::execution_state& initial) {
  status.reserve(initial.phases.size());
  for (phase_index i = 0; i < initial.phases.size(); ++i) {
    const auto& saved = initial.phases[i];
    // Its actor has a waiting gate judged again: until then it is under way.
    auto judged = saved.status == phase_status::waiting_approval && !core::is_ask(saved.detail);
    status.push_back(judged ? phase_status::completed : saved.status);
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
    found = live.emplace(i, spawn_phase(self, i)).first;
    self->link_to(found->second);
  }
  return found->second;
}

void trigger_state::proceed() {
  while (may_start() && running.size() < slots && !ready.empty()) {
    auto next = ready.front();
    ready.pop_front();
    running.insert(next);
    reported = false;
    self->send(phase(next), atom::start_v);
  }
  report_if_done();
}

void trigger_state::hear(const event& e) {
  auto to = core::status_after(e.kind);
  if (!to)
    return;
  auto i = (*context->lookup)(e.phase);
  if (i == core::phase_lookup::npos)
    return;
  auto from = std::exchange(status[i], *to);
  if (from == phase_status::waiting_approval) {
    --waiting;
    reported = false; // A person has decided: what is left to do is to be said anew.
  }
  if (*to == phase_status::waiting_approval)
    ++waiting;
  // It wanted a slot, and a person decided otherwise.
  if ((from == phase_status::pending || from == phase_status::retry_wait)
      && *to != phase_status::in_progress)
    std::erase(ready, i);
  if (is_open(*to))
    opened(i);
  else if (is_shut(*to))
    shut(i, e);
  else if (*to == phase_status::pending)
    ended(i);
  if (graph->is_ready(i))
    enqueue(i);
}

void trigger_state::opened(phase_index i) {
  ended(i);
  for (auto dependent : graph->open(i))
    enqueue(dependent);
}

void trigger_state::enqueue(phase_index i) {
  auto chosen = selected.empty() || selected[i];
  if (status[i] == phase_status::pending && chosen && !stopping)
    ready.push_back(i);
}

void trigger_state::shut(phase_index i, const event& e) {
  ended(i);
  if (e.kind == event_kind::phase_failed && is_configuration_error(e))
    configuration = true;
  // What a dependency blocks was blocked as a whole; a phase that blocks itself names its task.
  if (e.kind != event_kind::phase_blocked || !e.task.empty())
    block_dependents(i);
}

void trigger_state::block_dependents(phase_index culprit) {
  event_batch batch;
  for (auto i : graph->downstream(culprit)) {
    if (status[i] != phase_status::pending)
      continue;
    status[i] = phase_status::blocked;
    const auto& why = context->phase(culprit);
    nlohmann::json data{{"by", why.id},
                        {"reason", "phase " + why.id + " (" + std::string{why.label()} + ") is "
                                       + std::string{to_string(status[culprit])}}};
    batch.push_back({.time_us = context->now_us(),
                     .kind = event_kind::phase_blocked,
                     .phase = context->phase(i).id,
                     .task = {},
                     .data = data.dump()});
  }
  if (!batch.empty())
    self->send(store, atom::record_v, std::move(batch));
}

void trigger_state::ended(phase_index i) {
  running.erase(i);
  if (auto found = live.find(i); found != live.end()) {
    self->unlink_from(found->second);
    live.erase(found);
  }
}

void trigger_state::release(phase_index i) {
  running.erase(i);
  proceed();
}

void trigger_state::want_slot(phase_index i) {
  ready.push_back(i);
  proceed();
}

void trigger_state::stop(const std::string& reason) {
  stopping = true;
  reported = false;
  ready.clear();
  for (auto& [i, actor] : live)
    if (status[i] != phase_status::waiting_approval)
      self->send(actor, atom::cancel_v, reason);
  report_if_done();
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
  auto held = stalled && !stopping && !ready.empty();
  if (!started || reported || more || held || under_way() > 0)
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
      [self](atom::publish, const event_batch& batch) {
        for (const auto& e : batch)
          self->state.hear(e);
        self->state.proceed();
      },
      [self](atom::start) { self->state.start(); },
      [self](atom::release, std::uint32_t i) { self->state.release(i); },
      [self](atom::ready, std::uint32_t i) { self->state.want_slot(i); },
      [self](atom::stop, const std::string& reason) { self->state.stop(reason); },
      [self](atom::stalled, bool stalled) {
        self->state.stalled = stalled;
        self->state.proceed();
      },
  };
}

} // namespace aeo

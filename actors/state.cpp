#include "actors/state.hpp"

#include "actors/core/event_data.hpp"
#include "actors/core/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace aeo {

namespace {

// So many events leave a commit alone: where little happens nothing waits for more to gather.
constexpr std::size_t few_events = 8;
constexpr auto retry_interval = std::chrono::seconds{1};
constexpr std::int64_t save_interval_us = 1'000'000;
// A file that takes long to write is written seldom: at most 1/50 of the time goes into it.
constexpr std::int64_t save_share = 50;
// Of a clock. What keeps it right moves it by less, or slowly.
constexpr std::int64_t smallest_step_us = 2'000'000;

/// By its own actor, for the node stops. A reset by a person or the trigger is about no attempt.
bool is_given_back(const event& e) {
  return e.kind == event_kind::phase_reset && e.attempt != 0;
}
bool is_decided(phase_status s) {
  return is_open(s) || is_shut(s) || s == phase_status::waiting_approval;
}

} // namespace

caf::result<void> state_state::record(event_batch batch) {
  if (mask)
    for (auto& e : batch)
      if (!e.data.empty())
        e.data = mask(e.data);
  if (auto err = take(batch))
    return err;
  watch_clock();
  std::move(batch.begin(), batch.end(), std::back_inserter(gathered));
  if (!self->current_mailbox_element()->mid.is_request()) {
    commit();
    return caf::unit;
  }
  auto promise = self->make_response_promise<void>();
  gathered_promises.push_back(promise);
  commit();
  return promise;
}

/// Who reads the log, or a duration made of its times, has to know.
void state_state::watch_clock() {
  const auto now = context->now_us();
  const auto day = now - context->steady_us();
  const auto set_us = day - std::exchange(day_us, day).value_or(day);
  if (std::abs(set_us) < smallest_step_us)
    return;
  const auto by = core::format_duration(duration{std::abs(set_us) / 1000});
  gathered.push_back(
      {.time_us = now,
       .kind = event_kind::note,
       .phase = {},
       .task = {},
       .data = core::warning_data(
           (set_us < 0 ? "this machine's clock was set back by " + by
                       : "this machine's clock was set forward by " + by + ", or it slept as long")
           + ": times of day before and after this do not compare")});
}

caf::error state_state::take(const event_batch& batch) {
  std::vector<std::pair<phase_index, accepted_phase>> undo;
  for (const auto& e : batch) {
    auto to = core::status_after(e.kind);
    if (!to)
      continue;
    auto index = (*context->lookup)(e.phase);
    auto known = index != core::phase_lookup::npos;
    const auto starts = *to == phase_status::in_progress;
    const auto fits = known && core::can_transition(accepted[index].status, *to)
                      && !(is_given_back(e) && is_decided(accepted[index].status));
    const auto stale = fits && !starts && e.attempt != 0 && e.attempt != accepted[index].attempt;
    if (fits && !stale) {
      undo.emplace_back(index, accepted[index]);
      accepted[index].status = *to;
      if (starts)
        accepted[index].attempt = e.attempt;
      continue;
    }
    for (auto i = undo.rbegin(); i != undo.rend(); ++i)
      accepted[i->first] = i->second;
    if (stale)
      return caf::make_error(ec::wrong_state, "phase " + e.phase + " is at attempt "
                                                  + std::to_string(accepted[index].attempt)
                                                  + ": this was about attempt "
                                                  + std::to_string(e.attempt));
    auto from = known ? to_string(accepted[index].status) : std::string_view{"unknown"};
    return caf::make_error(ec::wrong_state, "phase " + e.phase + " is " + std::string{from}
                                                + ": it cannot become "
                                                + std::string{to_string(*to)});
  }
  return {};
}

void state_state::commit() {
  if (committing || commit_timer || gathered.empty())
    return;
  auto now = context->steady_us();
  auto next = last_commit_us + commit_interval.count();
  if (last_commit_size > few_events && now < next) {
    commit_timer = true;
    self->run_delayed(std::chrono::microseconds{next - now}, [this] {
      commit_timer = false;
      commit();
    });
    return;
  }
  last_commit_us = now;
  committing = true;
  in_flight.swap(gathered);
  last_commit_size = in_flight.size();
  in_flight_promises.swap(gathered_promises);
  send_commit();
}

void state_state::send_commit() {
  self->request(store, caf::infinite, atom::record_v, in_flight)
      .then([this](std::uint64_t first_seq,
                   std::string& head) { committed(first_seq, std::move(head)); },
            [this](const caf::error& err) {
              if (err == ec::wrong_state) { // It never will be: nobody gets an answer any more.
                self->send(boss, atom::gone_v, message_of(err));
                return;
              }
              // Nothing is lost: the batch stays in flight and goes again.
              set_trouble(commit_trouble, message_of(err));
              self->run_delayed(retry_interval, [this] { send_commit(); });
            });
}

void state_state::set_trouble(std::string& slot, std::string text) {
  auto before = commit_trouble.empty() && save_trouble.empty();
  slot = std::move(text);
  auto after = commit_trouble.empty() && save_trouble.empty();
  if (before != after)
    self->send(boss, atom::stalled_v, commit_trouble.empty() ? save_trouble : commit_trouble);
}

void state_state::committed(std::uint64_t first_seq, std::string head) {
  committing = false;
  copy.reset();
  set_trouble(commit_trouble, {});
  auto seq = first_seq;
  for (auto& e : in_flight) {
    e.seq = seq++;
    if (!core::apply(current, *context->lookup, e)) {
      self->quit(caf::make_error(ec::internal, "event " + std::to_string(e.seq) + " ("
                                                   + std::string{to_string(e.kind)} + ", phase "
                                                   + e.phase + ") does not fit the state"));
      return;
    }
  }
  current.chain_head = std::move(head);
  dirty = true;
  // Listeners first: what an asker does next finds that they know. (A task that is run again must
  // not reach the executor before the end of its first run did.)
  publish(std::exchange(in_flight, {}));
  for (auto& promise : std::exchange(in_flight_promises, {}))
    promise.deliver();
  commit();
  save_if_due();
}

void state_state::publish(event_batch&& batch) {
  // One shared message for all: a copy per listener would be most of this actor's work.
  auto msg = caf::make_message(atom::publish_v, std::move(batch));
  for (auto& listener : listeners)
    caf::actor_cast<caf::abstract_actor*>(listener)->enqueue(nullptr, caf::make_message_id(), msg,
                                                             self->context());
}

caf::result<void> state_state::save() {
  auto promise = self->make_response_promise<void>();
  save_promises.push_back(promise);
  if (!saving)
    start_save();
  return promise;
}

snapshot_ptr state_state::snapshot() {
  if (!copy)
    copy = std::make_shared<const core::execution_state>(current);
  return copy;
}

void state_state::save_if_due() {
  if (saving || !dirty)
    return;
  auto now = context->steady_us();
  if (is_small() || now >= next_save_us) {
    start_save();
  } else {
    save_later(std::chrono::microseconds{next_save_us - now});
  }
}

void state_state::save_later(caf::timespan delay) {
  if (std::exchange(save_timer, true))
    return;
  self->run_delayed(delay, [this] {
    save_timer = false;
    save_if_due();
  });
}

void state_state::start_save() {
  saving = true;
  dirty = false;
  auto begin = context->steady_us();
  self->request(store, caf::infinite, atom::save_v, snapshot())
      .then(
          [this, begin] { save_ended({}, context->steady_us() - begin); },
          [this, begin](const caf::error& err) { save_ended(err, context->steady_us() - begin); });
}

void state_state::save_ended(const caf::error& err, std::int64_t took_us) {
  saving = false;
  next_save_us = context->steady_us() + std::max(save_interval_us, took_us * save_share);
  auto promises = std::exchange(save_promises, {});
  set_trouble(save_trouble, err ? message_of(err) : std::string{});
  if (err) {
    // The database holds everything; the file follows as soon as it can be written.
    for (auto& promise : promises)
      promise.deliver(err);
    dirty = true;
    next_save_us = context->steady_us() + save_interval_us;
    save_later(retry_interval);
    return;
  }
  if (!dirty) {
    for (auto& promise : promises)
      promise.deliver();
    return;
  }
  // An asker wants the last commit shown; there was one while the file was being written.
  if (promises.empty()) {
    save_if_due();
  } else {
    save_promises = std::move(promises);
    start_save();
  }
}

state_actor::behavior_type state(state_actor::stateful_pointer<state_state> self,
                                 context_ptr context, writer_actor store, supervisor_actor boss,
                                 core::execution_state initial,
                                 std::function<std::string(std::string_view)> mask,
                                 std::chrono::microseconds commit_interval) {
  auto& st = self->state;
  st.self = self;
  st.context = std::move(context);
  st.store = std::move(store);
  st.boss = std::move(boss);
  st.mask = std::move(mask);
  st.commit_interval = commit_interval;
  st.current = std::move(initial);
  for (const auto& phase : st.current.phases)
    st.accepted.push_back({phase.status, phase.attempt});
  return {
      [self](atom::record, event_batch& batch) { return self->state.record(std::move(batch)); },
      [self](atom::subscribe, const event_listener_actor& listener) {
        self->state.listeners.push_back(listener);
      },
      [self](atom::get) { return self->state.snapshot(); },
      [self](atom::save) { return self->state.save(); },
  };
}

} // namespace aeo

#include "actors/feed.hpp"

#include "actors/core/remote_view.hpp"
#include "actors/io/packed.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace aeo {

namespace {

/// More than that many wait only if somebody asks without end: the oldest gets an empty page.
constexpr std::size_t most_askers = 4096;
constexpr std::int64_t longest_interval_ms = 10'000;
/// Who has not asked for that long has gone.
constexpr std::int64_t follows_us = 3'000'000;
constexpr std::chrono::milliseconds time_to_ask{300};
/// For what has been said to reach the wire.
constexpr std::chrono::milliseconds time_to_write{30};
/// Of rows in one part of a view, before they are packed.
constexpr std::size_t view_bytes = std::size_t{640} * 1024;
/// Of rows in one change; more are told as a view.
constexpr std::size_t most_changed_bytes = std::size_t{4} * 1024 * 1024;
/// How old a picture may be that serves others in a rush.
constexpr std::int64_t longest_picture_us = 1'000'000;
/// Until askers who were put off are looked at again: many are answered together, which wakes the
/// connections less often.
constexpr std::chrono::milliseconds put_off{20};
constexpr std::chrono::milliseconds put_off_many{100};
constexpr std::size_t many = 32;

} // namespace

bool pace::allows(std::int64_t now_us) {
  paid_until_us_ = std::max(paid_until_us_, now_us - at_once_us_);
  if (paid_until_us_ > now_us) // A clock was set back.
    paid_until_us_ = now_us;
  if (paid_until_us_ + each_us_ > now_us)
    return false;
  paid_until_us_ += each_us_;
  return true;
}

void feed_state::hear(const event_batch& batch) {
  for (const auto& e : batch) {
    tail.add(e);
    if (const auto i = (*context->lookup)(e.phase); i != core::phase_lookup::npos)
      changes.note(i, e.seq);
    // Who has changed something, and looks, sees that.
    if (e.kind == event_kind::audit)
      latest = {};
  }
  if (!has_timer) // Else all who wait are looked at soon: there may be many, and batches come fast.
    serve();
}

/// In the order in which they asked.
void feed_state::serve() {
  auto late = false;
  auto wants_change = false;
  const auto now = context->now_us();
  for (auto& x : std::exchange(askers, {})) {
    const auto next = turn_of(x, now);
    if (next == turn::answer && (ended || answers.allows(now))) {
      answer(std::move(x));
      continue;
    }
    late = late || x.from <= tail.head();
    wants_change = wants_change || next == turn::change;
    askers.push_back(std::move(x));
  }
  if (wants_change)
    take_change();
  if (late && !std::exchange(has_timer, true))
    self->run_delayed(askers.size() < many ? put_off : put_off_many, [this] {
      has_timer = false;
      serve();
    });
}

feed_state::turn feed_state::turn_of(const asker& x, std::int64_t now_us) const {
  const auto has_news = x.from <= tail.head();
  if (!ended && (!has_news || now_us < x.not_before_us))
    return turn::wait;
  if (!draws_changes(x.draws, x.from))
    return turn::answer;
  const auto age_us = now_us - changed_us; // Negative: a clock was set back.
  const auto is_recent = !ended && age_us >= 0 && age_us < change_us;
  if (changes.newest() == tail.head() || (is_recent && changes.newest() >= x.from))
    return turn::answer;
  return is_recent ? turn::wait : turn::change;
}

bool feed_state::draws_changes(bool draws, std::uint64_t from) const {
  return draws && from <= tail.head() && tail.head() - from >= most_events_drawn
         && from > changes.since();
}

void feed_state::take_change() {
  if (std::exchange(changing, true))
    return;
  self->request(store, caf::infinite, atom::get_v)
      .then(
          [this](const snapshot_ptr& state) {
            changing = false;
            heard_state(*state);
            serve();
          },
          [this](const caf::error&) {
            changing = false;
            tell_events();
            serve();
          });
}

/// The store answers behind all that it has told here. Where nobody has asked for long, changes
/// begin anew with who does.
void feed_state::heard_state(const core::execution_state& state) {
  std::uint64_t behind = tail.head();
  for (const auto& x : askers)
    if (draws_changes(x.draws, x.from))
      behind = std::min(behind, x.from - 1);
  const auto now = context->now_us();
  if (behind > changes.newest() && now - changed_us > longest_interval_ms * 1000)
    changes.begin(behind);
  if (!changes.empty())
    behind = changes.newest();
  changed_us = now;
  auto change = core::make_run_change(*context->the_plan, state, changes.changed_behind(behind));
  if (core::size_of(change) > most_changed_bytes) {
    changes.begin(tail.head()); // A view comes in parts.
  } else if (change.seq > behind) {
    changes.add(std::move(change), behind);
    news = tail.newest();
  } else {
    tell_events();
  }
}

/// To all who would be told what changed: nobody can say that.
void feed_state::tell_events() {
  for (auto& x : askers)
    x.draws = x.draws && !draws_changes(x.draws, x.from);
}

void feed_state::answer(asker&& x) {
  if (!is_history(x.draws, x.from)) {
    x.promise.deliver(page_for(x));
    return;
  }
  // While it waited for its turn.
  self->request(archive, caf::infinite, atom::next_v, x.from)
      .then([promise = x.promise](event_page& page) mutable { promise.deliver(std::move(page)); },
            [promise = x.promise](const caf::error& err) mutable { promise.deliver(err); });
}

/// No part of what it lacks is here any more.
bool feed_state::is_history(bool draws, std::uint64_t from) const {
  return from < tail.oldest() && from <= tail.head() && !draws_changes(draws, from)
         && !wants_a_view(draws, from);
}

/// See is_far_behind, of who can be told no changes: what it has missed would only keep it from
/// what is now.
bool feed_state::wants_a_view(bool draws, std::uint64_t from) const {
  return draws && from <= tail.head()
         && is_far_behind(tail.head() - from + 1, context->the_plan->phases.size());
}

/// Who has seen the last page needs to be waited for no more.
event_page feed_state::page_for(const asker& x) {
  auto some = tail.nothing();
  if (draws_changes(x.draws, x.from)) {
    some.page.changes = changes.from(x.from - 1);
    some.last = some.page.changes.empty() ? 0 : some.page.changes.back().seq;
    for (const auto& e : news)
      if (e.seq >= x.from && e.seq <= some.last)
        some.page.events.push_back(e);
  } else if (!wants_a_view(x.draws, x.from)) {
    some = tail.from(x.from);
  }
  some.page.now_us = context->now_us();
  some.page.ended = ended;
  const auto known = some.last != 0 ? some.last : std::max<std::uint64_t>(x.from, 1) - 1;
  if (!ended || known < tail.head()) {
    if (const auto found = followers.find(x.who); found != followers.end())
      found->second.told_us = context->now_us();
  } else if (followers.erase(x.who) > 0 && followers.empty()) {
    leave_after(time_to_write);
  }
  return std::move(some.page);
}

/// Durations of earlier runs are read when somebody looks: that may take long in a workspace which
/// has seen much, and no run waits for it.
caf::result<run_view> feed_state::view(phase_index first) {
  auto promise = self->make_response_promise<run_view>();
  if (typical_ms) {
    answer_view(first, promise);
    return promise;
  }
  self->request(archive, caf::infinite, atom::get_v)
      .then(
          [this, first, promise](phase_durations& found) {
            typical_ms = std::move(found);
            answer_view(first, promise);
          },
          [promise](const caf::error& err) mutable { promise.deliver(err); });
  return promise;
}

/// Who begins gets a picture as of now, in a rush a recent one, but after the end the last one; who
/// goes on gets the rest of the same one, or of a later one.
void feed_state::answer_view(phase_index first, caf::typed_response_promise<run_view> promise) {
  const auto now = context->now_us();
  const auto is_last = !ended || (latest.state && latest.state->last_seq >= tail.head());
  const auto is_recent =
      is_last && now >= latest.made_us && now - latest.made_us <= longest_picture_us;
  if (latest.state && (first != 0 || (is_recent && !pictures.allows(now)))) {
    promise.deliver(part_of_latest(first));
    return;
  }
  self->request(store, caf::infinite, atom::get_v)
      .then(
          [this, promise, first](const snapshot_ptr& state) mutable {
            latest = {context->now_us(), state, {}};
            promise.deliver(part_of_latest(first));
          },
          [promise](const caf::error& err) mutable { promise.deliver(err); });
}

/// Only such are kept: who asks for any other rows gets them made for him alone.
bool feed_state::goes_on_from_a_part(phase_index first) const {
  return first == 0 || std::ranges::any_of(latest.parts, [first](const auto& x) {
           return x.second.next == first;
         });
}

run_view feed_state::part_of_latest(phase_index first) {
  if (const auto found = latest.parts.find(first); found != latest.parts.end())
    return found->second.view;
  const auto& c = *context;
  auto view = core::make_run_view(*c.the_plan, *latest.state, *typical_ms, latest.made_us, first,
                                  view_bytes);
  view.workspace = c.workspace.string();
  const auto next = first + static_cast<phase_index>(view.phases.size());
  view.packed = io::pack(std::exchange(view.phases, {}));
  if (first == 0)
    for (const auto& e : tail.newest())
      if (e.seq <= view.seq) // What is newer comes as an event.
        view.recent.push_back(e);
  if (goes_on_from_a_part(first))
    latest.parts.emplace(first, picture::part{view, next});
  return view;
}

caf::result<event_page> feed_state::next(std::uint64_t from, std::uint32_t interval_ms) {
  const auto draws = interval_ms > 0;
  if (is_history(draws, from))
    return self->delegate(archive, atom::next_v, from);
  const auto now = context->now_us();
  const auto sender = self->current_sender(); // The promise takes it away.
  auto promise = self->make_response_promise<event_page>();
  auto who = caf::actor_cast<caf::actor_addr>(sender);
  if (followers.size() > 2 * most_askers)
    forget_gone();
  const auto [found, is_new] = followers.try_emplace(who);
  auto& asking = found->second;
  asking.asked_us = now;
  if (is_new)
    self->monitor(sender);
  // A clock that was set back keeps nobody waiting.
  const auto wait_us = std::min<std::int64_t>(interval_ms, longest_interval_ms) * 1000;
  const auto not_before_us = std::min(asking.told_us + wait_us, now + wait_us);
  askers.push_back({from, draws, not_before_us, std::move(who), promise});
  if (askers.size() > most_askers) {
    auto page = tail.nothing().page;
    page.now_us = now;
    askers.front().promise.deliver(std::move(page));
    askers.pop_front();
  }
  serve();
  return promise;
}

/// Its end or its link's.
void feed_state::gone(const caf::actor_addr& who) {
  followers.erase(who);
  std::erase_if(askers, [&who](const asker& x) { return x.who == who; });
}

void feed_state::forget_gone() {
  const auto now = context->now_us();
  std::set<caf::actor_addr> waiting;
  for (const auto& asker : askers)
    waiting.insert(asker.who);
  std::erase_if(followers, [&](const auto& x) {
    return now - std::max(x.second.asked_us, x.second.told_us) > follows_us
           && !waiting.contains(x.first);
  });
}

caf::result<void> feed_state::finish() {
  ended = true;
  auto promise = self->make_response_promise<void>();
  finishing.push_back(promise);
  forget_gone();
  leave_after(followers.empty() ? caf::timespan{0} : caf::timespan{time_to_ask});
  serve();
  return promise;
}

void feed_state::leave_after(caf::timespan time) {
  self->run_delayed(time, [this] {
    for (auto& promise : std::exchange(finishing, {}))
      promise.deliver();
  });
}

feed_actor::behavior_type feed(feed_actor::stateful_pointer<feed_state> self, context_ptr context,
                               state_actor store, archive_actor archive, std::uint64_t head) {
  auto& st = self->state;
  st.self = self;
  st.context = std::move(context);
  st.store = std::move(store);
  st.archive = std::move(archive);
  st.tail = io::event_tail{head};
  st.changes = io::change_tail{st.context->the_plan->phases.size(), head};
  self->set_down_handler([self](const caf::down_msg& x) { self->state.gone(x.source); });
  return {
      [self](atom::publish, const event_batch& batch) { self->state.hear(batch); },
      [self](atom::get, std::uint32_t first) { return self->state.view(first); },
      [self](atom::next, std::uint64_t from, std::uint32_t interval_ms) {
        return self->state.next(from, interval_ms);
      },
      [self](atom::finish) { return self->state.finish(); },
  };
}

} // namespace aeo

#include "actors/feed.hpp"

#include "actors/core/remote_view.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace aeo {

namespace {

constexpr std::size_t most_recent = 10'000;
constexpr std::size_t most_bytes = std::size_t{8} * 1024 * 1024;
/// More than that many wait only if somebody asks without end: the oldest gets an empty page.
constexpr std::size_t most_askers = 4096;
/// Who has not asked for that long has gone.
constexpr std::int64_t follows_us = 3'000'000;
constexpr std::chrono::milliseconds time_to_ask{300};
/// For what has been said to reach the wire.
constexpr std::chrono::milliseconds time_to_write{30};
/// Of rows in one view: what a peer that reads no more makes us keep.
constexpr std::size_t view_bytes = std::size_t{32} * 1024;
/// Of the newest events in a view.
constexpr std::size_t shown = 50;

} // namespace

void feed_state::hear(const event_batch& batch) {
  for (const auto& e : batch) {
    recent.push_back(e);
    bytes += size_of(e);
    head = e.seq;
  }
  forget_old();
  for (auto& asker : std::exchange(askers, {}))
    asker.promise.deliver(told(asker.who, page_from(asker.from)));
}

/// Who has seen the last page needs to be waited for no more.
event_page feed_state::told(const caf::actor_addr& who, event_page page) {
  if (!page.ended || (!page.events.empty() && page.events.back().seq < page.head))
    followers[who] = context->now_us();
  else if (followers.erase(who) > 0 && followers.empty())
    leave_after(time_to_write);
  return page;
}

void feed_state::forget_old() {
  while (recent.size() > most_recent || (bytes > most_bytes && recent.size() > 1)) {
    bytes -= size_of(recent.front());
    recent.pop_front();
  }
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

void feed_state::answer_view(phase_index first, caf::typed_response_promise<run_view> promise) {
  self->request(store, caf::infinite, atom::get_v)
      .then(
          [this, promise, first](const snapshot_ptr& state) mutable {
            const auto& c = *context;
            auto view = core::make_run_view(*c.the_plan, *state, *typical_ms, c.now_us(), first,
                                            view_bytes);
            view.workspace = c.workspace.string();
            const auto count = first == 0 ? std::min(shown, recent.size()) : 0;
            view.recent.assign(recent.end() - static_cast<std::ptrdiff_t>(count), recent.end());
            promise.deliver(std::move(view));
          },
          [promise](const caf::error& err) mutable { promise.deliver(err); });
}

caf::result<event_page> feed_state::next(std::uint64_t from) {
  const auto oldest = recent.empty() ? head + 1 : recent.front().seq;
  if (from < oldest && from <= head)
    return self->delegate(archive, atom::next_v, from);
  auto who = caf::actor_cast<caf::actor_addr>(self->current_sender());
  if (from <= head || ended)
    return told(who, page_from(from));
  auto promise = self->make_response_promise<event_page>();
  followers[who] = context->now_us();
  if (followers.size() > 2 * most_askers)
    forget_gone();
  askers.push_back({from, std::move(who), promise});
  if (askers.size() > most_askers) {
    askers.front().promise.deliver(empty_page());
    askers.pop_front();
  }
  return promise;
}

event_page feed_state::empty_page() const {
  return {.events = {}, .head = head, .now_us = context->now_us(), .ended = ended};
}

event_page feed_state::page_from(std::uint64_t from) const {
  auto page = empty_page();
  auto at = std::ranges::lower_bound(recent, from, {}, &event::seq);
  std::size_t size = 0;
  for (; at != recent.end() && page.events.size() < page_events; ++at) {
    size += size_of(*at);
    if (size > page_bytes && !page.events.empty())
      break;
    page.events.push_back(*at);
  }
  return page;
}

void feed_state::forget_gone() {
  const auto now = context->now_us();
  std::set<caf::actor_addr> waiting;
  for (const auto& asker : askers)
    waiting.insert(asker.who);
  std::erase_if(followers, [&](const auto& x) {
    return now - x.second > follows_us && !waiting.contains(x.first);
  });
}

caf::result<void> feed_state::finish() {
  ended = true;
  auto promise = self->make_response_promise<void>();
  finishing.push_back(promise);
  forget_gone();
  leave_after(followers.empty() ? caf::timespan{0} : caf::timespan{time_to_ask});
  for (auto& asker : std::exchange(askers, {}))
    asker.promise.deliver(told(asker.who, page_from(asker.from)));
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
  st.head = head;
  return {
      [self](atom::publish, const event_batch& batch) { self->state.hear(batch); },
      [self](atom::get, std::uint32_t first) { return self->state.view(first); },
      [self](atom::next, std::uint64_t from) { return self->state.next(from); },
      [self](atom::finish) { return self->state.finish(); },
  };
}

} // namespace aeo

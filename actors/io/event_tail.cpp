#include "actors/io/event_tail.hpp"

#include "actors/io/packed.hpp"

#include <algorithm>
#include <utility>

namespace aeo::io {

void event_tail::add(const event& e) {
  head_ = e.seq;
  newest_.push_back(e);
  if (newest_.size() > most_newest)
    newest_.pop_front();
  if (open_.events.empty())
    open_.first = e.seq;
  open_.last = e.seq;
  open_.bytes += size_of(e);
  open_.events.push_back(e);
  if (open_.events.size() < part_events && open_.bytes < part_bytes)
    return;
  bytes_ += open_.bytes;
  full_.push_back(std::exchange(open_, {}));
  forget_old();
}

std::uint64_t event_tail::oldest() const {
  if (!full_.empty())
    return full_.front().first;
  return open_.events.empty() ? head_ + 1 : open_.first;
}

void event_tail::forget_old() {
  while (bytes_ > most_bytes && full_.size() > 1) {
    bytes_ -= full_.front().bytes;
    full_.pop_front();
  }
}

void event_tail::pack_events_of(part& x) {
  if (x.events.empty())
    return;
  x.packed = pack(std::exchange(x.events, {}));
  bytes_ -= x.bytes;
  x.bytes = x.packed.size();
  bytes_ += x.bytes;
}

event_tail::some event_tail::from(std::uint64_t from) {
  some result;
  result.page.head = head_;
  std::size_t size = 0;
  auto at = std::ranges::lower_bound(full_, from, {}, &part::last);
  for (; at != full_.end(); ++at) {
    pack_events_of(*at);
    size += at->packed.size();
    if (size > page_bytes && result.last != 0)
      break;
    result.page.packed.push_back(at->packed);
    result.last = at->last;
  }
  if (result.last != 0)
    return result;
  auto next = std::ranges::lower_bound(open_.events, from, {}, &event::seq);
  result.page.events.assign(next, open_.events.end());
  result.last = result.page.events.empty() ? 0 : head_;
  return result;
}

} // namespace aeo::io

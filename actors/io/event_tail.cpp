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
  open_bytes_ += size_of(e);
  open_.push_back(e);
  if (open_.size() >= part_events || open_bytes_ >= part_bytes)
    close_part();
}

void event_tail::close_part() {
  full_.push_back({open_.front().seq, open_.back().seq, pack(open_)});
  bytes_ += full_.back().packed.size();
  open_.clear();
  open_bytes_ = 0;
  forget_old();
}

std::uint64_t event_tail::oldest() const {
  if (!full_.empty())
    return full_.front().first;
  return open_.empty() ? head_ + 1 : open_.front().seq;
}

void event_tail::forget_old() {
  while (bytes_ > most_bytes && full_.size() > 1) {
    bytes_ -= full_.front().packed.size();
    full_.pop_front();
  }
}

event_tail::some event_tail::nothing() const {
  some result;
  result.page.head = head_;
  return result;
}

event_tail::some event_tail::from(std::uint64_t from) {
  auto result = nothing();
  std::size_t size = 0;
  auto at = std::ranges::lower_bound(full_, from, {}, &part::last);
  for (; at != full_.end(); ++at) {
    size += at->packed.size();
    if (size > page_bytes && result.last != 0)
      break;
    result.page.packed.push_back(at->packed);
    result.last = at->last;
  }
  if (result.last != 0)
    return result;
  auto next = std::ranges::lower_bound(open_, from, {}, &event::seq);
  result.page.events.assign(next, open_.end());
  result.last = result.page.events.empty() ? 0 : head_;
  return result;
}

} // namespace aeo::io

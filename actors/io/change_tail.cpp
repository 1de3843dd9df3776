#include "actors/io/change_tail.hpp"

#include "actors/io/packed.hpp"

#include <algorithm>
#include <utility>

namespace aeo::io {

change_tail::change_tail(std::size_t phases, std::uint64_t head)
    : newest_of_(phases), first_(head) {}

void change_tail::note(phase_index i, std::uint64_t seq) {
  newest_of_.at(i) = seq;
}

std::vector<phase_index> change_tail::changed_behind(std::uint64_t known) const {
  std::vector<phase_index> result;
  for (phase_index i = 0; i < newest_of_.size(); ++i)
    if (newest_of_[i] > known)
      result.push_back(i);
  return result;
}

void change_tail::add(run_change change, std::uint64_t behind) {
  change.packed = pack(std::exchange(change.phases, {}));
  bytes_ += change.packed.size();
  all_.push_back({behind, std::move(change)});
  while (bytes_ > most_bytes && all_.size() > 1) {
    bytes_ -= all_.front().change.packed.size();
    all_.pop_front();
  }
}

std::vector<run_change> change_tail::from(std::uint64_t known) const {
  std::vector<run_change> result;
  std::size_t bytes = 0;
  for (const auto& [behind, change] : all_) {
    if (change.seq <= known)
      continue;
    bytes += change.packed.size();
    if ((bytes > page_bytes && !result.empty()) || result.size() == most_changes)
      break;
    result.push_back(change);
  }
  return result;
}

void change_tail::begin(std::uint64_t known) {
  first_ = known;
  all_.clear();
  bytes_ = 0;
}

} // namespace aeo::io

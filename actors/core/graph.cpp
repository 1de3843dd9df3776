#include "actors/core/graph.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace aeo::core {

ready_graph::ready_graph(const plan& p)
    : degree_(p.phases.size()), begin_(p.phases.size() + 1), open_(p.phases.size()) {
  for (phase_index i = 0; i < p.phases.size(); ++i) {
    degree_[i] = static_cast<std::uint32_t>(p.phases[i].dependencies.size());
    for (auto d : p.phases[i].dependencies)
      ++begin_[d + 1];
  }
  missing_ = degree_;
  std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
  dependents_.resize(begin_.back());
  // Filling moves every row's begin to its end, which is the next row's begin: shift back after.
  for (phase_index i = 0; i < p.phases.size(); ++i)
    for (auto d : p.phases[i].dependencies)
      dependents_[begin_[d]++] = i;
  std::copy_backward(begin_.begin(), begin_.end() - 1, begin_.end());
  begin_[0] = 0;
}

std::vector<phase_index> ready_graph::initial() const {
  std::vector<phase_index> found;
  for (phase_index i = 0; i < size(); ++i)
    if (degree_[i] == 0)
      found.push_back(i);
  return found;
}

std::vector<phase_index> ready_graph::ready() const {
  std::vector<phase_index> found;
  for (phase_index i = 0; i < size(); ++i)
    if (is_ready(i))
      found.push_back(i);
  return found;
}

std::vector<phase_index> ready_graph::open(phase_index p) {
  std::vector<phase_index> found;
  if (open_[p])
    return found;
  open_[p] = true;
  for (auto d : dependents(p))
    if (--missing_[d] == 0 && !open_[d])
      found.push_back(d);
  return found;
}

void ready_graph::shut(phase_index p) {
  if (!open_[p])
    return;
  open_[p] = false;
  for (auto d : dependents(p))
    ++missing_[d];
}

std::span<const phase_index> ready_graph::dependents(phase_index p) const {
  return std::span{dependents_}.subspan(begin_[p], begin_[p + 1] - begin_[p]);
}

std::vector<phase_index> ready_graph::downstream(phase_index p) const {
  std::vector<bool> seen(size());
  std::vector<phase_index> found{p};
  seen[p] = true;
  for (std::size_t next = 0; next < found.size(); ++next)
    for (auto d : dependents(found[next]))
      if (!seen[d]) {
        seen[d] = true;
        found.push_back(d);
      }
  found.erase(found.begin());
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<phase_index> ready_graph::order() const {
  auto missing = degree_;
  auto sorted = initial();
  sorted.reserve(size());
  for (std::size_t next = 0; next < sorted.size(); ++next)
    for (auto d : dependents(sorted[next]))
      if (--missing[d] == 0)
        sorted.push_back(d);
  return sorted;
}

std::vector<std::vector<phase_index>> ready_graph::levels() const {
  std::vector<std::uint32_t> level(size());
  std::vector<std::vector<phase_index>> rows;
  for (auto p : order()) {
    if (level[p] == rows.size())
      rows.emplace_back();
    rows[level[p]].push_back(p);
    for (auto d : dependents(p))
      level[d] = std::max(level[d], level[p] + 1);
  }
  for (auto& row : rows)
    std::sort(row.begin(), row.end());
  return rows;
}

ready_graph::path
ready_graph::critical_path(const std::function<duration(phase_index)>& duration_of) const {
  constexpr auto none = static_cast<phase_index>(-1);
  std::vector<duration> total(
      size()); // Of the longest chain that ends before the phase, then with it.
  std::vector<phase_index> before(size(), none);
  phase_index last = none;
  for (auto p : order()) {
    total[p] += std::max(duration_of(p), duration{0});
    if (last == none || std::pair{-total[p], p} < std::pair{-total[last], last})
      last = p;
    for (auto d : dependents(p))
      if (before[d] == none || std::pair{-total[p], p} < std::pair{-total[d], before[d]}) {
        total[d] = total[p];
        before[d] = p;
      }
  }
  path found;
  if (last == none)
    return found;
  found.total = total[last];
  for (auto p = last; p != none; p = before[p])
    found.phases.push_back(p);
  std::reverse(found.phases.begin(), found.phases.end());
  return found;
}

} // namespace aeo::core

#include "tools/node/progress_model.hpp"

#include "actors/core/event_data.hpp"
#include "actors/core/graph.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/core/text.hpp"

#include <algorithm>

namespace aeo::node {

progress_model::progress_model(std::shared_ptr<const plan> p, std::vector<duration> expected)
    : plan_(std::move(p)), lookup_(*plan_), expected_(std::move(expected)),
      phases_(plan_->phases.size()) {
  counts_.total = phases_.size();
  counts_.by_status.front() = phases_.size();
  if (expected_.size() != phases_.size())
    expected_.clear();
  if (!expected_.empty())
    for (const auto& level : core::ready_graph{*plan_}.levels())
      order_.insert(order_.end(), level.begin(), level.end());
}

void progress_model::begin(const core::execution_state& state) {
  started_us_ = state.started_us;
  session_us_ = state.updated_us;
  paused_ = state.overall == overall_status::paused;
  auto n = std::min(state.phases.size(), phases_.size());
  for (phase_index i = 0; i < n; ++i) {
    const auto& s = state.phases[i];
    auto& view = phases_[i];
    view.attempt = s.attempt;
    view.started_us = s.started_us;
    view.attempt_us = s.attempt_us;
    view.retry_at_us = s.retry_at_us;
    view.worked_us = s.worked_us;
    view.tasks_done = static_cast<std::uint32_t>(s.done.size());
    set_status(i, s.status, s.status == phase_status::in_progress ? s.attempt_us : s.ended_us);
  }
  session_done_ = counts_.done();
}

phase_index progress_model::find(const event& e) const {
  return e.phase.empty() ? core::phase_lookup::npos : lookup_(e.phase);
}

void progress_model::apply(const event& e) {
  if (e.kind == event_kind::execution_started || e.kind == event_kind::execution_resumed) {
    session_us_ = e.time_us;
    if (started_us_ == 0)
      started_us_ = e.time_us;
  }
  if (e.phase.empty() && e.kind != event_kind::note && e.kind != event_kind::audit)
    paused_ = e.kind == event_kind::execution_paused;
  auto i = find(e);
  if (i == core::phase_lookup::npos)
    return;
  auto& view = phases_[i];
  if (e.kind == event_kind::phase_started) {
    view.attempt = e.attempt;
    view.attempt_us = e.time_us;
    view.tasks_done = 0;
    if (view.started_us == 0)
      view.started_us = e.time_us;
  } else if (e.kind == event_kind::task_started || e.kind == event_kind::task_finished) {
    const auto& tasks = plan_->phases[i].tasks;
    auto t =
        std::find_if(tasks.begin(), tasks.end(), [&](const auto& x) { return x.id == e.task; });
    if (t == tasks.end())
      return;
    if (e.kind == event_kind::task_started)
      view.task = static_cast<task_index>(t - tasks.begin());
    else if (core::tells_ok(e) || t->continue_on_error)
      ++view.tasks_done;
    return;
  } else if (e.kind == event_kind::phase_retry_wait) {
    view.retry_at_us = core::lenient::number(core::lenient::object(e.data), "at").value_or(0);
  }
  if (e.kind == event_kind::state_imported) {
    auto name = core::lenient::text(core::lenient::object(e.data), "status");
    if (auto s = phase_status_from_string(name))
      set_status(i, *s, e.time_us);
  } else if (auto s = core::status_after(e.kind)) {
    set_status(i, *s, e.time_us);
  }
}

void progress_model::unlist(phase_index i) {
  auto& view = phases_[i];
  auto remove = [i](by_time& list, std::int64_t key) {
    if (list.erase({key, i}) == 0)
      std::erase_if(list, [i](const auto& x) { return x.second == i; });
  };
  if (view.status == phase_status::in_progress)
    remove(running_, view.attempt_us);
  else if (view.status == phase_status::waiting_approval)
    remove(waiting_, 0);
  else if (view.status == phase_status::retry_wait)
    remove(retrying_, view.retry_at_us);
}

void progress_model::set_status(phase_index i, phase_status to, std::int64_t time_us) {
  auto& view = phases_[i];
  unlist(i);
  if (view.status == phase_status::in_progress && to != view.status)
    view.worked_us += core::elapsed_us(view.attempt_us, time_us);
  --counts_.by_status.at(static_cast<std::size_t>(view.status));
  ++counts_.by_status.at(static_cast<std::size_t>(to));
  view.status = to;
  if (to == phase_status::in_progress)
    running_.emplace(view.attempt_us, i);
  else if (to == phase_status::waiting_approval)
    waiting_.emplace(time_us, i);
  else if (to == phase_status::retry_wait)
    retrying_.emplace(view.retry_at_us, i);
}

std::optional<duration> progress_model::eta(std::int64_t now_us) const {
  constexpr std::size_t enough = 3;
  auto left = counts_[phase_status::pending] + counts_[phase_status::in_progress]
              + counts_[phase_status::retry_wait] + counts_[phase_status::completed];
  if (left == 0 || !waiting_.empty() || paused_)
    return std::nullopt;
  if (auto known = eta_by_history(now_us))
    return known;
  auto done = counts_.done() - std::min(counts_.done(), session_done_);
  if (done < enough || done * 20 < left || now_us <= session_us_ || session_us_ == 0)
    return std::nullopt;
  auto pace = static_cast<double>(now_us - session_us_) / static_cast<double>(done);
  return duration{static_cast<std::int64_t>(pace * static_cast<double>(left) / 1000)};
}

std::optional<duration> progress_model::eta_by_history(std::int64_t now_us) const {
  if (expected_.empty())
    return std::nullopt;
  std::vector<duration> ends(phases_.size());
  duration longest{0};
  duration work{0};
  for (auto i : order_) {
    const auto& view = phases_[i];
    if (is_terminal(view.status))
      continue;
    if (expected_[i].count() <= 0)
      return std::nullopt;
    auto own = expected_[i];
    if (is_active(view.status))
      own = std::max(duration{0}, own - duration{(now_us - view.attempt_us) / 1000});
    work += own;
    for (auto d : plan_->phases[i].dependencies)
      ends[i] = std::max(ends[i], ends[d]);
    ends[i] += own;
    longest = std::max(longest, ends[i]);
  }
  if (auto slots = plan_->options.max_parallel; slots > 0)
    longest = std::max(longest, work / slots);
  return longest;
}

} // namespace aeo::node

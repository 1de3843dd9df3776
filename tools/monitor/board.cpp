#include "tools/monitor/board.hpp"

#include "actors/core/event_data.hpp"
#include "actors/core/execution_state.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/core/remote_view.hpp"

#include <algorithm>
#include <utility>

namespace aeo::monitor {

namespace {

/// Years that no clock shows would overflow what is computed with them.
constexpr std::int64_t last_time_us = 253'402'300'799'000'000;

std::int64_t sane_time(std::int64_t time_us) {
  return std::clamp<std::int64_t>(time_us, 0, last_time_us);
}

bool is_same_plan(const run_view& a, const run_view& b) {
  return std::ranges::equal(a.phases, b.phases, [](const phase_view& x, const phase_view& y) {
    return x.id == y.id && x.dependencies == y.dependencies;
  });
}

bool has_stopped(overall_status s) {
  return s == overall_status::completed || s == overall_status::failed
         || s == overall_status::interrupted || s == overall_status::cancelled;
}

} // namespace

duration time_between(std::int64_t from_us, std::int64_t to_us) {
  auto from = sane_time(from_us);
  return duration{from == 0 ? 0 : std::max<std::int64_t>(0, (sane_time(to_us) - from) / 1000)};
}

void board::begin(run_view v, std::int64_t local_us) {
  auto before = std::exchange(*this, board{});
  run_ = std::move(v);
  begun_ = true;
  hear(run_.now_us, local_us);
  clean();
  auto n = run_.phases.size();
  if (is_same_plan(before.run_, run_)) { // A new view, for this one fell behind.
    dependencies_first_ = std::move(before.dependencies_first_);
    index_ = std::move(before.index_);
  } else {
    sort_dependencies_first();
    index_.reserve(n);
    for (place i = 0; i < n; ++i)
      index_.emplace(run_.phases[i].id, i);
  }
  counts_.total = n;
  session_us_ = run_.started_us;
  auto recent = std::exchange(run_.recent, {});
  for (const auto& e : recent)
    if (e.kind == event_kind::execution_started || e.kind == event_kind::execution_resumed)
      session_us_ = sane_time(e.time_us);
    else if (e.kind == event_kind::execution_ended)
      ended_us_ = sane_time(e.time_us);
  if (ended_us_ < session_us_)
    ended_us_ = 0;
  if (ended_us_ == 0 && has_stopped(run_.overall))
    ended_us_ = heard_us_;
  for (place i = 0; i < n; ++i) {
    const auto& p = run_.phases[i];
    ++counts_.by_status.at(static_cast<std::size_t>(p.status));
    if (p.status == phase_status::approved && p.ended_us >= session_us_)
      ++session_done_;
  }
  peak_ = counts_[phase_status::in_progress];
  for (const auto& e : recent)
    if (auto i = find(e.phase); i && e.kind == event_kind::task_started)
      take_task(*i, e);
  remember(recent);
  sort_by_urgency();
}

bool board::apply(const event_page& page, std::int64_t local_us) {
  if (!begun_)
    return false;
  hear(page.now_us, local_us);
  auto whole = true;
  if (page.changes.empty())
    whole = take_events(page);
  else
    take_changes(page);
  if (order_is_old_)
    sort_by_urgency();
  ended_ = page.ended && run_.seq >= page.head;
  return whole;
}

bool board::take_events(const event_page& page) {
  std::size_t first = 0;
  while (first < page.events.size() && page.events[first].seq <= run_.seq)
    ++first;
  auto end = first;
  for (; end < page.events.size() && page.events[end].seq == run_.seq + 1; ++end)
    take(page.events[end]);
  remember(std::span{page.events}.subspan(first, end - first));
  return end == page.events.size();
}

/// The first one may begin before what is known.
void board::take_changes(const event_page& page) {
  const auto known = run_.seq;
  for (const auto& change : page.changes) {
    if (change.seq <= run_.seq)
      continue;
    run_.seq = change.seq;
    run_.overall = change.overall;
    run_.paused = change.paused;
    for (const auto& row : change.phases)
      take(row);
  }
  peak_ = std::max(peak_, counts_[phase_status::in_progress]);
  order_is_old_ = true;
  auto news = std::span{page.events};
  while (!news.empty() && news.front().seq <= known)
    news = news.subspan(1);
  for (const auto& e : news)
    if (e.kind == event_kind::execution_ended)
      ended_us_ = sane_time(e.time_us);
    else if (auto i = find(e.phase); i && e.kind == event_kind::task_started)
      take_task(*i, e);
  if (run_.seq > known && (news.empty() || news.front().seq > known + 1))
    recent_.clear(); // What came between is not told.
  remember(news);
}

/// What the plan alone decides stays as it is.
void board::take(const phase_view& row) {
  if (row.place >= run_.phases.size() || row.seq < run_.phases[row.place].seq)
    return; // The row of a view that came in parts may be newer.
  auto& p = run_.phases[row.place];
  --counts_.by_status.at(static_cast<std::size_t>(p.status));
  ++counts_.by_status.at(static_cast<std::size_t>(row.status));
  if (row.status == phase_status::approved && p.status != phase_status::approved)
    ++session_done_;
  if (row.status != phase_status::in_progress || row.attempt != p.attempt || row.done != p.done)
    tasks_.erase(row.place);
  auto next = row;
  next.id = std::move(p.id);
  next.name = std::move(p.name);
  next.dependencies = std::move(p.dependencies);
  next.tasks = p.tasks;
  next.typical_ms = p.typical_ms;
  next.done = std::min(next.done, next.tasks);
  next.worked_us = sane_time(next.worked_us);
  p = std::move(next);
}

/// A reply that was long under way shows a clock that is late, never one that is early: the
/// greatest difference is the best. A large change means that a clock was set.
void board::hear(std::int64_t node_us, std::int64_t local_us) {
  constexpr std::int64_t clock_was_set_us = 5'000'000;
  node_us = sane_time(node_us);
  if (node_us == 0)
    return;
  auto offset = node_us - sane_time(local_us);
  if (heard_us_ == 0 || offset > offset_us_ || offset < offset_us_ - clock_was_set_us)
    offset_us_ = offset;
  heard_us_ = node_us;
}

std::optional<place> board::find(const std::string& id) const {
  auto i = index_.find(id);
  return i == index_.end() ? std::nullopt : std::optional{i->second};
}

void board::clean() {
  constexpr std::int64_t ten_years_ms = 315'360'000'000;
  auto n = run_.phases.size();
  run_.started_us = sane_time(run_.started_us);
  for (place i = 0; i < n; ++i) {
    auto& p = run_.phases[i];
    std::erase_if(p.dependencies, [n, i](place d) { return d >= n || d == i; });
    p.typical_ms = std::clamp<std::int64_t>(p.typical_ms, 0, ten_years_ms);
    p.done = std::min(p.done, p.tasks);
    p.worked_us = sane_time(p.worked_us);
  }
}

void board::sort_dependencies_first() {
  auto n = run_.phases.size();
  std::vector<place> missing(n);
  std::vector<std::size_t> begin(n + 1);
  for (place i = 0; i < n; ++i) {
    missing[i] = static_cast<place>(run_.phases[i].dependencies.size());
    for (auto d : run_.phases[i].dependencies)
      ++begin[d + 1];
    if (missing[i] == 0)
      dependencies_first_.push_back(i);
  }
  for (std::size_t i = 0; i < n; ++i)
    begin[i + 1] += begin[i];
  std::vector<place> dependents(begin[n]);
  auto next = begin;
  for (place i = 0; i < n; ++i)
    for (auto d : run_.phases[i].dependencies)
      dependents[next[d]++] = i;
  for (std::size_t at = 0; at < dependencies_first_.size(); ++at) {
    auto i = dependencies_first_[at];
    for (auto k = begin[i]; k < begin[i + 1]; ++k)
      if (--missing[dependents[k]] == 0)
        dependencies_first_.push_back(dependents[k]);
  }
}

void board::take(const event& e) {
  run_.seq = e.seq;
  auto i = find(e.phase);
  if (i && e.seq <= run_.phases[*i].seq)
    return; // The row came after the view's first ones and has it already.
  if (e.phase.empty() || !i)
    take_of_run(e);
  else if (e.kind == event_kind::task_started || e.kind == event_kind::task_finished)
    take_task(*i, e);
  else if (e.kind == event_kind::state_imported)
    import_state(*i, e);
  else if (auto to = core::status_after(e.kind))
    set_status(*i, *to, e);
}

void board::take_of_run(const event& e) {
  if (e.kind == event_kind::execution_started || e.kind == event_kind::execution_resumed) {
    if (e.kind == event_kind::execution_started || run_.started_us == 0)
      run_.started_us = e.time_us;
    run_.overall = overall_status::in_progress;
    run_.paused = false;
    ended_us_ = 0;
    session_us_ = sane_time(e.time_us);
    session_done_ = 0;
  } else if (e.kind == event_kind::execution_ended) {
    auto name = core::lenient::text(core::lenient::object(e.data), "status");
    run_.overall = overall_status_from_string(name).value_or(overall_status::interrupted);
    ended_us_ = sane_time(e.time_us);
  } else if (e.kind == event_kind::execution_paused) {
    run_.overall = overall_status::paused;
    run_.paused = true;
  } else if (e.kind == event_kind::execution_continued) {
    run_.overall = overall_status::in_progress;
    run_.paused = false;
  }
}

void board::take_task(place i, const event& e) {
  auto& p = run_.phases[i];
  if (p.status != phase_status::in_progress || e.attempt != p.attempt)
    return;
  if (e.kind == event_kind::task_started)
    tasks_[i] = e.task;
  else if (core::tells_ok(e) && p.done < p.tasks)
    ++p.done;
}

void board::set_status(place i, phase_status to, const event& e) {
  auto& p = run_.phases[i];
  if (is_active(p.status))
    p.worked_us += time_between(p.attempt_us, e.time_us).count() * 1000;
  --counts_.by_status.at(static_cast<std::size_t>(p.status));
  ++counts_.by_status.at(static_cast<std::size_t>(to));
  p.status = to;
  p.reason = core::reason_of(e);
  p.retry_at_us = 0;
  p.ended_us = e.time_us;
  tasks_.erase(i);
  order_is_old_ = true;
  if (to == phase_status::in_progress) {
    p.attempt = e.attempt;
    p.attempt_us = e.time_us;
    p.ended_us = 0;
    p.done = 0;
    if (p.started_us == 0)
      p.started_us = e.time_us;
    peak_ = std::max(peak_, counts_[phase_status::in_progress]);
  } else if (to == phase_status::retry_wait) {
    p.retry_at_us = core::lenient::number(core::lenient::object(e.data), "at").value_or(0);
  } else if (to == phase_status::pending) {
    p.done = 0;
  } else if (to == phase_status::approved) {
    ++session_done_;
  }
}

void board::import_state(place i, const event& e) {
  auto data = core::lenient::object(e.data);
  auto to = phase_status_from_string(core::lenient::text(data, "status"));
  if (!to)
    return;
  set_status(i, *to, e);
  // What was done elsewhere says nothing about the pace here.
  if (*to == phase_status::approved)
    --session_done_;
}

void board::remember(std::span<const event> events) {
  auto is_single = [](const event& e) { return is_told(e) && !comes_in_masses(e.kind); };
  // Of a long page most lines would be dropped again: those events are not even read.
  auto singles = static_cast<std::size_t>(std::count_if(events.begin(), events.end(), is_single));
  for (const auto& e : events)
    if (is_told(e) && (!is_single(e) || singles-- <= recent_limit))
      add_line(told(e, took(e)));
}

void board::add_line(event_line l) {
  if (!recent_.empty()) {
    auto& last = recent_.back();
    auto of_many = comes_in_masses(l.kind) || l.subject == last.subject;
    if (of_many && l.kind == last.kind && l.text == last.text) {
      ++last.more;
      last.time_us = l.time_us;
      return;
    }
  }
  recent_.push_back(std::move(l));
  if (recent_.size() > recent_limit)
    recent_.pop_front();
}

duration board::took(const event& e) const {
  auto i = find(e.phase);
  return i ? core::worked(run_.phases[*i], e.time_us).value_or(duration{0}) : duration{0};
}

urgency board::urgency_of(place i) const {
  const auto& p = run_.phases[i];
  switch (p.status) {
  case phase_status::failed:
    return urgency::failed;
  case phase_status::rejected:
    return urgency::rejected;
  case phase_status::waiting_approval:
    return urgency::waiting;
  case phase_status::in_progress:
    return urgency::running;
  case phase_status::retry_wait:
    return urgency::retrying;
  case phase_status::completed:
    return urgency::judged;
  case phase_status::blocked:
    return std::any_of(p.dependencies.begin(), p.dependencies.end(),
                       [this](place d) { return is_shut(run_.phases[d].status); })
               ? urgency::blocked
               : urgency::stuck;
  case phase_status::cancelled:
    return urgency::cancelled;
  case phase_status::skipped:
    return urgency::skipped;
  case phase_status::approved:
    return urgency::approved;
  default:
    return urgency::pending;
  }
}

void board::sort_by_urgency() {
  auto n = run_.phases.size();
  std::vector<std::uint8_t> levels(n);
  begin_ = {};
  for (place i = 0; i < n; ++i) {
    levels[i] = static_cast<std::uint8_t>(urgency_of(i));
    ++begin_.at(levels[i] + 1U);
  }
  for (std::size_t level = 0; level < urgency_levels; ++level)
    begin_.at(level + 1) += begin_.at(level);
  auto next = begin_;
  order_.resize(n);
  for (place i = 0; i < n; ++i)
    order_[next.at(levels[i])++] = i;
  order_is_old_ = false;
}

std::span<const place> board::of(urgency u) const {
  auto level = static_cast<std::size_t>(u);
  return by_urgency().subspan(begin_.at(level), begin_.at(level + 1) - begin_.at(level));
}

std::span<const place> board::needing_person() const {
  return by_urgency().first(begin_.at(static_cast<std::size_t>(urgency::waiting) + 1));
}

std::vector<place> board::awaited(place i) const {
  std::vector<place> result;
  for (auto d : run_.phases.at(i).dependencies)
    if (!is_open(run_.phases[d].status))
      result.push_back(d);
  return result;
}

std::vector<place> board::culprits(place i) const {
  constexpr std::size_t most_found = 8;
  constexpr std::size_t most_looked_at = 200;
  std::vector<place> found;
  std::vector<place> seen{i};
  for (std::size_t at = 0; at < seen.size() && found.size() < most_found; ++at) {
    auto is_cause = at > 0;
    for (auto d : run_.phases.at(seen[at]).dependencies) {
      if (!is_shut(run_.phases[d].status))
        continue;
      is_cause = false;
      if (seen.size() < most_looked_at && std::find(seen.begin(), seen.end(), d) == seen.end())
        seen.push_back(d);
    }
    if (is_cause)
      found.push_back(seen[at]);
  }
  return found;
}

const std::string& board::running_task(place i) const {
  static const std::string none;
  auto found = tasks_.find(i);
  return found == tasks_.end() ? none : found->second;
}

std::optional<duration> board::eta(std::int64_t now_us) const {
  auto left = counts_[phase_status::pending] + counts_[phase_status::in_progress]
              + counts_[phase_status::retry_wait] + counts_[phase_status::completed];
  if (left == 0 || is_paused() || ended_us_ != 0 || counts_[phase_status::waiting_approval] > 0)
    return std::nullopt;
  auto known = eta_by_history(now_us);
  return known ? known : eta_by_pace(now_us);
}

std::optional<duration> board::eta(place i, std::int64_t now_us) const {
  const auto& p = run_.phases.at(i);
  if (p.typical_ms <= 0 || !is_active(p.status))
    return std::nullopt;
  return duration{p.typical_ms} - time_between(p.attempt_us, now_us);
}

bool board::has_ready_phases() const {
  auto pending = of(urgency::pending);
  return std::any_of(pending.begin(), pending.end(), [this](place i) {
    const auto& needs = run_.phases[i].dependencies;
    return std::all_of(needs.begin(), needs.end(),
                       [this](place d) { return is_open(run_.phases[d].status); });
  });
}

std::optional<duration> board::eta_by_history(std::int64_t now_us) const {
  if (dependencies_first_.size() != run_.phases.size())
    return std::nullopt;
  const auto pending = of(urgency::pending);
  if (!pending.empty() && run_.phases[pending.front()].typical_ms <= 0)
    return std::nullopt; // Mostly none has one.
  std::vector<duration> ends(run_.phases.size());
  duration longest{0};
  duration work{0};
  for (auto i : dependencies_first_) {
    const auto& p = run_.phases[i];
    if (is_terminal(p.status))
      continue;
    if (p.typical_ms <= 0)
      return std::nullopt;
    auto own = std::max(duration{0}, eta(i, now_us).value_or(duration{p.typical_ms}));
    if (p.status == phase_status::completed)
      own = duration{0};
    else if (p.status == phase_status::retry_wait)
      own += time_between(now_us, p.retry_at_us);
    work += own;
    for (auto d : p.dependencies)
      ends[i] = std::max(ends[i], ends[d]);
    ends[i] += own;
    longest = std::max(longest, ends[i]);
  }
  // How many may run at once is not told; where some could start and do not, it is as many as were
  // seen to run.
  if (peak_ > 0 && has_ready_phases())
    longest = std::max(longest, work / static_cast<std::int64_t>(peak_));
  return longest;
}

std::optional<duration> board::eta_by_pace(std::int64_t now_us) const {
  constexpr std::size_t enough = 3;
  auto left = counts_[phase_status::pending] + counts_[phase_status::in_progress]
              + counts_[phase_status::retry_wait] + counts_[phase_status::completed];
  if (session_done_ < enough || session_done_ * 20 < left || session_us_ == 0
      || now_us <= session_us_)
    return std::nullopt;
  auto pace = static_cast<double>(now_us - session_us_) / static_cast<double>(session_done_);
  return duration{static_cast<std::int64_t>(pace * static_cast<double>(left) / 1000)};
}

} // namespace aeo::monitor

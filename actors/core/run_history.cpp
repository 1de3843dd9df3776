#include "actors/core/run_history.hpp"

#include "actors/core/lenient_json.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace aeo::core {

namespace {

constexpr std::size_t max_warnings = 100;

template <class T>
T clamp_to(std::optional<std::int64_t> x) {
  constexpr auto low = static_cast<std::int64_t>(std::numeric_limits<T>::min());
  constexpr auto high = static_cast<std::int64_t>(std::numeric_limits<T>::max());
  return static_cast<T>(std::clamp(x.value_or(0), low, high));
}

exit_kind exit_kind_of(std::string_view name) {
  for (auto kind : {exit_kind::exited, exit_kind::signalled, exit_kind::timed_out,
                    exit_kind::cancelled, exit_kind::not_started, exit_kind::over_limit})
    if (name == to_string(kind))
      return kind;
  return exit_kind::lost;
}

/// The attempt goes on after these, so another outcome may follow.
bool is_open_outcome(event_kind kind) {
  return kind == event_kind::phase_started || kind == event_kind::phase_completed
         || kind == event_kind::phase_waiting;
}

/// What a `by` of the engine itself looks like never counts as a person's word.
constexpr std::array<std::string_view, 6> engine_names = {"",       "criteria", "auto",
                                                          "engine", "plan",     "deadline"};

} // namespace

bool is_person(std::string_view by) {
  return std::find(engine_names.begin(), engine_names.end(), by) == engine_names.end();
}

run_history::run_history(const plan& p, phase_lookup lookup)
    : plan_(&p), lookup_(std::move(lookup)), attempts_(p.phases.size()), tasks_(p.phases.size()),
      imported_(p.phases.size(), false) {}

void run_history::add(const event& e) {
  goes_on_ = goes_on_ && e.kind == event_kind::phase_reset;
  if (e.phase.empty()) {
    on_execution(e);
    return;
  }
  auto p = lookup_(e.phase);
  if (p == phase_lookup::npos)
    return;
  if (e.kind == event_kind::task_started || e.kind == event_kind::task_finished)
    on_task(p, e);
  else if (e.kind == event_kind::state_imported)
    imported_[p] = true;
  else
    on_attempt(p, e);
  on_intervention(e);
}

void run_history::on_execution(const event& e) {
  auto data = lenient::object(e.data);
  if (e.kind == event_kind::execution_started || e.kind == event_kind::execution_resumed) {
    session_record s;
    s.started_us = e.time_us;
    s.user = lenient::text(data, "user");
    s.plan_changed = lenient::flag(data, "plan_changed");
    s.imported = lenient::flag(data, "imported");
    sessions_.push_back(std::move(s));
    for (auto [key, value] :
         {std::pair{"mode", &mode_}, {"program", &program_}, {"workspace", &workspace_}})
      if (auto text = lenient::text(data, key); !text.empty())
        *value = std::move(text);
  } else if (e.kind == event_kind::execution_ended && !sessions_.empty()) {
    sessions_.back().ended_us = e.time_us;
    sessions_.back().status = lenient::text(data, "status");
    sessions_.back().reason = lenient::text(data, "reason");
  } else {
    on_intervention(e);
  }
}

void run_history::on_attempt(phase_index p, const event& e) {
  if (e.kind == event_kind::phase_started) {
    attempt_record started;
    started.phase = p;
    started.attempt = e.attempt;
    started.started_us = e.time_us;
    attempts_.add(p, started);
    imported_[p] = false;
    forget_oldest_attempt(p);
    return;
  }
  auto changes = status_after(e.kind);
  auto* last = attempts_.newest(p, [](const auto&) { return true; });
  if (!changes || last == nullptr || !is_open_outcome(last->outcome))
    return;
  if (last->ended_us == 0)
    last->ended_us = e.time_us;
  last->outcome = e.kind;
}

/// One of more than are kept, with its tasks; what it took is still counted.
void run_history::forget_oldest_attempt(phase_index p) {
  std::uint32_t kept = 0;
  const attempt_record* oldest = nullptr;
  attempts_.visit(p, [&](const auto& a) {
    ++kept;
    oldest = &a;
  });
  if (kept <= kept_attempts)
    return;
  auto& before = before_[p];
  ++before.count;
  if (oldest->ended_us < oldest->started_us)
    ++before.unmeasured;
  else
    before.worked_us += oldest->ended_us - oldest->started_us;
  const auto attempt = oldest->attempt;
  attempts_.drop_if(p, [oldest](const auto& a) { return &a == oldest; });
  tasks_.drop_if(p, [attempt](const auto& t) { return t.attempt <= attempt; });
}

void run_history::on_task(phase_index p, const event& e) {
  const auto& defs = plan_->phases[p].tasks;
  auto def = std::find_if(defs.begin(), defs.end(), [&](const auto& t) { return t.id == e.task; });
  if (def == defs.end())
    return; // A criteria command: its result is in the gate's evidence.
  auto task = static_cast<task_index>(def - defs.begin());
  auto* found =
      tasks_.newest(p, [&](const auto& t) { return t.task == task && t.attempt == e.attempt; });
  if (found == nullptr || (found->finished && e.kind == event_kind::task_started)) {
    task_record begun;
    begun.phase = p;
    begun.attempt = e.attempt;
    begun.task = task;
    found = &tasks_.add(p, begun);
  }
  auto& node = *found;
  if (e.kind == event_kind::task_started) {
    node.started_us = e.time_us;
    return;
  }
  auto data = lenient::object(e.data);
  node.finished = true;
  node.ok = lenient::flag(data, "ok");
  node.kind = exit_kind_of(lenient::text(data, "kind"));
  node.code = clamp_to<std::int32_t>(lenient::number(data, "code"));
  node.cpu_ms = clamp_to<std::uint32_t>(lenient::number(data, "cpu_ms"));
  node.peak_rss_kb = lenient::number(data, "peak_rss_kb").value_or(0);
  node.log_bytes = lenient::number(data, "log_bytes").value_or(0);
  node.ended_us = lenient::number(data, "ended_us").value_or(e.time_us);
  if (auto started = lenient::number(data, "started_us"))
    node.started_us = *started;
  else if (auto ms = lenient::number(data, "ms"); ms && *ms >= 0 && *ms < node.ended_us / 1000)
    node.started_us = node.ended_us - *ms * 1000;
}

void run_history::on_intervention(const event& e) {
  switch (e.kind) {
  case event_kind::phase_approved:
  case event_kind::phase_rejected:
  case event_kind::phase_skipped:
  case event_kind::phase_cancelled:
  case event_kind::phase_reset:
  case event_kind::note:
    break;
  default:
    return;
  }
  // The usual case in a run's log: not worth parsing the evidence.
  if (e.data.starts_with(R"({"by":"criteria")"))
    return;
  auto data = lenient::object(e.data);
  intervention x{e.time_us, e.kind, e.phase, lenient::text(data, "by"),
                 lenient::text(data, "reason")};
  if (e.kind == event_kind::note) {
    auto level = lenient::text(data, "level");
    if (level.empty() || level == "info" || level == "debug" || level == "trace")
      return;
    x.by = std::move(level);
    x.reason = lenient::text(data, "text");
    if (warnings_.size() == max_warnings)
      warnings_.erase(warnings_.begin());
    warnings_.push_back(std::move(x));
    return;
  }
  if (!is_person(x.by))
    return;
  if (x.reason.empty())
    x.reason = lenient::text(data, "comment");
  if (lenient::flag(data, "override"))
    x.reason += x.reason.empty() ? "(override)" : " (override)";
  keep(std::move(x));
}

/// One command may let many phases run again: they come one after the other.
void run_history::keep(intervention&& x) {
  if (goes_on_ && x.kind == event_kind::phase_reset) {
    auto& last = interventions_.back();
    if (last.kind == x.kind && last.by == x.by && last.reason == x.reason) {
      ++last.others;
      return;
    }
  }
  goes_on_ = x.kind == event_kind::phase_reset;
  if (interventions_.size() == kept_interventions) {
    interventions_.erase(interventions_.begin());
    ++interventions_before_;
  }
  interventions_.push_back(std::move(x));
}

std::vector<attempt_record> run_history::attempts(phase_index p) const {
  std::vector<attempt_record> result;
  attempts_.visit(p, [&result](const auto& a) { result.push_back(a); });
  std::reverse(result.begin(), result.end());
  return result;
}

earlier_attempts run_history::attempts_before(phase_index p) const {
  const auto found = before_.find(p);
  return found == before_.end() ? earlier_attempts{} : found->second;
}

std::vector<task_record> run_history::tasks(phase_index p, std::uint32_t attempt) const {
  std::vector<task_record> result;
  tasks_.visit(p, [&](const auto& t) {
    if (t.attempt == attempt)
      result.push_back(t);
  });
  std::reverse(result.begin(), result.end());
  return result;
}

bool run_history::imported(phase_index p) const {
  return imported_.at(p);
}

} // namespace aeo::core

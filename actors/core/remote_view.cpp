#include "actors/core/remote_view.hpp"

#include "actors/core/decisions.hpp"
#include "actors/core/event_data.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/core/run_history.hpp"
#include "actors/core/text.hpp"

#include <algorithm>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string with_comma(std::string text, const std::string& more) {
  if (!text.empty() && !more.empty())
    text += ", ";
  return text + more;
}

/// What failed, why that was the end, and where to look.
std::string failure_of(const ordered_json& data) {
  auto text = with_comma(lenient::text(data, "message"), lenient::text(data, "why"));
  if (text.empty())
    text = lenient::text(data, "class");
  auto log = lenient::text(data, "log");
  return log.empty() ? text : text + (text.empty() ? "log " : "; log ") + log;
}

/// Who has approved already, and until when the others may.
std::string waiting_of(const ordered_json& data) {
  auto text = lenient::text(data, "reason");
  std::string voices;
  for (const auto& vote : lenient::array(data, "votes"))
    voices = with_comma(std::move(voices), lenient::text(vote, "by"));
  if (!voices.empty())
    text += (text.empty() ? "" : "; ") + ("approved so far by " + voices);
  if (auto until = lenient::number(data, "deadline_us").value_or(0); until > 0)
    text += (text.empty() ? "" : "; ") + ("until " + format_clock(until));
  return text;
}

std::string blocked_by(const ordered_json& data) {
  auto reason = lenient::text(data, "reason");
  return reason.empty() ? failure_of(data) : reason;
}

std::string decided_by(const ordered_json& data) {
  auto by = lenient::text(data, "by");
  auto reason = lenient::text(data, "reason");
  if (by.empty() || !is_person(by))
    return reason;
  return "by " + by + (reason.empty() ? "" : ": ") + reason;
}

} // namespace

std::optional<duration> worked(const phase_view& p, std::int64_t now_us) {
  if (!is_active(p.status) && p.worked_us == 0)
    return std::nullopt;
  const auto running = is_active(p.status) ? elapsed_us(p.attempt_us, now_us) : std::int64_t{0};
  return duration{(p.worked_us + running) / 1000};
}

std::string reason_of(phase_status status, std::string_view data) {
  std::string text;
  switch (status) {
  case phase_status::failed:
  case phase_status::retry_wait:
    text = failure_of(lenient::object(data));
    break;
  case phase_status::waiting_approval:
    text = waiting_of(lenient::object(data));
    break;
  case phase_status::completed:
    text = "its criteria are not judged yet";
    break;
  case phase_status::blocked:
    text = blocked_by(lenient::object(data));
    break;
  case phase_status::rejected:
  case phase_status::skipped:
  case phase_status::cancelled:
    text = decided_by(lenient::object(data));
    break;
  case phase_status::approved:
    if (is_override(data))
      text = "criteria overridden " + decided_by(lenient::object(data));
    break;
  default:
    break;
  }
  return first_line(text);
}

std::string reason_of(const event& e) {
  const auto to = status_after(e.kind);
  return to ? reason_of(*to, e.data) : std::string{};
}

namespace {

/// A state that another tool wrote has errors and no event behind it.
std::string reason_or_error(const phase_state& p) {
  auto text = reason_of(p.status, p.detail);
  const auto failed = p.status == phase_status::failed || p.status == phase_status::retry_wait;
  if (text.empty() && failed && !p.errors.empty())
    text = first_line(p.errors.back().message);
  return text;
}

/// But for what the plan alone decides.
phase_view row_of(const plan& p, const execution_state& s, phase_index i) {
  const auto& def = p.phases[i];
  const auto& state = s.phases[i];
  phase_view row;
  row.place = i;
  // Of an open gate the state forgets which tasks were done. Met criteria mean all of them; who
  // overrode a failure, or skipped, says nothing about tasks.
  row.done = static_cast<std::uint32_t>(state.criteria_met ? def.tasks.size() : state.done.size());
  row.status = state.status;
  row.attempt = state.attempt;
  row.started_us = state.started_us;
  row.attempt_us = state.attempt_us;
  row.ended_us = state.ended_us;
  row.retry_at_us = state.retry_at_us;
  row.worked_us = state.worked_us;
  row.reason = reason_or_error(state);
  row.outcome_unknown = state.status == phase_status::waiting_approval && is_ask(state.detail);
  if (state.status == phase_status::failed)
    row.overrider = who_alone(def.approval ? *def.approval : approval_policy{}, s.started_by);
  row.seq = s.last_seq;
  return row;
}

std::size_t size_of(const phase_view& row) {
  return sizeof row / 2 + row.id.size() + row.name.size() + row.reason.size()
         + 4 * row.dependencies.size();
}

} // namespace

run_view make_run_view(const plan& p, const execution_state& s,
                       const std::vector<std::int64_t>& typical_ms, std::int64_t now_us,
                       phase_index first, std::size_t max_bytes) {
  run_view view;
  view.execution = s.id;
  view.overall = s.overall;
  view.now_us = now_us;
  view.started_us = s.started_us;
  view.seq = s.last_seq;
  view.paused = s.overall == overall_status::paused;
  view.pause = s.pause;
  view.chain_head = s.chain_head;
  view.first = first;
  view.total = static_cast<std::uint32_t>(p.phases.size());
  std::size_t bytes = 0;
  for (phase_index i = first; i < p.phases.size() && bytes < max_bytes; ++i) {
    const auto& def = p.phases[i];
    auto& row = view.phases.emplace_back(row_of(p, s, i));
    row.id = def.id;
    row.name = def.name;
    row.dependencies = def.dependencies;
    row.tasks = static_cast<std::uint32_t>(def.tasks.size());
    row.typical_ms = i < typical_ms.size() ? typical_ms[i] : 0;
    bytes += size_of(row);
  }
  return view;
}

run_change make_run_change(const plan& p, const execution_state& s,
                           const std::vector<phase_index>& changed) {
  run_change change;
  change.seq = s.last_seq;
  change.overall = s.overall;
  change.paused = s.overall == overall_status::paused;
  for (auto i : changed)
    change.phases.push_back(row_of(p, s, i));
  return change;
}

std::size_t size_of(const run_change& change) {
  std::size_t bytes = 0;
  for (const auto& row : change.phases)
    bytes += size_of(row);
  return bytes;
}

} // namespace aeo::core

#include "actors/core/remote_view.hpp"

#include "actors/core/lenient_json.hpp"

namespace aeo::core {

std::string reason_of(const phase_state& p) {
  std::string text;
  switch (p.status) {
  case phase_status::failed:
  case phase_status::retry_wait:
    text = p.errors.empty() ? std::string{} : p.errors.back().message;
    break;
  case phase_status::blocked:
  case phase_status::waiting_approval:
    text = lenient::text(lenient::object(p.detail), "reason");
    break;
  case phase_status::rejected:
  case phase_status::skipped:
  case phase_status::cancelled: {
    const auto detail = lenient::object(p.detail);
    const auto by = lenient::text(detail, "by");
    const auto why = lenient::text(detail, "reason");
    text = (by.empty() ? "" : "by " + by) + (by.empty() || why.empty() ? "" : ": ") + why;
    break;
  }
  default:
    break;
  }
  return text.substr(0, text.find('\n'));
}

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
  view.chain_head = s.chain_head;
  view.first = first;
  view.total = static_cast<std::uint32_t>(p.phases.size());
  std::size_t bytes = 0;
  for (phase_index i = first; i < p.phases.size() && bytes < max_bytes; ++i) {
    const auto& def = p.phases[i];
    const auto& state = s.phases[i];
    auto& row = view.phases.emplace_back();
    row.id = def.id;
    row.name = def.name;
    row.dependencies = def.dependencies;
    row.tasks = static_cast<std::uint32_t>(def.tasks.size());
    row.done = is_open(state.status) ? row.tasks : static_cast<std::uint32_t>(state.done.size());
    row.status = state.status;
    row.attempt = state.attempt;
    row.started_us = state.started_us;
    row.attempt_us = state.attempt_us;
    row.ended_us = state.ended_us;
    row.retry_at_us = state.retry_at_us;
    row.typical_ms = i < typical_ms.size() ? typical_ms[i] : 0;
    row.reason = reason_of(state);
    row.seq = view.seq;
    bytes += sizeof row / 2 + row.id.size() + row.name.size() + row.reason.size()
             + 4 * row.dependencies.size(); // On the wire, about.
  }
  return view;
}

} // namespace aeo::core

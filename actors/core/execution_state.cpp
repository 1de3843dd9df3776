#include "actors/core/execution_state.hpp"

#include "actors/core/event_data.hpp"
#include "actors/core/phase_json.hpp"
#include "actors/core/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace aeo::core {

namespace {

using enum phase_status;

constexpr std::uint32_t set_of() {
  return 0;
}

template <class... Rest>
constexpr std::uint32_t set_of(phase_status first, Rest... rest) {
  return (1u << static_cast<unsigned>(first)) | set_of(rest...);
}

// arrows[from] is the set of states that may follow.
// clang-format off
constexpr std::array<std::uint32_t, 11> arrows = {
  /* pending          */ set_of(in_progress, blocked, skipped, cancelled, pending),
  /* in_progress      */ set_of(completed, waiting_approval, retry_wait, failed, blocked, cancelled, pending),
  /* completed        */ set_of(approved, waiting_approval, retry_wait, failed, cancelled, pending),
  /* waiting_approval */ set_of(approved, rejected, waiting_approval, failed, skipped, cancelled, pending),
  /* approved         */ set_of(pending),
  /* rejected         */ set_of(pending, skipped),
  /* retry_wait       */ set_of(in_progress, failed, blocked, skipped, cancelled, pending),
  /* failed           */ set_of(pending, approved, skipped),
  /* blocked          */ set_of(pending, skipped, cancelled),
  /* skipped          */ set_of(pending),
  /* cancelled        */ set_of(pending, skipped)};
// clang-format on

// `"key": true` somewhere in JSON text. Inside a JSON string the quotes would be escaped, so that
// text which people wrote cannot look like it.
bool has_flag(std::string_view json, std::string_view quoted_key) {
  auto skip_blanks = [&json](std::size_t i) {
    while (i < json.size() && (json[i] == ' ' || json[i] == '\n' || json[i] == '\t'))
      ++i;
    return i;
  };
  for (auto at = json.find(quoted_key); at != json.npos; at = json.find(quoted_key, at + 1)) {
    auto i = skip_blanks(at + quoted_key.size());
    if (i >= json.size() || json[i] != ':')
      continue;
    if (json.substr(skip_blanks(i + 1)).starts_with("true"))
      return true;
  }
  return false;
}

nlohmann::json parse_object(const std::string& text) {
  auto result = nlohmann::json::parse(text, nullptr, false);
  return result.is_object() ? result : nlohmann::json::object();
}

std::string text_of(const nlohmann::json& object, const char* key) {
  auto i = object.find(key);
  return i != object.end() && i->is_string() ? i->get<std::string>() : std::string{};
}

void push_error(phase_state& p, const event& e, const nlohmann::json& data) {
  if (p.errors.size() >= phase_state::max_errors) {
    const auto kept = static_cast<std::ptrdiff_t>(phase_state::max_errors) - 1;
    p.earlier_errors += static_cast<std::uint32_t>(p.errors.size() - (phase_state::max_errors - 1));
    p.errors.erase(p.errors.begin(), p.errors.end() - kept);
  }
  auto& error = p.errors.emplace_back();
  error.time_us = e.time_us;
  error.cls = text_of(data, "class");
  error.message = text_of(data, "message");
  error.task = e.task.empty() ? text_of(data, "task") : e.task;
  error.attempt = e.attempt != 0 ? e.attempt : p.attempt;
}

void begin_retry_wait(phase_state& p, const event& e) {
  const auto data = parse_object(e.data);
  push_error(p, e, data);
  if (auto at = data.find("at"); at != data.end() && at->is_number_integer())
    p.retry_at_us = at->get<std::int64_t>();
  auto counted = data.find("counted");
  if (counted == data.end() || !counted->is_boolean() || counted->get<bool>())
    ++p.retry_count;
}

// What the arrow's event says beyond the new status.
void take(phase_state& p, phase_status to, const event& e) {
  if (p.status == in_progress)
    p.worked_us += elapsed_us(p.attempt_us, e.time_us);
  p.status = to;
  p.retry_at_us = 0;
  if (to == in_progress) {
    p.attempt = e.attempt;
    p.attempt_us = e.time_us;
    if (p.started_us == 0)
      p.started_us = e.time_us;
    p.ended_us = 0;
    p.criteria_met = false;
    p.before = e.data;
    p.detail.clear();
    p.done.clear();
    return;
  }
  p.ended_us = e.time_us;
  p.detail = e.data;
  if (to == approved)
    p.criteria_met = !has_flag(e.data, "\"override\"");
  else if (to == retry_wait)
    begin_retry_wait(p, e);
  else if (to == failed || (to == blocked && e.data.starts_with("{\"class\"")))
    push_error(p, e, parse_object(e.data));
  if (is_open(to)) { // What only a next judging would need; large plans have many of these.
    p.done = {};
    p.before = {};
  } else if (to == pending) {
    p.criteria_met = false;
    p.done.clear();
    if (e.kind == event_kind::phase_reset)
      p.retry_count = 0;
  }
}

bool apply_to_phase(phase_state& p, const event& e) {
  if (e.kind == event_kind::task_finished) {
    if (p.status == in_progress && e.attempt == p.attempt && tells_ok(e)
        && std::find(p.done.begin(), p.done.end(), e.task) == p.done.end())
      p.done.push_back(e.task);
    return true;
  }
  if (e.kind == event_kind::state_imported) {
    auto imported = parse_phase(e.data);
    if (imported.state)
      p = std::move(*imported.state);
    return imported.state.has_value();
  }
  const auto to = status_after(e.kind);
  if (!to)
    return true;
  if (!can_transition(p.status, *to))
    return false;
  take(p, *to, e);
  return true;
}

/// A resume says a pause again: it goes on since it was asked for.
pause_state pause_of(const event& e) {
  const auto data = parse_object(e.data);
  const auto since = data.find("since_us");
  const auto known = since != data.end() && since->is_number_integer();
  return {known ? since->get<std::int64_t>() : e.time_us, text_of(data, "by"),
          text_of(data, "reason")};
}

void apply_to_execution(execution_state& s, const event& e) {
  if (e.kind != event_kind::audit && e.kind != event_kind::note)
    s.pause = e.kind == event_kind::execution_paused ? pause_of(e) : pause_state{};
  if (e.kind == event_kind::execution_started) {
    const auto data = parse_object(e.data);
    s.started_us = e.time_us;
    s.overall = overall_status::in_progress;
    const auto user = text_of(data, "user");
    const auto host = text_of(data, "host");
    s.started_by = host.empty() || user.find('@') != user.npos ? user : user + "@" + host;
  } else if (e.kind == event_kind::execution_resumed || e.kind == event_kind::execution_continued) {
    s.overall = overall_status::in_progress;
  } else if (e.kind == event_kind::execution_paused) {
    s.overall = overall_status::paused;
  } else if (e.kind == event_kind::execution_ended) {
    const auto named = overall_status_from_string(text_of(parse_object(e.data), "status"));
    s.overall = named ? *named : conclude(s);
    s.ended_us = s.ended_us > 0 ? s.ended_us : e.time_us;
  }
}

bool belongs_to_phase(event_kind kind) {
  switch (kind) {
  case event_kind::execution_started:
  case event_kind::execution_resumed:
  case event_kind::execution_ended:
  case event_kind::execution_paused:
  case event_kind::execution_continued:
  case event_kind::audit:
  case event_kind::note:
    return false;
  default:
    return true;
  }
}

} // namespace

phase_lookup::phase_lookup(const plan& p) {
  std::unordered_map<std::string_view, phase_index> index;
  index.reserve(p.phases.size());
  for (std::size_t i = 0; i < p.phases.size(); ++i)
    index.emplace(p.phases[i].id, static_cast<phase_index>(i));
  index_ = std::make_shared<const decltype(index)>(std::move(index));
}

phase_index phase_lookup::operator()(std::string_view id) const {
  auto i = index_->find(id);
  return i == index_->end() ? npos : i->second;
}

bool can_transition(phase_status from, phase_status to) {
  return (arrows.at(static_cast<std::size_t>(from)) & set_of(to)) != 0;
}

std::optional<phase_status> status_after(event_kind kind) {
  switch (kind) {
  case event_kind::phase_started:
    return in_progress;
  case event_kind::phase_completed:
    return completed;
  case event_kind::phase_waiting:
    return waiting_approval;
  case event_kind::phase_approved:
    return approved;
  case event_kind::phase_rejected:
    return rejected;
  case event_kind::phase_retry_wait:
    return retry_wait;
  case event_kind::phase_failed:
    return failed;
  case event_kind::phase_blocked:
    return blocked;
  case event_kind::phase_unblocked:
  case event_kind::phase_reset:
    return pending;
  case event_kind::phase_skipped:
    return skipped;
  case event_kind::phase_cancelled:
    return cancelled;
  default:
    return std::nullopt;
  }
}

bool apply(execution_state& s, const phase_lookup& find, const event& e) {
  // A note or an audit may be about a phase that the plan does not have.
  if (belongs_to_phase(e.kind)) {
    const auto index = find(e.phase);
    if (index == phase_lookup::npos || index >= s.phases.size()
        || !apply_to_phase(s.phases[index], e))
      return false;
    s.ended_us = 0;
  } else {
    apply_to_execution(s, e);
  }
  s.updated_us = e.time_us;
  s.last_seq = std::max(s.last_seq, e.seq);
  return true;
}

overall_status conclude(const execution_state& s) {
  std::array<std::size_t, arrows.size()> count{};
  for (const auto& p : s.phases)
    ++count.at(static_cast<std::size_t>(p.status));
  auto of = [&count](phase_status x) { return count[static_cast<std::size_t>(x)]; };
  // What needs a person most comes first. Blocked phases follow from others, unless an input is
  // missing: that is a failure.
  if (of(failed) + of(rejected) != 0)
    return overall_status::failed;
  if (of(cancelled) != 0)
    return overall_status::cancelled;
  if (of(blocked) != 0)
    return overall_status::failed;
  if (of(waiting_approval) != 0)
    return overall_status::waiting_approval;
  if (of(approved) + of(skipped) == s.phases.size())
    return overall_status::completed;
  return of(pending) == s.phases.size() ? overall_status::pending : overall_status::interrupted;
}

} // namespace aeo::core

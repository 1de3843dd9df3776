#include "tools/monitor/event_line.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/remote_view.hpp"
#include "actors/core/run_history.hpp"
#include "actors/core/text.hpp"

#include <utility>

namespace aeo::monitor {

namespace {

using event_json = nlohmann::ordered_json;
namespace read = core::lenient;

std::string after_colon(const std::string& text) {
  return text.empty() ? text : ": " + text;
}

std::string with_comma(std::string text, const std::string& more) {
  if (!text.empty() && !more.empty())
    text += ", ";
  return text + more;
}

/// Only what was refused has a line: the rest is told by what it changed.
std::string refusal_of(const event_json& data) {
  auto by = read::text(data, "by");
  auto from = read::text(data, "from");
  return (by.empty() ? "somebody" : by) + (from.empty() ? "" : " from " + from) + " was refused "
         + read::text(data, "command") + after_colon(read::text(data, "outcome"));
}

std::string person_of(const event_json& data) {
  auto by = read::text(data, "by");
  return by.empty() || !core::is_person(by) ? std::string{} : " by " + by;
}

std::string decision_of(const event_json& data) {
  return person_of(data) + after_colon(read::text(data, "reason"));
}

std::string approval_of(const event_json& data, duration took) {
  auto text = "approved" + person_of(data);
  if (read::flag(data, "override"))
    text += ", overriding its criteria";
  else if (took.count() > 0)
    text += " after " + core::format_duration(took);
  auto comment = read::text(data, "comment");
  return text + after_colon(comment.empty() ? read::text(data, "reason") : comment);
}

struct said {
  std::string text;
  tone color = tone::plain;
};

/// A task's end is told only when something is odd about it.
said task_text(const event& e, const event_json& data) {
  auto what = read::text(data, "detail");
  if (auto left = read::number(data, "leftovers").value_or(0); left > 0)
    what = with_comma(std::to_string(left) + " left running were ended", what);
  return {"task " + e.task + after_colon(what), tone::attention};
}

said phase_text(const event& e, const event_json& data, duration took) {
  switch (e.kind) {
  case event_kind::task_finished:
    return task_text(e, data);
  case event_kind::phase_started:
    return {e.attempt > 1 ? "started, attempt " + std::to_string(e.attempt) : "started",
            tone::active};
  case event_kind::phase_approved:
    return {approval_of(data, took), tone::good};
  case event_kind::phase_waiting:
    return {"waits for a person" + after_colon(core::reason_of(e)), tone::attention};
  case event_kind::phase_rejected:
    return {"REJECTED" + decision_of(data), tone::bad};
  case event_kind::phase_retry_wait:
    return {"will be tried again" + after_colon(core::reason_of(e)), tone::attention};
  case event_kind::phase_failed:
    return {"FAILED" + after_colon(core::reason_of(e)), tone::bad};
  case event_kind::phase_blocked: {
    auto by = read::text(data, "by");
    return {by.empty() ? "blocked" + after_colon(core::reason_of(e)) : "blocked behind " + by,
            tone::attention};
  }
  case event_kind::phase_unblocked:
    return {"pending again" + after_colon(read::text(data, "reason"))};
  case event_kind::phase_skipped:
    return {"skipped" + decision_of(data), tone::attention};
  case event_kind::phase_cancelled:
    return {"cancelled" + decision_of(data), tone::attention};
  case event_kind::phase_reset:
    return {"to be run again" + decision_of(data)};
  case event_kind::state_imported:
    return {"state imported: " + read::text(data, "status"), tone::faint};
  default:
    return {std::string{to_string(e.kind)}};
  }
}

said run_text(const event& e, const event_json& data) {
  switch (e.kind) {
  case event_kind::execution_started:
    return {"execution started", tone::strong};
  case event_kind::execution_resumed:
    return {std::string{"execution resumed"}
                + (read::flag(data, "plan_changed") ? ", plan change accepted" : ""),
            tone::strong};
  case event_kind::execution_ended:
    return {"execution ended" + after_colon(read::text(data, "status"))
                + (read::text(data, "reason").empty() ? "" : ", " + read::text(data, "reason")),
            tone::strong};
  case event_kind::execution_paused:
    return {"the run is paused" + decision_of(data), tone::attention};
  case event_kind::execution_continued:
    return {"the run goes on" + decision_of(data), tone::strong};
  case event_kind::audit:
    return {refusal_of(data), tone::attention};
  case event_kind::note: {
    auto level = read::text(data, "level");
    return {read::text(data, "text"), level == "error"     ? tone::bad
                                      : level == "warning" ? tone::attention
                                                           : tone::plain};
  }
  default:
    return {std::string{to_string(e.kind)}};
  }
}

} // namespace

bool is_told(const event& e) {
  switch (e.kind) {
  case event_kind::task_started:
  case event_kind::phase_completed:
    return false;
  case event_kind::task_finished: // Rare ones only; a look at the text instead of parsing it.
    return e.data.find("\"detail\"") != std::string::npos
           || e.data.find("\"leftovers\"") != std::string::npos;
  case event_kind::audit:
    return e.data.find("\"done\":false") != std::string::npos;
  default:
    return true;
  }
}

bool comes_in_masses(event_kind kind) {
  return kind == event_kind::phase_blocked || kind == event_kind::phase_unblocked
         || kind == event_kind::phase_cancelled || kind == event_kind::phase_skipped
         || kind == event_kind::phase_reset || kind == event_kind::state_imported;
}

event_line told(const event& e, duration took) {
  auto data = read::object(e.data);
  auto aside = e.kind == event_kind::note || e.kind == event_kind::audit;
  auto of_phase = !e.phase.empty() && !aside;
  auto text = of_phase ? phase_text(e, data, took) : run_text(e, data);
  auto subject = e.phase.empty() ? std::string{} : "phase " + e.phase + (of_phase ? "" : ":");
  return {.time_us = e.time_us,
          .subject = std::move(subject),
          .text = std::move(text.text),
          .color = text.color,
          .kind = e.kind};
}

std::string text_of(const event_line& l) {
  auto start = l.subject + (l.subject.empty() ? "" : " ");
  if (l.more == 0)
    return start + l.text;
  return comes_in_masses(l.kind)
             ? start + "and " + core::format_count(l.more) + " more " + l.text
             : start + l.text + " (" + core::format_count(l.more + 1) + " times)";
}

} // namespace aeo::monitor

#include "tools/node/console_text.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/text.hpp"
#include "tools/node/dry_run_text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace aeo::node {

namespace {

using core::cut_to_width;
using core::format_count;
using core::format_duration;
using json = nlohmann::ordered_json;

duration since(std::int64_t from_us, std::int64_t to_us) {
  return duration{from_us == 0 ? 0 : std::max<std::int64_t>(0, (to_us - from_us) / 1000)};
}

/// One masked line.
std::string clean(std::string_view text, const look& l) {
  return core::plain_line(l.mask ? l.mask(text) : std::string{text});
}

std::string bar(std::size_t done, std::size_t total, std::size_t width, bool utf8) {
  auto filled = total == 0 ? 0 : width * std::min(done, total) / total;
  std::string result;
  for (std::size_t i = 0; i < width; ++i)
    result += i < filled ? (utf8 ? "\u2588" : "#") : (utf8 ? "\u2591" : "-");
  return result;
}

std::string checks_text(const json& detail) {
  const auto& checks = core::lenient::array(detail, "criteria");
  if (checks.empty())
    return {};
  auto passed = std::count_if(checks.begin(), checks.end(),
                              [](const json& c) { return core::lenient::flag(c, "passed"); });
  return fmt::format("{}/{} checks", passed, checks.size());
}

std::string joined(std::initializer_list<std::string> parts) {
  std::string result;
  for (const auto& part : parts)
    if (!part.empty())
      result += (result.empty() ? "" : ", ") + part;
  return result;
}

std::string with_colon(std::string text) {
  return text.empty() ? text : ": " + text;
}

std::string by_text(const json& detail) {
  auto by = core::lenient::text(detail, "by");
  auto reason = core::lenient::text(detail, "reason");
  return (core::is_person(by) ? " by " + by : "") + with_colon(reason);
}

std::string failure_text(const json& detail) {
  auto cls = core::lenient::text(detail, "class");
  // Of another class, that is why.
  auto why = cls == to_string(error_class::transient) ? core::lenient::text(detail, "why") : "";
  auto text = joined({cls, core::lenient::text(detail, "message"), why});
  auto log = core::lenient::text(detail, "log");
  return with_colon(text) + (log.empty() ? "" : "; log " + log);
}

std::string approved_text(const progress_model& m, phase_index i, const json& detail) {
  auto text =
      std::string{core::lenient::flag(detail, "override") ? "approved by override" : "approved"};
  if (auto worked = m[i].worked_us; worked > 0)
    text += " in " + format_duration(duration{worked / 1000});
  auto by = core::lenient::text(detail, "by");
  auto person = core::is_person(by) ? "by " + by : std::string{};
  auto rest = joined({checks_text(detail), person});
  return rest.empty() ? text : text + ", " + rest;
}

/// A task that ended by itself has something said of it only when its log is not complete, or when
/// it left processes behind.
std::string odd_end_text(const event& e) {
  auto detail = core::lenient::object(e.data);
  if (core::lenient::text(detail, "kind") != to_string(exit_kind::exited))
    return {};
  auto what = core::lenient::text(detail, "detail");
  if (auto left = core::lenient::number(detail, "leftovers").value_or(0); left > 0)
    what = joined({fmt::format("{} process{} that it left running {} ended", left,
                               left == 1 ? "" : "es", left == 1 ? "was" : "were"),
                   what});
  return what.empty() ? what : "task " + e.task + ": " + what;
}

line note_line(const json& detail) {
  const auto level = core::lenient::text(detail, "level");
  return {core::lenient::text(detail, "text"), level == "error"     ? tone::bad
                                               : level == "warning" ? tone::attention
                                                                    : tone::plain};
}

line phase_line(const progress_model& m, phase_index i, const event& e) {
  if (e.kind == event_kind::task_started || e.kind == event_kind::phase_completed)
    return {};
  if (e.kind == event_kind::task_finished)
    return {odd_end_text(e), tone::attention};
  auto detail = core::lenient::object(e.data);
  switch (e.kind) {
  case event_kind::phase_started:
    return {e.attempt > 1 ? fmt::format("started, attempt {}", e.attempt) : "started"};
  case event_kind::phase_approved:
    return {approved_text(m, i, detail), tone::good};
  case event_kind::phase_waiting:
    return {"waits for a person" + with_colon(core::lenient::text(detail, "reason")),
            tone::attention};
  case event_kind::phase_rejected:
    return {"REJECTED" + by_text(detail), tone::bad};
  case event_kind::phase_retry_wait:
    return {fmt::format("attempt {} failed{}", m[i].attempt, failure_text(detail)),
            tone::attention};
  case event_kind::phase_failed:
    return {"FAILED" + failure_text(detail), tone::bad};
  case event_kind::phase_blocked: {
    auto by = core::lenient::text(detail, "by");
    return {by.empty() ? "blocked" + failure_text(detail) + by_text(detail)
                       : "blocked behind " + by,
            tone::attention};
  }
  case event_kind::phase_unblocked:
    return {"pending again" + with_colon(core::lenient::text(detail, "reason"))};
  case event_kind::phase_skipped:
    return {"skipped" + by_text(detail), tone::attention};
  case event_kind::phase_cancelled:
    return {"cancelled" + by_text(detail), tone::attention};
  case event_kind::phase_reset:
    return {"to be run again" + by_text(detail)};
  case event_kind::state_imported:
    return {"state imported: " + core::lenient::text(detail, "status"), tone::faint};
  case event_kind::note:
    return note_line(detail);
  default:
    return {};
  }
}

line pause_line(const event& e, const json& detail, const look& l) {
  if (e.kind == event_kind::execution_paused)
    return {"the run is paused" + by_text(detail) + "; nothing more is started until "
                + core::in_workspace("aeo-control", l.workspace) + " resume",
            tone::attention};
  const auto by = core::lenient::text(detail, "by");
  return {"the run goes on" + (by.empty() ? by : ", says " + by)
          + with_colon(core::lenient::text(detail, "reason"))};
}

line execution_line(const event& e, const look& l) {
  auto detail = core::lenient::object(e.data);
  switch (e.kind) {
  case event_kind::execution_started:
    return {"execution started"};
  case event_kind::execution_resumed:
    return {std::string{"execution resumed"}
            + (core::lenient::flag(detail, "plan_changed") ? ", plan change accepted" : "")};
  case event_kind::execution_paused:
  case event_kind::execution_continued:
    return pause_line(e, detail, l);
  case event_kind::note:
    return note_line(detail);
  default:
    return {};
  }
}

std::string eta_text(const progress_model& m, std::int64_t now_us) {
  auto eta = m.eta(now_us);
  return eta ? "ETA about " + format_duration(*eta) : std::string{};
}

std::string counts_text(const progress_model& m) {
  std::string result;
  const auto& c = m.counts();
  for (auto [status, word] : {std::pair{phase_status::failed, "failed"},
                              {phase_status::rejected, "rejected"},
                              {phase_status::in_progress, "running"},
                              {phase_status::waiting_approval, "waiting for a person"},
                              {phase_status::retry_wait, "to be retried"},
                              {phase_status::cancelled, "cancelled"},
                              {phase_status::blocked, "blocked"},
                              {phase_status::skipped, "skipped"}})
    if (c[status] > 0)
      result += fmt::format("{}{} {}", result.empty() ? "" : ", ", format_count(c[status]), word);
  return result;
}

tone overall_tone(const progress_model& m) {
  const auto& c = m.counts();
  if (c[phase_status::failed] + c[phase_status::rejected] > 0)
    return tone::bad;
  return c[phase_status::waiting_approval] > 0 ? tone::attention : tone::plain;
}

struct column_widths {
  std::size_t id = 2;
  std::size_t name = 0;
  std::size_t bar = 10;
};

column_widths layout(const progress_model& m, std::size_t shown, const look& l) {
  column_widths w;
  std::size_t longest = 0;
  for (auto i = m.running().begin(); i != m.running().end() && shown > 0; ++i, --shown) {
    const auto& p = m.definition().phases[i->second];
    w.id = std::max(w.id, core::display_width(clean(p.id, l)));
    longest = std::max(longest, p.name.empty() ? 0 : core::display_width(clean(p.name, l)));
  }
  w.id = std::min(w.id, std::max<std::size_t>(l.columns / 5, 4));
  w.bar = l.columns >= 120 ? 20 : l.columns >= 60 ? 10 : 0;
  w.name = std::min(longest, l.columns / 3);
  return w;
}

line running_line(const progress_model& m, phase_index i, std::int64_t now_us,
                  const column_widths& w, const look& l) {
  const auto& p = m.definition().phases[i];
  const auto& view = m[i];
  auto total = p.tasks.size();
  auto text = " " + core::pad_to_width(clean(p.id, l), w.id, l.utf8) + " ";
  if (w.name > 0)
    text += core::pad_to_width(clean(p.label(), l), w.name, l.utf8) + " ";
  if (w.bar > 0)
    text += bar(view.tasks_done, total, w.bar, l.utf8) + " ";
  text += fmt::format("{}/{} {:>7}", std::min<std::size_t>(view.tasks_done, total), total,
                      format_duration(since(view.attempt_us, now_us)));
  if (view.attempt > 1)
    text += fmt::format("  attempt {}", view.attempt);
  if (view.task < total && view.tasks_done < total)
    text += "  " + clean(p.tasks[view.task].label(), l);
  else if (total > 0)
    text += "  criteria";
  return {cut_to_width(text, l.columns, l.utf8)};
}

line list_line(const progress_model& m, std::string text, const progress_model::by_time& list,
               const look& l) {
  std::size_t shown = 0;
  for (const auto& [_, i] : list) {
    if (shown++ == 20)
      break;
    text += (shown == 1 ? " " : ", ") + clean(title(m.definition().phases[i]), l);
  }
  return {cut_to_width(text, l.columns, l.utf8), tone::attention};
}

line overall_line(const progress_model& m, std::int64_t now_us, const look& l) {
  const auto& c = m.counts();
  auto width = l.columns >= 120 ? 40U : l.columns >= 60 ? 16U : 0U;
  auto text = fmt::format(" {}{}{}/{} ({} %) {}", bar(c.done(), c.total, width, l.utf8),
                          width > 0 ? " " : "", format_count(c.done()), format_count(c.total),
                          c.percent(), format_duration(since(m.started_us(), now_us)));
  auto rest = joined({m.paused() ? "PAUSED" : "", eta_text(m, now_us), counts_text(m)});
  if (!rest.empty())
    text += (l.utf8 ? " \u00b7 " : " - ") + rest;
  return {cut_to_width(text, l.columns, l.utf8), overall_tone(m)};
}

} // namespace

std::optional<line> transition_line(const progress_model& m, const event& e, const look& l) {
  auto i = m.find(e);
  auto known = i != core::phase_lookup::npos;
  auto result = known ? phase_line(m, i, e) : execution_line(e, l);
  if (result.text.empty())
    return std::nullopt;
  if (known)
    result.text = title(m.definition().phases[i]) + ": " + result.text;
  result.text = core::format_clock(e.time_us) + "  " + clean(result.text, l);
  return result;
}

bool is_urgent(event_kind kind) {
  return kind == event_kind::phase_failed || kind == event_kind::phase_rejected
         || kind == event_kind::phase_waiting;
}

line summary_line(const progress_model& m, std::int64_t now_us) {
  const auto& c = m.counts();
  auto head =
      fmt::format("{}/{} ({} %)", format_count(c.done()), format_count(c.total), c.percent());
  return {core::format_clock(now_us) + "  "
              + joined({head, m.paused() ? "PAUSED" : "", counts_text(m), eta_text(m, now_us)}),
          overall_tone(m)};
}

std::vector<line> live_lines(const progress_model& m, std::int64_t now_us, std::size_t max_lines,
                             const look& l) {
  std::vector<line> result;
  auto running = m.running().size();
  auto shown = running <= max_lines ? running : max_lines > 0 ? max_lines - 1 : 0;
  auto widths = layout(m, shown, l);
  auto left = shown;
  for (auto i = m.running().begin(); left > 0; ++i, --left)
    result.push_back(running_line(m, i->second, now_us, widths, l));
  if (running > shown)
    result.push_back({cut_to_width(fmt::format(" {} and {} more running", l.utf8 ? "\u2026" : "...",
                                               format_count(running - shown)),
                                   l.columns, l.utf8),
                      tone::faint});
  if (!m.retrying().empty()) {
    auto next = since(now_us, m.retrying().begin()->first);
    result.push_back(
        list_line(m, " next retry in " + format_duration(next) + ":", m.retrying(), l));
  }
  if (!m.waiting().empty())
    result.push_back(list_line(m, " waiting for a person:", m.waiting(), l));
  result.push_back(overall_line(m, now_us, l));
  return result;
}

} // namespace aeo::node

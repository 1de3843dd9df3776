#include "tools/control/answers.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/remote_view.hpp"
#include "actors/core/report.hpp"
#include "actors/core/text.hpp"
#include "actors/core/timestamp.hpp"

#include <algorithm>

namespace aeo::control {

namespace {

using core::lenient::ordered_json;
namespace lenient = core::lenient;

constexpr std::int64_t us_per_ms = 1000;

std::string spent(std::int64_t from_us, std::int64_t until_us) {
  return core::format_duration(duration{std::max<std::int64_t>(until_us - from_us, 0) / us_per_ms});
}

double seconds_of(duration x) {
  return static_cast<double>(x.count()) / 1000;
}

std::string took(const run_view& v, const phase_view& p) {
  const auto measured = core::worked(p, v.now_us);
  return measured ? core::format_duration(*measured) : "-";
}

/// "paused by mia since 2026-01-02T10:00:05Z (lunch)"; nothing where the run is not.
std::string pause_text(const run_view& v) {
  if (!v.paused)
    return {};
  std::string text = "paused";
  if (!v.pause.by.empty())
    text += " by " + v.pause.by;
  if (v.pause.since_us != 0)
    text += " since " + core::short_time(v.pause.since_us);
  if (!v.pause.reason.empty())
    text += " (" + v.pause.reason + ")";
  return core::plain_line(text);
}

std::string reason(const run_view& v, const phase_view& p) {
  auto text = core::plain_line(p.reason);
  if (p.status == phase_status::retry_wait && p.retry_at_us > v.now_us)
    text += (text.empty() ? "" : "; ") + ("again in " + spent(v.now_us, p.retry_at_us));
  if (p.status == phase_status::retry_wait && v.paused)
    text += (text.empty() ? "" : "; ") + std::string{"the run is paused"};
  if (p.status == phase_status::in_progress && p.tasks > 1)
    text = std::to_string(p.done) + " of " + std::to_string(p.tasks) + " tasks done";
  if (p.status == phase_status::pending) {
    std::string missing;
    for (auto d : p.dependencies)
      if (d < v.phases.size() && !is_open(v.phases[d].status))
        missing += (missing.empty() ? "waits for " : ", ") + v.phases[d].id;
    text = missing.empty() && v.paused ? "the run is paused" : missing;
  }
  return text;
}

core::progress_counts count_phases(const run_view& v) {
  core::progress_counts counts;
  counts.total = v.phases.size();
  for (const auto& p : v.phases)
    ++counts.by_status.at(static_cast<std::size_t>(p.status));
  return counts;
}

std::string_view overall_word(const run_view& v) {
  return to_string(core::called(v.overall, count_phases(v)));
}

std::string counts_line(const run_view& v) {
  const auto counts = count_phases(v);
  std::string result;
  for (std::size_t s = 0; s < counts.by_status.size(); ++s)
    if (const auto n = counts.by_status.at(s); n != 0)
      result += (result.empty() ? "" : ", ") + core::format_count(n) + " "
                + std::string{to_string(static_cast<phase_status>(s))};
  return result;
}

ordered_json to_json(const run_view& v, const phase_view& p) {
  ordered_json dependencies = ordered_json::array();
  for (auto d : p.dependencies)
    if (d < v.phases.size())
      dependencies.push_back(v.phases[d].id);
  auto time = [](std::int64_t us) {
    return us == 0 ? ordered_json{} : ordered_json(core::format_time(us));
  };
  const auto worked = core::worked(p, v.now_us);
  return {{"id", p.id},
          {"name", p.name},
          {"status", to_string(p.status)},
          {"dependencies", std::move(dependencies)},
          {"attempt", p.attempt},
          {"tasks", p.tasks},
          {"tasks_done", p.done},
          {"started_at", time(p.started_us)},
          {"attempt_started_at", time(p.attempt_us)},
          {"ended_at", time(p.ended_us)},
          {"worked_seconds", worked ? ordered_json(seconds_of(*worked)) : ordered_json{}},
          {"retry_at", time(p.retry_at_us)},
          {"reason", p.reason}};
}

ordered_json pause_json(const run_view& v) {
  if (!v.paused)
    return nullptr;
  return {{"by", v.pause.by},
          {"since", v.pause.since_us == 0 ? ordered_json{}
                                          : ordered_json(core::format_time(v.pause.since_us))},
          {"reason", v.pause.reason}};
}

/// A word that dot and mermaid read as text.
std::string as_label(std::string_view text) {
  std::string result = "\"";
  for (char c : core::plain_line(text)) {
    if (c == '"' || c == '\\')
      result += '\'';
    else
      result += c;
  }
  return result + '"';
}

std::string_view colour(phase_status s) {
  switch (s) {
  case phase_status::approved:
    return "palegreen";
  case phase_status::skipped:
    return "lightgrey";
  case phase_status::failed:
  case phase_status::rejected:
    return "salmon";
  case phase_status::in_progress:
  case phase_status::completed:
    return "lightskyblue";
  case phase_status::waiting_approval:
  case phase_status::retry_wait:
    return "gold";
  default:
    return "white";
  }
}

std::string label(const phase_view& p) {
  return p.id + (p.name.empty() ? "" : " " + p.name) + " - " + std::string{to_string(p.status)};
}

std::string dot(const run_view& v) {
  std::string text = "digraph plan {\n  rankdir=LR;\n  node [shape=box, style=filled];\n";
  for (std::size_t i = 0; i < v.phases.size(); ++i) {
    const auto& p = v.phases[i];
    text += "  p" + std::to_string(i) + " [label=" + as_label(label(p))
            + ", fillcolor=" + std::string{colour(p.status)} + "];\n";
    for (auto d : p.dependencies)
      text += "  p" + std::to_string(d) + " -> p" + std::to_string(i) + ";\n";
  }
  return text + "}\n";
}

std::string mermaid(const run_view& v) {
  std::string text = "flowchart LR\n";
  for (std::size_t i = 0; i < v.phases.size(); ++i) {
    const auto& p = v.phases[i];
    text += "  p" + std::to_string(i) + "[" + as_label(label(p)) + "]\n";
    for (auto d : p.dependencies)
      text += "  p" + std::to_string(d) + " --> p" + std::to_string(i) + "\n";
    text += "  style p" + std::to_string(i) + " fill:" + std::string{colour(p.status)} + "\n";
  }
  return text;
}

/// What an event's data says, in one line.
std::string said_by(const ordered_json& data) {
  std::string text;
  auto add = [&text](const std::string& word) {
    if (!word.empty())
      text += (text.empty() ? "" : "; ") + word;
  };
  if (const auto by = lenient::text(data, "by"); !by.empty())
    add("by " + by);
  for (const char* key : {"command", "message", "why", "reason", "comment", "outcome", "text"})
    add(lenient::text(data, key));
  if (const auto code = lenient::number(data, "code"); code && data.contains("ok"))
    add((lenient::text(data, "kind") == "exited" ? "exit code " : lenient::text(data, "kind") + " ")
        + std::to_string(*code) + " after "
        + core::format_duration(duration{lenient::number(data, "ms").value_or(0)}));
  std::size_t failed = 0;
  std::string first;
  const auto& criteria = lenient::array(data, "criteria");
  for (const auto& check : criteria)
    if (!lenient::flag(check, "passed") && ++failed == 1)
      first = lenient::text(check, "check") + ": expected " + lenient::text(check, "expected")
              + ", actual " + lenient::text(check, "actual");
  if (!criteria.empty())
    add(std::to_string(criteria.size() - failed) + " of " + std::to_string(criteria.size())
        + " criteria met" + (first.empty() ? "" : " (" + first + ")"));
  return core::plain_line(text);
}

/// Only what the phase's approval policy allows is advised.
std::string after_failure(const phase_view& p, const std::string& control) {
  const auto mend = "Mend the cause, then " + control + " retry " + p.id;
  const auto way = control + " approve " + p.id + " --override --reason TEXT.";
  if (p.overrider.empty())
    return mend + ". Nobody can let it pass alone.";
  if (p.overrider == to_string(access_role::operator_))
    return mend + "; or let it pass with " + way;
  return mend + "; or let it pass, which the plan leaves to " + p.overrider + ": " + way;
}

std::string not_started(const run_view& v, const std::string& control) {
  return "It is not started because the run is " + pause_text(v) + "; to go on: " + control
         + " resume";
}

std::string what_next(const run_view& v, const phase_view& p, const std::string& control) {
  switch (p.status) {
  case phase_status::pending: {
    auto waits = reason(v, p);
    if (v.paused)
      return not_started(v, control);
    return waits.empty() ? "It starts as soon as a slot is free." : "It " + waits + ".";
  }
  case phase_status::waiting_approval:
    if (p.outcome_unknown)
      return "Find out what its task did, then " + control + " retry " + p.id
             + ", or skip it with a reason.";
    return "It waits for a person: " + control + " approve " + p.id
           + ", or reject it with a reason.";
  case phase_status::retry_wait:
    if (v.paused)
      return not_started(v, control);
    return "It is tried again by itself"
           + (p.retry_at_us > v.now_us ? " in " + spent(v.now_us, p.retry_at_us)
                                             + "; at once: " + control + " retry " + p.id + "."
                                       : " at once.");
  case phase_status::failed:
    return after_failure(p, control);
  case phase_status::blocked:
    return "It goes on when what blocks it is mended.";
  case phase_status::rejected:
  case phase_status::cancelled:
    return "To run it again: " + control + " retry " + p.id + ".";
  default:
    return {};
  }
}

} // namespace

std::string status_text(const run_view& v, const std::string& control) {
  std::size_t id_width = 2;
  std::size_t name_width = 4;
  for (const auto& p : v.phases) {
    id_width = std::max(id_width, core::display_width(p.id));
    name_width = std::max(name_width, core::display_width(p.name));
  }
  id_width = std::min<std::size_t>(id_width, 24);
  name_width = std::min<std::size_t>(name_width, 32);
  std::string text = "execution " + v.execution + " in " + core::plain_line(v.workspace) + ": "
                     + std::string{overall_word(v)} + " after " + spent(v.started_us, v.now_us)
                     + "\n";
  if (v.paused)
    text += pause_text(v) + ": what runs goes on, nothing more is started; to go on: " + control
            + " resume\n";
  auto row = [&](const std::string& id, const std::string& name, const std::string& status,
                 const std::string& attempt, const std::string& time, const std::string& why) {
    auto line = "  " + core::pad_to_width(core::plain_line(id), id_width) + "  "
                + core::pad_to_width(core::plain_line(name), name_width) + "  "
                + core::pad_to_width(status, 16) + "  " + core::pad_to_width(attempt, 5) + "  "
                + core::pad_to_width(time, 8) + "  " + why;
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  row("ID", "NAME", "STATUS", "TRIES", "TOOK", "WHY");
  for (const auto& p : v.phases)
    row(p.id, p.name, std::string{to_string(p.status)}, std::to_string(p.attempt), took(v, p),
        reason(v, p));
  text += counts_line(v) + "\n";
  for (const auto& p : v.phases)
    if (p.status == phase_status::waiting_approval || p.status == phase_status::failed)
      text += "phase " + core::plain_line(p.id) + ": " + what_next(v, p, control) + "\n";
  return text;
}

std::string status_json(const run_view& v) {
  ordered_json phases = ordered_json::array();
  for (const auto& p : v.phases)
    phases.push_back(to_json(v, p));
  return lenient::dump(ordered_json{{"execution_id", v.execution},
                                    {"workspace", v.workspace},
                                    {"overall_status", overall_word(v)},
                                    {"started_at", core::format_time(v.started_us)},
                                    {"now", core::format_time(v.now_us)},
                                    {"paused", v.paused},
                                    {"pause", pause_json(v)},
                                    {"event", v.seq},
                                    {"chain_head", v.chain_head},
                                    {"phases", std::move(phases)}},
                       2)
         + "\n";
}

std::string graph_text(const run_view& v, const std::string& format) {
  if (format == "dot")
    return dot(v);
  if (format == "mermaid")
    return mermaid(v);
  ordered_json nodes = ordered_json::array();
  for (const auto& p : v.phases) {
    const auto all = to_json(v, p);
    nodes.push_back({{"id", all["id"]},
                     {"name", all["name"]},
                     {"status", all["status"]},
                     {"dependencies", all["dependencies"]}});
  }
  return lenient::dump(ordered_json{{"phases", std::move(nodes)}}, 2) + "\n";
}

std::string why_text(const run_view& v, const std::string& phase, const std::string& events,
                     const std::string& control) {
  const auto found = std::ranges::find(v.phases, phase, &phase_view::id);
  std::string text;
  if (found != v.phases.end()) {
    text = "phase " + core::plain_line(label(*found)) + "\n";
    if (auto why = reason(v, *found); !why.empty())
      text += "  " + why + "\n";
  }
  const auto list = ordered_json::parse(events, nullptr, false);
  for (const auto& e : list.is_array() ? list : ordered_json::array()) {
    const auto time = lenient::number(e, "time_us").value_or(0);
    const auto task = lenient::text(e, "task");
    auto line = "  " + core::format_clock(time) + "  " + lenient::text(e, "kind")
                + (task.empty() ? "" : " " + task);
    if (const auto attempt = lenient::number(e, "attempt").value_or(0); attempt > 1)
      line += " (attempt " + std::to_string(attempt) + ")";
    const auto said = said_by(lenient::member(e, "data"));
    text += core::plain_line(line) + (said.empty() ? "" : ": " + said) + "\n";
  }
  if (found != v.phases.end())
    if (auto next = what_next(v, *found, control); !next.empty())
      text += core::plain_line(next) + "\n";
  return text;
}

std::string history_text(const std::string& executions) {
  const auto list = ordered_json::parse(executions, nullptr, false);
  std::string text;
  for (const auto& x : list.is_array() ? list : ordered_json::array()) {
    const auto started = lenient::number(x, "started_us").value_or(0);
    const auto ended = lenient::number(x, "ended_us").value_or(0);
    const auto& outcome = lenient::member(x, "outcome");
    text += core::plain_line(core::short_time(started) + "  " + lenient::text(x, "execution_id")
                             + "  by " + lenient::text(x, "started_by") + ": "
                             + (ended == 0 ? "under way, or cut off"
                                           : lenient::text(outcome, "status") + " after "
                                                 + spent(started, ended) + " ("
                                                 + lenient::text(outcome, "reason") + ")"))
            + "\n";
  }
  return text;
}

std::string verify_text(const std::string& answer, bool& ok) {
  const auto json = lenient::object(answer);
  ok = lenient::flag(json, "ok");
  if (ok)
    return "the event log is whole; its head is " + lenient::text(json, "head")
           + "\n(compare that with an earlier report: a history rewritten as a whole shows only "
             "there)\n";
  return "the event log was changed at event " + lenient::text(json, "seq") + ": "
         + lenient::text(json, "what") + "\n";
}

} // namespace aeo::control

// The end of a run: what the operator reads before deciding what to do.

#include "actors/core/lenient_json.hpp"
#include "tools/node/console_text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace aeo::node {

namespace {

using core::format_count;
using core::format_duration;
using core::report_input;
using json = nlohmann::ordered_json;

constexpr std::size_t large_plan = 200;
constexpr std::size_t max_rows = 50;     ///< Of the table, for large plans.
constexpr std::size_t max_failures = 20; ///< Shown with their evidence.

std::string clean(const report_input& in, std::string_view text) {
  return core::plain_line(in.mask ? in.mask(text) : std::string{text});
}

std::string status_word(phase_status s) {
  std::string result{to_string(s)};
  std::replace(result.begin(), result.end(), '_', ' ');
  return result;
}

tone tone_of(phase_status s) {
  switch (s) {
  case phase_status::approved:
    return tone::good;
  case phase_status::failed:
  case phase_status::rejected:
    return tone::bad;
  case phase_status::pending:
    return tone::faint;
  default:
    return tone::attention;
  }
}

std::string took(const report_input& in, phase_index i) {
  auto measured = core::worked(in, i);
  return measured ? format_duration(*measured) : "-";
}

/// The rows of the table: all phases, of large plans those that are not approved.
std::vector<phase_index> rows_of(const report_input& in, bool only_problems) {
  const auto& phases = in.state.phases;
  auto all = phases.size() <= large_plan && !only_problems;
  std::vector<phase_index> result;
  for (phase_index i = 0; i < phases.size(); ++i)
    if (all || phases[i].status != phase_status::approved)
      result.push_back(i);
  return result;
}

void add_table(const report_input& in, bool only_problems, const look& l, std::vector<line>& out) {
  auto rows = rows_of(in, only_problems);
  if (rows.empty())
    return;
  auto left_out = in.state.phases.size() > large_plan && rows.size() > max_rows
                      ? rows.size() - max_rows
                      : std::size_t{0};
  // What failed must be among the rows that are shown.
  if (left_out > 0) {
    std::stable_partition(rows.begin(), rows.end(), [&](phase_index i) {
      return tone_of(in.state.phases[i].status) == tone::bad;
    });
    rows.resize(max_rows);
  }
  std::size_t id = 5;
  std::size_t name = 4;
  std::size_t status = 6;
  for (auto i : rows) {
    id = std::max(id, core::display_width(clean(in, in.definition.phases[i].id)));
    name = std::max(name, core::display_width(clean(in, in.definition.phases[i].label())));
    status = std::max(status, to_string(in.state.phases[i].status).size());
  }
  id = std::min(id, l.columns / 5);
  name = std::min(name, l.columns / 3);
  auto row = [&](std::string_view a, std::string_view b, std::string_view state,
                 std::string_view tries, std::string_view time, const std::string& why, tone t) {
    auto text = fmt::format(" {} {} {:<{}} {:>5} {:>8}  {}", core::pad_to_width(a, id, l.utf8),
                            core::pad_to_width(b, name, l.utf8), state, status, tries, time, why);
    auto end = text.find_last_not_of(' ');
    out.push_back({core::cut_to_width(text.substr(0, end + 1), l.columns, l.utf8), t});
  };
  out.push_back({});
  row("phase", "name", "status", "tries", "took", "evidence", tone::faint);
  for (auto i : rows) {
    const auto& p = in.definition.phases[i];
    const auto& s = in.state.phases[i];
    row(clean(in, p.id), clean(in, p.label()), status_word(s.status), std::to_string(s.attempt),
        took(in, i), core::evidence_text(in, i), tone_of(s.status));
  }
  if (left_out > 0)
    out.push_back({fmt::format(" {} and {} more that are not approved", l.utf8 ? "\u2026" : "...",
                               format_count(left_out)),
                   tone::faint});
}

void add_failed_checks(const report_input& in, const json& detail, std::vector<line>& out) {
  for (const auto& c : core::lenient::array(detail, "criteria"))
    if (!core::lenient::flag(c, "passed"))
      out.push_back({fmt::format("    not met: {}: expected {}, actual {}",
                                 clean(in, core::lenient::text(c, "check")),
                                 clean(in, core::lenient::text(c, "expected")),
                                 clean(in, core::lenient::text(c, "actual")))});
}

void add_tail(const report_input& in, std::string_view text, const look& l,
              std::vector<line>& out) {
  constexpr std::size_t max_lines = 10;
  auto masked = in.mask ? in.mask(text) : std::string{text};
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < masked.size();) {
    auto end = std::min(masked.find('\n', from), masked.size());
    lines.push_back(core::plain_line(std::string_view{masked}.substr(from, end - from)));
    from = end + 1;
  }
  for (auto k = lines.size() > max_lines ? lines.size() - max_lines : 0; k < lines.size(); ++k)
    out.push_back({(l.utf8 ? "    \u2502 " : "    | ") + lines[k], tone::faint});
}

/// The task that failed: named by the event, or the one whose record says so.
std::string failed_task(const report_input& in, phase_index i, const json& detail) {
  auto task = core::lenient::text(detail, "task");
  const auto& errors = in.state.phases[i].errors;
  if (task.empty() && !errors.empty())
    task = errors.back().task;
  if (!task.empty() || !in.history)
    return task;
  for (const auto& t : in.history->tasks(i, in.state.phases[i].attempt))
    if (t.finished && !t.ok)
      task = in.definition.phases[i].tasks[t.task].id;
  return task;
}

void add_failure(const report_input& in, phase_index i, const look& l, std::vector<line>& out) {
  const auto& p = in.definition.phases[i];
  const auto& s = in.state.phases[i];
  auto detail = core::lenient::object(s.detail);
  auto head = fmt::format("{} phase {}", s.status == phase_status::rejected ? "REJECTED" : "FAILED",
                          clean(in, p.id));
  if (!p.name.empty() && p.name != p.id)
    head += " " + clean(in, p.name);
  if (auto task = failed_task(in, i, detail); !task.empty())
    head += ", task " + clean(in, task);
  out.push_back({});
  out.push_back({head, tone::bad});
  auto add = [&](const char* name, const std::string& text) {
    if (!text.empty())
      out.push_back({fmt::format("    {}: {}", name, clean(in, text))});
  };
  add("class", core::lenient::text(detail, "class"));
  add("what", core::lenient::text(detail, "message"));
  add("why no retry", core::lenient::text(detail, "why"));
  add("exit code", core::lenient::text(detail, "exit_code"));
  add("signal", core::lenient::text(detail, "signal"));
  add("attempts", std::to_string(s.attempt));
  add("by", core::lenient::text(detail, "by"));
  add("reason", core::lenient::text(detail, "reason"));
  add_failed_checks(in, detail, out);
  add("log", core::lenient::text(detail, "log"));
  add_tail(in, core::lenient::text(detail, "tail"), l, out);
  if (auto step = core::step_of(in, i); !step.command.empty())
    out.push_back({"    to continue: " + step.command, tone::attention});
}

/// False when the failures shown say all there is to do.
bool other_steps_needed(const report_input& in) {
  if (in.state.overall == overall_status::cancelled)
    return true;
  return std::any_of(in.state.phases.begin(), in.state.phases.end(), [](const phase_state& s) {
    return s.status == phase_status::waiting_approval || s.status == phase_status::cancelled
           || s.status == phase_status::rejected;
  });
}

void add_steps(const report_input& in, std::size_t failures, std::vector<line>& out) {
  if (failures > 0 && !other_steps_needed(in))
    return;
  auto steps = core::next_steps(in, 10);
  if (steps.empty())
    return;
  out.push_back({});
  out.push_back({"What to do next:", tone::attention});
  auto text = core::to_text(steps);
  for (std::size_t from = 0; from < text.size();) {
    auto end = std::min(text.find('\n', from), text.size());
    out.push_back({"  " + core::plain_line(std::string_view{text}.substr(from, end - from))});
    from = end + 1;
  }
}

} // namespace

std::vector<line> final_lines(const report_input& in, std::string_view report_file,
                              bool only_problems, const look& l) {
  std::vector<line> out;
  add_table(in, only_problems, l, out);
  std::size_t failures = 0;
  for (phase_index i = 0; i < in.state.phases.size(); ++i) {
    auto s = in.state.phases[i].status;
    if ((s == phase_status::failed || s == phase_status::rejected) && ++failures <= max_failures)
      add_failure(in, i, l, out);
  }
  if (failures > max_failures)
    out.push_back({fmt::format("And {} more failures; the report has them all.",
                               format_count(failures - max_failures)),
                   tone::bad});
  add_steps(in, failures, out);
  auto counts = core::count_phases(in.state);
  out.push_back({});
  out.push_back({core::outcome_sentence(in), counts.done() == counts.total ? tone::good
                                             : failures > 0                ? tone::bad
                                                                           : tone::attention});
  if (report_file.empty())
    out.push_back({"The final report could not be written.", tone::bad});
  else
    out.push_back({"The final report is " + clean(in, report_file)});
  return out;
}

} // namespace aeo::node

#include "tools/monitor/phase_table.hpp"

#include "actors/core/text.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace aeo::monitor {

namespace {

constexpr std::array<status_look, 11> looks = {{
    {"pending", "\u25cb", ".", tone::faint},
    {"running", "\u25cf", "*", tone::active},
    {"checking", "\u25cf", "*", tone::active},
    {"WAITING", "?", "?", tone::attention},
    {"approved", "\u2713", "+", tone::good},
    {"REJECTED", "\u2717", "x", tone::bad},
    {"retry", "\u21bb", "~", tone::attention},
    {"FAILED", "\u2717", "x", tone::bad},
    {"blocked", "\u2298", "-", tone::faint},
    {"skipped", "\u00bb", "s", tone::faint},
    {"cancelled", "\u00d7", "c", tone::faint},
}};

constexpr std::size_t marks = 3; // Selection, symbol, blank.

std::size_t share(std::size_t wanted, std::size_t most) {
  return std::min(wanted, most);
}

std::string tasks_text(const phase_view& p) {
  if (p.tasks == 0 || p.status == phase_status::skipped)
    return "-";
  return std::to_string(p.done) + "/" + std::to_string(p.tasks);
}

std::string time_text(const phase_view& p, std::int64_t now_us) {
  auto measured = core::worked(p, now_us);
  return measured ? core::format_duration(*measured) : std::string{};
}

/// "3, 5 and 12 more".
std::string ids_text(const board& b, const std::vector<place>& list, std::size_t limit) {
  std::string result;
  for (std::size_t i = 0; i < std::min(limit, list.size()); ++i)
    result += (i == 0 ? "" : ", ") + b.phases()[list[i]].id;
  if (list.size() > limit)
    result += " and " + core::format_count(list.size() - limit) + " more";
  return result;
}

/// "3 Flash (FAILED), 5 (running) and 12 more".
std::string named_text(const board& b, const std::vector<place>& list, std::size_t limit) {
  std::string result;
  for (std::size_t i = 0; i < std::min(limit, list.size()); ++i) {
    const auto& p = b.phases()[list[i]];
    result += (i == 0 ? "" : ", ") + p.id + (p.name.empty() ? "" : " " + p.name) + " ("
              + look_of(p.status).word + ")";
  }
  if (list.size() > limit)
    result += " and " + core::format_count(list.size() - limit) + " more";
  return result;
}

std::string late_or_left(duration left, duration typical) {
  if (left.count() >= 0)
    return rough_duration(left) + " left";
  return rough_duration(-left) + " late (usual: " + rough_duration(typical) + ")";
}

/// Of a running phase: how long yet, and at what it is.
std::string running_text(const board& b, place i, std::int64_t now_us) {
  const auto& p = b.phases()[i];
  std::string result;
  if (auto left = b.eta(i, now_us))
    result = late_or_left(*left, duration{p.typical_ms});
  auto at = p.tasks > 0 && p.done >= p.tasks ? std::string{"criteria"} : b.running_task(i);
  if (!result.empty() && !at.empty())
    result += ", ";
  return result + at;
}

std::string colon(const std::string& reason) {
  return reason.empty() ? reason : ": " + reason;
}

std::string pending_text(const board& b, place i, std::size_t limit) {
  auto list = b.awaited(i);
  if (!list.empty())
    return "after " + ids_text(b, list, limit);
  return b.is_paused() ? "ready; the run is paused" : "ready";
}

/// The last field of a row: when it will be over, or why it is not going on.
std::string note_text(const board& b, place i, std::int64_t now_us) {
  constexpr std::size_t most_ids = 6;
  const auto& p = b.phases()[i];
  switch (p.status) {
  case phase_status::in_progress:
    return running_text(b, i, now_us);
  case phase_status::completed:
    return "criteria";
  case phase_status::waiting_approval:
    return "for a person" + colon(p.reason);
  case phase_status::retry_wait:
    return "again in " + rough_duration(time_between(now_us, p.retry_at_us)) + colon(p.reason);
  case phase_status::pending:
    return pending_text(b, i, most_ids);
  case phase_status::blocked: {
    auto causes = b.culprits(i);
    return causes.empty() ? p.reason : "behind " + ids_text(b, causes, most_ids);
  }
  default:
    return p.reason;
  }
}

tone note_tone(const board& b, place i, std::int64_t now_us) {
  const auto& p = b.phases()[i];
  if (auto left = b.eta(i, now_us); left && left->count() < 0)
    return tone::attention;
  auto color = look_of(p.status).color;
  return color == tone::bad || color == tone::attention || color == tone::faint ? color
                                                                                : tone::plain;
}

bool needs_person(phase_status s) {
  return s == phase_status::failed || s == phase_status::rejected
         || s == phase_status::waiting_approval;
}

} // namespace

const status_look& look_of(phase_status s) {
  return looks.at(static_cast<std::size_t>(s));
}

std::string rough_duration(duration d) {
  auto s = std::max<std::int64_t>(d.count(), 0) / 1000;
  if (s < 60)
    return std::to_string(s) + " s";
  return s < 3600 ? std::to_string(s / 60) + "m" : core::format_duration(d);
}

std::string bar_text(std::size_t done, std::size_t total, std::size_t width, bool utf8) {
  auto filled = total == 0 ? 0 : width * std::min(done, total) / total;
  std::string result;
  for (std::size_t i = 0; i < width; ++i)
    result += i < filled ? (utf8 ? "\u2588" : "#") : (utf8 ? "\u2591" : ".");
  return result;
}

table_columns columns_for(const board& b, std::span<const place> shown, std::size_t width,
                          bool utf8) {
  table_columns c{.width = width, .utf8 = utf8};
  std::size_t id = 2;
  std::size_t name = 0;
  std::size_t tasks = 3;
  std::size_t status = 6;
  auto repeated = false;
  for (auto i : shown) {
    const auto& p = b.phases()[i];
    id = std::max(id, core::display_width(drawable(p.id, utf8, 256)));
    name = std::max(name, core::display_width(drawable(p.name, utf8, 256)));
    tasks = std::max(tasks, tasks_text(p).size());
    status = std::max(status, std::string_view{look_of(p.status).word}.size());
    repeated = repeated || p.attempt > 1;
  }
  c.status = status;
  c.id = share(id, std::max<std::size_t>(4, width / 6));
  c.time = width >= 40 ? 6 : 0;
  c.tasks = width >= 56 ? share(std::max<std::size_t>(tasks, width >= 70 ? 3 : 5), 11) : 0;
  c.bar = width >= 160 ? 20 : width >= 110 ? 12 : width >= 70 ? 8 : 0;
  c.attempt = width >= 70 && repeated ? 3 : 0;
  auto used = marks + c.status + 1 + c.id + 1;
  for (auto field : {c.time, c.tasks, c.bar, c.attempt})
    used += field == 0 ? 0 : field + 1;
  auto left = width > used ? width - used : 0;
  // The reason needs room as well, but a name is what a phase is known by.
  auto most = width < 56 ? left : std::max<std::size_t>(12, left / 2);
  c.name = share(name, std::min(most, left));
  if (c.name > 0 && c.name == left)
    --c.name; // The blank behind it.
  if (c.name < 4 && name >= 4)
    c.name = 0;
  return c;
}

styled_line table_heading(const table_columns& c) {
  line_builder line{c.width, c.utf8};
  line.go_to(marks).field("ID", c.id, tone::faint).field("PHASE", c.name, tone::faint);
  line.field("STATUS", c.status, tone::faint).field("TRY", c.attempt, tone::faint);
  auto tasks = c.bar == 0 ? c.tasks : c.bar + c.tasks + 1;
  line.field("TASKS", tasks, tone::faint).field_right("TIME", c.time, tone::faint);
  if (line.left() >= 13)
    line.add("ETA OR REASON", tone::faint);
  return line.take();
}

styled_line table_row(const board& b, place i, const table_columns& c, bool selected,
                      std::int64_t now_us) {
  const auto& p = b.phases()[i];
  const auto& look = look_of(p.status);
  auto text = look.color == tone::faint ? tone::faint : tone::plain;
  line_builder line{c.width, c.utf8};
  line.add(selected ? ">" : " ", tone::strong);
  line.add(c.utf8 ? look.symbol : look.ascii, look.color).add(" ");
  line.field(p.id, c.id, text);
  line.field(p.name, c.name, needs_person(p.status) ? tone::strong : text);
  line.field(look.word, c.status, look.color);
  line.field_right(p.attempt > 1 ? std::to_string(p.attempt) : "", c.attempt, tone::attention);
  line.field(bar_text(p.done, p.tasks, p.tasks == 0 ? 0 : c.bar, c.utf8), c.bar, look.color);
  line.field_right(tasks_text(p), c.tasks, text).field_right(time_text(p, now_us), c.time, text);
  if (line.left() >= 6)
    line.add(note_text(b, i, now_us), note_tone(b, i, now_us));
  auto result = line.take();
  result.selected = selected;
  return result;
}

std::string phase_sentence(const board& b, place i, std::int64_t now_us) {
  constexpr std::size_t most_ids = 5;
  const auto& p = b.phases()[i];
  auto text = "phase " + p.id + (p.name.empty() ? "" : " " + p.name) + " ";
  auto ago = p.ended_us == 0 ? std::string{}
                             : " " + rough_duration(time_between(p.ended_us, now_us)) + " ago";
  auto tries = p.attempt > 1 ? ", attempt " + std::to_string(p.attempt) : std::string{};
  switch (p.status) {
  case phase_status::in_progress: {
    auto doing = running_text(b, i, now_us);
    return text + "runs for " + core::format_duration(time_between(p.attempt_us, now_us)) + tries
           + (doing.empty() ? "" : ": " + doing);
  }
  case phase_status::completed:
    return text + "has done its tasks; its criteria are being checked";
  case phase_status::waiting_approval:
    return text + "WAITS for a person since " + rough_duration(time_between(p.ended_us, now_us))
           + colon(p.reason);
  case phase_status::retry_wait:
    return text + "will be tried again at " + core::format_clock(p.retry_at_us) + tries
           + colon(p.reason);
  case phase_status::pending: {
    auto list = b.awaited(i);
    return list.empty() ? text + "is ready to start"
                        : text + "waits for " + named_text(b, list, most_ids);
  }
  case phase_status::blocked: {
    auto causes = b.culprits(i);
    return text
           + (causes.empty() ? "blocked" + ago + colon(p.reason)
                             : "is blocked behind " + named_text(b, causes, most_ids));
  }
  default:
    return text + look_of(p.status).word + ago + tries + colon(p.reason);
  }
}

} // namespace aeo::monitor

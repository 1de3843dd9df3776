#include "tools/monitor/picture.hpp"

#include "actors/core/text.hpp"
#include "tools/monitor/phase_table.hpp"
#include "tools/monitor/run_header.hpp"

#include <algorithm>
#include <deque>
#include <string_view>
#include <utility>

namespace aeo::monitor {

namespace {

constexpr std::size_t least_width = 20;
constexpr std::size_t least_height = 5;

/// How many lines each part gets.
struct frame {
  std::size_t heading = 0;
  std::size_t table = 0;
  std::size_t gap = 0;
  std::size_t detail = 0;
  std::size_t events = 0;
  std::size_t hints = 0;
  bool whole = true; ///< All phases are shown, in the plan's order.
};

frame frame_for(std::size_t phases, std::size_t height) {
  constexpr std::size_t header = 2;
  frame f;
  f.hints = height >= 6 ? 1 : 0;
  f.heading = height >= 9 ? 1 : 0;
  f.detail = height >= 36 ? 3 : height >= 24 ? 2 : height >= 8 ? 1 : 0;
  auto rest = height - header - f.hints - f.heading - f.detail;
  auto events = height >= 40 ? 8U : height >= 30 ? 3U : height >= 16 ? 2U : height >= 12 ? 1U : 0U;
  f.whole = phases <= rest;
  f.table = f.whole ? std::min(phases, rest) : rest - events;
  f.events = rest - f.table;
  if (f.events > 4) {
    f.gap = 1;
    --f.events;
  }
  return f;
}

/// The rows of the table that are in the window.
struct window {
  std::vector<place> shown;
  std::size_t first = 0; ///< Row of shown[0].
};

bool is_selected(const view_options& o, place i) {
  return o.selected && *o.selected == i;
}

/// The row of the selected phase; nullopt when none is selected.
std::optional<std::size_t> selected_row(const board& b, const frame& f, const view_options& o) {
  if (!o.selected || *o.selected >= b.phases().size())
    return std::nullopt;
  if (f.whole)
    return *o.selected;
  auto order = b.by_urgency();
  return static_cast<std::size_t>(std::find(order.begin(), order.end(), *o.selected)
                                  - order.begin());
}

window window_of(const board& b, const frame& f, const view_options& o) {
  window w;
  auto n = b.phases().size();
  auto row = selected_row(b, f, o).value_or(0);
  // The selection is kept in the middle: what stands before and behind it is seen as well.
  w.first = std::min(row - std::min(row, f.table / 2), n - std::min(n, f.table));
  for (auto r = w.first; r < std::min(n, w.first + f.table); ++r)
    w.shown.push_back(f.whole ? static_cast<place>(r) : b.by_urgency()[r]);
  return w;
}

/// The selected phase in full, else the one that needs a person most.
void add_detail(std::vector<styled_line>& to, const board& b, const view_options& o,
                std::size_t lines, std::int64_t now_us) {
  auto end = to.size() + lines;
  auto urgent = b.needing_person();
  auto selected = o.selected && *o.selected < b.phases().size();
  if (lines > 0 && !selected && urgent.empty()) {
    to.push_back(line_builder{o.width, o.utf8}.add(" nobody is waited for", tone::faint).take());
  } else if (lines > 0) {
    auto i = selected ? *o.selected : urgent.front();
    const auto& look = look_of(b.phases()[i].status);
    auto text = phase_sentence(b, i, now_us);
    if (!selected && urgent.size() > 1)
      text = core::format_count(urgent.size()) + " need a person: " + text;
    auto indent = std::string{" "} + (o.utf8 ? look.symbol : look.ascii) + " ";
    for (const auto& part : wrapped(drawable(text, o.utf8), o.width - 3, lines, o.utf8)) {
      to.push_back(line_builder{o.width, o.utf8}.add(indent + part, look.color).take());
      indent = "   ";
    }
  }
  to.resize(end);
}

void add_events(std::vector<styled_line>& to, const board& b, const view_options& o,
                std::size_t lines) {
  auto end = to.size() + lines;
  const auto& recent = b.recent();
  for (auto i = recent.size() - std::min(recent.size(), lines); i < recent.size(); ++i) {
    line_builder line{o.width, o.utf8};
    line.add(" " + core::format_clock(recent[i].time_us) + " ", tone::faint);
    to.push_back(line.add(text_of(recent[i]), recent[i].color).take());
  }
  to.resize(end);
}

styled_line hint_line(const board& b, const view_options& o, const frame& f, const window& w) {
  line_builder line{o.width, o.utf8};
  line.add(" ");
  auto arrows = std::string{o.utf8 ? "\u2191\u2193" : "up/down"};
  auto hints = std::vector<std::string>{arrows + " select", "Enter log", "? help", "q quit"};
  if (o.help)
    hints = {"Esc back", "q quit"};
  else if (o.selected)
    hints.insert(hints.begin() + 2, "Esc deselect");
  std::string text;
  for (const auto& h : hints)
    text += (text.empty() ? "" : "  ") + h;
  if (core::display_width(text) > line.left())
    text = o.help ? "Esc  q" : "?  q";
  line.add(text, tone::faint);
  if (!f.whole && !o.help && !w.shown.empty())
    line.add_right("  " + core::format_count(w.first + 1) + " to "
                       + core::format_count(w.first + w.shown.size()) + " of "
                       + core::format_count(b.phases().size()) + ", urgent first",
                   tone::strong);
  return line.take();
}

void add_table(std::vector<styled_line>& to, const board& b, const view_options& o, const frame& f,
               const window& w, std::int64_t now_us) {
  auto columns = columns_for(b, w.shown, o.width, o.utf8);
  if (f.heading > 0)
    to.push_back(table_heading(columns));
  for (auto i : w.shown)
    to.push_back(table_row(b, i, columns, is_selected(o, i), now_us));
}

void add_help(std::vector<styled_line>& to, const view_options& o, std::size_t lines) {
  auto end = to.size() + lines;
  for (auto [keys, what] : {std::pair{"arrows", "select a phase"},
                            {"PgUp PgDn", "a page up or down"},
                            {"Home End", "the first, the last"},
                            {"Enter or f", "follow the phase's log"},
                            {"Esc", "back"},
                            {"?", "this help"},
                            {"q", "quit; the run goes on"},
                            {"", ""}})
    to.push_back(
        line_builder{o.width, o.utf8}.add("  ").field(keys, 10, tone::strong).add(what).take());
  for (auto s : {phase_status::failed, phase_status::rejected, phase_status::waiting_approval,
                 phase_status::in_progress, phase_status::retry_wait, phase_status::pending,
                 phase_status::blocked, phase_status::approved, phase_status::skipped,
                 phase_status::cancelled}) {
    const auto& look = look_of(s);
    line_builder line{o.width, o.utf8};
    line.add("  ").field(o.utf8 ? look.symbol : look.ascii, 10, look.color);
    to.push_back(line.add(look.word, look.color).take());
  }
  to.resize(end);
}

styled_line too_small(const view_options& o) {
  auto text = std::to_string(o.width) + "x" + std::to_string(o.height) + " is too small: at least "
              + std::to_string(least_width) + "x" + std::to_string(least_height);
  return line_builder{o.width, o.utf8}.add(text, tone::attention).take();
}

/// The end of a text that fits into so many rows.
std::deque<std::string> last_rows(std::string_view text, const view_options& o, std::size_t rows) {
  constexpr std::size_t most_bytes = 16384; // Of one line.
  std::deque<std::string> result;
  if (text.ends_with('\n'))
    text.remove_suffix(1);
  while (!text.empty() && result.size() < rows) {
    auto at = text.rfind('\n');
    auto from = at == text.npos ? 0 : at + 1;
    auto line = drawable(text.substr(from), o.utf8, most_bytes);
    auto parts = wrapped(std::move(line), o.width, rows, o.utf8);
    for (auto i = parts.rbegin(); i != parts.rend() && result.size() < rows; ++i)
      result.push_front(std::move(*i));
    text = text.substr(0, at == text.npos ? 0 : at);
  }
  return result;
}

std::vector<styled_line> draw_nothing_yet(const board& b, const view_options& o) {
  std::vector<styled_line> result{header_line(b, o, 0), {}};
  auto text = o.link.trouble.empty() ? "nothing is known of the run yet" : o.link.trouble;
  result.push_back(line_builder{o.width, o.utf8}.add(" " + text, tone::attention).take());
  result.resize(o.height - 1);
  result.push_back(line_builder{o.width, o.utf8}.add(" q quit", tone::faint).take());
  return result;
}

} // namespace

std::vector<styled_line> draw(const board& b, const view_options& o) {
  if (o.width == 0 || o.height == 0)
    return {};
  if (o.width < least_width || o.height < least_height)
    return {too_small(o)};
  if (!b.has_begun())
    return draw_nothing_yet(b, o);
  auto now = picture_time(b, o);
  auto f = frame_for(b.phases().size(), o.height);
  auto w = window_of(b, f, o);
  std::vector<styled_line> result{header_line(b, o, now), progress_line(b, o, now)};
  if (o.help) {
    add_help(result, o, o.height - 2 - f.hints);
  } else {
    add_table(result, b, o, f, w, now);
    result.resize(result.size() + f.gap);
    add_detail(result, b, o, f.detail, now);
    add_events(result, b, o, f.events);
  }
  if (f.hints > 0)
    result.push_back(hint_line(b, o, f, w));
  return result;
}

std::vector<styled_line> draw_log(const board& b, const view_options& o, const log_view& l) {
  if (o.width < least_width || o.height < least_height)
    return draw(b, o);
  auto now = picture_time(b, o);
  std::vector<styled_line> result{header_line(b, o, now), progress_line(b, o, now)};
  line_builder title{o.width, o.utf8};
  title.add(" log of phase " + l.phase + (l.task.empty() ? "" : ", task " + l.task), tone::strong);
  if (l.attempt > 1)
    title.add(", attempt " + std::to_string(l.attempt), tone::strong);
  result.push_back(title.add(l.complete ? "  (complete)" : "", tone::faint).take());
  for (auto& text : last_rows(l.text, o, o.height - result.size() - 1))
    result.push_back(line_builder{o.width, o.utf8}.add(text).take());
  result.resize(o.height - 1);
  result.push_back(line_builder{o.width, o.utf8}.add(" Esc back  q quit", tone::faint).take());
  return result;
}

std::optional<place> moved(const board& b, const view_options& o, motion m) {
  auto n = b.phases().size();
  if (n == 0 || o.height < least_height)
    return std::nullopt;
  auto f = frame_for(n, o.height);
  auto row = selected_row(b, f, o);
  auto page = std::max<std::size_t>(1, f.table - std::min<std::size_t>(1, f.table - 1));
  auto at = row.value_or(0);
  switch (m) {
  case motion::up:
    at -= std::min<std::size_t>(1, at);
    break;
  case motion::down:
    at += row ? 1 : 0; // The first one selects what is at the top.
    break;
  case motion::page_up:
    at -= std::min(page, at);
    break;
  case motion::page_down:
    at += page;
    break;
  case motion::first:
    at = 0;
    break;
  case motion::last:
    at = n - 1;
    break;
  }
  at = std::min(at, n - 1);
  return f.whole ? static_cast<place>(at) : b.by_urgency()[at];
}

} // namespace aeo::monitor

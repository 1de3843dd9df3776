#include "tools/monitor/run_header.hpp"

#include "actors/core/text.hpp"
#include "tools/monitor/phase_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

namespace aeo::monitor {

namespace {

struct words {
  std::string text;
  tone color = tone::plain;
};

words overall_words(const board& b) {
  switch (b.overall()) {
  case overall_status::pending:
    return {"PENDING", tone::faint};
  case overall_status::in_progress:
    if (b.is_paused())
      return {"PAUSED", tone::attention};
    if (b.counts()[phase_status::in_progress] == 0
        && b.counts()[phase_status::waiting_approval] > 0)
      return {"WAITING", tone::attention};
    return {"RUNNING", tone::active};
  case overall_status::paused:
    return {"PAUSED", tone::attention};
  case overall_status::waiting_approval:
    return {"WAITING", tone::attention};
  case overall_status::completed:
    return {"COMPLETED", tone::good};
  case overall_status::failed:
    return {"FAILED", tone::bad};
  case overall_status::interrupted:
    return {"INTERRUPTED", tone::bad};
  case overall_status::cancelled:
    return {"CANCELLED", tone::bad};
  }
  return {};
}

/// The link in words, the longest first; the last one is the least that must be said.
std::vector<words> link_words(const board& b, const view_options& o) {
  const auto& l = o.link;
  if (b.has_ended())
    return {{"the node has ended" + (l.address.empty() ? l.address : " (" + l.address + ")"),
             tone::attention},
            {"node ended", tone::attention}};
  auto since = rough_duration(time_between(l.since_us, o.local_us));
  switch (l.state) {
  case link_state::connecting:
    return {{"connecting to " + l.address, tone::attention}, {"connecting", tone::attention}};
  case link_state::attached: {
    auto role = l.role == access_role::operator_ ? "operator" : "viewer";
    auto who = l.name.empty() ? std::string{} : " as " + l.name + " (" + role + ")";
    return {{"attached to " + l.address + who, tone::faint},
            {l.address + who, tone::faint},
            {l.address, tone::faint},
            {"", tone::faint}};
  }
  case link_state::lost: {
    auto head = "link lost " + since + " ago";
    auto why = l.trouble.empty() ? l.trouble : ": " + l.trouble;
    return {{head + ", trying again" + why, tone::bad},
            {head + ", trying again", tone::bad},
            {head, tone::bad}};
  }
  }
  return {};
}

/// The end of a path says more than its beginning.
std::string path_text(const std::string& path, std::size_t width, bool utf8) {
  auto text = drawable(path, utf8);
  auto mark = std::string{utf8 ? "\u2026" : "~"};
  for (auto slash = text.find('/', 1); core::display_width(text) > width && slash != text.npos;
       slash = text.find('/', mark.size() + 1))
    text = mark + text.substr(slash);
  return core::cut_to_width(text, width, utf8);
}

/// A part of the bar over all phases.
struct bar_part {
  std::size_t count = 0;
  const char* symbol = "";
  const char* ascii = "";
  tone color = tone::plain;
  std::size_t cells = 0;
};

std::array<bar_part, 6> bar_parts(const core::progress_counts& c) {
  using enum phase_status;
  return {{{c.done(), "\u2588", "#", tone::good},
           {c[in_progress] + c[completed], "\u2593", "*", tone::active},
           {c[waiting_approval] + c[retry_wait], "\u2592", "?", tone::attention},
           {c[failed] + c[rejected], "\u2573", "x", tone::bad},
           {c[blocked] + c[cancelled], "-", "-", tone::faint},
           {c[pending], "\u2591", ".", tone::faint}}};
}

/// Every part that is there is seen, and the bar is full of done ones only when all are.
void share_cells(std::array<bar_part, 6>& parts, std::size_t total, std::size_t width) {
  auto by_cells = [](const bar_part& x, const bar_part& y) { return x.cells < y.cells; };
  std::size_t used = 0;
  for (auto& p : parts) {
    p.cells = total == 0 ? 0 : width * p.count / total;
    if (p.cells == 0 && p.count > 0)
      p.cells = 1;
    used += p.cells;
  }
  for (; used > width; --used)
    --std::max_element(parts.begin(), parts.end(), by_cells)->cells;
  if (used < width) {
    auto last =
        std::find_if(parts.rbegin(), parts.rend(), [](const auto& p) { return p.count > 0; });
    (last == parts.rend() ? parts.back() : *last).cells += width - used;
  }
}

std::string percent_text(double percent) {
  auto tenths = std::lround(percent * 10);
  auto text = std::to_string(tenths / 10);
  return (tenths % 10 == 0 ? text : text + "." + std::to_string(tenths % 10)) + " %";
}

/// The counts, those that need a person first.
std::vector<words> count_words(const core::progress_counts& c) {
  using enum phase_status;
  std::vector<words> result;
  for (auto [status, word, color] : {std::tuple{failed, "failed", tone::bad},
                                     {rejected, "rejected", tone::bad},
                                     {waiting_approval, "waiting", tone::attention},
                                     {in_progress, "running", tone::active},
                                     {retry_wait, "retry", tone::attention},
                                     {blocked, "blocked", tone::faint},
                                     {cancelled, "cancelled", tone::faint},
                                     {skipped, "skipped", tone::faint},
                                     {pending, "pending", tone::faint}})
    if (c[status] > 0)
      result.push_back({"  " + core::format_count(c[status]) + " " + word, color});
  return result;
}

words eta_words(const board& b, std::int64_t now_us) {
  auto eta = b.eta(now_us);
  if (!eta)
    return {};
  // With a failure the run will not complete by itself.
  auto rest = !b.needing_person().empty();
  return {(rest ? "  rest in " : "  ETA ") + rough_duration(*eta), tone::strong};
}

} // namespace

std::int64_t picture_time(const board& b, const view_options& o) {
  if (b.has_ended())
    return b.heard_us();
  auto local = o.link.state == link_state::lost && o.link.since_us > 0
                   ? std::min(o.local_us, o.link.since_us)
                   : o.local_us;
  return b.node_time(local);
}

styled_line header_line(const board& b, const view_options& o, std::int64_t now_us) {
  constexpr std::size_t id_length = 8;
  constexpr std::size_t least_path = 14;
  line_builder line{o.width, o.utf8};
  auto left = std::string{};
  line.add(" ");
  if (b.has_begun()) {
    auto overall = overall_words(b);
    auto end = b.ended_us() != 0 ? b.ended_us() : now_us;
    line.add(overall.text, overall.color);
    line.add(" " + core::format_duration(time_between(b.started_us(), end)) + "  ", tone::strong);
  }
  auto must = o.link.state != link_state::attached || b.has_ended();
  auto options = link_words(b, o);
  auto reserved = must || !b.has_begun() ? 0 : least_path + id_length + 4;
  auto link = options.back();
  for (const auto& candidate : options)
    if (core::display_width(drawable(candidate.text, o.utf8)) + reserved <= line.left()) {
      link = candidate;
      break;
    }
  auto link_width = core::display_width(drawable(link.text, o.utf8));
  auto room = line.left() - std::min(line.left(), link_width + 2);
  if (b.has_begun() && room >= id_length + 2 + 6) {
    line.add(path_text(b.workspace(), room - id_length - 2, o.utf8));
    line.add("  " + b.execution().substr(0, id_length), tone::faint);
  } else if (b.has_begun() && room >= 6) {
    line.add(path_text(b.workspace(), room, o.utf8));
  }
  if (link_width > line.left())
    return line.add(link.text, link.color).take();
  return line.add_right(link.text, link.color).take();
}

styled_line progress_line(const board& b, const view_options& o, std::int64_t now_us) {
  const auto& c = b.counts();
  auto done = core::format_count(c.done()) + "/" + core::format_count(c.total);
  if (o.width >= 30)
    done += " (" + percent_text(c.percent()) + ")";
  auto eta = eta_words(b, now_us);
  auto bar = std::max<std::size_t>(8, o.width / 6);
  auto fixed = 2 + done.size() + bar; // A blank on either side of the bar.
  auto room = o.width > fixed ? o.width - fixed : 0;
  std::vector<words> shown;
  auto spend = [&room](const std::string& text) {
    auto fits = text.size() <= room;
    room -= fits ? text.size() : 0;
    return fits;
  };
  auto urgent = b.needing_person().empty() || o.width >= 60;
  auto with_eta = urgent && spend(eta.text);
  for (auto& w : count_words(c)) {
    // What nobody has to do with is said only beside a bar that can be read.
    auto minor = w.color == tone::faint;
    if ((!minor || room >= w.text.size() + o.width / 6) && spend(w.text))
      shown.push_back(std::move(w));
  }
  with_eta = with_eta || (!urgent && spend(eta.text));
  bar += std::min(room, 2 * bar);
  line_builder line{o.width, o.utf8};
  line.add(" ");
  auto parts = bar_parts(c);
  share_cells(parts, c.total, bar);
  for (const auto& p : parts)
    for (std::size_t i = 0; i < p.cells; ++i)
      line.add(o.utf8 ? p.symbol : p.ascii, p.color);
  line.add(" " + done, tone::strong);
  if (with_eta)
    line.add(eta.text, eta.color);
  for (const auto& w : shown)
    line.add(w.text, w.color);
  return line.take();
}

} // namespace aeo::monitor

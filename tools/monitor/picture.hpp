#pragma once

// A run as lines for a terminal of a given size. Pure: no I/O, no clock, no memory of the picture
// before. Whatever the node said is cleaned of control characters here.
//
//   RUNNING 2h14m  /srv/plan  1f3a9c2e      attached to node7:7731 as alice (viewer)   header
//   ████▓▓▒▒░░░░ 6/16 (37.5 %)  ETA 1h20m  1 failed  2 running                         progress
//     ID NAME      STATUS   TASKS         TIME ETA OR REASON                           heading
//   ✗ 3  Flash     FAILED   ███░░ 3/5   12m05s task T3.2 exited with 2                 table
//   ✗ phase 3 Flash FAILED 12m ago: task T3.2 exited with 2; log logs/3/T3.2.log       detail
//   02:26:41 phase 3 FAILED: task T3.2 exited with 2                                   events
//   ↑↓ select  Enter log  ? help  q quit                                               hints
//
// Where room is short, events go first, then detail, heading and hints.

#include "tools/monitor/board.hpp"
#include "tools/monitor/styled_line.hpp"
#include "tools/monitor/view_options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace aeo::monitor {

/// At most `height` lines, none wider than `width`. Below 20 x 5 one line that says so. A plan that
/// fits is shown in its order, a larger one by urgency. Times stand still from the moment that the
/// link is lost: nothing is known of what came after it.
std::vector<styled_line> draw(const board&, const view_options&);

/// The log that is followed.
struct log_view {
  std::string phase;
  std::string task;
  std::uint32_t attempt = 0;
  std::string text;      ///< Its end, as far as it is kept; control characters and all.
  bool complete = false; ///< The task has ended.
};
/// The run's header, and below it the end of a log, long lines broken.
std::vector<styled_line> draw_log(const board&, const view_options&, const log_view&);

enum class motion : std::uint8_t { up, down, page_up, page_down, first, last };
/// Where the selection goes from `options.selected`; nullopt when there is no phase.
std::optional<place> moved(const board&, const view_options& options, motion);

} // namespace aeo::monitor

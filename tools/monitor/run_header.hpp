#pragma once

// The two lines on top of every picture: what runs where and how it stands. Pure, like picture.

#include "tools/monitor/board.hpp"
#include "tools/monitor/styled_line.hpp"
#include "tools/monitor/view_options.hpp"

#include <cstdint>

namespace aeo::monitor {

/// The node's clock in the picture: it stands still when nothing is heard any more.
std::int64_t picture_time(const board&, const view_options&);
/// Overall status, elapsed time, workspace, execution, connection. A connection that is not well is
/// said before the workspace.
styled_line header_line(const board&, const view_options&, std::int64_t now_us);
/// A bar over all phases, how many are done, the ETA, and the counts that matter most.
styled_line progress_line(const board&, const view_options&, std::int64_t now_us);

} // namespace aeo::monitor

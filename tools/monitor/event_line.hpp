#pragma once

// Events as a person reads them: one line each. Nothing here is cleaned of control characters; who
// draws it does that.

#include "config/plan.hpp"
#include "messages/execution.hpp"
#include "tools/monitor/styled_line.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace aeo::monitor {

/// "phase 3", "approved by alice", and when.
struct event_line {
  std::int64_t time_us = 0; ///< The node's clock.
  std::string subject;      ///< Empty: the whole execution.
  std::string text;
  tone color = tone::plain;
  std::size_t more = 0; ///< How often, or of how many further phases, the same is to be said.
  event_kind kind = event_kind::note;
};
/// "phase 9 and 3 more blocked behind 8".
std::string text_of(const event_line&);

/// Whether the event is worth a line: good ends of tasks and the like are not. Cheap.
bool is_told(const event&);
/// Events that one cause makes many of: a failure blocks a thousand phases. They share a line.
bool comes_in_masses(event_kind);
/// The line; `took` is how long the attempt took that it ends, 0: unknown.
event_line told(const event&, duration took);

} // namespace aeo::monitor

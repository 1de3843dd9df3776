#pragma once

// What the console says, as lines without control sequences; console.cpp decides where they go.

#include "actors/core/report.hpp"
#include "messages/execution.hpp"
#include "tools/node/progress_model.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::node {

enum class tone : std::uint8_t { plain, good, bad, attention, faint };

struct line {
  std::string text;
  tone color = tone::plain;
};

/// How a console draws.
struct look {
  std::size_t columns = 80;
  bool utf8 = true;
  core::mask_function mask = {}; ///< Applied before anything is cut: half a secret is one too.
  std::string workspace = {};    ///< As the operator would type it, for commands.
};

/// The line for a transition, with the time in front; nullopt for events that get none. The model
/// has taken the event already.
std::optional<line> transition_line(const progress_model&, const event&, const look&);
/// True for transitions that are shown one by one in every mode: failures and calls for a person.
bool is_urgent(event_kind);
/// The one line for all that happened: "12:00:05  412/100,000 (0.4 %), 8 running, ETA about 4m".
line summary_line(const progress_model&, std::int64_t now_us);
/// The live part: running phases (at most `max_lines`), who waits, the overall bar. Each line fits
/// into the columns.
std::vector<line> live_lines(const progress_model&, std::int64_t now_us, std::size_t max_lines,
                             const look&);
/// The table, the failures with their evidence, what to do next, and the outcome.
std::vector<line> final_lines(const core::report_input&, std::string_view report_file,
                              bool only_problems, const look&);
/// A line that is no event, as {"event": "message", "data": {"text": ...}}.
std::string json_message(std::int64_t time_us, std::string_view text, const core::mask_function&);
/// The outcome as the last line of JSON.
std::string json_outcome(const core::report_input&, std::string_view report_file);

} // namespace aeo::node

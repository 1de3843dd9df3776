#pragma once

// What the operator sees while a plan runs. Fed with durable events and with ticks, writes to a
// file descriptor, never waits for a slow terminal and never fails the run.

#include "actors/core/execution_state.hpp"
#include "actors/core/report.hpp"
#include "actors/core/text.hpp"
#include "messages/execution.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::node {

enum class console_mode : std::uint8_t {
  live,  ///< A terminal: finished phases scroll by, running ones are redrawn below them.
  plain, ///< A pipe or a dumb terminal: one line per transition, a summary for large plans.
  json,  ///< One event per line.
  quiet  ///< Only failures and the outcome.
};

struct terminal_size {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

struct console_options {
  console_mode mode = console_mode::plain;
  int fd = 1;                          ///< Everything but json errors goes here; not closed.
  bool color = false;                  ///< ANSI colors.
  bool utf8 = true;                    ///< Else bars and marks are ASCII; names stay as they are.
  std::size_t max_lines = 12;          ///< Live lines of running phases; fewer on low terminals.
  std::size_t summarise_above = 200;   ///< plain: phases from which on transitions are counted.
  std::function<terminal_size()> size; ///< Asked at each redraw; empty: 80x24.
  core::mask_function mask;            ///< Applied to everything that is written.
  std::string workspace;               ///< As the operator would type it, for commands.
  std::vector<duration> expected;      ///< By phase, from history; 0 unknown; empty: no history.
};

/// The mode and looks that fit the descriptor and the environment: a terminal gets `live`, except
/// with TERM=dumb or unset; NO_COLOR (not empty) turns colors off; LC_ALL, LC_CTYPE, LANG say
/// UTF-8.
console_options console_options_for(int fd, bool json, bool quiet);

/// Not thread-safe: one actor owns it. The plan is shared.
class console {
public:
  console(std::shared_ptr<const plan>, console_options);
  ~console();
  console(const console&) = delete;
  console& operator=(const console&) = delete;

  /// What is known before the first event: a resumed execution.
  void begin(const core::execution_state&);
  /// One event, after it became durable, in the order of the log.
  void on_event(const event&);
  /// A line that is no event: "listening on ...", "the disk is full".
  void say(std::string_view line);
  /// Time goes on: redraws (live), prints the summary that is due (large plans). Call 4 to 10 times
  /// a second; cheap when nothing is to be drawn.
  void tick(std::int64_t now_us);
  /// The end: summary table, failures with their evidence, how to continue, where the report is.
  /// `report_file` is empty when none could be written.
  void finish(const core::report_input&, std::string_view report_file);
  /// The reader is gone (EPIPE) or the descriptor is broken: nothing is written any more.
  bool is_mute() const;

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace aeo::node

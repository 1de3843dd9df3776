#pragma once

// Phases as rows of a table, and what is said of one phase. Pure, like picture.

#include "tools/monitor/board.hpp"
#include "tools/monitor/styled_line.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace aeo::monitor {

/// How a status is shown: never by its colour alone.
struct status_look {
  const char* word;
  const char* symbol; ///< One column.
  const char* ascii;
  tone color;
};
const status_look& look_of(phase_status);

/// Columns of the table's fields; 0: left out.
struct table_columns {
  std::size_t id = 0;
  std::size_t name = 0;
  std::size_t status = 0;
  std::size_t attempt = 0;
  std::size_t bar = 0;
  std::size_t tasks = 0;
  std::size_t time = 0;
  std::size_t width = 0; ///< Of the whole line; what is left goes to the ETA or the reason.
  bool utf8 = true;
};
/// Fields as wide as the rows that are shown need them.
table_columns columns_for(const board&, std::span<const place> shown, std::size_t width, bool utf8);

styled_line table_heading(const table_columns&);
styled_line table_row(const board&, place, const table_columns&, bool selected,
                      std::int64_t now_us);

/// "phase 3 Flash FAILED 12m ago: task T3.2 exited with 2": all that is known, not cleaned.
std::string phase_sentence(const board&, place, std::int64_t now_us);

/// "45 s", "12m", "2h14m": for what is known roughly or was long ago.
std::string rough_duration(duration);
/// A bar of blocks; full only when all is done.
std::string bar_text(std::size_t done, std::size_t total, std::size_t width, bool utf8);

} // namespace aeo::monitor

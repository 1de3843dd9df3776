#pragma once

// How values are written for people: in reports, on the console, in the dry run.

#include "config/plan.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::core {

/// Turns secrets into markers; an empty function masks nothing.
using mask_function = std::function<std::string(std::string_view)>;

/// "45 ms", "0.4 s", "12 s", "2m05s", "1h02m", "3d04h".
std::string format_duration(duration);
/// "412 B", "1.5 KiB", "20.0 MiB".
std::string format_bytes(std::uint64_t);
/// "2026-01-31T23:59:59Z"; empty for 0.
std::string short_time(std::int64_t time_us);
/// "23:59:59" in the machine's time zone.
std::string format_clock(std::int64_t time_us);
/// "100,000".
std::string format_count(std::uint64_t);

/// The word as a POSIX shell reads it back; bare where that is possible.
std::string shell_quote(std::string_view word);
/// How long it was from one moment to a later one; 0 where the clock was set back between them.
std::int64_t elapsed_us(std::int64_t from_us, std::int64_t to_us);
/// "a, b, c": the first `most` of them, then " and 5 more".
std::string some_of(const std::vector<std::string>& names, std::size_t most);
/// A program's name with what it needs to find the workspace; empty or ".": the current folder.
std::string in_workspace(std::string_view program, const std::string& workspace);
/// A command line that a shell runs as this argv. {"/bin/sh", "-c", text} is shown as the text.
std::string shell_join(const std::vector<std::string>& argv);

/// Columns that a terminal needs; bytes that are no UTF-8 count one each. Control characters 0.
std::size_t display_width(std::string_view utf8);
/// The text in at most `width` columns, its last one "…" (or "~" without `utf8_out`) when cut.
std::string cut_to_width(std::string_view utf8, std::size_t width, bool utf8_out = true);
/// cut_to_width, filled up with blanks.
std::string pad_to_width(std::string_view utf8, std::size_t width, bool utf8_out = true);
/// One line without control characters (an escape sequence of a task never reaches a terminal):
/// line ends become blanks, other control characters and broken UTF-8 "?".
std::string plain_line(std::string_view);

} // namespace aeo::core

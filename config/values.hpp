#pragma once

// The small grammars inside the configuration's values; no JSON.

#include "config/plan.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace aeo::config {

/// "90s", "15m", "24h", "2d", "500ms", "1.5h", "1h30m"; rounded to milliseconds, never down to 0.
/// Nothing for other texts and for more than max_seconds.
std::optional<duration> parse_duration(std::string_view text);

/// As above, for a number of seconds that is not negative.
std::optional<duration> seconds_to_duration(double seconds);

/// A hundred years: more is a mistake, and would overflow somewhere.
constexpr double max_seconds = 100 * 365.25 * 86'400;

/// The shortest text that parse_duration() gives back: "90s", "500ms", "15m".
std::string format_duration(duration);

/// More processes than this Linux cannot have.
constexpr std::uint32_t most_processes = 4'194'304;

/// Why the text cannot be an id of a phase or task; empty: it can. Ids become file names, so they
/// are 1 to 64 of A-Z a-z 0-9 . _ - and start with neither '.' nor '-'.
std::string check_id(std::string_view id);

/// Why the text cannot be a path inside the workspace; empty: it can.
std::string check_path(std::string_view path);

/// Why the text is not a POSIX extended regular expression; empty: it is one.
std::string check_regex(const std::string& pattern);

/// Whether it has a character that would garble a terminal or end a C string.
bool has_control_character(std::string_view text);

/// With \u001b for ESC and so on: one line that is safe for a terminal.
std::string escape_controls(std::string_view text);

/// The name that the user probably meant; empty: none is near.
std::string_view nearest(std::string_view text, std::span<const std::string_view> names);

/// "a, b or c", each in quotes.
std::string quoted_list(std::span<const std::string_view> names, std::string_view last = "or");

/// In quotes, cut to a readable length.
std::string in_quotes(std::string_view text);

/// At most `limit` bytes, not cut inside a UTF-8 character; "…" where it was cut.
std::string shortened(std::string_view text, std::size_t limit);

} // namespace aeo::config

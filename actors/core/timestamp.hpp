#pragma once

// Points in time as text: ISO 8601. All numbers are microseconds since the epoch, UTC.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aeo::core {

/// "2026-01-31T12:34:56.789012Z". Years 0000 to 9999; others are cut to that range.
std::string format_time(std::int64_t time_us);
/// The same, appended.
void append_time(std::string& out, std::int64_t time_us);

/// Reads ISO 8601: date, 'T' or blank, time (seconds and up to 9 decimals may be missing), then
/// 'Z', an offset (+02, +0200, +02:00) or nothing: the local time of this machine, as Python's
/// datetime.isoformat() writes it. nullopt: not such a text, or a date that does not exist.
std::optional<std::int64_t> parse_time(std::string_view text);

} // namespace aeo::core

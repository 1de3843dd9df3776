#pragma once

#include <cstdint>
#include <string>

namespace aeo::io {

/// Microseconds since the epoch, UTC, by this machine's clock.
std::int64_t now_us();

/// Microseconds since this machine's start, without those that it slept.
std::int64_t steady_us();

/// Of the user whom this process runs for; "uid-N" for one without a name.
std::string user_name();

} // namespace aeo::io

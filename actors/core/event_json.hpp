#pragma once

// Events for programs: one object per line, as `aeo-node --json` and `aeo-monitor --json` print
// them.

#include "actors/core/text.hpp"
#include "messages/execution.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace aeo::core {

/// {"seq", "time", "event", "phase": null, "task": null, "attempt": 0, "data"}.
nlohmann::ordered_json event_frame(std::uint64_t seq, std::int64_t time_us, std::string_view name,
                                   nlohmann::ordered_json data);

/// One event as one line, its end included; strings masked.
std::string json_line(const event&, const mask_function&);
std::string json_line(nlohmann::ordered_json frame, const mask_function&);

} // namespace aeo::core

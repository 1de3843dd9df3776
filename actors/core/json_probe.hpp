#pragma once

// Reads JSON that others wrote: any size, any depth, any damage. Nothing here throws or recurses.

#include "actors/core/result.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace aeo::core {

constexpr std::size_t max_json_depth = 512;

/// Empty when the text is valid JSON of at most `max_depth` nested levels, else what is wrong with
/// it and where. Needs no memory beside the text.
std::string json_problem(std::string_view text, std::size_t max_depth = max_json_depth);

/// The value at `path`: a JSON pointer when it starts with '/', otherwise keys and array indices
/// joined by dots ("a.0.b"; "" is the whole document). Of equal keys the last counts. An error when
/// the text is not valid JSON or the value has more than 10,000 parts; an empty optional when there
/// is no such value.
result<std::optional<nlohmann::json>> json_find(std::string_view text, std::string_view path);

/// One line of valid UTF-8 of about `max_bytes`: control characters become spaces, broken UTF-8
/// becomes '?', what is cut off becomes "...".
std::string one_line(std::string_view text, std::size_t max_bytes = 200);

} // namespace aeo::core

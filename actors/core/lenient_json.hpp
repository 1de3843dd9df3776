#pragma once

// Reading the JSON texts of events where a missing or odd member must never matter: reports show
// what is known. And writing JSON of text that need not be UTF-8.

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace aeo::core::lenient {

using nlohmann::ordered_json;

/// The object in `text`; an empty object when it is none.
ordered_json object(std::string_view text);
/// The member, or null when there is none.
const ordered_json& member(const ordered_json&, const char* key);
/// The member when it is an array, else an empty array.
const ordered_json& array(const ordered_json&, const char* key);
/// A string; of an array its strings, joined by ", "; of a number or boolean its JSON text; else
/// "".
std::string text(const ordered_json&, const char* key);
/// A number, rounded towards zero and kept in range; else nullopt.
std::optional<std::int64_t> number(const ordered_json&, const char* key);
bool flag(const ordered_json&, const char* key);
/// Masks every string in the value; an empty function changes nothing.
void mask_strings(ordered_json&, const std::function<std::string(std::string_view)>& mask);
/// Text that a process wrote need not be UTF-8: such bytes become U+FFFD.
std::string dump(const ordered_json&, int indent = -1);
std::string dump(const nlohmann::json&);

} // namespace aeo::core::lenient

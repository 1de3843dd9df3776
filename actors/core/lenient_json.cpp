#include "actors/core/lenient_json.hpp"

#include <cmath>
#include <limits>

namespace aeo::core::lenient {

ordered_json object(std::string_view text) {
  if (!text.empty()) {
    auto result = ordered_json::parse(text, nullptr, false);
    if (result.is_object())
      return result;
  }
  return ordered_json::object();
}

const ordered_json& member(const ordered_json& x, const char* key) {
  static const ordered_json null;
  if (!x.is_object())
    return null;
  auto i = x.find(key);
  return i == x.end() ? null : *i;
}

const ordered_json& array(const ordered_json& x, const char* key) {
  static const ordered_json empty = ordered_json::array();
  const auto& found = member(x, key);
  return found.is_array() ? found : empty;
}

std::string text(const ordered_json& x, const char* key) {
  const auto& found = member(x, key);
  if (found.is_string())
    return found.get<std::string>();
  if (found.is_number() || found.is_boolean())
    return found.dump();
  std::string result;
  if (found.is_array())
    for (const auto& part : found)
      if (part.is_string())
        result += (result.empty() ? "" : ", ") + part.get<std::string>();
  return result;
}

std::optional<std::int64_t> number(const ordered_json& x, const char* key) {
  using limits = std::numeric_limits<std::int64_t>;
  const auto& found = member(x, key);
  if (found.is_number_unsigned()) {
    auto value = found.get<std::uint64_t>();
    return value > static_cast<std::uint64_t>(limits::max()) ? limits::max()
                                                             : static_cast<std::int64_t>(value);
  }
  if (found.is_number_integer())
    return found.get<std::int64_t>();
  if (!found.is_number_float())
    return std::nullopt;
  auto value = found.get<double>();
  if (std::isnan(value) || std::abs(value) > 9.2e18)
    return std::nullopt;
  return static_cast<std::int64_t>(value);
}

bool flag(const ordered_json& x, const char* key) {
  const auto& found = member(x, key);
  return found.is_boolean() && found.get<bool>();
}

void mask_strings(ordered_json& x, const std::function<std::string(std::string_view)>& mask) {
  if (!mask)
    return;
  if (x.is_string())
    x = mask(x.get_ref<const std::string&>());
  else if (x.is_structured())
    for (auto& part : x)
      mask_strings(part, mask);
}

std::string dump(const ordered_json& x, int indent) {
  return x.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

std::string dump(const nlohmann::json& x) {
  return x.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace aeo::core::lenient

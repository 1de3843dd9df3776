#include "config/plan.hpp"

#include <algorithm>
#include <array>

namespace aeo {

namespace {

template <class Enum, std::size_t N>
std::string_view name_of(const std::array<std::string_view, N>& names, Enum x) {
  return names.at(static_cast<std::size_t>(x));
}

template <class Enum, std::size_t N>
std::optional<Enum> value_of(const std::array<std::string_view, N>& names, std::string_view text) {
  auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end())
    return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

constexpr std::array<std::string_view, 4> crash_policies = {"adopt", "rerun", "ask", "fail"};
constexpr std::array<std::string_view, 4> error_classes = {"transient", "permanent", "dependency",
                                                           "configuration"};
constexpr std::array<std::string_view, 3> execution_modes = {"automated", "manual", "dry-run"};
constexpr std::array<std::string_view, 7> check_types = {
    "file_exists", "json_valid", "metric_threshold", "json_schema",
    "command",     "file_count", "max_age"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The digits from `pos` on without leading zeros; moves `pos` behind them.
std::string_view take_number(std::string_view text, std::size_t& pos) {
  while (pos < text.size() && text[pos] == '0')
    ++pos;
  auto begin = pos;
  while (pos < text.size() && is_digit(text[pos]))
    ++pos;
  return text.substr(begin, pos - begin);
}

} // namespace

std::string_view to_string(crash_policy x) {
  return name_of(crash_policies, x);
}
std::string_view to_string(error_class x) {
  return name_of(error_classes, x);
}
std::string_view to_string(execution_mode x) {
  return name_of(execution_modes, x);
}
std::string_view to_string(check_type x) {
  return name_of(check_types, x);
}

std::optional<error_class> error_class_from_string(std::string_view text) {
  return value_of<error_class>(error_classes, text);
}

std::optional<execution_mode> execution_mode_from_string(std::string_view text) {
  return value_of<execution_mode>(execution_modes, text);
}

bool natural_less(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      auto x = take_number(a, i);
      auto y = take_number(b, j);
      if (x.size() != y.size())
        return x.size() < y.size();
      if (x != y)
        return x < y;
      continue;
    }
    if (a[i] != b[j])
      return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
    ++i;
    ++j;
  }
  if (i < a.size() || j < b.size())
    return i == a.size();
  return a < b; // "1" and "01": the same number, still two ids
}

std::optional<phase_index> plan::find(std::string_view id) const {
  // load() sorts the phases; a plan made by hand (tests) may be in any order.
  std::size_t first = 0;
  auto count = phases.size();
  while (count > 0) {
    auto half = count / 2;
    if (natural_less(phases[first + half].id, id)) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  if (first < phases.size() && phases[first].id == id)
    return static_cast<phase_index>(first);
  for (std::size_t i = 0; i < phases.size(); ++i)
    if (phases[i].id == id)
      return static_cast<phase_index>(i);
  return std::nullopt;
}

} // namespace aeo

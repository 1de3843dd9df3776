#include "messages/task.hpp"

#include <array>

namespace aeo {

namespace {

constexpr std::array<std::string_view, 7> exit_names = {
    "exited", "signalled", "timed_out", "cancelled", "not_started", "lost", "over_limit"};

} // namespace

std::string_view to_string(exit_kind x) {
  return exit_names.at(static_cast<std::size_t>(x));
}

std::optional<exit_kind> exit_kind_from_string(std::string_view text) {
  for (std::size_t i = 0; i < exit_names.size(); ++i)
    if (exit_names[i] == text)
      return static_cast<exit_kind>(i);
  return std::nullopt;
}

} // namespace aeo

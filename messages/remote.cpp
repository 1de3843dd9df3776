#include "messages/remote.hpp"

#include <array>

namespace aeo {

namespace {

constexpr std::array<std::string_view, 2> role_names = {"viewer", "operator"};
constexpr std::array<std::string_view, 7> command_names = {"approve", "reject", "retry", "skip",
                                                           "cancel",  "pause",  "resume"};

} // namespace

std::string_view to_string(access_role x) {
  return role_names.at(static_cast<std::size_t>(x));
}

std::optional<access_role> access_role_from_string(std::string_view text) {
  for (std::size_t i = 0; i < role_names.size(); ++i)
    if (role_names[i] == text)
      return static_cast<access_role>(i);
  return std::nullopt;
}

std::string_view to_string(control_command x) {
  return command_names.at(static_cast<std::size_t>(x));
}

} // namespace aeo

#include "messages/error.hpp"

#include <caf/const_typed_message_view.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>

#include <array>
#include <string_view>

namespace aeo {

namespace {

constexpr std::array<std::string_view, 16> code_names = {"none",
                                                         "bad_configuration",
                                                         "corrupt_state",
                                                         "newer_schema",
                                                         "unfinished_execution",
                                                         "plan_changed",
                                                         "workspace_locked",
                                                         "storage_failed",
                                                         "launcher_failed",
                                                         "not_found",
                                                         "wrong_state",
                                                         "internal",
                                                         "not_permitted",
                                                         "untrusted",
                                                         "no_node",
                                                         "other_workspace"};

} // namespace

std::string to_string(ec x) {
  return std::string{code_names.at(static_cast<std::size_t>(x))};
}

bool from_string(caf::string_view text, ec& x) {
  for (std::size_t i = 0; i < code_names.size(); ++i)
    if (code_names[i] == std::string_view{text.data(), text.size()}) {
      x = static_cast<ec>(i);
      return true;
    }
  return false;
}

bool from_integer(std::uint8_t value, ec& x) {
  if (value >= code_names.size())
    return false;
  x = static_cast<ec>(value);
  return true;
}

std::string message_of(const caf::error& err) {
  if (!err) // Has no context to look at.
    return to_string(ec::none);
  if (auto view = caf::make_const_typed_message_view<std::string>(err.context()))
    return caf::get<0>(view);
  if (err == caf::sec::request_timeout)
    return "no answer in time";
  return caf::to_string(err);
}

} // namespace aeo

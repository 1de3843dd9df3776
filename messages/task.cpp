#include "messages/task.hpp"

#include <array>

namespace aeo {

std::string_view to_string(exit_kind x) {
  constexpr std::array<std::string_view, 6> names = {"exited",    "signalled",   "timed_out",
                                                     "cancelled", "not_started", "lost"};
  return names.at(static_cast<std::size_t>(x));
}

} // namespace aeo

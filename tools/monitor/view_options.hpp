#pragma once

// What a picture depends on beside the board.

#include "messages/remote.hpp"
#include "tools/monitor/board.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace aeo::monitor {

/// How things stand between the monitor and the node.
enum class link_state : std::uint8_t { connecting, attached, lost };

struct link_view {
  link_state state = link_state::connecting;
  std::string address; ///< "HOST:PORT".
  std::string name;    ///< Of the credential; empty: not known yet.
  access_role role = access_role::viewer;
  std::int64_t since_us = 0; ///< Local time of the last change of state.
  std::string trouble;       ///< Why it does not work, in a few words; may be empty.
};

struct view_options {
  std::size_t width = 80; ///< Columns.
  std::size_t height = 24;
  bool utf8 = true;          ///< False: nothing but ASCII is drawn.
  std::int64_t local_us = 0; ///< The monitor's clock, now.
  link_view link;
  std::optional<place> selected; ///< Kept in the window; none: the window is at the top.
  bool help = false;             ///< The keys and symbols in place of the table.
};

} // namespace aeo::monitor

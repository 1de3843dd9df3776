#pragma once

#include "tools/attach/attach.hpp"

#include <optional>
#include <string>

namespace aeo::monitor {

/// aeo-monitor's command line.
struct options {
  attach::target target;
  bool once = false;
  bool json = false;
  std::string follow;      ///< A phase; empty: the whole run.
  std::uint64_t since = 1; ///< --json: the first event.
  bool color = true;
};

/// Nullopt: nothing to run; `exit_code` then.
std::optional<options> parse_options(int argc, char** argv, int& exit_code);

} // namespace aeo::monitor

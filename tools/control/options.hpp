#pragma once

#include "tools/attach/attach.hpp"

#include <optional>
#include <string>

namespace aeo::control {

/// aeo-control's command line.
struct options {
  attach::target target;
  std::string command; ///< "status", "approve", ..., "credential issue", ...
  control_request act; ///< Of the commands that act.
  bool acts = false;
  bool json = false;
  bool follow = false;
  std::string phase;
  std::string task;
  std::uint32_t attempt = 0;
  std::string format = "dot";
  std::string name; ///< credential
  std::string role = "viewer";
  std::string lifetime = "90d";
  std::string out;
  int kills = 20;         ///< selftest
  std::uint32_t seed = 0; ///< selftest; 0: another one each time.
};

/// Nullopt: nothing to run; `exit_code` then.
std::optional<options> parse_options(int argc, char** argv, int& exit_code);

} // namespace aeo::control

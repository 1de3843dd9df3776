#pragma once

#include "config/plan.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace aeo::node {

/// aeo-node's command line.
struct options {
  std::filesystem::path config; ///< Empty: WORKSPACE/config where it exists, else the shipped plan.
  std::filesystem::path workspace; ///< Absolute.
  std::string workspace_as_typed;
  std::optional<execution_mode> mode; ///< Overrides the configuration.
  bool resume = false;
  bool fresh = false;
  bool accept_plan_change = false;
  std::string from;
  std::vector<std::string> only;
  std::uint32_t max_parallel = 0; ///< 0: the configuration's.
  bool detach_on_stop = false;
  bool wait = false;
  std::string listen_host; ///< Empty: the configuration's.
  std::uint16_t listen_port = 0;
  bool check_github = false; ///< dry-run: ask GitHub whether it would let us.
  bool json = false;
  bool quiet = false;
};

/// The options, or the exit code when there is nothing to run (--help, --version, a mistake; the
/// text has been printed).
std::variant<options, int> parse_options(int argc, char** argv);

/// Where this program's file is.
std::filesystem::path program_folder();

/// The config folder that is used.
std::filesystem::path config_folder(const options&);

} // namespace aeo::node

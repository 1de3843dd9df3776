#pragma once

#include <stdexcept>
#include <string>

namespace aeo::consolidate {

/// Exit codes of every step, after sysexits.h.
enum class exit_status : int {
  ok = 0,
  bad_data = 65,      ///< an input exists but cannot be what it claims to be
  no_input = 66,      ///< an input is missing or unreadable
  internal = 70,      ///< a defect of this program
  try_again = 75,     ///< something outside failed that may work later
  configuration = 78, ///< consolidation_config.json or the command line is wrong
};

/// Ends a step. The message names the place, what is wrong and what to do.
class failure : public std::runtime_error {
public:
  failure(exit_status status, const std::string& message)
      : std::runtime_error(message), status_(status) {}

  exit_status status() const { return status_; }

private:
  exit_status status_;
};

} // namespace aeo::consolidate

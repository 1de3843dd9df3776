#pragma once

// Lets a user see on his own machine that kills lose nothing: real runs of a small plan in a folder
// of its own, whose node, launcher or both are killed at random moments, and what came of it.

#include "messages/execution.hpp"
#include "tools/control/options.hpp"

#include <string>
#include <vector>

namespace aeo::control {

/// What a finished run has left behind.
struct finished_run {
  std::vector<event> events; ///< Of its execution, from the log.
  std::string ledger;        ///< What its tasks wrote: "start P T", "end P T", "twice P T" a line.
  std::string chain_fault;   ///< What verification found; empty: nothing.
  std::string left_behind;   ///< Processes that are still there; empty: none.
};

/// The phases that every run of the selftest has, and the tasks of each.
std::vector<std::string> selftest_phases();
std::vector<std::string> selftest_tasks();
/// The plan as phase_config.json has it.
std::string selftest_plan();

/// What was lost, done twice or left behind, a sentence each; `launcher_lived`: no kill hit it, so
/// that no task may have run again.
std::vector<std::string> problems_of(const finished_run&, bool launcher_lived);

/// Blocking, about half a minute for 20 kills. Prints progress and a verdict. The exit code: ok;
/// failed: something was lost, and the folder with it is kept; 70 where it could not be tried.
int run_selftest(const options&);

} // namespace aeo::control

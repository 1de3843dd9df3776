#pragma once

// Ends what a killed launcher left running, so that no task ever runs twice.

#include "actors/io/launcher_records.hpp"

#include <chrono>
#include <string>

namespace aeo::io {

/// The launcher's own environment has this entry with its folder's id as the value, so that a task
/// between fork and exec, which is still in its session, is recognised too. No task's environment
/// has it.
inline constexpr const char* launcher_marker = "AEO_LAUNCHER";

/// Whose tasks: other nodes of this machine may run the same plan.
struct run_names {
  std::string workspace; ///< Absolute.
  std::string execution; ///< UUID.
};

/// Does a process with this environment (of environment_of) belong to the task? By
/// AEO_EXECUTION_ID, AEO_WORKSPACE, AEO_PHASE, AEO_TASK and AEO_ATTEMPT.
bool carries_names(const std::string& environment, const run_names&, const task_key&);

struct ended_survivors {
  int processes = 0; ///< Found alive, and gone now.
  std::string error; ///< Not empty: which are still there.
};

/// Survivors are the tasks that ran when the records ended, and their descendants; recognised by
/// their group and session (the launcher's, which is recorded with boot id and start time) or by
/// the names that they carry, never by a bare pid. What a task that had ended left behind on
/// purpose is no survivor.
///
/// SIGTERM (and SIGCONT) to all survivors, `grace`, SIGKILL; returns when all are gone. The caller
/// holds the launcher's lock in the folder: no launcher lives. Records that were copied from
/// another folder tell of another launcher's tasks: nothing is done.
ended_survivors end_survivors(int folder, const recorded_state&, std::chrono::milliseconds grace);

} // namespace aeo::io

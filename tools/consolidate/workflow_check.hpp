#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// Something in a workflow file that GitHub refuses, or that it accepts but should not be.
struct workflow_finding {
  bool refused = false; ///< GitHub would not run it
  std::string rule;     ///< e.g. `workflow-unknown-key`
  std::string severity; ///< critical, high, medium or low
  std::uint32_t line = 0;
  std::string message;
  std::string advice;
};

struct workflow_job {
  std::string id;
  std::uint32_t line = 0;
  std::string directory; ///< of `defaults.run.working-directory`
  std::vector<std::string> uses;
  struct command {
    std::string run;
    std::string directory; ///< its own `working-directory`, else that of the job
    std::uint32_t line = 0;
  };
  std::vector<command> commands;
};

struct workflow_report {
  std::vector<workflow_finding> findings;
  std::vector<workflow_job> jobs;
  std::vector<std::string> events;

  /// GitHub would run it.
  bool valid() const;
};

/// Parses one and checks it against the workflow syntax that GitHub documents: known keys at every
/// level, events, permissions, job and step ids, `needs` (existing, without a cycle), `uses` or
/// `run`, timeouts, schedules, expressions that end; then what a reviewer would ask for: actions
/// pinned, permissions stated, timeouts. `more_events` are valid too.
workflow_report check_workflow(const std::string& text,
                               const std::vector<std::string>& more_events);

} // namespace aeo::consolidate

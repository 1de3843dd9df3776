#pragma once

// What the actors of one execution say to each other besides events and task messages.

#include "messages/enum_field.hpp"
#include "messages/execution.hpp"
#include "messages/task.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace aeo {

namespace core {
struct execution_state;
}

/// The execution's state as of one commit. Local only: it never leaves the process, where a copy
/// per listener would cost more than the run.
using snapshot_ptr = std::shared_ptr<const core::execution_state>;

/// A phase asks for its gate to be judged: all tasks of the attempt are done.
struct review_request {
  std::uint32_t phase = 0; ///< phase_index
  std::uint32_t attempt = 0;
  /// Fingerprints of the outputs before the attempt; what still has the same one is stale.
  std::vector<std::pair<std::string, std::string>> before;
  /// phase_waiting's data when the gate was judged before and waits for people, else empty.
  std::string waited;
};

template <class Inspector>
bool inspect(Inspector& f, review_request& x) {
  return f.object(x).fields(f.field("phase", x.phase), f.field("attempt", x.attempt),
                            f.field("before", x.before), f.field("waited", x.waited));
}

enum class verdict_kind : std::uint8_t {
  approved = 0, ///< Every criterion is met and no person is asked.
  waiting = 1,  ///< Every criterion is met; a person decides.
  failed = 2    ///< A criterion is not met.
};

/// How a gate was judged, with the evidence.
struct verdict {
  verdict_kind kind = verdict_kind::failed;
  std::string detail;  ///< JSON object for the event: criteria, outputs, digest, by or reason.
  std::string summary; ///< One line: which criteria failed, or what is waited for.
};

template <class Inspector>
bool inspect(Inspector& f, verdict& x) {
  return f.object(x).fields(enum_field(f, "kind", x.kind, verdict_kind::failed),
                            f.field("detail", x.detail), f.field("summary", x.summary));
}

/// An attempt that failed because of a task.
struct attempt_failure {
  std::uint32_t phase = 0;     ///< phase_index
  task_exit exit;              ///< The first task that failed.
  std::string tail;            ///< The last lines of its log.
  std::uint32_t retries = 0;   ///< Retries that counted so far.
  std::uint32_t losses = 0;    ///< Retries after a lost outcome, which did not count.
  std::int64_t elapsed_ms = 0; ///< Since the first attempt began.
};

template <class Inspector>
bool inspect(Inspector& f, attempt_failure& x) {
  return f.object(x).fields(f.field("phase", x.phase), f.field("exit", x.exit),
                            f.field("tail", x.tail), f.field("retries", x.retries),
                            f.field("losses", x.losses), f.field("elapsed_ms", x.elapsed_ms));
}

/// Whether and when to try again.
struct retry_decision {
  bool retry = false;
  std::int64_t delay_ms = 0; ///< From now; with jitter.
  bool counted = true;       ///< False: does not use up one of max_retries.
  std::string cls;           ///< error_class by name.
  std::string why;           ///< One sentence for the operator.
};

template <class Inspector>
bool inspect(Inspector& f, retry_decision& x) {
  return f.object(x).fields(f.field("retry", x.retry), f.field("delay_ms", x.delay_ms),
                            f.field("counted", x.counted), f.field("cls", x.cls),
                            f.field("why", x.why));
}

/// Why the trigger has nothing more to start.
struct run_outcome {
  bool waiting = false;       ///< Phases wait for a person.
  bool configuration = false; ///< A configuration error stopped the starting of phases.
  bool interrupted = false;   ///< Stopped by a signal.
  bool stuck = false;         ///< Phases are left that nothing will ever start: our own error.
};

template <class Inspector>
bool inspect(Inspector& f, run_outcome& x) {
  return f.object(x).fields(f.field("waiting", x.waiting),
                            f.field("configuration", x.configuration),
                            f.field("interrupted", x.interrupted), f.field("stuck", x.stuck));
}

} // namespace aeo

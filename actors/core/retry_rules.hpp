#pragma once

// What a failure is and what follows from it: error classes, backoff, the decision to retry. Pure:
// time and chance come as arguments.

#include "actors/core/result.hpp"
#include "config/plan.hpp"
#include "messages/task.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::core {

/// All that is known of a failed attempt.
struct failure {
  task_exit exit;               ///< Of the task that failed; of the last one when criteria failed.
  std::string tail;             ///< The last lines of its log.
  bool criteria_failed = false; ///< All tasks ended well, the gate did not open.
  bool command_missing = false; ///< Known to be missing or not executable before any start.
  bool cwd_missing = false;     ///< The same of the working directory.
  bool input_missing = false;   ///< A file that a dependency should have written is missing.
  bool shell = false; ///< Ran by /bin/sh -c, which exits 126 or 127 for a missing command.
};

/// The user's rules with their expressions compiled; made once, usable from any thread.
class rule_set {
public:
  rule_set() = default; ///< No rules: the table alone decides.
  /// Fails with the number of the rule and what its expression lacks.
  static result<rule_set> compile(const std::vector<error_rule>&);

  /// The class of the first rule that matches. A rule with both parts needs both to match;
  /// an exit code matches only a process that exited by itself; an expression is tried on each line
  /// of the last 64 KiB, of a line on the first 4 KiB. A lost or cancelled task matches no rule.
  std::optional<error_class> match(const failure&) const;

private:
  struct rule;
  std::vector<std::shared_ptr<const rule>> rules_;
};

/// The first matching rule, then:
/// - configuration: exit 78; command or working directory missing or not usable;
/// - dependency: exit 66 (EX_NOINPUT), input_missing;
/// - transient: timeout, signal, exit 75, lost, a start that failed for want of resources;
/// - permanent: any other exit, criteria not met, cancelled (which is never to be retried).
error_class classify(const failure&, const rule_set&);

/// The last "Retry-After: N" of the text, in any case: seconds or an HTTP date (against `now_us`,
/// microseconds since the epoch). Between 0 and 24 h: what lies outside is cut to it.
std::optional<duration> retry_after(std::string_view tail, std::int64_t now_us);

/// The wait before the n-th retry (1 = first): delay * multiplier^(n-1), at most max_retry_delay;
/// with full jitter evenly between 0 and that. `random01` is in [0, 1). Never below `retry_after`.
duration backoff(const retry_policy&, std::uint32_t retry_number, double random01,
                 std::optional<duration> retry_after = std::nullopt);

/// How often an attempt is repeated whose outcome was lost through no fault of its own.
constexpr std::uint32_t max_lost_retries = 10;

struct retry_question {
  error_class cls = error_class::permanent;
  bool lost = false;              ///< exit_kind::lost: does not count against max_retries.
  std::uint32_t retries = 0;      ///< Counted retries so far.
  std::uint32_t lost_retries = 0; ///< Retries so far that did not count.
  duration elapsed{0};            ///< Since the first start of the first attempt.
  duration total_timeout{0};      ///< phase_def::total_timeout; 0: none.
  double random01 = 0;
  std::optional<duration> retry_after;
};

struct retry_decision {
  bool retry = false;
  duration delay{0};    ///< retry: wait that long.
  bool counted = false; ///< retry: it counts against max_retries.
  /// "retry 2 of 3 in 1m 30s", or why not: "permanent errors are not retried", "3 of 3 retries
  /// used", "total_timeout of 2h would be exceeded".
  std::string reason;
};

/// Only transient failures are retried. `dependency` means: block the phase, without a retry used;
/// `configuration`: start no new phase.
retry_decision decide(const retry_policy&, const retry_question&);

/// A sentence: "exited with 2", "killed by SIGKILL (9)", "timed out after 10m00s",
/// "could not start: command not found: foo".
std::string describe(const task_exit&);

} // namespace aeo::core

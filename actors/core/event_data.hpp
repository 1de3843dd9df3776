#pragma once

// The JSON texts that events carry in `data`. The keys are persisted: they never change meaning.

#include "actors/core/criteria.hpp"
#include "messages/run.hpp"
#include "messages/task.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aeo::core {

/// task_started: {"pid", "start_ticks"}.
std::string started_data(const task_start&);

/// task_finished: {"ok", "kind", "code", "pid", "ms", "cpu_ms", "peak_rss_kb", "started_us",
/// "ended_us", "log_bytes"} and, where there are any, "leftovers" and "detail". "ok" comes first.
std::string finished_data(const task_exit&);
/// Whether a task_finished event tells of a good exit: a look at the text, no parsing.
inline bool tells_ok(const event& e) {
  return e.data.starts_with(R"({"ok":true)");
}
/// The exit that a task_finished event tells; nullopt when its data is not what finished_data
/// makes.
std::optional<task_exit> exit_from_data(const event&);

/// The last lines of a log as failures carry them: at most 20 lines and 4 KiB.
std::string last_lines(std::string_view text);

/// phase_failed, phase_retry_wait and a phase_blocked of its own: {"class", "message", "why",
/// "exit_code" or "signal", "log", "tail"}; "class" comes first. Retries add {"at" (microseconds
/// since the epoch), "delay_ms", "counted"}.
struct failure_text {
  std::string cls;
  std::string message; ///< What happened: "task T0.1 exited with 2".
  std::string why;     ///< What follows: "3 of 3 retries used".
  std::string log;     ///< Relative to the workspace; empty when the task wrote nothing.
  std::string tail;
};
std::string failure_data(const failure_text&, const task_exit&);
std::string retry_data(const failure_text&, const task_exit&, std::int64_t at_us,
                       std::int64_t delay_ms, bool counted);

/// phase_failed when criteria are not met: {"class": "permanent", "message", and the gate's keys}.
std::string criteria_failed_data(const std::string& message, const gate_result&);
/// phase_approved by the criteria: {"by": "criteria"} and the gate's keys where it has checks.
std::string approved_data(const gate_result&);
/// phase_waiting: {"reason"} and the gate's keys.
std::string waiting_data(const std::string& reason, const gate_result&);

/// {"by", "reason"}: who did it and why.
std::string decision_data(std::string_view by, std::string_view reason);

/// A note that an operator should find later: {"level": "warning", "text"}.
std::string warning_data(std::string_view text);

/// A waiting phase that asks about a lost outcome, not about its criteria.
std::string ask_data(const std::string& reason);
bool is_ask(std::string_view data);
/// Whether phase_approved's data tell that a person approved although it had failed.
bool is_override(std::string_view data);

} // namespace aeo::core

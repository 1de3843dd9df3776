#pragma once

// What is said about an execution: the phase states, the events that change them, and the state
// that follows from the events. Plain aggregates; no CAF header is needed to read them.

#include "messages/enum_field.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo {

/// A phase's states. The numbers and names are persisted: they never change, new ones are added.
///
///   pending -> in_progress -> completed -> approved
///      |            |             `-> waiting_approval -> approved | rejected
///      |            |-> retry_wait -> in_progress, or pending when a dependency is to run again
///      |            |-> failed        (fix, then retry; or approve with an override)
///      |            `-> blocked       (an input is missing)
///      |-> blocked  (a dependency failed, was rejected or cancelled) -> pending
///      `-> skipped
///   cancelled from any state that is not terminal; failed, rejected, cancelled and blocked go back
///   to pending when a person asks for a retry.
enum class phase_status : std::uint8_t {
  pending = 0,
  in_progress = 1,
  completed = 2,
  waiting_approval = 3,
  approved = 4,
  rejected = 5,
  retry_wait = 6,
  failed = 7,
  blocked = 8,
  skipped = 9,
  cancelled = 10
};

/// The state of the whole execution. Persisted like phase_status.
enum class overall_status : std::uint8_t {
  pending = 0,
  in_progress = 1,
  paused = 2,
  waiting_approval = 3,
  completed = 4,
  failed = 5,
  interrupted = 6,
  cancelled = 7
};

std::string_view to_string(phase_status);
std::string_view to_string(overall_status);
std::optional<phase_status> phase_status_from_string(std::string_view);
std::optional<overall_status> overall_status_from_string(std::string_view);

/// Nothing more happens to the phase by itself in this execution.
bool is_terminal(phase_status);
/// The gate is open: dependents may start (approved, skipped).
bool is_open(phase_status);
/// Ended without opening the gate: dependents are blocked (failed, rejected, blocked, cancelled).
bool is_shut(phase_status);
/// A process may run for it (in_progress).
bool is_active(phase_status);

/// What happened. Numbers and names are persisted and never change.
enum class event_kind : std::uint8_t {
  execution_started = 0, ///< data: {mode, plan_hash, workspace, user, host, program, phases}
  execution_resumed = 1, ///< data: {plan_hash, plan_changed, imported, user, retried[]}
  execution_ended = 2,   ///< data: {status, exit_code, reason}
  phase_started = 3,     ///< data: {before: {output: fingerprint}} of the attempt
  task_started = 4,      ///< data: {pid, start_time}
  task_finished = 5,     ///< data: see core::finished_data
  phase_completed = 6,   ///< all tasks done; data: {outputs: [..]} is added by the approval
  phase_waiting = 7,     ///< waiting_approval; data: {reason, criteria[], digest}
  phase_approved = 8,    ///< data: {by, comment, override, criteria[], outputs[], digest}
  phase_rejected = 9,    ///< data: {by, reason}
  phase_retry_wait = 10, ///< data: {class, message, at, delay_ms, counted}
  phase_failed = 11,     ///< data: {class, message, task, criteria[], exit_code, log, tail}
  phase_blocked = 12,    ///< data: {by: phase id, reason}
  phase_unblocked = 13,  ///< back to pending; data: {reason}
  phase_skipped = 14,    ///< data: {by, reason}
  phase_cancelled = 15,  ///< data: {by, reason}
  phase_reset = 16, ///< to be run again, at a person's word or the engine's: back to pending; data:
                    ///< {by, reason}
  state_imported = 17, ///< a phase's state taken from execution_state.json; data: the phase object
  note = 18,           ///< something an operator should find later; data: {text, level}
  audit = 19, ///< what a person asked for; data: {by, role, from, command, outcome, done, ...}
  execution_paused = 20,   ///< nothing more is started; data: {by, reason, since_us if earlier}
  execution_continued = 21 ///< after a pause; data: {by, reason}
};
std::string_view to_string(event_kind);
std::optional<event_kind> event_kind_from_string(std::string_view);

/// One thing that happened in an execution. `seq` is 0 until the store has given it a number.
struct event {
  std::uint64_t seq = 0;
  std::int64_t time_us = 0; ///< Microseconds since the epoch, UTC.
  event_kind kind = event_kind::note;
  std::string phase;         ///< Empty for events of the whole execution.
  std::string task;          ///< Empty for events of the whole phase.
  std::uint32_t attempt = 0; ///< 1 for the first try.
  std::string data;          ///< A JSON object as text, or empty.

  bool operator==(const event&) const = default;
};

template <class Inspector>
bool inspect(Inspector& f, event& x) {
  return f.object(x).fields(f.field("seq", x.seq), f.field("time_us", x.time_us),
                            enum_field(f, "kind", x.kind, event_kind::execution_continued),
                            f.field("phase", x.phase), f.field("task", x.task),
                            f.field("attempt", x.attempt), f.field("data", x.data));
}

/// Who keeps a run from starting anything more.
struct pause_state {
  std::int64_t since_us = 0; ///< 0: nobody does.
  std::string by;
  std::string reason; ///< May be empty.
  bool operator==(const pause_state&) const = default;
};

template <class Inspector>
bool inspect(Inspector& f, pause_state& x) {
  return f.object(x).fields(f.field("since_us", x.since_us), f.field("by", x.by),
                            f.field("reason", x.reason));
}

/// One recorded error of a phase.
struct phase_error {
  std::int64_t time_us = 0;
  std::string cls; ///< An error_class by name.
  std::string message;
  std::string task;
  std::uint32_t attempt = 0;
  bool operator==(const phase_error&) const = default;
};

template <class Inspector>
bool inspect(Inspector& f, phase_error& x) {
  return f.object(x).fields(f.field("time_us", x.time_us), f.field("cls", x.cls),
                            f.field("message", x.message), f.field("task", x.task),
                            f.field("attempt", x.attempt));
}

/// What is known of one phase; follows from its events alone. Small: there may be 100,000.
struct phase_state {
  static constexpr std::size_t max_errors = 20;
  phase_status status = phase_status::pending;
  std::uint32_t attempt = 0;     ///< The running or last attempt; 0 = never started.
  std::uint32_t retry_count = 0; ///< Retries that counted against max_retries.
  std::int64_t started_us = 0;   ///< First start of the first attempt.
  std::int64_t attempt_us = 0;   ///< Start of the current attempt.
  std::int64_t ended_us = 0;     ///< When the status was reached; 0 while in_progress.
  std::int64_t retry_at_us = 0;  ///< retry_wait: not before.
  std::int64_t worked_us = 0;    ///< All attempts that have ended, together: see core::worked.
  bool criteria_met = false;
  std::vector<phase_error> errors;  ///< The newest max_errors that were recorded.
  std::uint32_t earlier_errors = 0; ///< Recorded before those; the event log has them.
  std::string detail; ///< JSON object: the last waiting/approved/failed/... event's data.
  std::string before; ///< JSON object: phase_started's fingerprints of the attempt.
  std::vector<std::string> done; ///< Ids of tasks that ended well in the current attempt.
  std::string metadata;          ///< JSON object: imported metadata, else empty.
  bool operator==(const phase_state&) const = default;
};

template <class Inspector>
bool inspect(Inspector& f, phase_state& x) {
  return f.object(x).fields(
      enum_field(f, "status", x.status, phase_status::cancelled), f.field("attempt", x.attempt),
      f.field("retry_count", x.retry_count), f.field("started_us", x.started_us),
      f.field("attempt_us", x.attempt_us), f.field("ended_us", x.ended_us),
      f.field("retry_at_us", x.retry_at_us), f.field("worked_us", x.worked_us),
      f.field("criteria_met", x.criteria_met), f.field("errors", x.errors),
      f.field("earlier_errors", x.earlier_errors), f.field("detail", x.detail),
      f.field("before", x.before), f.field("done", x.done), f.field("metadata", x.metadata));
}

} // namespace aeo

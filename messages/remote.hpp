#pragma once

// What crosses the wire between a node's gateway and remote nodes (aeo-monitor, aeo-control).
// Plain aggregates. A change of any of them, or of their type ids, raises remote_protocol.

#include "messages/enum_field.hpp"
#include "messages/execution.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo {

/// Compared before anything else is said.
inline constexpr std::uint32_t remote_protocol = 6;

/// What the holder of a credential may do. The numbers never change.
enum class access_role : std::uint8_t {
  viewer = 0,   ///< Look.
  operator_ = 1 ///< Look and act.
};
std::string_view to_string(access_role);
std::optional<access_role> access_role_from_string(std::string_view);

/// Who the node takes the asker for, and what it runs.
struct remote_welcome {
  std::string name; ///< Of the credential.
  access_role role = access_role::viewer;
  std::string program;   ///< "aeo-node 0.1.0".
  std::string execution; ///< UUID.
  std::string workspace; ///< Absolute, on the node's machine.
};

template <class Inspector>
bool inspect(Inspector& f, remote_welcome& x) {
  return f.object(x).fields(f.field("name", x.name),
                            enum_field(f, "role", x.role, access_role::operator_),
                            f.field("program", x.program), f.field("execution", x.execution),
                            f.field("workspace", x.workspace));
}

/// One phase as a monitor shows it.
struct phase_view {
  std::uint32_t place = 0; ///< In the plan.
  std::string id;
  std::string name;
  std::vector<std::uint32_t> dependencies; ///< Places in the plan.
  std::uint32_t tasks = 0;                 ///< In the plan.
  std::uint32_t done = 0;                  ///< That ended well in the current attempt.
  phase_status status = phase_status::pending;
  std::uint32_t attempt = 0;
  std::int64_t started_us = 0;  ///< First start; 0: never.
  std::int64_t attempt_us = 0;  ///< Start of the current attempt.
  std::int64_t ended_us = 0;    ///< When the status was reached; 0 while in_progress.
  std::int64_t retry_at_us = 0; ///< retry_wait: not before.
  std::int64_t typical_ms = 0;  ///< From earlier executions; 0: unknown.
  std::int64_t worked_us = 0;   ///< Of the attempts that have ended: see core::worked.
  std::string reason; ///< Of a status that needs one (waiting, failed, blocked, ...); one line.
  bool outcome_unknown = false; ///< waiting_approval: what its task did is to be found out.
  std::string overrider;        ///< failed: who alone may approve it all the same; empty: nobody.
  std::uint64_t seq = 0;        ///< The newest event that is in this row.
  friend bool operator==(const phase_view&, const phase_view&) = default;
};

template <class Inspector>
bool inspect(Inspector& f, phase_view& x) {
  return f.object(x).fields(
      f.field("place", x.place), f.field("id", x.id), f.field("name", x.name),
      f.field("dependencies", x.dependencies), f.field("tasks", x.tasks), f.field("done", x.done),
      enum_field(f, "status", x.status, phase_status::cancelled), f.field("attempt", x.attempt),
      f.field("started_us", x.started_us), f.field("attempt_us", x.attempt_us),
      f.field("ended_us", x.ended_us), f.field("retry_at_us", x.retry_at_us),
      f.field("typical_ms", x.typical_ms), f.field("worked_us", x.worked_us),
      f.field("reason", x.reason), f.field("outcome_unknown", x.outcome_unknown),
      f.field("overrider", x.overrider), f.field("seq", x.seq));
}

/// The run at one moment: what a monitor begins with, or goes on with when it fell behind. Of a
/// large plan some rows at a time: the next ones are asked for when these have come.
struct run_view {
  std::string execution; ///< UUID.
  std::string workspace; ///< Absolute, on the node's machine.
  overall_status overall = overall_status::pending;
  std::int64_t now_us = 0;     ///< The node's clock: times are told relative to it.
  std::int64_t started_us = 0; ///< Of the execution.
  std::uint64_t seq = 0;       ///< The newest event that is in the picture.
  bool paused = false;         ///< An operator paused the run.
  pause_state pause;           ///< Then: who, and since when.
  std::string chain_head;      ///< SHA-256 (hex) of the event log's newest row.
  std::uint32_t first = 0;     ///< Place of the first row in the plan.
  std::uint32_t total = 0;     ///< Phases of the plan.
  std::string packed;          ///< The rows on the wire: see io::unpack.
  std::vector<phase_view> phases;
  std::vector<event> recent; ///< The newest events, oldest first; with the first rows only.
};

template <class Inspector>
bool inspect(Inspector& f, run_view& x) {
  return f.object(x).fields(
      f.field("execution", x.execution), f.field("workspace", x.workspace),
      enum_field(f, "overall", x.overall, overall_status::cancelled), f.field("now_us", x.now_us),
      f.field("started_us", x.started_us), f.field("seq", x.seq), f.field("paused", x.paused),
      f.field("pause", x.pause), f.field("chain_head", x.chain_head), f.field("first", x.first),
      f.field("total", x.total), f.field("packed", x.packed), f.field("phases", x.phases),
      f.field("recent", x.recent));
}

/// In one page.
inline constexpr std::size_t most_changes = 64;

/// What became of the run since an earlier moment, for who draws it: whoever knows all before the
/// change has all up to `seq` with it. Made and packed once for all who ask.
struct run_change {
  std::uint64_t seq = 0; ///< The newest event that is in it.
  overall_status overall = overall_status::pending;
  bool paused = false;
  std::string packed;             ///< The rows on the wire: see io::unpack.
  std::vector<phase_view> phases; ///< Without what the plan alone decides (id, name, ...).
};

template <class Inspector>
bool inspect(Inspector& f, run_change& x) {
  return f.object(x).fields(
      f.field("seq", x.seq), enum_field(f, "overall", x.overall, overall_status::cancelled),
      f.field("paused", x.paused), f.field("packed", x.packed), f.field("phases", x.phases));
}

/// The events that an asker lacks, as many as fit. One page is in flight per asker: asking for the
/// next one is its credit, so who does not ask costs nothing and slows nobody.
struct event_page {
  /// Parts of the event log in order, each packed once for all who ask; the first one may begin
  /// before the asked number: see io::unpack.
  std::vector<std::string> packed;
  /// In order, without gaps, from there or the asked number on; beside changes the newest that are
  /// in them, to be told as news.
  std::vector<event> events;
  /// Instead of many events, for who draws: in order, the first one from the asked number on or
  /// before.
  std::vector<run_change> changes;
  std::uint64_t head = 0;  ///< The newest event there is.
  std::int64_t now_us = 0; ///< The node's clock.
  bool ended = false;      ///< The node is leaving: nothing will come after `head`.
};

/// Of who draws a picture, where no changes reach back that far: a new view costs less than all
/// the events that it lacks. The node sends it an empty page then, whose `head` says so.
constexpr bool is_far_behind(std::uint64_t lacking, std::size_t phases) {
  constexpr std::uint64_t at_least = 5000;
  constexpr std::uint64_t per_phase = 2;
  return lacking > at_least && lacking > per_phase * phases;
}

template <class Inspector>
bool inspect(Inspector& f, event_page& x) {
  return f.object(x).fields(f.field("packed", x.packed), f.field("events", x.events),
                            f.field("changes", x.changes), f.field("head", x.head),
                            f.field("now_us", x.now_us), f.field("ended", x.ended));
}

/// What an operator may ask for. The numbers never change.
enum class control_command : std::uint8_t {
  approve = 0,
  reject = 1,
  retry = 2,
  skip = 3,
  cancel = 4,
  pause = 5,
  resume = 6
};
std::string_view to_string(control_command);

struct control_request {
  std::string token;
  control_command command = control_command::approve;
  std::string phase;  ///< Empty: the whole run (cancel, pause, resume).
  std::string reason; ///< Or comment.
  std::string digest; ///< approve: of what was reviewed; empty: of what the gate was judged by.
  bool override_criteria = false; ///< approve: although criteria failed.
  bool downstream = false;        ///< retry: also the phases that depend on it.
  bool force = false;             ///< retry: although the phase is approved.
};

template <class Inspector>
bool inspect(Inspector& f, control_request& x) {
  return f.object(x).fields(f.field("token", x.token),
                            enum_field(f, "command", x.command, control_command::resume),
                            f.field("phase", x.phase), f.field("reason", x.reason),
                            f.field("digest", x.digest), f.field("override", x.override_criteria),
                            f.field("downstream", x.downstream), f.field("force", x.force));
}

/// What a named person wants, as the gateway passes it on.
struct operator_decision {
  control_request request; ///< Without the token.
  std::string by;
  access_role role = access_role::viewer;
  std::string from; ///< Address of the peer.
};

template <class Inspector>
bool inspect(Inspector& f, operator_decision& x) {
  return f.object(x).fields(f.field("request", x.request), f.field("by", x.by),
                            enum_field(f, "role", x.role, access_role::operator_),
                            f.field("from", x.from));
}

/// Which log, and from where on.
struct log_request {
  std::string phase;
  std::string task;          ///< Empty: the one that started last.
  std::uint32_t attempt = 0; ///< 0: the last.
  std::uint64_t offset = 0;  ///< Bytes.
};

template <class Inspector>
bool inspect(Inspector& f, log_request& x) {
  return f.object(x).fields(f.field("phase", x.phase), f.field("task", x.task),
                            f.field("attempt", x.attempt), f.field("offset", x.offset));
}

/// A part of a task's log.
struct log_page {
  std::string task;
  std::uint32_t attempt = 0;
  std::string text;       ///< Secrets masked.
  std::uint64_t next = 0; ///< Where to go on reading, in bytes of the file.
  bool complete = false;  ///< The task has ended and this is all of it.
};

template <class Inspector>
bool inspect(Inspector& f, log_page& x) {
  return f.object(x).fields(f.field("task", x.task), f.field("attempt", x.attempt),
                            f.field("text", x.text), f.field("next", x.next),
                            f.field("complete", x.complete));
}

} // namespace aeo

#pragma once

// The state of an execution as it follows from its events: `apply` is the only code that changes
// it, used by the state actor while events happen and by a resume that reads them back.

#include "actors/core/phase_table.hpp"
#include "config/plan.hpp"
#include "messages/execution.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace aeo::core {

struct execution_state {
  std::string id; ///< UUID.
  std::int64_t started_us = 0;
  std::int64_t updated_us = 0;
  /// Since when no phase has changed and it has ended; not in execution_state.json. 0: it goes on.
  std::int64_t ended_us = 0;
  overall_status overall = overall_status::pending;
  pause_state pause; ///< While it is paused; not in execution_state.json.
  std::uint64_t last_seq = 0;
  std::string started_by; ///< user@host
  std::string chain_head; ///< Of the event log at last_seq (hex); empty: not known.
  phase_table phases;     ///< By phase_index.
  bool operator==(const execution_state&) const = default;
};

/// Finds phases by id; built once per plan, whose ids it borrows. Copies share what was built.
class phase_lookup {
public:
  explicit phase_lookup(const plan&);
  /// npos when the plan has no such phase.
  phase_index operator()(std::string_view id) const;
  static constexpr phase_index npos = 0xffffffff;

private:
  std::shared_ptr<const std::unordered_map<std::string_view, phase_index>> index_;
};

/// True when `from` -> `to` is an arrow of the drawing at phase_status, or one of these:
/// - completed, waiting_approval -> failed: the criteria were judged (again, after a resume).
/// - in_progress -> waiting_approval: a lost outcome that a person must judge (`on_crash: ask`).
/// - waiting_approval -> waiting_approval: asked again, or a further voice of a quorum.
/// - completed -> retry_wait: a criteria command was lost.
/// - anything -> pending: given back by a stopping node, unblocked, or reset by a person.
/// - anything that is not running or open -> skipped.
bool can_transition(phase_status from, phase_status to);

/// The status that an event leads to, if it is one that changes a status.
std::optional<phase_status> status_after(event_kind);

/// Changes the state by one event. False, with the state untouched, when the event names an unknown
/// phase or an arrow that does not exist: the caller refuses it (or, reading back, reports damage).
bool apply(execution_state&, const phase_lookup&, const event&);

/// overall_status from the phases alone (nothing runs: what became of it).
overall_status conclude(const execution_state&);

} // namespace aeo::core

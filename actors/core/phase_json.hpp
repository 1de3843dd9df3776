#pragma once

// A phase as execution_state.json shows it and as the event state_imported carries it:
//
//   {"status", "started_at", "completed_at", "approved", "approval_criteria_met", "outputs": [],
//    "errors": [{"message", "timestamp", "class", "task", "attempt"}], "retry_count",
//    "metadata": {..., "aeo": {"attempt", "attempt_us", "ended_us", "retry_at_us", "done",
//    "before",
//                              "detail"}}}
//
// `metadata` holds what another tool wrote there, plus our member "aeo" with what the other keys
// cannot say; a phase with it is ours and comes back exactly. Without it another tool wrote it:
//
//   status there                        approved  becomes
//   approved, completed                 true      approved
//   approved                            (absent)  approved
//   approved                            false     pending: it contradicts itself
//   completed, waiting_approval         not true  pending: its outputs cannot be shown to be fresh
//   in_progress, retry_wait, blocked    any       pending: what ran there is not known here
//   pending, failed, rejected, skipped, any       the same; approved true is ignored with a warning
//   cancelled
//
// Letters may be upper or lower case; any other status is a problem.

#include "messages/execution.hpp"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::core {

/// Appends the phase as one line of JSON. Text that is not UTF-8 gets replacement characters.
void append_json(std::string& out, const phase_state&);

/// A phase read from JSON.
struct imported_phase {
  std::optional<phase_state> state;  ///< Empty when there is a problem.
  std::string problem;               ///< What is wrong and what was expected.
  std::vector<std::string> warnings; ///< What was understood differently than it was written.
};

imported_phase parse_phase(std::string_view text);
/// ordered_json, so that what is kept as text (metadata, outputs) keeps its order.
imported_phase phase_from_json(const nlohmann::ordered_json& object);

/// The text of a member of a valid JSON object, without parsing it: "" when there is none.
std::string_view raw_member(std::string_view object, std::string_view key);

} // namespace aeo::core

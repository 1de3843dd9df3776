#pragma once

#include "actors/core/execution_state.hpp"
#include "messages/remote.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::core {

/// The run as remote nodes see it, but for `workspace` and `recent`: rows from `first` on, about
/// `max_bytes` of them and at least one. `typical_ms` by phase, 0 unknown; may be empty.
run_view make_run_view(const plan&, const execution_state&,
                       const std::vector<std::int64_t>& typical_ms, std::int64_t now_us,
                       phase_index first, std::size_t max_bytes);

/// The rows of these phases as they are now.
run_change make_run_change(const plan&, const execution_state&,
                           const std::vector<phase_index>& changed);
/// Bytes that its rows take before they are packed, about.
std::size_t size_of(const run_change&);

/// As core::worked of a report: how long the phase's attempts took together, the one that runs
/// included. Nullopt: nothing was measured.
std::optional<duration> worked(const phase_view&, std::int64_t now_us);

/// Why a phase is as it is, in one line: from the data of the event that made it so (phase_state's
/// detail). Empty where the status says all there is to say.
std::string reason_of(phase_status, std::string_view data);
/// Of the status that the event leads to; empty when it leads to none.
std::string reason_of(const event&);

} // namespace aeo::core

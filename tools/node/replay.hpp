#pragma once

// What the event log says of the execution before: read on a resume, and by a dry run.

#include "actors/core/execution_state.hpp"
#include "actors/core/run_history.hpp"
#include "actors/io/store.hpp"
#include "actors/phase.hpp"
#include "tools/node/options.hpp"

#include <caf/expected.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>

namespace aeo::node {

/// What the stored events of an execution give.
struct replay {
  io::execution_row row;
  core::execution_state state;
  std::map<phase_index, phase_origin> attempts; ///< Tasks of the attempt that was under way.
  std::size_t unknown = 0;                      ///< Events of phases that the plan does not have.
  std::optional<event> paused; ///< When a person paused it and nobody let it go on since.

  /// Nothing is left for a --resume.
  bool is_finished() const;
};

/// Applies the events of `r.row.id` to `r` (and to `history` if given), whose phases are those of
/// the plan. ec::corrupt_state, ec::storage_failed.
caf::error replay_events(io::event_store&, const core::phase_lookup&, replay& r,
                         core::run_history* history);

/// The unfinished execution as it is stored, without changing anything: for a dry run. Null when
/// there is none.
caf::expected<std::shared_ptr<const core::execution_state>> peek_state(const options&, const plan&);

/// consolidation/execution.db of the workspace.
std::filesystem::path database_file(const options&);

} // namespace aeo::node

#pragma once

// What happens before the first actor: reads the configuration, takes the workspace, and decides
// from what is stored there which execution runs and where it goes on.

#include "actors/core/execution_state.hpp"
#include "actors/core/run_history.hpp"
#include "actors/core/secret_mask.hpp"
#include "actors/io/store.hpp"
#include "actors/io/workspace_lock.hpp"
#include "actors/phase.hpp"
#include "config/config.hpp"
#include "tools/node/options.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace aeo::node {

/// Why nothing was run.
struct refusal {
  int exit_code = 70;
  std::string text; ///< Lines for the operator: what is wrong and what to do.
};

/// A configuration that was read without a mistake.
struct configuration {
  std::shared_ptr<const plan> the_plan;
  std::vector<std::string> warnings;
  env_list
      environment; ///< Of all tasks: this process's, the .env files', the programs' folder in PATH.
  core::secret_mask mask;
  std::string github_token; ///< Secret.
  std::string github_api_url;
};

std::variant<configuration, refusal> read_configuration(const options&);

/// An execution that is ready to go on.
struct session {
  io::workspace_lock lock;
  std::unique_ptr<io::event_store> store;
  context_ptr context;
  std::shared_ptr<core::execution_state> state;
  std::int64_t log_until_us = 0; ///< The newest event before the first ones; 0: there is none.
  std::unique_ptr<core::run_history> history;
  std::map<phase_index, phase_origin> origins; ///< Phases that were under way.
  std::set<phase_index> redefined;             ///< By an accepted change of the plan.
  std::vector<bool> selected;                  ///< As in supervisor_deps.
  std::vector<std::string> notes;              ///< For the operator: what was decided.
};

/// Takes the lock, opens the store, applies --resume, --fresh, --from, --only and
/// --accept-plan-change, and stores the execution's first events.
std::variant<session, refusal> open_session(const options&, const configuration&);

} // namespace aeo::node

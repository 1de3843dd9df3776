#pragma once

#include "actors/core/execution_state.hpp"
#include "config/plan.hpp"
#include "messages/actors.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace aeo {

/// What the actors of one execution share; nothing in it changes while they run.
struct run_context {
  std::shared_ptr<const plan> the_plan;
  std::string execution;           ///< UUID.
  std::filesystem::path workspace; ///< Absolute.
  std::filesystem::path config;    ///< The folder of the configuration, absolute; empty: unknown.
  std::string started_by;          ///< user@host
  /// The time of day: microseconds since the epoch, UTC. For what is told, and for deadlines that
  /// people named. Injected, as the next one is, so that tests own the time.
  std::function<std::int64_t()> now_us;
  /// Microseconds since some moment before the node's start. For all that lasts or waits: whoever
  /// sets the time of day changes nothing here.
  std::function<std::int64_t()> steady_us;

  std::shared_ptr<const core::phase_lookup> lookup; ///< Of the_plan.

  /// What a task finds in its environment besides its own variables.
  env_list task_variables(const task_key& key) const {
    env_list out{{"AEO_PHASE", key.phase},
                 {"AEO_TASK", key.task},
                 {"AEO_ATTEMPT", std::to_string(key.attempt)}};
    if (!config.empty())
      out.emplace_back("AEO_CONFIG_DIR", config.string());
    return out;
  }

  const phase_def& phase(phase_index i) const { return the_plan->phases[i]; }
  /// An event of a whole phase, as of now.
  event event_of(event_kind kind, phase_index i, std::string data) const {
    return {.time_us = now_us(),
            .kind = kind,
            .phase = phase(i).id,
            .task = {},
            .data = std::move(data)};
  }
};

using context_ptr = std::shared_ptr<const run_context>;

} // namespace aeo

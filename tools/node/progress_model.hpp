#pragma once

// Where a running execution stands, as far as the console draws it: a few bytes per phase.

#include "actors/core/execution_state.hpp"
#include "actors/core/report.hpp"
#include "messages/execution.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace aeo::node {

class progress_model {
public:
  struct phase_view {
    phase_status status = phase_status::pending;
    std::uint32_t attempt = 0;
    std::uint32_t tasks_done = 0; ///< In the current attempt.
    task_index task = 0;          ///< The one that started last.
    std::int64_t started_us = 0;  ///< First attempt, in this execution.
    std::int64_t attempt_us = 0;  ///< Current attempt.
    std::int64_t retry_at_us = 0;
    std::int64_t worked_us = 0; ///< Of the attempts that have ended: see core::worked.
  };
  using by_time = std::set<std::pair<std::int64_t, phase_index>>;

  /// `expected`: durations by phase, 0 unknown; may be empty.
  progress_model(std::shared_ptr<const plan>, std::vector<duration> expected);

  void begin(const core::execution_state&);
  void apply(const event&);
  /// npos for events of the whole execution or an unknown phase.
  phase_index find(const event& e) const;

  const plan& definition() const { return *plan_; }
  const phase_view& operator[](phase_index i) const { return phases_[i]; }
  const core::progress_counts& counts() const { return counts_; }
  const by_time& running() const { return running_; }   ///< By start of the attempt.
  const by_time& waiting() const { return waiting_; }   ///< For a person, since.
  const by_time& retrying() const { return retrying_; } ///< By the time of the retry.
  std::int64_t started_us() const { return started_us_; }
  bool paused() const { return paused_; }

  /// Time left if nothing fails: from history where every phase left has one, else from the pace
  /// so far; nullopt where neither says anything or a person is waited for.
  std::optional<duration> eta(std::int64_t now_us) const;

private:
  void set_status(phase_index, phase_status, std::int64_t time_us);
  void unlist(phase_index);
  std::optional<duration> eta_by_history(std::int64_t now_us) const;

  std::shared_ptr<const plan> plan_;
  core::phase_lookup lookup_;
  std::vector<duration> expected_;
  std::vector<phase_index> order_; ///< Dependencies first; only with history.
  std::vector<phase_view> phases_;
  core::progress_counts counts_;
  by_time running_;
  by_time waiting_;
  by_time retrying_;
  std::int64_t started_us_ = 0;
  std::int64_t session_us_ = 0;  ///< When this node began.
  std::size_t session_done_ = 0; ///< Gates that were open then.
  bool paused_ = false;
};

} // namespace aeo::node

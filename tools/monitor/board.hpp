#pragma once

// What a monitor knows of a run: the picture it began with, and the events since. Like
// node/progress_model, but without a plan: everything comes over the wire.

#include "actors/core/report.hpp"
#include "messages/remote.hpp"
#include "tools/monitor/event_line.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace aeo::monitor {

/// Never negative; 0 when the first is 0: it has not happened.
duration time_between(std::int64_t from_us, std::int64_t to_us);

/// A phase's place in the plan's order.
using place = std::uint32_t;

/// How soon a person should look at a phase; the order of a list that does not fit on the screen.
/// Statuses in their order of urgency; a phase that is blocked by what it lacks itself, not by
/// another phase, counts as stuck.
enum class urgency : std::uint8_t {
  failed,
  rejected,
  stuck,
  waiting, ///< For a person; all up to here need one.
  running,
  retrying,
  judged, ///< completed: the criteria are being checked.
  pending,
  blocked,
  cancelled,
  skipped,
  approved
};
inline constexpr std::size_t urgency_levels = 12;

/// Not thread-safe. Owns copies of all it was told. All times are the node's, in microseconds
/// since the epoch, unless they are called local.
class board {
public:
  static constexpr std::size_t recent_limit = 200;

  /// Forgets everything and begins with this. `local_us`: the monitor's clock, now. What makes no
  /// sense in the view (a dependency that does not exist) is left out.
  void begin(run_view, std::int64_t local_us);
  /// Takes events in order, or changes; what is known already is passed over. False: there is a gap
  /// (or no beginning), nothing behind it was taken, and the caller asks for a new run_view.
  [[nodiscard]] bool apply(const event_page&, std::int64_t local_us);

  bool has_begun() const { return begun_; }
  /// The node said that nothing will follow.
  bool has_ended() const { return ended_; }
  std::uint64_t seq() const { return run_.seq; } ///< The newest event taken.
  const std::string& execution() const { return run_.execution; }
  const std::string& workspace() const { return run_.workspace; }
  overall_status overall() const { return core::called(run_.overall, counts_); }
  bool is_paused() const { return run_.paused || run_.overall == overall_status::paused; }
  std::int64_t started_us() const { return run_.started_us; }
  std::int64_t ended_us() const { return ended_us_; } ///< Of the execution; 0: it goes on.

  /// What the node's clock shows when the monitor's shows `local_us`.
  std::int64_t node_time(std::int64_t local_us) const { return local_us + offset_us_; }
  /// What it showed when the monitor last heard of it.
  std::int64_t heard_us() const { return heard_us_; }

  const std::vector<phase_view>& phases() const { return run_.phases; }
  std::optional<place> find(const std::string& id) const;
  const core::progress_counts& counts() const { return counts_; }
  /// The newest lines, oldest first.
  const std::deque<event_line>& recent() const { return recent_; }

  /// All phases, the most urgent first, those of one urgency in the plan's order.
  std::span<const place> by_urgency() const { return order_; }
  std::span<const place> of(urgency) const;
  /// Those that cannot go on without a person: failed to waiting.
  std::span<const place> needing_person() const;
  /// The phase's dependencies whose gate is not open.
  std::vector<place> awaited(place) const;
  /// Of a blocked phase: who is to blame, found through other blocked phases; at most 8.
  std::vector<place> culprits(place) const;
  /// The task that started last in a running phase; empty: not known.
  const std::string& running_task(place) const;

  /// Time left if nothing fails: along the dependencies where every phase left has a typical
  /// duration, else from the pace so far; nullopt where neither says anything, nothing is left, or
  /// a person is waited for.
  std::optional<duration> eta(std::int64_t now_us) const;
  /// Of a running phase: its typical duration less what has passed; negative when it is late.
  std::optional<duration> eta(place, std::int64_t now_us) const;

private:
  void hear(std::int64_t node_us, std::int64_t local_us);
  void clean();
  void sort_dependencies_first();
  bool take_events(const event_page&);
  void take_changes(const event_page&);
  void take(const phase_view&);
  void take(const event&);
  void take_of_run(const event&);
  void take_task(place, const event&);
  void set_status(place, phase_status, const event&);
  void import_state(place, const event&);
  void remember(std::span<const event>);
  void add_line(event_line);
  duration took(const event&) const;
  void sort_by_urgency();
  urgency urgency_of(place) const;
  bool has_ready_phases() const;
  std::optional<duration> eta_by_history(std::int64_t now_us) const;
  std::optional<duration> eta_by_pace(std::int64_t now_us) const;

  run_view run_; ///< `recent` is empty here.
  std::unordered_map<std::string, place> index_;
  std::vector<place> dependencies_first_; ///< Shorter than the plan when that has a cycle.
  std::vector<place> order_;
  std::array<std::size_t, urgency_levels + 1> begin_{}; ///< Where each urgency starts in order_.
  core::progress_counts counts_;
  std::deque<event_line> recent_;
  std::unordered_map<place, std::string> tasks_; ///< Of running phases.
  std::size_t peak_ = 0;                         ///< The most phases seen running at once.
  std::int64_t session_us_ = 0;                  ///< When this node began, as far as known.
  std::size_t session_done_ = 0;                 ///< Gates that opened since.
  std::int64_t ended_us_ = 0;
  std::int64_t heard_us_ = 0;
  std::int64_t offset_us_ = 0;
  bool begun_ = false;
  bool ended_ = false;
  bool order_is_old_ = false;
};

} // namespace aeo::monitor

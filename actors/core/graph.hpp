#pragma once

// The dependency graph: which phases become ready when a gate opens.

#include "config/plan.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace aeo::core {

/// Counts open gates. The plan must be valid (no cycles, no index out of range; a phase of a cycle
/// would never be ready). All lists are in the order of phase_index, which is the natural order of
/// ids. Memory: 12.125 bytes per phase, 4 per dependency.
class ready_graph {
public:
  explicit ready_graph(const plan&);

  std::size_t size() const { return missing_.size(); }
  /// Phases without dependencies.
  std::vector<phase_index> initial() const;
  /// Phases whose dependencies are all open and whose own gate is not.
  std::vector<phase_index> ready() const;
  bool is_ready(phase_index p) const { return missing_[p] == 0 && !open_[p]; }
  bool is_open(phase_index p) const { return open_[p]; }

  /// The gate of `p` opens (approved or skipped): the dependents that became ready by it, those
  /// that are open themselves left out. A second call changes nothing and returns nothing.
  std::vector<phase_index> open(phase_index p);
  /// The gate shuts again (the phase is to be run again): dependents wait for it once more.
  void shut(phase_index p);

  std::span<const phase_index> dependents(phase_index) const;
  /// All phases that depend on `p`, directly or not, without `p`.
  std::vector<phase_index> downstream(phase_index p) const;
  /// Level 0 has no dependencies, level n depends on at least one of level n-1.
  std::vector<std::vector<phase_index>> levels() const;

  struct path {
    std::vector<phase_index> phases;
    duration total{0};
  };
  /// The chain of dependent phases with the greatest sum of durations; of equals, the one with
  /// the lower indices at its end.
  path critical_path(const std::function<duration(phase_index)>& duration_of) const;

private:
  /// Every phase after its dependencies, level by level.
  std::vector<phase_index> order() const;

  std::vector<std::uint32_t> degree_;   ///< Dependencies of each phase.
  std::vector<std::uint32_t> missing_;  ///< Those of them that are not open.
  std::vector<std::uint32_t> begin_;    ///< Where its dependents begin; one more than phases.
  std::vector<phase_index> dependents_; ///< Compressed rows.
  std::vector<bool> open_;
};

} // namespace aeo::core

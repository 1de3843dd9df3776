#pragma once

#include "config/plan.hpp"
#include "messages/remote.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace aeo::io {

/// The newest changes of a run without gaps, 256 KiB of them: what who draws the run is told
/// instead of thousands of events. Not thread-safe.
class change_tail {
public:
  static constexpr std::size_t page_bytes = std::size_t{64} * 1024; ///< Unless one is larger.
  static constexpr std::size_t most_bytes = std::size_t{256} * 1024;

  /// `head`: number of the newest event before.
  explicit change_tail(std::size_t phases = 0, std::uint64_t head = 0);

  /// An event of the phase.
  void note(phase_index, std::uint64_t seq);
  /// All that had an event behind number `known`, which is `since()` or more.
  std::vector<phase_index> changed_behind(std::uint64_t known) const;

  bool empty() const { return all_.empty(); }
  /// Up to where somebody must know the run to be told what changed: the number of an event.
  std::uint64_t since() const { return all_.empty() ? first_ : all_.front().behind; }
  /// The newest event that a change has; 0: there is no change.
  std::uint64_t newest() const { return all_.empty() ? 0 : all_.back().change.seq; }

  /// Of what changed behind newest(), or, as the first one, behind any event that is not before
  /// since(). Takes the rows packed.
  void add(run_change, std::uint64_t behind);
  /// As many as one page takes for who knows all up to `known`, since() or later.
  std::vector<run_change> from(std::uint64_t known) const;
  /// Forgets all changes; the next one is of what changed behind this number.
  void begin(std::uint64_t known);

private:
  struct part {
    std::uint64_t behind = 0;
    run_change change;
  };

  std::vector<std::uint64_t> newest_of_; ///< By phase; 0: none.
  std::uint64_t first_ = 0;              ///< What came before is not known here.
  std::deque<part> all_;
  std::size_t bytes_ = 0;
};

} // namespace aeo::io

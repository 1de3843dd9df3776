#pragma once

#include "messages/remote.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace aeo::io {

/// Bytes that an event takes, about.
inline std::size_t size_of(const event& e) {
  return sizeof(event) + e.phase.size() + e.task.size() + e.data.size();
}

/// The newest events of a run, without gaps: about 35,000, which take 256 KiB. Full parts are
/// packed, once for all who ask; an event takes about 7 bytes then, and packing it 0.3 us.
class event_tail {
public:
  static constexpr std::size_t part_events = 500;
  static constexpr std::size_t part_bytes = std::size_t{256} * 1024;
  static constexpr std::size_t page_bytes = std::size_t{40} * 1024; ///< Unless one part is larger.
  static constexpr std::size_t most_bytes = std::size_t{256} * 1024;
  static constexpr std::size_t most_newest = 50;

  /// `head`: number of the newest event before.
  explicit event_tail(std::uint64_t head = 0) : head_(head) {}

  void add(const event&);
  std::uint64_t head() const { return head_; }
  /// Number of the oldest event that is here; head() + 1 when none is.
  std::uint64_t oldest() const;

  struct some {
    event_page page;        ///< But for the clock and `ended`.
    std::uint64_t last = 0; ///< The newest event in it.
  };
  /// The events from number `from` on, oldest() to head(), as many as one page takes. Full parts
  /// come alone: what is added now goes with a later page, packed or as it is when it is little.
  some from(std::uint64_t from);
  /// A page without events.
  some nothing() const;
  const std::deque<event>& newest() const { return newest_; }

private:
  struct part {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::string packed;
  };
  void close_part();
  void forget_old();

  std::uint64_t head_ = 0;
  std::deque<part> full_;
  std::vector<event> open_;    ///< Not packed yet.
  std::size_t open_bytes_ = 0; ///< Of open_.
  std::size_t bytes_ = 0;      ///< Of full_.
  std::deque<event> newest_;
};

} // namespace aeo::io

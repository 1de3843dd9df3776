#pragma once

#include "actors/context.hpp"

#include <caf/typed_response_promise.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace aeo {

/// How much one page of events carries, unless its first event alone is larger.
inline constexpr std::size_t page_events = 500;
inline constexpr std::size_t page_bytes = std::size_t{64} * 1024;

/// Bytes that an event takes, about.
inline std::size_t size_of(const event& e) {
  return sizeof(event) + e.phase.size() + e.task.size() + e.data.size();
}

/// The newest events, and who waits for the next one. Whoever asks for older ones gets them from
/// the archive. Who does not ask costs nothing.
struct feed_state {
  static inline const char* name = "feed";

  struct asker {
    std::uint64_t from = 0;
    caf::actor_addr who;
    caf::typed_response_promise<event_page> promise;
  };

  feed_actor::pointer self = nullptr;
  context_ptr context;
  state_actor store;
  archive_actor archive;
  std::optional<phase_durations> typical_ms; ///< Once the archive was asked.
  std::deque<event> recent;                  ///< Without gaps, the newest last.
  std::size_t bytes = 0;                     ///< Of `recent`.
  std::uint64_t head = 0;                    ///< Number of the newest event.
  std::deque<asker> askers;                  ///< Oldest first.
  /// Who follows the run, and when it asked last: to be told of its end.
  std::map<caf::actor_addr, std::int64_t> followers;
  std::vector<caf::typed_response_promise<void>> finishing;
  bool ended = false;

  void hear(const event_batch&);
  caf::result<run_view> view(phase_index first);
  caf::result<event_page> next(std::uint64_t from);
  caf::result<void> finish();

private:
  void answer_view(phase_index first, caf::typed_response_promise<run_view>);
  event_page told(const caf::actor_addr& who, event_page page);
  void leave_after(caf::timespan);
  void forget_gone();
  void forget_old();
  event_page page_from(std::uint64_t from) const;
  event_page empty_page() const;
};

/// `head` is the number of the newest event that was stored before.
feed_actor::behavior_type feed(feed_actor::stateful_pointer<feed_state> self, context_ptr context,
                               state_actor store, archive_actor archive, std::uint64_t head);

} // namespace aeo

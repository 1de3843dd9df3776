#pragma once

#include "actors/context.hpp"
#include "actors/io/change_tail.hpp"
#include "actors/io/event_tail.hpp"

#include <caf/typed_response_promise.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace aeo {

/// A limited number a second, for all askers together; after a quiet while some at once. Where few
/// look on nobody notices; many share what the run can spare.
class pace {
public:
  constexpr pace(std::int64_t each_us, std::int64_t at_once_us)
      : each_us_(each_us), at_once_us_(at_once_us) {}

  /// True: go on, it is counted.
  bool allows(std::int64_t now_us);

private:
  std::int64_t each_us_;
  std::int64_t at_once_us_;
  std::int64_t paid_until_us_ = 0;
};

/// Of answers with news: 50 a second, 100 at once. Ten look on as often as a terminal shows; of
/// 200, each every four seconds.
inline constexpr std::int64_t answer_us = 20'000;
inline constexpr std::int64_t answers_at_once_us = 2'000'000;
/// Of pictures of the run: one a second, 10 at once.
inline constexpr std::int64_t picture_us = 1'000'000;
inline constexpr std::int64_t pictures_at_once_us = 10'000'000;

/// Who draws and lacks more events than that is told what changed instead.
inline constexpr std::uint64_t most_events_drawn = 200;
/// Between changes.
inline constexpr std::int64_t change_us = 250'000;

/// The newest events, and who waits for the next one. Whoever asks for older ones gets them from
/// the archive. Who does not ask costs nothing.
struct feed_state {
  static inline const char* name = "feed";

  struct asker {
    std::uint64_t from = 0;
    bool draws = false; ///< Wants the run as it is, rather than each event.
    std::int64_t not_before_us = 0;
    caf::actor_addr who;
    caf::typed_response_promise<event_page> promise;
  };
  struct follower {
    std::int64_t asked_us = 0;
    std::int64_t told_us = 0;
  };
  /// The run at one moment; in a rush for all who ask soon after.
  struct picture {
    std::int64_t made_us = 0;
    snapshot_ptr state;
    struct part {
      run_view view;
      phase_index next = 0; ///< The first row that is not in it.
    };
    std::map<phase_index, part> parts; ///< By first row.
  };

  feed_actor::pointer self = nullptr;
  context_ptr context;
  state_actor store;
  archive_actor archive;
  std::optional<phase_durations> typical_ms; ///< Once the archive was asked.
  io::event_tail tail;
  io::change_tail changes;
  std::deque<event> news;      ///< The newest events when the newest change was made.
  std::int64_t changed_us = 0; ///< When it was looked last for what changed; 0: never.
  bool changing = false;       ///< The store is being asked.
  picture latest;
  std::deque<asker> askers; ///< Oldest first.
  pace answers{answer_us, answers_at_once_us};
  pace pictures{picture_us, pictures_at_once_us};
  bool has_timer = false;
  std::map<caf::actor_addr, follower> followers; ///< Of the run: to be told of its end.
  std::vector<caf::typed_response_promise<void>> finishing;
  bool ended = false;

  void hear(const event_batch&);
  caf::result<run_view> view(phase_index first);
  caf::result<event_page> next(std::uint64_t from, std::uint32_t interval_ms);
  caf::result<void> finish();
  void gone(const caf::actor_addr& who);

private:
  void answer_view(phase_index first, caf::typed_response_promise<run_view>);
  run_view part_of_latest(phase_index first);
  bool goes_on_from_a_part(phase_index first) const;
  void serve();
  /// What can be done now for who has waited for news.
  enum class turn { answer, wait, change };
  turn turn_of(const asker&, std::int64_t now_us) const;
  bool draws_changes(bool draws, std::uint64_t from) const;
  void take_change();
  void heard_state(const core::execution_state&);
  void tell_events();
  void answer(asker&&);
  bool is_history(bool draws, std::uint64_t from) const;
  bool wants_a_view(bool draws, std::uint64_t from) const;
  event_page page_for(const asker&);
  void leave_after(caf::timespan);
  void forget_gone();
};

/// `head` is the number of the newest event that was stored before.
feed_actor::behavior_type feed(feed_actor::stateful_pointer<feed_state> self, context_ptr context,
                               state_actor store, archive_actor archive, std::uint64_t head);

} // namespace aeo

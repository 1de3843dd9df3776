#pragma once

#include "actors/context.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo {

/// The single writer. Group commit: while one commit is in flight, and after one of many events
/// until `commit_interval` after its beginning, further events gather and go in the next. Listeners
/// and askers hear of events after their commit, in the order of the store. A failed commit is
/// tried again until it succeeds; meanwhile the supervisor is told.
struct state_state {
  static inline const char* name = "state";

  /// Plans up to this size have execution_state.json rewritten at every commit.
  static constexpr std::size_t small_plan = 200;

  state_actor::pointer self = nullptr;
  context_ptr context;
  writer_actor store;
  supervisor_actor boss;
  std::function<std::string(std::string_view)> mask; ///< Null: nothing is secret.

  core::execution_state current; ///< As of the last commit.
  snapshot_ptr copy;             ///< Of `current`, if somebody has asked since.
  struct accepted_phase {
    phase_status status = phase_status::pending;
    std::uint32_t attempt = 0;
  };
  std::vector<accepted_phase> accepted; ///< As of the last event taken, by phase_index.

  event_batch gathered;
  std::vector<caf::typed_response_promise<void>> gathered_promises;
  event_batch in_flight;
  std::vector<caf::typed_response_promise<void>> in_flight_promises;
  bool committing = false;
  std::chrono::microseconds commit_interval{};
  std::int64_t last_commit_us = 0;  ///< When it was begun.
  std::size_t last_commit_size = 0; ///< Its number of events.
  bool commit_timer = false;
  std::vector<event_listener_actor> listeners;

  /// Why storing fails; empty while it works. The supervisor hears when both are empty again.
  std::string commit_trouble;
  std::string save_trouble;

  std::optional<std::int64_t> day_us; ///< When the steady clock was at 0, as of the last event.

  bool dirty = false; ///< execution_state.json is older than `current`.
  bool saving = false;
  bool save_timer = false;
  std::int64_t next_save_us = 0;
  std::vector<caf::typed_response_promise<void>> save_promises;

  caf::result<void> record(event_batch batch);
  caf::result<void> save();
  /// The state as of the last commit. Large plans have large states: askers share one copy.
  snapshot_ptr snapshot();

private:
  caf::error take(const event_batch& batch);
  void watch_clock();
  void commit();
  void send_commit();
  void set_trouble(std::string& slot, std::string text);
  void committed(std::uint64_t first_seq, std::string head);
  void publish(event_batch&& batch);
  void save_if_due();
  void save_later(caf::timespan);
  void start_save();
  void save_ended(const caf::error&, std::int64_t took_us);
  bool is_small() const { return current.phases.size() <= small_plan; }
};

/// `initial` is the state that the store's events gave. `mask` is applied to every event's data.
/// For `commit_interval` see state_state.
state_actor::behavior_type state(state_actor::stateful_pointer<state_state> self,
                                 context_ptr context, writer_actor store, supervisor_actor boss,
                                 core::execution_state initial,
                                 std::function<std::string(std::string_view)> mask,
                                 std::chrono::microseconds commit_interval);

} // namespace aeo

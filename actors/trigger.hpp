#pragma once

#include "actors/context.hpp"
#include "actors/core/graph.hpp"

#include <caf/typed_response_promise.hpp>

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace aeo {

/// Makes the actor of one phase, which has had that many attempts; the supervisor's, so that actors
/// need not know each other.
using phase_factory = std::function<phase_actor(trigger_actor, phase_index, std::uint32_t)>;

/// The graph and the slots. A phase holds a slot from its start until its last process is gone;
/// slots are the set `running`, never a count kept beside it. While phases end one after the other
/// it holds as many more as have ended just now: these wait with the launcher, so that the next
/// process starts when one ends, and give the slot back when that takes long. Phases become ready
/// only through durable events. What is decided holds from the moment it is decided: until it is
/// durable, and `status` shows it, the phase is in `deciding`, does not start and is not decided
/// upon again.
struct trigger_state {
  static inline const char* name = "trigger";

  trigger_actor::pointer self = nullptr;
  context_ptr context;
  state_actor store;
  supervisor_actor boss;
  phase_factory spawn_phase;
  std::size_t slots = 1;
  std::vector<bool> selected; ///< Phases that may start in this session; empty: all.

  std::unique_ptr<core::ready_graph> graph;
  std::vector<phase_status> status;                  ///< As of the last durable event.
  std::unordered_map<phase_index, phase_actor> live; ///< Not ended; waiting for a person included.
  std::unordered_set<phase_index> running;           ///< Hold a slot.
  std::unordered_set<phase_index> finishing; ///< Gave it up; how they ended is not durable yet.
  std::deque<phase_index> ready;             ///< Want a slot, in order, each once.
  std::vector<bool> queued;                  ///< By phase: is in `ready`.
  std::unordered_set<phase_index> deciding;  ///< Decided upon, not durable yet.
  std::unordered_set<phase_index> due;       ///< Of these: their retry's time has come.
  std::unordered_set<phase_index> ending;    ///< Told by a person to end: their actor has the last
                                             ///< word.
  std::deque<std::int64_t> releases;         ///< Of slots, just now: steady times.
  std::int64_t last_release_us = 0;
  bool watching = false;               ///< Whether what waits with the launcher moves on.
  std::size_t asked = 0;               ///< Decisions and proposals that are not answered yet.
  std::size_t waiting = 0;             ///< Of `live`: wait for a person.
  std::vector<std::uint32_t> attempts; ///< By phase, so far.
  std::unordered_set<phase_index> self_blocked; ///< By what they lack, not by a dependency.
  std::unordered_set<phase_index> unblocking;   ///< Still blocked; that they are not is proposed.
  /// Who waits to hear that a running phase is cancelled.
  std::unordered_multimap<phase_index, caf::typed_response_promise<std::string>> cancelling;
  bool started = false;
  bool stalled = false;       ///< Storage fails.
  bool paused = false;        ///< By an operator.
  bool configuration = false; ///< A configuration error: nothing new starts.
  bool stopping = false;
  /// Who waits to hear that of all that was to start or end it is known whether it has.
  std::vector<caf::typed_response_promise<void>> detach_promises;
  bool reported = false;
  bool closed = false;       ///< The run ends, or the node does: nothing is decided any more.
  bool unsettled = false;    ///< A proposal was refused: see settle_blocks().
  bool looked_again = false; ///< Since the last event.

  void restore(const core::execution_state& initial);
  void start();
  void hear(const event&);
  void release(phase_index);
  void take_back(phase_index);
  void set_stalled(bool);
  void want_slot(phase_index);
  void stop(const std::string& reason);
  caf::result<void> detach();
  void proceed();
  void heard(const event_batch&);
  bool close();
  caf::result<std::string> act(const operator_decision&);

private:
  phase_actor& phase(phase_index);
  bool has_slot_for(phase_index);
  std::size_t slots_ahead();
  void forget_releases();
  void watch_staged();
  bool has_not_begun(phase_index) const;
  bool all_have_begun() const;
  void answer_detach();
  bool is_busy(phase_index i) const { return running.contains(i) || finishing.contains(i); }
  std::size_t count_going_on() const;
  void recall(phase_index);
  void recall_all();
  void opened(phase_index);
  void shut_again(phase_index);
  void enqueue(phase_index);
  void want(phase_index);
  void want_again(phase_index);
  void start_over(phase_index);
  bool unqueue(phase_index);
  void shut(phase_index, const event&);
  void block_dependents(phase_index culprit);
  void ended(phase_index);
  std::size_t under_way() const;
  void report_if_done();
  void hear_of_run(const event&);
  void unblock(const std::vector<phase_index>& candidates, const std::string& why);
  void propose(event_batch&&, std::vector<phase_index> blocked,
               std::vector<phase_index> freed = {});
  void settle_blocks();
  void block_behind(phase_index);
  std::vector<phase_index> held_by(phase_index culprit) const;
  phase_index shut_dependency(phase_index) const;
  std::optional<caf::error> why_undecided(phase_index) const;
  caf::result<std::string> retry(phase_index, const operator_decision&);
  caf::result<std::string> refuse_approved(phase_index);
  std::optional<caf::error> why_kept(phase_index, const std::vector<phase_index>& again) const;
  caf::result<std::string> skip(phase_index, const operator_decision&);
  caf::result<std::string> cancel(phase_index, const operator_decision&);
  caf::result<std::string> cancel_all(const operator_decision&);
  void end_by_itself(phase_index, const operator_decision&);
  caf::result<std::string> pause(bool on, const operator_decision&);
  caf::result<std::string> settle(event_batch&&, const operator_decision&, std::string text,
                                  std::vector<phase_index> about);
  void decide(event_batch&&, std::vector<phase_index> about,
              std::function<void(const caf::error&)> then);
  void settled(const std::vector<phase_index>& about, bool durable);
  std::string state_of(phase_index) const;
  std::string activity_of(phase_index) const;
  void answer_cancel(phase_index);
  bool may_start() const {
    return started && !stalled && !paused && !configuration && !stopping && !closed;
  }
};

/// `initial` is the state the execution starts from; phases that it shows as under way get their
/// actor at `start`. `selected` as in trigger_state.
trigger_actor::behavior_type trigger(trigger_actor::stateful_pointer<trigger_state> self,
                                     context_ptr context, state_actor store, supervisor_actor boss,
                                     phase_factory spawn_phase, snapshot_ptr initial,
                                     std::size_t slots, std::vector<bool> selected);

} // namespace aeo

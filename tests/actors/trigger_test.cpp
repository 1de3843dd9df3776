#include "actors/core/event_data.hpp"
#include "actors/trigger.hpp"
#include "tests/fixtures/mock_actors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>

using namespace aeo;
using namespace aeo::testing;
using enum aeo::event_kind;

namespace {

phase_actor::behavior_type phase_mock(phase_actor::pointer, transcript_ptr log, std::string id) {
  return {
      [](const task_start&) { FAIL("the trigger starts no tasks"); },
      [](const task_exit&) { FAIL("the trigger ends no tasks"); },
      [=](atom::start) { log->add("start " + id); },
      [=](atom::withdraw) { log->add("withdraw " + id); },
      [=](atom::cancel, const std::string& reason) { log->add("cancel " + id + ": " + reason); },
      [=](atom::cancel, const operator_decision& d) { log->add("cancel " + id + " by " + d.by); },
  };
}

const std::string configuration_error = R"({"class":"configuration","message":"no such command"})";

struct trigger_fixture : actor_fixture {
  transcript_ptr log = std::make_shared<transcript>();
  std::shared_ptr<mock_state> store = std::make_shared<mock_state>();
  context_ptr context;
  std::shared_ptr<core::execution_state> initial = std::make_shared<core::execution_state>();
  std::map<std::string, caf::actor> phases;
  trigger_actor uut;
  std::int64_t between_us = 1'000'000; ///< Passes before each message.

  explicit trigger_fixture(plan p) : context(make_context(std::move(p))) {
    store->log = log;
    initial->phases.resize(context->the_plan->phases.size());
  }
  ~trigger_fixture() override { phases.clear(); }

  void restore(phase_index i, phase_status status) { initial->phases[i].status = status; }

  /// Spawned and told to start; returns what was heard.
  lines start(std::size_t slots, std::vector<bool> selected = {}) {
    auto factory = [this](trigger_actor, phase_index i, std::uint32_t attempt) {
      const auto& id = context->phase(i).id;
      log->add("spawn " + id + (attempt > 0 ? " after " + std::to_string(attempt) : ""));
      auto handle = spawn(phase_mock, log, id);
      phases[id] = caf::actor_cast<caf::actor>(handle);
      return handle;
    };
    uut = spawn(trigger, context, spawn(state_mock, store), spawn(supervisor_mock, log),
                phase_factory{factory}, initial, slots, std::move(selected));
    return say(atom::start_v);
  }

  template <class... Ts>
  lines say(Ts&&... xs) {
    now_us += between_us;
    self->send(uut, std::forward<Ts>(xs)...);
    run();
    return log->take();
  }

  lines hear(event_kind kind, const std::string& phase, std::string data = {},
             std::string task = {}) {
    auto e = make_event(kind, phase, std::move(data));
    e.task = std::move(task);
    return say(atom::publish_v, event_batch{e});
  }

  /// What somebody's decision is answered with; what became durable is in `store->events`.
  std::string decide(control_command command, const std::string& phase = {},
                     const std::string& reason = "because", bool downstream = false,
                     bool force = false) {
    operator_decision d;
    d.request.command = command;
    d.request.phase = phase;
    d.request.reason = reason;
    d.request.downstream = downstream;
    d.request.force = force;
    d.by = "alice";
    d.role = access_role::operator_;
    const auto before = store->events.size();
    const auto at_once = std::exchange(store->at_once, false);
    auto handle = self->request(uut, caf::infinite, atom::act_v, d);
    run();
    log->take();
    // What the state actor would say of it, then its answer.
    publish(before);
    store->at_once = at_once;
    run();
    return answer_of(handle);
  }
  /// What was recorded since is durable now.
  void publish(std::size_t before) {
    event_batch durable{store->events.begin() + static_cast<std::ptrdiff_t>(before),
                        store->events.end()};
    if (!durable.empty())
      self->send(uut, atom::publish_v, durable);
    run();
    store->commit();
    run();
  }
  template <class Handle>
  std::string answer_of(Handle& handle) {
    std::string answer = "no answer yet";
    if (!self->mailbox().empty())
      handle.receive([&](const std::string& text) { answer = text; },
                     [&](const caf::error& err) { answer = "refused: " + message_of(err); });
    return answer;
  }
  auto ask(control_command command, const std::string& phase = {}) {
    operator_decision d;
    d.request.command = command;
    d.request.phase = phase;
    d.request.reason = "because";
    d.request.force = true;
    d.by = "bob";
    d.role = access_role::operator_;
    auto handle = self->request(uut, caf::infinite, atom::act_v, d);
    run();
    return handle;
  }
  auto detach() {
    auto handle = self->request(uut, caf::infinite, atom::detach_v);
    run();
    return handle;
  }
  /// Of a request without a result.
  template <class Handle>
  bool is_answered(Handle& handle) {
    if (self->mailbox().empty())
      return false;
    handle.receive([] {}, [](const caf::error& err) { FAIL(message_of(err)); });
    return true;
  }
  bool ended() const { return has_ended(caf::actor_cast<caf::actor>(uut)); }
  bool close() {
    bool closed = false;
    auto handle = self->request(uut, caf::infinite, atom::finish_v);
    run();
    handle.receive([&](bool answer) { closed = answer; },
                   [](const caf::error& err) { FAIL(message_of(err)); });
    return closed;
  }

  /// A phase's tasks have ended: the start was durable, the slot is free.
  void run_tasks(phase_index i) {
    hear(phase_started, context->phase(i).id);
    say(atom::release_v, i);
  }
  /// A phase runs through, with durable events; returns what was heard.
  lines approve(phase_index i) {
    const auto& id = context->phase(i).id;
    self->send(uut, atom::release_v, i);
    return say(atom::publish_v,
               event_batch{make_event(phase_started, id), make_event(phase_completed, id),
                           make_event(phase_approved, id)});
  }
};

plan chain() {
  return make_plan(make_phase("0"), make_phase("1", {0}), make_phase("2", {1}));
}

plan roots() {
  return make_plan(make_phase("0"), make_phase("1"), make_phase("2"));
}

} // namespace

TEST_CASE("phases that are ready start together, in order, as far as there are slots") {
  trigger_fixture f{roots()};
  CHECK(f.start(2) == lines{"spawn 0", "spawn 1", "start 0", "start 1"});
  CHECK(f.say(atom::release_v, 1u) == lines{"spawn 2", "start 2"});
}

TEST_CASE("while phases end one after the other, slots are granted ahead, as many as ended") {
  plan p;
  for (int i = 0; i < 12; ++i)
    p.phases.push_back(make_phase(std::to_string(i)));
  trigger_fixture f{std::move(p)};
  f.start(2);
  f.between_us = 1'000;
  CHECK(f.say(atom::release_v, 0u) == lines{"spawn 2", "start 2"});
  CHECK(f.say(atom::release_v, 1u) == lines{"spawn 3", "start 3"});
  // More than one turn of both slots within 10 ms: three more.
  CHECK(f.say(atom::release_v, 2u)
        == lines{"spawn 4", "spawn 5", "spawn 6", "spawn 7", "start 4", "start 5", "start 6",
                 "start 7"});
  CHECK(f.say(atom::release_v, 2u).empty()); // That is no end.
  f.between_us = 11'000;
  CHECK(f.say(atom::release_v, 3u).empty()); // Four have a slot, and only one ended of late.
  CHECK(f.say(atom::release_v, 4u).empty());
  CHECK(f.say(atom::release_v, 5u).empty());
  CHECK(f.say(atom::release_v, 6u) == lines{"spawn 8", "start 8"});
}

TEST_CASE("no slot is granted ahead to what does not begin with its task") {
  auto two = make_phase("4", {}, 2);
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1"), make_phase("2"), make_phase("3"),
                              std::move(two), make_phase("5"))};
  f.between_us = 0;
  f.start(1);
  f.say(atom::release_v, 0u);
  CHECK(f.say(atom::release_v, 1u) == lines{"spawn 2", "spawn 3", "start 2", "start 3"});
  // 4 is next: it waits for a slot of its own, and 5 does not pass it.
  CHECK(f.say(atom::release_v, 2u).empty());
  CHECK(f.say(atom::release_v, 3u) == lines{"spawn 4", "spawn 5", "start 4", "start 5"});
}

namespace {

/// One slot; 2 runs, 3 and 4 were granted it ahead.
struct ahead_fixture : trigger_fixture {
  explicit ahead_fixture(plan p) : trigger_fixture{std::move(p)} {
    between_us = 0;
    trigger_fixture::start(1);
    approve(0);
    approve(1);
    hear(phase_started, "2");
  }
};

plan six() {
  return make_plan(make_phase("0"), make_phase("1"), make_phase("2"), make_phase("3"),
                   make_phase("4"), make_phase("5", {4}));
}

} // namespace

TEST_CASE("what was granted a slot ahead gives it back when nothing ends, and comes first again") {
  ahead_fixture f{six()};
  f.pass(std::chrono::milliseconds{100});
  auto asked = f.log->take();
  std::ranges::sort(asked);
  CHECK(asked == lines{"withdraw 3", "withdraw 4"});
  CHECK(f.say(atom::withdraw_v, 4u).empty());
  CHECK(f.say(atom::withdraw_v, 3u).empty());
  f.pass(std::chrono::milliseconds{100});
  CHECK(f.log->take().empty());
  CHECK(f.say(atom::release_v, 2u) == lines{"spawn 3", "start 3"});
}

TEST_CASE("what was granted a slot ahead keeps it while others end") {
  ahead_fixture f{six()};
  f.pass(std::chrono::milliseconds{60});
  f.say(atom::release_v, 2u);
  f.pass(std::chrono::milliseconds{60});
  CHECK(f.log->take().empty());
}

TEST_CASE("a pause takes back what was granted ahead, and later it goes on") {
  ahead_fixture f{six()};
  CHECK(f.decide(control_command::pause)
        == "the run is paused: 1 running phases go on, nothing more is started");
  f.say(atom::withdraw_v, 4u);
  CHECK(f.say(atom::withdraw_v, 3u).empty());
  f.between_us = 1'000'000;
  CHECK(f.say(atom::release_v, 2u).empty());
  f.decide(control_command::resume);
  CHECK(f.log->take() == lines{"spawn 3", "start 3"});
  CHECK(f.say(atom::release_v, 3u) == lines{"spawn 4", "start 4"});
}

TEST_CASE("a configuration error takes back what was granted ahead, and the run ends") {
  ahead_fixture f{six()};
  auto heard = f.hear(phase_failed, "2", configuration_error, "T2.1");
  std::ranges::sort(heard);
  CHECK(heard == lines{"withdraw 3", "withdraw 4"});
  f.approve(0);
  f.approve(1);
  f.say(atom::withdraw_v, 3u);
  CHECK(f.say(atom::withdraw_v, 4u) == lines{"done configuration"});
}

TEST_CASE("after a configuration error what has ended just now is still heard") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1"), make_phase("2"))};
  f.start(2);
  f.say(atom::release_v, 0u); // Its last word is not durable yet.
  f.hear(phase_started, "1");
  f.hear(phase_failed, "1", configuration_error, "T1.1");
  CHECK_FALSE(f.close());
  f.say(atom::withdraw_v, 2u);
  CHECK(f.approve(0) == lines{"done configuration"});
}

TEST_CASE("what has ended just now is not left out when what it depends on is tried again") {
  trigger_fixture f{chain()};
  f.start(1);
  f.approve(0);
  f.say(atom::release_v, 1u); // Its last word is not durable yet.
  CHECK(f.decide(control_command::retry, "0", "because", true, true)
        == "refused: phase 1 runs already (attempt 1): wait for its end, or cancel it first");
}

namespace {

/// One slot: 2 has it, and 3, which needs 0, was granted it ahead.
struct dependent_ahead : trigger_fixture {
  dependent_ahead()
      : trigger_fixture{
          make_plan(make_phase("0"), make_phase("1"), make_phase("2"), make_phase("3", {0}))} {
    between_us = 0;
    trigger_fixture::start(1);
    approve(0);
    granted = approve(1);
    now_us += 1'000'000; // No more is granted ahead.
    between_us = 1'000'000;
  }
  void retry_dependency() {
    CHECK(decide(control_command::retry, "0", "again", false, true)
          == "phase 0 is tried again (attempt 2)");
  }
  lines granted;
};

} // namespace

TEST_CASE("what was granted a slot ahead waits again when what it depends on is to run again") {
  dependent_ahead f;
  CHECK(f.granted == lines{"spawn 2", "spawn 3", "start 2", "start 3"});
  f.hear(phase_started, "2");
  f.store->at_once = false;
  f.ask(control_command::retry, "0");
  CHECK(f.log->take() == lines{"phase_reset 0", "audit 0", "withdraw 3"});
  f.publish(0);
  f.log->take();
  CHECK(f.say(atom::withdraw_v, 3u).empty());
  CHECK(f.approve(2) == lines{"spawn 0 after 1", "start 0"});
  CHECK(f.approve(0) == lines{"spawn 3", "start 3"});
}

TEST_CASE("what is given back while the run is being cancelled does not start afterwards") {
  ahead_fixture f{six()};
  f.store->at_once = false;
  f.ask(control_command::cancel);
  f.log->take();
  CHECK(f.say(atom::withdraw_v, 4u).empty());
  CHECK(f.say(atom::withdraw_v, 3u).empty());
  f.publish(0);
  f.between_us = 1'000'000;
  CHECK(f.say(atom::release_v, 2u).empty());
}

TEST_CASE("what has ended is not started again by a decision that is refused") {
  trigger_fixture f{roots()};
  f.start(1);
  f.say(atom::release_v, 0u); // Its last word is not durable yet.
  CHECK(f.decide(control_command::skip, "0") == "refused: phase 0 ends in this moment: ask again");
  f.ask(control_command::cancel, "0");
  CHECK(f.log->take() == lines{"cancel 0 by bob", "audit 0"});
  CHECK(f.say(atom::release_v, 1u) == lines{"spawn 2", "start 2"});
  CHECK(f.say(atom::release_v, 2u).empty());
}

TEST_CASE("what gave its slot back and is not ready any more holds up no end") {
  dependent_ahead f;
  f.approve(2);
  f.retry_dependency();
  f.log->take();
  CHECK(f.say(atom::withdraw_v, 3u) == lines{"spawn 0 after 1", "start 0"});
  SECTION("that waits for a person") {
    f.run_tasks(0);
    CHECK(f.hear(phase_waiting, "0", R"({"reason":"people"})") == lines{"done waiting"});
  }
  SECTION("that fails") {
    f.run_tasks(0);
    CHECK(f.hear(phase_failed, "0") == lines{"phase_blocked 3", "done"});
  }
}

TEST_CASE("what gives its slot back when its dependency has failed is blocked") {
  dependent_ahead f;
  f.retry_dependency();
  // 3 still has its slot.
  CHECK(f.decide(control_command::cancel, "0")
        == "phase 0 is cancelled; what depends on it is blocked");
  f.log->take();
  CHECK(f.say(atom::withdraw_v, 3u) == lines{"phase_blocked 3"});
}

TEST_CASE("a stop says nothing for what gave its slot back and was skipped") {
  ahead_fixture f{six()};
  f.decide(control_command::pause);
  f.say(atom::withdraw_v, 4u);
  f.say(atom::withdraw_v, 3u);
  CHECK(f.decide(control_command::skip, "3") == "phase 3 is skipped; what depends on it goes on");
  f.log->take();
  CHECK(f.say(atom::stop_v, "SIGINT") == lines{"cancel 2: SIGINT"});
}

TEST_CASE("a pause tells of all that an earlier node left running") {
  trigger_fixture f{roots()};
  for (phase_index i = 0; i < 3; ++i)
    f.restore(i, phase_status::in_progress);
  f.start(1);
  CHECK(f.decide(control_command::pause)
        == "the run is paused: 3 running phases go on, nothing more is started");
}

TEST_CASE("who cancels what gives its slot back in the same moment is heard") {
  ahead_fixture f{six()};
  const auto answer = f.ask(control_command::cancel, "3");
  CHECK(f.log->take() == lines{"cancel 3 by bob", "audit 3"});
  // It gave the slot back before it heard of that.
  CHECK(f.say(atom::withdraw_v, 3u).empty());
  f.between_us = 1'000'000;
  f.run_tasks(2);
  CHECK(f.say(atom::release_v, 4u).empty());
}

TEST_CASE("a slot is free when the last process is gone, before the gate is judged") {
  trigger_fixture f{roots()};
  CHECK(f.start(1) == lines{"spawn 0", "start 0"});
  CHECK(f.hear(phase_started, "0").empty());
  CHECK(f.say(atom::release_v, 0u) == lines{"spawn 1", "start 1"});
  CHECK(f.hear(phase_completed, "0").empty());
}

TEST_CASE("releasing a slot twice changes nothing") {
  trigger_fixture f{roots()};
  f.start(1);
  CHECK(f.say(atom::release_v, 0u) == lines{"spawn 1", "start 1"});
  CHECK(f.say(atom::release_v, 0u).empty());
}

TEST_CASE("dependents start only after a durable approval") {
  trigger_fixture f{chain()};
  CHECK(f.start(4) == lines{"spawn 0", "start 0"});
  CHECK(f.hear(phase_started, "0").empty());
  CHECK(f.say(atom::release_v, 0u).empty());
  CHECK(f.hear(phase_completed, "0").empty());
  CHECK(f.hear(phase_approved, "0") == lines{"spawn 1", "start 1"});
}

TEST_CASE("an approval starts all dependents that need nothing else, in the plan's order") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1", {0}), make_phase("2", {0}),
                              make_phase("3", {0, 1}))};
  f.start(4);
  CHECK(f.approve(0) == lines{"spawn 1", "spawn 2", "start 1", "start 2"});
  CHECK(f.approve(1) == lines{"spawn 3", "start 3"});
}

TEST_CASE("a skipped phase opens its gate and is not started") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1"), make_phase("2", {1}))};
  CHECK(f.start(1) == lines{"spawn 0", "start 0"});
  // It waits for a slot when an operator skips it.
  CHECK(f.hear(phase_skipped, "1").empty());
  CHECK(f.say(atom::release_v, 0u) == lines{"spawn 2", "start 2"});
}

TEST_CASE("a failed phase blocks all that depends on it, each once") {
  trigger_fixture f{
      make_plan(make_phase("0"), make_phase("1", {0}), make_phase("2", {1}), make_phase("3"))};
  f.start(4);
  f.run_tasks(0);
  CHECK(f.hear(phase_failed, "0", R"({"class":"permanent"})")
        == lines{"phase_blocked 1", "phase_blocked 2"});
  auto data = nlohmann::json::parse(f.store->events[1].data);
  CHECK(data["by"] == "0");
  CHECK(data["reason"] == "phase 0 (0) is failed");
  // They come back durable: nothing more follows from them.
  CHECK(f.say(atom::publish_v, f.store->events).empty());
  CHECK(f.approve(3) == lines{"done"});
}

TEST_CASE("a rejected phase never starts its dependents") {
  trigger_fixture f{chain()};
  f.start(4);
  f.run_tasks(0);
  f.hear(phase_completed, "0");
  CHECK(f.hear(phase_waiting, "0") == lines{"done waiting"});
  CHECK(f.hear(phase_rejected, "0") == lines{"phase_blocked 1", "phase_blocked 2", "done"});
}

TEST_CASE("a phase that is blocked by a missing input blocks its dependents") {
  trigger_fixture f{chain()};
  f.start(1);
  f.run_tasks(0);
  CHECK(f.hear(phase_blocked, "0", R"({"class":"dependency"})", "T0.1")
        == lines{"phase_blocked 1", "phase_blocked 2", "done"});
}

TEST_CASE("a dependency that ended badly before this node began blocks what needs it") {
  trigger_fixture f{chain()};
  f.restore(0, phase_status::rejected);
  CHECK(f.start(1) == lines{"phase_blocked 1", "phase_blocked 2", "done"});
}

TEST_CASE("a configuration error starts nothing more and lets running phases finish") {
  trigger_fixture f{
      make_plan(make_phase("0"), make_phase("1"), make_phase("2"), make_phase("3", {1}))};
  f.start(2);
  f.hear(phase_started, "0");
  f.hear(phase_started, "1");
  CHECK(f.hear(phase_failed, "0", configuration_error).empty());
  CHECK(f.say(atom::release_v, 0u).empty());
  CHECK(f.approve(1) == lines{"done configuration"});
}

TEST_CASE("a phase that waits for its retry does not hold up the end after a configuration error") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1"))};
  f.start(2);
  f.hear(phase_started, "0");
  f.hear(phase_started, "1");
  f.say(atom::release_v, 1u);
  f.hear(phase_retry_wait, "1");
  f.say(atom::release_v, 0u);
  CHECK(f.hear(phase_failed, "0", configuration_error) == lines{"done configuration"});
}

TEST_CASE("a stop cancels what runs and says interrupted when it has ended") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1"), make_phase("2"))};
  f.start(2);
  f.hear(phase_started, "0");
  f.hear(phase_started, "1");
  auto heard = f.say(atom::stop_v, "SIGINT");
  std::sort(heard.begin(), heard.end());
  CHECK(heard == lines{"cancel 0: SIGINT", "cancel 1: SIGINT"});
  CHECK(f.say(atom::release_v, 0u).empty());
  CHECK(f.hear(phase_reset, "0").empty());
  CHECK(f.say(atom::release_v, 1u).empty());
  CHECK(f.hear(phase_reset, "1") == lines{"done interrupted"});
}

TEST_CASE("who detaches hears when it is known which phases have begun") {
  ahead_fixture f{six()};
  auto detached = f.detach();
  auto asked = f.log->take();
  std::ranges::sort(asked);
  CHECK(asked == lines{"withdraw 3", "withdraw 4"});
  CHECK(f.say(atom::withdraw_v, 4u).empty());
  CHECK_FALSE(f.is_answered(detached)); // 3 may have been started.
  CHECK(f.hear(phase_started, "3").empty());
  CHECK(f.is_answered(detached));
  CHECK(f.say(atom::stalled_v, false).empty());
  CHECK(f.say(atom::release_v, 2u).empty());
  CHECK(f.say(atom::release_v, 3u).empty());
  CHECK(f.decide(control_command::cancel, "3")
        == "refused: the node is stopping: nothing is decided any more");
}

TEST_CASE("who detaches when all that runs has begun hears that at once") {
  trigger_fixture f{roots()};
  f.start(1);
  f.hear(phase_started, "0");
  auto detached = f.detach();
  CHECK(f.log->take().empty());
  CHECK(f.is_answered(detached));
}

TEST_CASE("who detaches hears of what is being cancelled when that has ended") {
  trigger_fixture f{roots()};
  f.start(1);
  f.hear(phase_started, "0");
  auto cancelled = f.ask(control_command::cancel, "0");
  auto detached = f.detach();
  CHECK_FALSE(f.is_answered(detached));
  f.say(atom::release_v, 0u);
  f.hear(phase_cancelled, "0");
  CHECK(f.answer_of(cancelled) == "phase 0 is cancelled");
  CHECK(f.is_answered(detached));
}

TEST_CASE("a gate that is being judged does not hold up a stop") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.start(1);
  f.run_tasks(0);
  f.hear(phase_completed, "0");
  CHECK(f.say(atom::stop_v, "SIGINT") == lines{"cancel 0: SIGINT", "done interrupted"});
}

TEST_CASE("phases that wait for a person do not hold up the end") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1"), make_phase("2", {0}))};
  f.start(2);
  f.run_tasks(0);
  f.hear(phase_completed, "0");
  CHECK(f.hear(phase_waiting, "0").empty());
  CHECK(f.approve(1) == lines{"done waiting"});
}

TEST_CASE("when a person has decided, the end is said anew") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.start(1);
  f.run_tasks(0);
  f.hear(phase_completed, "0");
  CHECK(f.hear(phase_waiting, "0") == lines{"done waiting"});
  CHECK(f.hear(phase_approved, "0") == lines{"done"});
}

TEST_CASE("a stop while everything waits for a person is answered") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.restore(0, phase_status::waiting_approval);
  f.start(1);
  CHECK(f.hear(phase_waiting, "0") == lines{"done waiting"});
  CHECK(f.say(atom::stop_v, "SIGINT") == lines{"done waiting interrupted"});
}

TEST_CASE("a gate that waited with an earlier node is judged again before the end is said") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1", {0}))};
  f.restore(0, phase_status::waiting_approval);
  CHECK(f.start(1) == lines{"spawn 0"});
  CHECK(f.hear(phase_approved, "0") == lines{"spawn 1", "start 1"});
}

TEST_CASE("a question to a person about a lost outcome is not judged again") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.restore(0, phase_status::waiting_approval);
  f.initial->phases[0].detail = core::ask_data("what did it do?");
  CHECK(f.start(1) == lines{"spawn 0", "done waiting"});
}

TEST_CASE("while storage fails nothing is started, and afterwards it goes on") {
  trigger_fixture f{roots()};
  f.start(1);
  f.hear(phase_started, "0");
  CHECK(f.say(atom::stalled_v, true).empty());
  CHECK(f.say(atom::release_v, 0u).empty());
  CHECK(f.say(atom::stalled_v, false) == lines{"spawn 1", "start 1"});
}

TEST_CASE("while storage fails the run does not end with phases left to start") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1"))};
  f.start(1);
  f.say(atom::stalled_v, true);
  CHECK(f.approve(0).empty());
  CHECK(f.say(atom::stalled_v, false) == lines{"spawn 1", "start 1"});
}

TEST_CASE("only selected phases start") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1"), make_phase("2", {1}))};
  CHECK(f.start(4, {false, true, false}) == lines{"spawn 1", "start 1"});
  CHECK(f.approve(1) == lines{"done"});
}

TEST_CASE("phases that an earlier node left under way are taken up, the rest starts") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1"), make_phase("2"), make_phase("3"),
                              make_phase("4"), make_phase("5", {4}), make_phase("6"))};
  f.restore(0, phase_status::in_progress);
  f.restore(1, phase_status::completed);
  f.restore(2, phase_status::waiting_approval);
  f.restore(3, phase_status::retry_wait);
  f.restore(4, phase_status::approved);
  // Of the five, only 0 holds a slot.
  CHECK(f.start(2) == lines{"spawn 0", "spawn 1", "spawn 2", "spawn 3", "spawn 5", "start 5"});
  CHECK(f.say(atom::release_v, 0u) == lines{"spawn 6", "start 6"});
}

TEST_CASE("a retry that is due gets a slot in its turn, for the same actor") {
  trigger_fixture f{roots()};
  f.start(1);
  f.hear(phase_started, "0");
  CHECK(f.say(atom::release_v, 0u) == lines{"spawn 1", "start 1"});
  f.hear(phase_retry_wait, "0");
  CHECK(f.say(atom::ready_v, 0u).empty());
  CHECK(f.say(atom::release_v, 1u) == lines{"spawn 2", "start 2"});
  CHECK(f.say(atom::release_v, 2u) == lines{"start 0"});
}

TEST_CASE("a retry that is due is not started when the run stops") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.start(1);
  f.run_tasks(0);
  f.hear(phase_retry_wait, "0");
  CHECK(f.say(atom::stop_v, "SIGINT") == lines{"cancel 0: SIGINT"});
  CHECK(f.say(atom::ready_v, 0u).empty());
  CHECK(f.hear(phase_reset, "0") == lines{"done interrupted"});
}

TEST_CASE("a phase that goes back to pending is started again by a new actor") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1", {0}))};
  f.restore(0, phase_status::approved);
  CHECK(f.start(1) == lines{"spawn 1", "start 1"});
  f.hear(phase_started, "1");
  f.say(atom::release_v, 1u);
  CHECK(f.hear(phase_failed, "1", R"({"class":"permanent"})") == lines{"done"});
  CHECK(f.hear(phase_reset, "1") == lines{"spawn 1 after 1", "start 1"});
  CHECK(f.approve(1) == lines{"done"});
}

TEST_CASE("the death of a phase's actor ends the trigger") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.start(1);
  f.self->send_exit(f.phases["0"], caf::make_error(ec::internal, "broken"));
  f.run();
  CHECK(has_ended(caf::actor_cast<caf::actor>(f.uut)));
}

TEST_CASE("the normal end of a phase's actor leaves the trigger alone") {
  trigger_fixture f{roots()};
  f.start(1);
  f.approve(0);
  f.self->send_exit(f.phases["0"], caf::exit_reason::user_shutdown);
  f.run();
  CHECK_FALSE(has_ended(caf::actor_cast<caf::actor>(f.uut)));
}

TEST_CASE("an empty remainder is done at once") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.restore(0, phase_status::approved);
  CHECK(f.start(1) == lines{"done"});
}

TEST_CASE(
    "a failed phase that is retried starts its next attempt, and what it blocked waits again") {
  trigger_fixture f{chain()};
  f.start(4);
  f.hear(phase_started, "0");
  f.hear(phase_failed, "0", R"({"class":"permanent"})");
  f.hear(phase_blocked, "1", R"({"by":"0"})");
  f.hear(phase_blocked, "2", R"({"by":"0"})");
  CHECK(f.decide(control_command::retry, "0") == "phase 0 is tried again (attempt 2)");
  CHECK(f.store->last(phase_reset).phase == "0");
  CHECK(nlohmann::json::parse(f.store->last(phase_reset).data)["by"] == "alice");
  CHECK(f.log->take()
        == lines{"phase_unblocked 1", "phase_unblocked 2", "spawn 0 after 1", "start 0"});
  CHECK(nlohmann::json::parse(f.store->last(audit).data)["done"] == true);
}

TEST_CASE("what another phase still blocks stays blocked") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1"), make_phase("2", {0, 1}))};
  f.start(4);
  for (const auto* id : {"0", "1"}) {
    f.hear(phase_started, id);
    f.hear(phase_failed, id);
  }
  f.hear(phase_blocked, "2", R"({"by":"0"})");
  f.decide(control_command::retry, "0");
  CHECK(f.log->take() == lines{"spawn 0 after 1", "start 0"});
}

TEST_CASE("a retry with what is downstream runs all of it again") {
  trigger_fixture f{chain()};
  f.start(4);
  for (phase_index i : {0u, 1u, 2u})
    f.approve(i);
  CHECK(f.decide(control_command::retry, "1", "again", true, true)
        == "phase 1 is tried again (attempt 2), and 1 that depend on it");
  CHECK(f.log->take() == lines{"spawn 1 after 1", "start 1"});
  CHECK(f.approve(1) == lines{"spawn 2 after 1", "start 2"});
}

TEST_CASE("what is reset behind a phase that is being unblocked waits, and is not blocked") {
  trigger_fixture f{chain()};
  f.start(4);
  f.hear(phase_skipped, "2");
  f.run_tasks(0);
  f.hear(phase_rejected, "0");
  f.hear(phase_blocked, "1", R"({"by":"0"})");
  f.decide(control_command::retry, "0", "again", true);
  CHECK(kinds(f.store->events, "2") == std::vector{phase_reset});
  f.approve(0);
  f.approve(1);
  CHECK(f.log->take().empty());
  CHECK(f.phases.contains("2")); // It runs.
}

TEST_CASE("what is to run again waits for what it depends on, whatever the ids") {
  trigger_fixture f{make_plan(make_phase("0", {2}), make_phase("1"), make_phase("2", {1}))};
  f.start(4);
  for (phase_index i : {1u, 2u, 0u})
    f.approve(i);
  f.decide(control_command::retry, "1", "again", true, true);
  CHECK(f.log->take() == lines{"spawn 1 after 1", "start 1"});
  CHECK(f.approve(1) == lines{"spawn 2 after 1", "start 2"});
  CHECK(f.approve(2) == lines{"spawn 0 after 1", "start 0"});
}

TEST_CASE("a phase in the queue waits again when what it depends on is to run again") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1", {0}), make_phase("2"))};
  f.start(1);
  CHECK(f.approve(0) == lines{"spawn 2", "start 2"});
  f.decide(control_command::retry, "0", "again", false, true);
  CHECK(f.approve(2) == lines{"spawn 0 after 1", "start 0"});
  CHECK(f.approve(0) == lines{"spawn 1", "start 1"});
}

namespace {

/// 1, 2 and 3 need 0; 1 waits for its retry, the others run.
struct dependent_in_retry_wait : trigger_fixture {
  explicit dependent_in_retry_wait(std::size_t slots = 4)
      : trigger_fixture{make_plan(make_phase("0"), make_phase("1", {0}), make_phase("2", {0}),
                                  make_phase("3", {0}))} {
    start(slots);
    approve(0);
    hear(phase_started, "2");
    run_tasks(1);
    hear(phase_retry_wait, "1");
    hear(phase_started, "3");
  }
};

} // namespace

TEST_CASE("a retry that is due waits when what it depends on is to run again") {
  dependent_in_retry_wait f;
  CHECK(f.decide(control_command::retry, "0", "again", false, true)
        == "phase 0 is tried again (attempt 2)");
  f.log->take();
  f.store->at_once = false;
  CHECK(f.say(atom::ready_v, 1u) == lines{"phase_reset 1"});
  CHECK(nlohmann::json::parse(f.store->last(phase_reset).data)["reason"]
        == "phase 0, which it depends on, is not approved");
  auto answer = f.ask(control_command::skip, "1");
  CHECK(f.answer_of(answer)
        == "refused: another decision on phase 1 is being looked at: ask again");
  f.publish(f.store->events.size() - 1);
  CHECK(f.log->take().empty());
  SECTION("and starts when that is approved") {
    CHECK(f.approve(0) == lines{"spawn 1 after 1", "start 1"});
  }
  SECTION("and is blocked when that fails") {
    f.run_tasks(0);
    CHECK(f.hear(phase_failed, "0") == lines{"phase_blocked 1"});
  }
}

TEST_CASE("a retry that waits for its turn waits for what it depends on, too") {
  dependent_in_retry_wait f{2};
  CHECK(f.say(atom::ready_v, 1u).empty()); // 2 and 3 have the slots.
  CHECK(f.decide(control_command::retry, "0", "again", false, true)
        == "phase 0 is tried again (attempt 2)");
  CHECK(kinds(f.store->events, "1") == std::vector{phase_reset});
  CHECK(f.approve(2) == lines{"spawn 0 after 1", "start 0"});
  CHECK(f.approve(3).empty());
  CHECK(f.approve(0) == lines{"spawn 1 after 1", "start 1"});
}

TEST_CASE("a retry that gives its slot back waits for what it depends on") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1", {0}), make_phase("2"),
                              make_phase("3"), make_phase("4"))};
  f.between_us = 0;
  f.start(1);
  f.approve(0);
  f.run_tasks(1);
  f.hear(phase_retry_wait, "1");
  f.approve(2);
  f.approve(3); // 4 has the slot.
  f.hear(phase_started, "4");
  CHECK(f.say(atom::ready_v, 1u) == lines{"start 1"}); // Ahead.
  CHECK(f.decide(control_command::retry, "1")
        == "refused: phase 1 is about to start: wait for its end, or cancel it first");
  f.decide(control_command::retry, "0", "again", false, true);
  f.log->take();
  f.store->at_once = false;
  const auto before = f.store->events.size();
  CHECK(f.say(atom::withdraw_v, 1u) == lines{"phase_reset 1"});
  f.publish(before);
  CHECK(f.log->take().empty());
  CHECK(f.approve(0) == lines{"spawn 1 after 1", "start 1"});
}

TEST_CASE("what an earlier node left waiting for a retry waits for a new dependency") {
  trigger_fixture f{chain()};
  f.restore(1, phase_status::retry_wait);
  CHECK(f.start(4) == lines{"spawn 1", "spawn 0", "start 0"});
  f.store->at_once = false;
  CHECK(f.say(atom::ready_v, 1u) == lines{"phase_reset 1"});
  f.publish(0);
  CHECK(f.log->take().empty());
  CHECK(f.approve(0) == lines{"spawn 1", "start 1"});
}

TEST_CASE("a retry that is due changes nothing when the node stops") {
  dependent_in_retry_wait f;
  f.decide(control_command::retry, "0", "again", false, true);
  f.log->take();
  SECTION("by a signal") {
    f.say(atom::stop_v, "SIGINT");
  }
  SECTION("that leaves the tasks") {
    f.detach();
    f.log->take();
  }
  CHECK(f.say(atom::ready_v, 1u).empty());
}

TEST_CASE("a retry of all that is downstream takes what waits for its own with it, once") {
  dependent_in_retry_wait f;
  f.approve(2);
  f.approve(3);
  f.decide(control_command::pause);
  SECTION("before its time") {}
  SECTION("at its time") {
    CHECK(f.say(atom::ready_v, 1u).empty());
  }
  CHECK(f.decide(control_command::retry, "0", "again", true, true)
        == "phase 0 is tried again (attempt 2), and 3 that depend on it");
  CHECK(kinds(f.store->events, "1") == std::vector{phase_reset});
}

TEST_CASE("a person need not wait for a retry's time") {
  trigger_fixture f{chain()};
  f.start(4);
  f.run_tasks(0);
  f.hear(phase_retry_wait, "0");
  CHECK(f.decide(control_command::retry, "0") == "phase 0 is tried again (attempt 2)");
  CHECK(f.log->take() == lines{"spawn 0 after 1", "start 0"});
}

TEST_CASE("what could not be cancelled any more may be retried") {
  trigger_fixture f{roots()};
  f.start(1);
  f.hear(phase_started, "0");
  auto answer = f.ask(control_command::cancel, "0");
  f.say(atom::release_v, 0u);
  CHECK(f.decide(control_command::retry, "0") == "refused: phase 0 is being cancelled: ask again");
  f.hear(phase_completed, "0");
  f.hear(phase_waiting, "0", R"({"reason":"people"})");
  CHECK(f.answer_of(answer) == "phase 0 is waiting_approval");
  CHECK(f.decide(control_command::retry, "0") == "phase 0 is tried again (attempt 2)");
}

TEST_CASE("a phase that runs, waits for its turn or is held by another is not retried") {
  trigger_fixture f{chain()};
  f.start(4);
  f.hear(phase_started, "0");
  CHECK(f.decide(control_command::retry, "0")
        == "refused: phase 0 runs already (attempt 1): wait for its end, or cancel it first");
  CHECK(f.decide(control_command::retry, "1").starts_with("refused: phase 1 is pending"));
  f.hear(phase_failed, "0");
  f.hear(phase_blocked, "1", R"({"by":"0"})");
  CHECK(f.decide(control_command::retry, "1").ends_with("retry that one"));
  CHECK(f.decide(control_command::retry, "nine") == "refused: the plan has no phase nine");
  CHECK(kinds(f.store->events, "0").empty());
  CHECK(kinds(f.store->events, "1") == std::vector{phase_blocked});
}

TEST_CASE("a skipped phase lets what depends on it go on; a reason is needed") {
  trigger_fixture f{chain()};
  f.start(4);
  f.hear(phase_started, "0");
  CHECK(f.decide(control_command::skip, "0").ends_with("cancel it first"));
  f.say(atom::release_v, 0u);
  f.hear(phase_failed, "0");
  f.hear(phase_blocked, "1", R"({"by":"0"})");
  CHECK(f.decide(control_command::skip, "0", "") == "refused: skipping needs a reason");
  CHECK(f.decide(control_command::skip, "0") == "phase 0 is skipped; what depends on it goes on");
  f.hear(phase_unblocked, "1");
  CHECK(f.log->take().empty());
}

TEST_CASE("one person does not skip what several, or others, must approve") {
  auto phase = make_phase("0");
  phase.approval = std::make_unique<approval_policy>();
  phase.approval->mode = approval_mode::manual;
  phase.approval->required = 2;
  auto other = make_phase("1");
  other.approval = std::make_unique<approval_policy>();
  other.approval->mode = approval_mode::manual;
  other.approval->from = {"bob"};
  auto by_itself = make_phase("2"); // Its gate opens by itself when its criteria are met.
  by_itself.approval = std::make_unique<approval_policy>();
  by_itself.approval->mode = approval_mode::automatic;
  by_itself.approval->required = 2;
  trigger_fixture f{make_plan(std::move(phase), std::move(other), std::move(by_itself))};
  f.start(4);
  for (const auto* id : {"0", "1", "2"})
    f.hear(phase_started, id);
  for (phase_index i : {0u, 1u, 2u})
    f.say(atom::release_v, i);
  for (const auto* id : {"0", "1", "2"})
    f.hear(phase_failed, id);
  CHECK(f.decide(control_command::skip, "0").starts_with("refused: the plan wants 2 people"));
  CHECK(f.decide(control_command::skip, "2").starts_with("refused: the plan wants 2 people"));
  CHECK(f.decide(control_command::skip, "1").starts_with("refused: the plan leaves this"));
}

TEST_CASE("a running phase is cancelled when its processes are gone, not before") {
  trigger_fixture f{chain()};
  f.start(4);
  f.hear(phase_started, "0");
  operator_decision decision;
  decision.request.command = control_command::cancel;
  decision.request.phase = "0";
  decision.by = "alice";
  auto answer = f.self->request(f.uut, caf::infinite, atom::act_v, decision);
  f.run();
  CHECK(f.log->take() == lines{"cancel 0 by alice", "audit 0"});
  f.say(atom::release_v, 0u);
  CHECK(f.self->mailbox().empty());
  CHECK(f.hear(phase_cancelled, "0") == lines{"phase_blocked 1", "phase_blocked 2", "done"});
  answer.receive([](const std::string& text) { CHECK(text == "phase 0 is cancelled"); },
                 [](const caf::error& err) { FAIL(message_of(err)); });
}

TEST_CASE("a phase that nothing runs for is cancelled at once") {
  trigger_fixture f{chain()};
  f.start(4);
  CHECK(f.decide(control_command::cancel, "1")
        == "phase 1 is cancelled; what depends on it is blocked");
  CHECK(f.decide(control_command::cancel, "1").starts_with("refused: phase 1 is cancelled"));
}

TEST_CASE("a cancelled run ends what runs and starts nothing more") {
  trigger_fixture f{chain()};
  f.start(4);
  f.hear(phase_started, "0");
  CHECK(f.decide(control_command::cancel)
        == "the run is cancelled: 1 phases are being ended, 2 will not start");
  f.say(atom::release_v, 0u);
  CHECK(f.hear(phase_cancelled, "0") == lines{"done"});
}

TEST_CASE("a phase whose criteria are being judged is cancelled, unless the verdict comes first") {
  trigger_fixture f{chain()};
  f.start(4);
  f.run_tasks(0);
  f.hear(phase_completed, "0");
  SECTION("it does not") {
    CHECK(f.decide(control_command::cancel, "0")
          == "phase 0 is cancelled; what depends on it is blocked");
    CHECK(f.log->take() == lines{"phase_blocked 1", "phase_blocked 2", "done"});
  }
  SECTION("it does") {
    f.store->at_once = false;
    auto answer = f.ask(control_command::cancel, "0");
    f.log->take();
    f.hear(phase_approved, "0");
    f.store->refuse("phase 0 is approved: it cannot become cancelled");
    f.run();
    CHECK(f.answer_of(answer).starts_with("refused: phase 0 is approved"));
    CHECK(f.log->take() == lines{"spawn 1", "start 1"});
  }
}

TEST_CASE("a cancelled run says nothing for what ends in that moment") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1"), make_phase("2", {0}))};
  f.start(2);
  f.say(atom::release_v, 0u); // Its last word is not durable yet.
  f.hear(phase_started, "1");
  f.hear(phase_completed, "1");
  f.store->at_once = false;
  f.ask(control_command::cancel);
  CHECK(f.log->take()
        == lines{"cancel 0 by bob", "phase_cancelled 1", "phase_cancelled 2", "audit "});
  CHECK(kinds(f.store->events, "0").empty());
  CHECK(kinds(f.store->events, "1") == std::vector{phase_cancelled});
  CHECK(kinds(f.store->events, "2") == std::vector{phase_cancelled});
}

TEST_CASE("who approves in the moment of a cancelled run comes first, the rest is cancelled") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1", {0}))};
  f.start(1);
  f.run_tasks(0);
  f.hear(phase_waiting, "0", R"({"reason":"people"})");
  f.store->at_once = false;
  auto answer = f.ask(control_command::cancel);
  CHECK(f.log->take() == lines{"phase_cancelled 0", "phase_cancelled 1", "audit "});
  f.store->open.answer(caf::make_error(ec::wrong_state, "phase 0 is approved"));
  f.store->commit();
  f.run();
  CHECK(f.answer_of(answer) == "the run is cancelled: 0 phases are being ended, 2 will not start");
  CHECK_FALSE(f.ended());
}

TEST_CASE("while the run is paused nothing starts, and the end is not reported") {
  trigger_fixture f{chain()};
  f.start(1);
  CHECK(f.decide(control_command::resume) == "refused: the run is not paused");
  CHECK(f.decide(control_command::pause)
        == "the run is paused: 1 running phases go on, nothing more is started");
  CHECK(f.decide(control_command::pause) == "refused: the run is paused already");
  CHECK(f.approve(0).empty());
  CHECK(f.decide(control_command::resume) == "the run goes on");
  CHECK(f.log->take() == lines{"spawn 1", "start 1"});
}

TEST_CASE("a run that was paused before this node began stays so") {
  trigger_fixture f{chain()};
  f.initial->overall = overall_status::paused;
  CHECK(f.start(1).empty());
  CHECK(f.decide(control_command::pause) == "refused: the run is paused already");
  CHECK(f.decide(control_command::resume) == "the run goes on");
  CHECK(f.log->take() == lines{"spawn 0", "start 0"});
}

TEST_CASE("the end is reported again after a person has changed something") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.start(1);
  f.run_tasks(0);
  CHECK(f.hear(phase_failed, "0") == lines{"done"});
  f.decide(control_command::retry, "0");
  CHECK(f.log->take() == lines{"spawn 0 after 1", "start 0"});
  CHECK(f.approve(0) == lines{"done"});
}

TEST_CASE("of two decisions on a phase in the same moment the second is refused") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.start(2);
  f.run_tasks(0);
  f.hear(phase_failed, "0");
  f.store->at_once = false;
  auto first = f.ask(control_command::retry, "0");
  for (auto command : {control_command::retry, control_command::skip, control_command::cancel}) {
    auto second = f.ask(command, "0");
    CHECK(f.answer_of(second)
          == "refused: another decision on phase 0 is being looked at: ask again");
  }
  auto all = f.ask(control_command::cancel);
  CHECK(f.answer_of(all).ends_with("ask again"));
  f.log->take();
  f.publish(0);
  CHECK(f.log->take() == lines{"spawn 0 after 1", "start 0"});
  CHECK(f.answer_of(first).starts_with("phase 0 is tried again"));
}

TEST_CASE("what is being skipped or cancelled takes no slot that becomes free") {
  for (auto command : {control_command::skip, control_command::cancel}) {
    trigger_fixture f{roots()};
    f.start(1);
    f.hear(phase_started, "0");
    f.store->at_once = false;
    auto answer = f.ask(command, "1");
    f.log->take();
    CHECK(f.say(atom::release_v, 0u) == lines{"spawn 2", "start 2"});
    f.publish(0);
    CHECK(f.answer_of(answer).starts_with("phase 1 is "));
    CHECK(f.log->take().empty());
  }
}

TEST_CASE("a decision that could not be stored changes nothing") {
  trigger_fixture f{roots()};
  f.start(1);
  f.hear(phase_started, "0");
  f.store->at_once = false;
  auto answer = f.ask(control_command::skip, "1");
  f.say(atom::release_v, 0u);
  f.store->refuse("phase 1 is busy");
  f.run();
  CHECK(f.answer_of(answer) == "refused: phase 1 is busy");
  f.log->take();
  CHECK(f.say(atom::release_v, 2u) == lines{"spawn 1", "start 1"});
}

TEST_CASE("a retry whose turn comes while it is being skipped waits for that") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.start(1);
  f.run_tasks(0);
  f.hear(phase_retry_wait, "0");
  f.store->at_once = false;
  auto answer = f.ask(control_command::skip, "0");
  f.log->take();
  SECTION("and is dropped") {
    CHECK(f.say(atom::ready_v, 0u).empty());
    f.publish(0);
    CHECK(f.log->take() == lines{"done"});
  }
  SECTION("and goes on where that fails") {
    CHECK(f.say(atom::ready_v, 0u).empty());
    f.store->refuse("no");
    f.run();
    CHECK(f.log->take() == lines{"start 0"});
  }
}

TEST_CASE("what depends on a phase that is tried again does not start in that moment") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1"), make_phase("2", {0}))};
  f.start(1);
  f.approve(0);
  CHECK(f.log->take().empty()); // 1 has the slot, 2 waits for it.
  f.store->at_once = false;
  auto answer = f.ask(control_command::retry, "0");
  f.log->take();
  CHECK(f.say(atom::release_v, 1u).empty());
  SECTION("nor afterwards") {
    f.publish(0);
    CHECK(f.log->take() == lines{"spawn 0 after 1", "start 0"});
  }
  SECTION("but does where the retry is refused") {
    f.store->refuse("no");
    f.run();
    CHECK(f.log->take() == lines{"spawn 2", "start 2"});
  }
}

TEST_CASE("a cancelled run proposes nothing for what it cancels itself") {
  trigger_fixture f{chain()};
  f.start(1);
  f.run_tasks(0);
  f.hear(phase_waiting, "0", R"({"reason":"people"})");
  CHECK(f.decide(control_command::cancel).starts_with("the run is cancelled: 0 phases"));
  CHECK(kinds(f.store->events, "1") == std::vector{phase_cancelled});
  CHECK(kinds(f.store->events, "2") == std::vector{phase_cancelled});
}

TEST_CASE("a block that is refused, for a person was first, is looked at again") {
  trigger_fixture f{chain()};
  f.start(1);
  f.run_tasks(0);
  f.store->at_once = false;
  CHECK(f.hear(phase_failed, "0") == lines{"phase_blocked 1", "phase_blocked 2"});
  CHECK_FALSE(f.close());
  SECTION("at once, for that decision may be known already") {
    CHECK(f.hear(phase_skipped, "1") == lines{"phase_unblocked 2"});
    f.store->refuse("phase 1 is skipped: it cannot become blocked");
    f.run();
    CHECK(f.log->take() == lines{"spawn 2", "start 2"});
  }
  SECTION("and when that decision is known") {
    f.store->refuse("phase 1 is skipped: it cannot become blocked");
    f.run();
    CHECK(f.log->take() == lines{"phase_blocked 1", "phase_blocked 2"});
    f.store->refuse("phase 1 is skipped: it cannot become blocked");
    f.run();
    CHECK(f.log->take().empty());
    CHECK_FALSE(f.close());
    CHECK(f.hear(phase_skipped, "1") == lines{"spawn 2", "start 2"});
  }
}

TEST_CASE("a phase behind one that is shut is not retried, and what is reset there is blocked") {
  trigger_fixture f{chain()};
  f.start(1);
  f.run_tasks(0);
  f.hear(phase_failed, "0");
  f.hear(phase_skipped, "1");
  CHECK(f.decide(control_command::retry, "1")
        == "refused: phase 1 depends on phase 0, which is failed: retry that one, or skip it");
  CHECK(f.hear(phase_reset, "1") == lines{"phase_blocked 1", "done"});
}

TEST_CASE("an actor that has not said its last word goes when a person has") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.start(1);
  f.run_tasks(0);
  f.hear(phase_completed, "0");
  auto old = f.phases["0"];
  f.self->monitor(old);
  f.hear(phase_waiting, "0", R"({"reason":"people"})");
  f.hear(phase_rejected, "0");
  f.self->receive([&](const caf::down_msg& msg) { CHECK(msg.source == old.address()); });
}

TEST_CASE("the run is closed when nothing has come to do since its end was reported") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.start(1);
  f.run_tasks(0);
  CHECK_FALSE(f.close());
  CHECK(f.hear(phase_failed, "0") == lines{"done"});
  SECTION("then nothing is decided any more") {
    CHECK(f.close());
    CHECK(f.decide(control_command::retry, "0").starts_with("refused: the node is stopping"));
  }
  SECTION("a decision that is on its way keeps it open") {
    f.store->at_once = false;
    auto answer = f.ask(control_command::retry, "0");
    CHECK_FALSE(f.close());
    SECTION("and so does what came of it") {
      f.publish(0);
      CHECK_FALSE(f.close());
    }
    SECTION("where it is refused, the end is reported again") {
      f.log->take();
      f.store->refuse("no");
      f.run();
      CHECK(f.log->take() == lines{"done"});
      CHECK(f.close());
    }
  }
}

TEST_CASE("a phase that is unblocked twice runs once") {
  trigger_fixture f{chain()};
  f.start(1);
  f.run_tasks(0);
  f.hear(phase_failed, "0");
  f.hear(phase_skipped, "0");
  CHECK(f.hear(phase_unblocked, "1") == lines{"spawn 1", "start 1"});
  CHECK(f.hear(phase_unblocked, "1").empty());
  f.hear(phase_started, "1");
  CHECK(f.hear(phase_unblocked, "1").empty());
}

TEST_CASE("what waits behind a skipped phase alone is not blocked by what that waited for") {
  trigger_fixture f{chain()};
  f.start(1);
  f.run_tasks(0);
  CHECK(f.hear(phase_failed, "0") == lines{"phase_blocked 1", "phase_blocked 2", "done"});
  CHECK(f.hear(phase_skipped, "1") == lines{"phase_unblocked 2", "done"});
  CHECK(f.hear(phase_unblocked, "2") == lines{"spawn 2", "start 2"});
}

TEST_CASE("a phase that has just been started is not blocked") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1", {0}))};
  f.start(2);
  CHECK(f.approve(0) == lines{"spawn 1", "start 1"});
  f.hear(phase_reset, "0");
  f.hear(phase_started, "0");
  CHECK(f.hear(phase_failed, "0").empty());
}

TEST_CASE("after whatever kept a run open its end is reported again") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.start(1);
  f.run_tasks(0);
  f.hear(phase_failed, "0");
  f.store->at_once = false;
  auto answer = f.ask(control_command::pause);
  CHECK_FALSE(f.close());
  f.log->take();
  f.publish(0);
  CHECK(f.log->take() == lines{"done"});
  CHECK(f.close());
}

TEST_CASE("a closed run starts nothing, whatever is approved still") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1", {0}))};
  f.start(1);
  f.run_tasks(0);
  f.hear(phase_waiting, "0", R"({"reason":"people"})");
  CHECK(f.close());
  CHECK(f.hear(phase_approved, "0").empty());
}

TEST_CASE("a run that is stopped while it is closed ends when what runs has") {
  trigger_fixture f{roots()};
  f.start(1);
  f.hear(phase_started, "0");
  f.say(atom::stop_v, "SIGINT");
  CHECK_FALSE(f.close());
  f.say(atom::release_v, 0u);
  CHECK(f.hear(phase_reset, "0") == lines{"done interrupted"});
  CHECK(f.close());
}

TEST_CASE("an approved phase is run again only by force; who asks hears who approved it") {
  trigger_fixture f{chain()};
  f.start(4);
  f.approve(0);
  auto approved = std::make_shared<core::execution_state>(*f.initial);
  approved->phases[0].status = phase_status::approved;
  approved->phases[0].ended_us = 1'700'000'000'000'000;
  approved->phases[0].attempt = 1;
  approved->phases[0].detail = R"({"by":"mia"})";
  f.store->snapshot = approved;
  CHECK(f.decide(control_command::retry, "0")
        == "refused: phase 0 is approved already (by mia at 2023-11-14T22:13:20Z, attempt 1); to "
           "run it again all the same: aeo-control retry 0 --force");
  CHECK(
      f.decide(control_command::retry, "0", "again", true).starts_with("refused: phase 0 is app"));
  CHECK(kinds(f.store->events, "0").empty());
  CHECK(f.decide(control_command::retry, "0", "again", false, true)
        == "phase 0 is tried again (attempt 2)");
  CHECK(nlohmann::json::parse(f.store->last(audit).data)["force"] == true);
}

TEST_CASE("what is downstream and approved is run again only by force") {
  trigger_fixture f{make_plan(make_phase("0"), make_phase("1", {0}), make_phase("2", {1}))};
  f.start(4);
  f.hear(phase_skipped, "0");
  f.approve(1);
  f.run_tasks(2);
  f.hear(phase_failed, "2");
  const std::string advice = "again, too: aeo-control retry 0 --downstream --force";
  CHECK(f.decide(control_command::retry, "0", "again", true)
        == "refused: phase 1 depends on it and is approved already; to run it " + advice);
  CHECK(f.decide(control_command::retry, "2") == "phase 2 is tried again (attempt 2)");
  f.approve(2);
  CHECK(f.decide(control_command::retry, "0", "again", true)
        == "refused: phases 1, 2 depend on it and are approved already; to run them " + advice);
  CHECK(kinds(f.store->events, "0").empty());
  CHECK(f.decide(control_command::retry, "0", "again", true, true)
        == "phase 0 is tried again (attempt 1), and 2 that depend on it");
}

TEST_CASE("of two people who retry a phase one after the other the second is refused") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.start(4);
  f.hear(phase_started, "0");
  f.hear(phase_failed, "0");
  CHECK(f.decide(control_command::retry, "0") == "phase 0 is tried again (attempt 2)");
  CHECK(f.decide(control_command::retry, "0") // It is about to start.
            .starts_with("refused: phase 0 is about to start"));
  f.approve(0);
  f.store->snapshot = f.initial;
  CHECK(f.decide(control_command::retry, "0").starts_with("refused: phase 0 is approved already"));
}

TEST_CASE("what was skipped is run after all without force") {
  trigger_fixture f{make_plan(make_phase("0"))};
  f.start(4);
  f.hear(phase_skipped, "0");
  CHECK(f.decide(control_command::retry, "0") == "phase 0 is tried again (attempt 1)");
}

#include "actors/executor.hpp"
#include "tests/fixtures/fake_launcher.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::testing;

namespace {

task_listener_actor::behavior_type task_listener_mock(task_listener_actor::pointer,
                                                      transcript_ptr log) {
  return {
      [=](const task_start& start) { log->add("started " + name_of(start.key)); },
      [=](const task_exit& exit) {
        log->add(std::string{to_string(exit.kind)} + " " + name_of(exit.key));
      },
  };
}

task_key key_of(const std::string& task, std::uint32_t attempt = 1) {
  return {"0", task, attempt};
}

struct executor_fixture : actor_fixture {
  world_ptr world = std::make_shared<fake_launcher_world>();
  task_listener_actor listener = spawn(task_listener_mock, world->log);
  executor_actor uut;

  explicit executor_fixture(std::size_t slots) { uut = spawn(executor, connect_to(world), slots); }
  ~executor_fixture() override {
    world->executor = executor_actor{};
    listener = task_listener_actor{};
  }

  template <class... Ts>
  lines say(Ts&&... xs) {
    self->send(uut, std::forward<Ts>(xs)...);
    run();
    return world->log->take();
  }

  void connect(launcher_inventory inventory = {}) {
    if (!inventory.running.empty() || !inventory.ended.empty())
      world->inventories.push_back(std::move(inventory));
    CHECK(say(atom::connect_v) == lines{"connect"});
    // The answer is not what these tests are about.
    self->receive([](const launcher_inventory&) {});
  }

  lines run_task(const std::string& task, std::uint32_t attempt = 1) {
    task_spec spec;
    spec.key = key_of(task, attempt);
    return say(atom::run_v, std::move(spec), listener);
  }
  lines stage_task(const std::string& task) {
    task_spec spec;
    spec.key = key_of(task);
    return say(atom::stage_v, std::move(spec), listener);
  }
  lines end(const std::string& task, int code = 0) { return say(make_exit(key_of(task), code)); }
  lines hear_finished(const std::string& task) {
    auto e = make_event(event_kind::task_finished, "0");
    e.task = task;
    return say(atom::publish_v, event_batch{e});
  }
  bool ended() const { return has_ended(caf::actor_cast<caf::actor>(uut)); }
};

} // namespace

TEST_CASE("connecting gives what the launcher knows") {
  executor_fixture f{1};
  launcher_inventory inventory;
  inventory.found = true;
  inventory.ended = {make_exit(key_of("a"), 3)};
  f.world->inventories.push_back(inventory);
  auto request = f.self->request(f.uut, caf::infinite, atom::connect_v);
  f.run();
  request.receive(
      [](const launcher_inventory& heard) {
        CHECK(heard.found);
        REQUIRE(heard.ended.size() == 1);
        CHECK(heard.ended[0].code == 3);
      },
      [](const caf::error& err) { FAIL(message_of(err)); });
}

TEST_CASE("a launcher that cannot be had is an error for the asker") {
  executor_fixture f{1};
  f.world->connect_error = caf::make_error(ec::launcher_failed, "no such program");
  auto request = f.self->request(f.uut, caf::infinite, atom::connect_v);
  f.run();
  request.receive([](const launcher_inventory&) { FAIL("connected"); },
                  [](const caf::error& err) { CHECK(message_of(err) == "no such program"); });
}

TEST_CASE("at most `slots` tasks run at once, the others in the order they came") {
  executor_fixture f{2};
  f.connect();
  CHECK(f.run_task("a") == lines{"start a.1"});
  CHECK(f.run_task("b") == lines{"start b.1"});
  CHECK(f.run_task("d").empty());
  CHECK(f.run_task("c").empty());
  CHECK(f.end("b") == lines{"start d.1", "exited b.1"});
  CHECK(f.end("a") == lines{"start c.1", "exited a.1"});
}

TEST_CASE("what may wait with the launcher goes there at once") {
  executor_fixture f{1};
  f.connect();
  CHECK(f.run_task("a") == lines{"start a.1"});
  CHECK(f.stage_task("b") == lines{"start b.1"});
  CHECK(f.stage_task("c") == lines{"start c.1"});
  CHECK(f.end("a") == lines{"exited a.1"});
}

TEST_CASE("what may wait with the launcher does not pass what has to wait here") {
  executor_fixture f{1};
  f.connect();
  f.run_task("a");
  f.stage_task("b");
  CHECK(f.run_task("c").empty());
  CHECK(f.stage_task("d").empty());
  CHECK(f.end("a") == lines{"exited a.1"});
  CHECK(f.end("b") == lines{"start c.1", "start d.1", "exited b.1"});
}

TEST_CASE("a task that waits here is withdrawn here, another one with the launcher") {
  executor_fixture f{1};
  f.connect();
  f.run_task("a");
  f.stage_task("b");
  f.run_task("c");
  CHECK(f.say(atom::withdraw_v, key_of("c")) == lines{"cancelled c.1"});
  CHECK(f.say(atom::withdraw_v, key_of("b")) == lines{"withdraw b.1"});
  CHECK(f.say(make_exit(key_of("b"), exit_kind::cancelled)) == lines{"cancelled b.1"});
  CHECK(f.say(atom::withdraw_v, key_of("b")).empty());
}

TEST_CASE("a listener hears the start and the end of its task, once") {
  executor_fixture f{1};
  f.connect();
  f.run_task("a");
  CHECK(f.say(task_start{key_of("a"), 100, 7, 1}) == lines{"started a.1"});
  CHECK(f.end("a") == lines{"exited a.1"});
  CHECK(f.end("a").empty());
}

TEST_CASE("a queued task that is cancelled is never started, and ends as cancelled") {
  executor_fixture f{1};
  f.connect();
  f.run_task("a");
  f.run_task("b");
  CHECK(f.say(atom::cancel_v, key_of("b")) == lines{"cancelled b.1"});
  CHECK(f.end("a") == lines{"exited a.1"});
}

TEST_CASE("a running task that is cancelled keeps its slot until it is gone") {
  executor_fixture f{1};
  f.connect();
  f.run_task("a");
  f.run_task("b");
  CHECK(f.say(atom::cancel_v, key_of("a")) == lines{"cancel a.1"});
  CHECK(f.say(make_exit(key_of("a"), exit_kind::cancelled)) == lines{"start b.1", "cancelled a.1"});
}

TEST_CASE("cancelling what nobody runs changes nothing") {
  executor_fixture f{1};
  f.connect();
  CHECK(f.say(atom::cancel_v, key_of("a")).empty());
}

TEST_CASE("an exit is acknowledged only when it is durable") {
  executor_fixture f{1};
  f.connect();
  f.run_task("a");
  CHECK(f.end("a") == lines{"exited a.1"});
  CHECK(f.hear_finished("a") == lines{"acknowledge a.1"});
}

TEST_CASE("other events acknowledge nothing") {
  executor_fixture f{1};
  f.connect();
  CHECK(f.say(atom::publish_v, event_batch{make_event(event_kind::phase_completed, "0")}).empty());
}

TEST_CASE("the exit of a criterion's command is not kept for the next time") {
  executor_fixture f{1};
  f.connect();
  f.run_task("criteria.0");
  CHECK(f.end("criteria.0") == lines{"acknowledge criteria.0.1", "exited criteria.0.1"});
}

TEST_CASE("what a criterion's command ended with before a restart is forgotten") {
  executor_fixture f{1};
  launcher_inventory inventory;
  inventory.ended = {make_exit(key_of("criteria.0"), exit_kind::cancelled), make_exit(key_of("a"))};
  f.connect(inventory);
  CHECK(f.say(atom::disown_v, task_keys{key_of("criteria.0")})
        == lines{"acknowledge criteria.0.1"});
}

TEST_CASE("an adopted task holds a slot and its end is heard") {
  executor_fixture f{1};
  launcher_inventory inventory;
  inventory.running = {{key_of("a"), 100, 7, 1}};
  f.connect(inventory);
  CHECK(f.say(atom::adopt_v, key_of("a"), f.listener).empty());
  CHECK(f.run_task("b").empty());
  CHECK(f.end("a", 2) == lines{"start b.1", "exited a.1"});
}

TEST_CASE("a disowned task is ended and acknowledged, and only then can it run anew") {
  executor_fixture f{1};
  launcher_inventory inventory;
  inventory.running = {{key_of("a"), 100, 7, 1}};
  f.connect(inventory);
  CHECK(f.say(atom::disown_v, task_keys{key_of("a")}) == lines{"cancel a.1"});
  CHECK(f.run_task("a").empty());
  CHECK(f.end("a", 9) == lines{"acknowledge a.1", "start a.1"});
  CHECK(f.end("a") == lines{"exited a.1"});
}

TEST_CASE("what was to run after a disowned task does not when it is cancelled") {
  executor_fixture f{1};
  launcher_inventory inventory;
  inventory.running = {{key_of("a"), 100, 7, 1}};
  f.connect(inventory);
  f.say(atom::disown_v, task_keys{key_of("a")});
  f.run_task("a");
  CHECK(f.say(atom::cancel_v, key_of("a")) == lines{"cancel a.1", "cancelled a.1"});
  CHECK(f.end("a", 9) == lines{"acknowledge a.1"});
}

TEST_CASE("what was to run after a disowned task is withdrawn alone") {
  executor_fixture f{1};
  launcher_inventory inventory;
  inventory.running = {{key_of("a"), 100, 7, 1}};
  f.connect(inventory);
  f.say(atom::disown_v, task_keys{key_of("a")});
  f.stage_task("a");
  CHECK(f.say(atom::withdraw_v, key_of("a")) == lines{"cancelled a.1"});
  CHECK(f.end("a", 9) == lines{"acknowledge a.1"});
}

TEST_CASE("what a broken link did not tell of is told from the next one, once") {
  executor_fixture f{1};
  f.connect();
  f.run_task("told");
  f.say(task_start{key_of("told"), 100, 7, 1});
  f.stage_task("untold");
  f.stage_task("waits");
  launcher_inventory inventory;
  inventory.running = {{key_of("told"), 100, 7, 1}, {key_of("untold"), 101, 7, 1}};
  f.world->inventories.push_back(inventory);
  CHECK(f.say(atom::gone_v, "broken") == lines{"connect", "started untold.1", "lost waits.1"});
}

TEST_CASE("an exit that comes before its task is adopted is kept for the adopter") {
  executor_fixture f{1};
  launcher_inventory inventory;
  inventory.running = {{key_of("a"), 100, 7, 1}};
  f.connect(inventory);
  CHECK(f.end("a").empty());
  CHECK(f.say(atom::adopt_v, key_of("a"), f.listener) == lines{"exited a.1"});
  CHECK(f.run_task("b") == lines{"start b.1"});
}

TEST_CASE("after a lost launcher, recorded exits are told, others are lost, survivors go on") {
  executor_fixture f{4};
  launcher_inventory first;
  first.running = {{key_of("adopted"), 100, 7, 1}, {key_of("late"), 101, 7, 1}};
  f.connect(first);
  f.say(atom::adopt_v, key_of("adopted"), f.listener);
  f.run_task("recorded");
  f.run_task("survivor");
  f.run_task("unknown");
  f.run_task("queued");
  launcher_inventory inventory;
  inventory.running = {{key_of("survivor"), 100, 7, 1}};
  inventory.ended = {make_exit(key_of("recorded"), 5)};
  f.world->inventories.push_back(inventory);
  CHECK(f.say(atom::gone_v, "killed")
        == lines{"connect", "start unknown.1", "start queued.1", "started survivor.1",
                 "exited recorded.1", "lost adopted.1"});
  CHECK(f.end("survivor") == lines{"exited survivor.1"});
  CHECK(f.end("queued") == lines{"exited queued.1"});
  CHECK(f.say(atom::adopt_v, key_of("late"), f.listener) == lines{"lost late.1"});
}

TEST_CASE("a task that was started on the new link is not lost with the old one") {
  executor_fixture f{1};
  f.connect();
  f.run_task("a");
  f.run_task("b");
  launcher_inventory inventory;
  inventory.ended = {make_exit(key_of("a"))};
  f.world->inventories.push_back(inventory);
  CHECK(f.say(atom::gone_v, "killed") == lines{"connect", "start b.1", "exited a.1"});
  CHECK(f.end("b") == lines{"exited b.1"});
}

TEST_CASE("an old exit of a task that is queued again is not taken for the new one") {
  executor_fixture f{1};
  f.connect();
  f.run_task("a");
  f.run_task("b");
  launcher_inventory inventory;
  inventory.running = {{key_of("a"), 100, 7, 1}};
  inventory.ended = {make_exit(key_of("b"), exit_kind::cancelled)};
  f.world->inventories.push_back(inventory);
  CHECK(f.say(atom::gone_v, "hung up") == lines{"connect", "started a.1"});
  CHECK(f.end("a") == lines{"start b.1", "exited a.1"});
}

TEST_CASE("an exit that was told is not taken for that of the same task started anew") {
  executor_fixture f{1};
  f.connect();
  launcher_inventory inventory;
  for (const auto* task : {"a", "criteria.0"}) {
    f.run_task(task);
    f.end(task);
    inventory.ended.push_back(make_exit(key_of(task))); // It did not read that we know it.
  }
  f.run_task("a");
  f.world->inventories.push_back(inventory);
  CHECK(f.say(atom::gone_v, "killed") == lines{"connect", "acknowledge criteria.0.1", "lost a.1"});
}

TEST_CASE("one broken link is one loss, however many calls it fails") {
  executor_fixture f{9};
  f.connect();
  f.world->call_error = caf::make_error(ec::launcher_failed, "broken pipe");
  for (const auto* task : {"a", "b", "c", "d", "e", "f", "g"})
    f.run_task(task);
  f.hear_finished("z");
  CHECK_FALSE(f.ended());
  f.world->call_error = {};
  auto heard = f.say(atom::gone_v, "hung up");
  REQUIRE(heard.size() == 8);
  CHECK(heard[0] == "connect");
  CHECK(heard[1] == "lost a.1");
  CHECK(f.run_task("a", 2) == lines{"start a.2"});
}

TEST_CASE("a launcher that is lost again and again ends the executor") {
  executor_fixture f{1};
  f.connect();
  for (int i = 0; i < 5; ++i)
    CHECK(f.say(atom::gone_v, "killed") == lines{"connect"});
  CHECK_FALSE(f.ended());
  CHECK(f.say(atom::gone_v, "killed").empty());
  CHECK(f.ended());
}

TEST_CASE("a launcher that cannot be had again ends the executor") {
  executor_fixture f{1};
  f.connect();
  f.world->connect_error = caf::make_error(ec::launcher_failed, "no such program");
  CHECK(f.say(atom::gone_v, "killed") == lines{"connect", "connect", "connect"});
  CHECK(f.ended());
}

TEST_CASE("a stop ends queued and running tasks and is answered when all are gone") {
  executor_fixture f{1};
  f.connect();
  f.run_task("a");
  f.run_task("b");
  auto request = f.self->request(f.uut, caf::infinite, atom::stop_v);
  f.run();
  CHECK(f.world->log->take() == lines{"cancel a.1", "cancelled b.1"});
  CHECK(f.self->mailbox().empty());
  f.say(make_exit(key_of("a"), exit_kind::cancelled));
  request.receive([] { SUCCEED(); }, [](const caf::error& err) { FAIL(message_of(err)); });
}

TEST_CASE("who waits until nothing runs ends nothing") {
  executor_fixture f{1};
  f.connect();
  f.run_task("a");
  auto request = f.self->request(f.uut, caf::infinite, atom::finish_v);
  f.run();
  CHECK(f.world->log->take().empty());
  CHECK(f.self->mailbox().empty());
  f.end("a");
  request.receive([] { SUCCEED(); }, [](const caf::error& err) { FAIL(message_of(err)); });
}

TEST_CASE("a stop with nothing to end is answered at once") {
  executor_fixture f{1};
  f.connect();
  auto request = f.self->request(f.uut, caf::infinite, atom::stop_v);
  f.run();
  request.receive([] { SUCCEED(); }, [](const caf::error& err) { FAIL(message_of(err)); });
}

TEST_CASE("letting go of the launcher ends nothing, and nothing is lost by it") {
  executor_fixture f{1};
  f.connect();
  f.run_task("a");
  CHECK(f.say(atom::detach_v) == lines{"close"});
  CHECK(f.say(atom::gone_v, "hung up").empty());
}

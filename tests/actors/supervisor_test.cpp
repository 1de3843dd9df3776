#include "actors/supervisor.hpp"
#include "tests/fixtures/fake_files.hpp"
#include "tests/fixtures/fake_launcher.hpp"
#include "tests/fixtures/memory_store.hpp"
#include "tests/fixtures/recording_view.hpp"
#include "tests/fixtures/tiny_github.hpp"

#include <caf/event_based_actor.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <csignal>

using namespace aeo;
using namespace aeo::testing;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

/// A whole node but for processes, disk and console.
struct supervisor_fixture : actor_fixture {
  world_ptr world = std::make_shared<fake_launcher_world>();
  std::shared_ptr<memory_disk> disk = std::make_shared<memory_disk>();
  std::shared_ptr<written_files> files = std::make_shared<written_files>();
  transcript_ptr seen = std::make_shared<transcript>(); ///< By the operator.
  std::shared_ptr<supervisor_deps> deps = std::make_shared<supervisor_deps>();
  std::shared_ptr<core::execution_state> initial = std::make_shared<core::execution_state>();
  std::vector<snapshot_ptr> saved;
  std::map<std::string, int> codes; ///< Exit codes by task and attempt ("T0.1.1"); others: 0.
  std::set<std::string> endless;    ///< Tasks that go on until they are cancelled.
  supervisor_actor uut;
  std::optional<int> exit_code;

  explicit supervisor_fixture(plan p) {
    deps->context = make_context(std::move(p));
    const auto& the_plan = *deps->context->the_plan;
    initial->id = deps->context->execution;
    initial->phases.resize(the_plan.phases.size());
    initial->overall = overall_status::in_progress;
    deps->initial = initial;
    deps->store = std::make_unique<memory_store>(disk);
    deps->save = [this](const core::execution_state& s) -> caf::error {
      saved.push_back(std::make_shared<const core::execution_state>(s));
      return {};
    };
    world->outcome = [this](const task_spec& spec) -> std::optional<task_exit> {
      if (endless.contains(spec.key.task))
        return std::nullopt;
      return make_exit(spec.key, codes[name_of(spec.key)]);
    };
    deps->connect_launcher = connect_to(world);
    deps->random01 = [] { return 0.5; };
    deps->files = std::make_shared<fixtures::fake_files>();
    deps->tail = [](const std::string&) { return std::string{}; };
    deps->view = std::make_unique<recording_view>(seen);
    deps->history = std::make_unique<core::run_history>(the_plan);
    deps->write_file = write_to(files);
    deps->workspace = ".";
    deps->slots = 2;
    deps->detached = false;
  }
  ~supervisor_fixture() override {
    if (uut && !exit_code)
      for (int i = 0; i < 2; ++i)
        self->send(uut, atom::interrupt_v, SIGINT);
    run();
    world->executor = executor_actor{};
  }

  /// Runs until nothing more happens by itself.
  std::optional<int> go() {
    begin(0);
    return settle();
  }
  /// The run's first steps; false: there are not so many.
  bool begin(int steps) {
    uut = spawn(supervisor, deps);
    self->send(uut, atom::run_v);
    auto busy = true;
    for (int i = 0; i < steps && busy; ++i)
      busy = scheduler.try_run_once();
    return busy;
  }
  std::optional<int> settle() {
    run();
    while (!self->mailbox().empty())
      self->receive([this](int code) { exit_code = code; });
    return exit_code;
  }
  std::optional<int> interrupt(int signo = SIGINT) {
    self->send(uut, atom::interrupt_v, signo);
    return settle();
  }
  std::optional<int> after(std::chrono::microseconds time) {
    pass(time);
    return settle();
  }
  supervisor_actor::stateful_pointer<supervisor_state> inside() const {
    return dynamic_cast<supervisor_actor::stateful_pointer<supervisor_state>>(
        caf::actor_cast<caf::abstract_actor*>(uut));
  }
  /// All but the reporter do what there is to do, as where its terminal is slow.
  void go_without_reporter() {
    const auto* slow = dynamic_cast<caf::resumable*>(
        caf::actor_cast<caf::abstract_actor*>(inside()->state.reporter_));
    scheduler.run_jobs_filtered([slow](const auto* job) { return job != slow; });
  }
  /// Somebody's command, as soon as there is a trigger; the answer comes into `answer`.
  bool retry(const std::string& phase) { return command(control_command::retry, phase, true); }
  bool command(control_command what, const std::string& phase = {}, bool force = false) {
    answer = std::make_shared<std::string>();
    if (!self->mailbox().empty())
      return false; // The supervisor has given its answer and gone, its state with it.
    auto* boss = inside();
    if (boss == nullptr || !boss->state.trigger_)
      return false;
    operator_decision d;
    d.request.command = what;
    d.request.phase = phase;
    d.request.force = force;
    d.by = "alice";
    d.role = access_role::operator_;
    system.spawn([whom = boss->state.trigger_, d, to = answer](caf::event_based_actor* me) {
      me->request(whom, caf::infinite, atom::act_v, d)
          .then([to](const std::string& text) { *to = text; },
                [to](const caf::error& err) { *to = "refused: " + message_of(err); });
    });
    return true;
  }
  std::shared_ptr<std::string> answer;
  lines stored() const {
    lines result;
    for (const auto& e : disk->events)
      result.push_back(name_of(e));
    return result;
  }
  std::vector<event_kind> of_phase(std::string_view id) const { return kinds(disk->events, id); }
  json end_data() const {
    REQUIRE(!disk->events.empty());
    REQUIRE(disk->events.back().kind == event_kind::execution_ended);
    return json::parse(disk->events.back().data);
  }
  bool saw(std::string_view part) const {
    return std::ranges::any_of(seen->heard,
                               [&](const auto& line) { return line.find(part) != line.npos; });
  }
};

plan diamond() {
  return make_plan(make_phase("0"), make_phase("1", {0}), make_phase("2", {0}),
                   make_phase("3", {1, 2}));
}

phase_def with_check() {
  auto def = make_phase("0");
  def.criteria = std::make_unique<criteria_def>();
  def.criteria->checks.emplace_back();
  def.criteria->checks[0].type = check_type::command;
  def.criteria->checks[0].command = {"make", "check"};
  return def;
}

/// An earlier node left phase 0 in its first attempt, with T0.1 running.
void leave_running(supervisor_fixture& f) {
  auto& phase = f.initial->phases[0];
  phase.status = phase_status::in_progress;
  phase.attempt = 1;
  phase.started_us = phase.attempt_us = f.now_us;
  phase_origin origin;
  origin.saved = phase;
  origin.unfinished = {"T0.1"};
  f.deps->origins[0] = origin;
  launcher_inventory inventory;
  inventory.found = true;
  inventory.running = {{{"0", "T0.1", 1}, 100, 7, 1}};
  f.world->inventories.push_back(inventory);
  f.world->running[{"0", "T0.1", 1}] = {};
}

/// The earlier node died after the launcher had started T0.1 and before the log knew of it.
void leave_unrecorded(supervisor_fixture& f, std::uint32_t attempt) {
  launcher_inventory inventory;
  inventory.found = true;
  inventory.running = {{{"0", "T0.1", attempt}, 100, 7, f.now_us - 1}};
  f.world->inventories.push_back(inventory);
  f.world->running[{"0", "T0.1", attempt}] = {};
}

/// A GitHub that answers when the test says so.
std::shared_ptr<wire> wire_to_github(supervisor_fixture& f) {
  auto line = std::make_shared<wire>();
  f.deps->github = std::make_unique<github_service>();
  f.deps->github->api_url = "https://github.test";
  f.deps->github->open = [disk = f.disk]() -> caf::expected<std::unique_ptr<io::outbox>> {
    return std::make_unique<memory_outbox>(disk, std::make_shared<memory_outbox::notes>());
  };
  f.deps->github->connect = [line](const github_actor& whom) {
    line->asker = whom;
    return std::make_unique<wired_client>(line);
  };
  return line;
}

plan told_on_github(plan p) {
  p.github.enabled = true;
  p.github.owner = "o";
  p.github.repo = "r";
  p.github.drain_time = 20s;
  return p;
}

} // namespace

TEST_CASE("a plan whose phases are all approved ends with 0") {
  supervisor_fixture f{make_plan(make_phase("0"), make_phase("1", {0}))};
  CHECK(f.go() == exit_code::ok);
  CHECK(f.stored()
        == lines{"phase_started 0", "task_started T0.1", "task_finished T0.1", "phase_completed 0",
                 "phase_approved 0", "phase_started 1", "task_started T1.1", "task_finished T1.1",
                 "phase_completed 1", "phase_approved 1", "execution_ended "});
  CHECK(f.end_data()["status"] == "completed");
  CHECK(f.end_data()["exit_code"] == 0);
  CHECK(f.world->log->take()
        == lines{"connect", "start T0.1.1", "acknowledge T0.1.1", "start T1.1.1",
                 "acknowledge T1.1.1", "close"});
  CHECK(f.saved.back()->overall == overall_status::completed);
  CHECK(f.seen->heard.back() == "finish 0 /workspace/consolidation/reports/final_report.md");
}

TEST_CASE("everything said to the operator was durable before") {
  supervisor_fixture f{diamond()};
  f.go();
  lines events;
  for (const auto& line : f.seen->heard)
    if (!line.starts_with("begin ") && !line.starts_with("finish "))
      events.push_back(line);
  CHECK(events == f.stored());
}

TEST_CASE("phases that depend on the same one run side by side") {
  supervisor_fixture f{diamond()};
  f.endless = {"T1.1", "T2.1"};
  CHECK_FALSE(f.go());
  CHECK(f.world->running.size() == 2);
  f.world->end(make_exit({"1", "T1.1", 1}));
  CHECK_FALSE(f.settle());
  f.world->end(make_exit({"2", "T2.1", 1}));
  CHECK(f.settle() == exit_code::ok);
}

TEST_CASE("a failed phase ends the run with 1, its dependents blocked, the others run") {
  supervisor_fixture f{diamond()};
  f.codes["T1.1.1"] = 2;
  CHECK(f.go() == exit_code::failed);
  CHECK(f.of_phase("1").back() == event_kind::phase_failed);
  CHECK(f.of_phase("2").back() == event_kind::phase_approved);
  CHECK(f.of_phase("3") == std::vector{event_kind::phase_blocked});
  CHECK(f.end_data()["status"] == "failed");
}

TEST_CASE("a transient failure is tried again and the run ends with 0") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.codes["T0.1.1"] = 75;
  CHECK_FALSE(f.go());
  CHECK(f.of_phase("0").back() == event_kind::phase_retry_wait);
  CHECK(f.after(60s) == exit_code::ok);
  CHECK(f.disk->events.back().kind == event_kind::execution_ended);
  CHECK(f.saved.back()->phases[0].attempt == 2);
}

TEST_CASE("a run that waits for people only ends with 3") {
  supervisor_fixture f{make_plan(make_phase("0"), make_phase("1", {0}))};
  f.deps->manual = true;
  CHECK(f.go() == exit_code::waiting);
  CHECK(f.of_phase("0").back() == event_kind::phase_waiting);
  CHECK(f.of_phase("1").empty());
  CHECK(f.end_data()["status"] == "waiting_approval");
}

TEST_CASE("a failure counts more than a phase that waits") {
  auto waits = make_phase("1");
  waits.approval = std::make_unique<approval_policy>();
  waits.approval->mode = approval_mode::manual;
  supervisor_fixture f{make_plan(make_phase("0"), std::move(waits))};
  f.codes["T0.1.1"] = 2;
  CHECK(f.go() == exit_code::failed);
}

TEST_CASE("a run that a person cancels ends with 1, as cancelled") {
  supervisor_fixture f{make_plan(make_phase("0"), make_phase("1", {0}), make_phase("2"))};
  f.endless = {"T0.1"};
  auto status = "cancelled";
  SECTION("all of it") {
    REQUIRE_FALSE(f.go());
    f.command(control_command::cancel);
  }
  SECTION("a phase that others wait for") {
    REQUIRE_FALSE(f.go());
    f.command(control_command::cancel, "0");
  }
  SECTION("but as failed where a phase has failed") {
    f.codes["T2.1.1"] = 2;
    REQUIRE_FALSE(f.go());
    f.command(control_command::cancel);
    status = "failed";
  }
  REQUIRE(f.settle() == exit_code::failed);
  CHECK(f.of_phase("0").back() == event_kind::phase_cancelled);
  CHECK(f.end_data()["status"] == status);
  CHECK(to_string(f.saved.back()->overall) == status);
}

TEST_CASE("a configuration error ends the run with 78") {
  supervisor_fixture f{make_plan(make_phase("0"), make_phase("1"))};
  f.deps->slots = 1;
  f.codes["T0.1.1"] = 78;
  CHECK(f.go() == exit_code::configuration);
  // The slot was free when the task ended, before its class was known.
  CHECK(f.of_phase("0").back() == event_kind::phase_failed);
}

TEST_CASE("a signal ends the tasks, gives their phases back, saves, and ends with 130") {
  supervisor_fixture f{make_plan(make_phase("0"), make_phase("1", {0}))};
  f.endless = {"T0.1"};
  CHECK_FALSE(f.go());
  f.world->log->take();
  CHECK(f.interrupt() == exit_code::interrupted);
  CHECK(f.world->log->take() == lines{"cancel T0.1.1", "acknowledge T0.1.1", "close"});
  CHECK(f.of_phase("0")
        == std::vector{event_kind::phase_started, event_kind::task_started,
                       event_kind::task_finished, event_kind::phase_reset});
  CHECK(f.of_phase("1").empty());
  CHECK(f.end_data()["status"] == "interrupted");
  CHECK(f.saved.back()->overall == overall_status::interrupted);
}

TEST_CASE("a signal ends a node that waits for people, whatever it is about to do") {
  for (int steps = 0;; ++steps) {
    supervisor_fixture f{make_plan(make_phase("0"))};
    f.deps->manual = true;
    f.deps->wait = true;
    const auto busy = f.begin(steps);
    INFO(steps << " steps before the signal");
    CHECK(f.interrupt() == exit_code::interrupted);
    if (!busy)
      break;
  }
}

TEST_CASE("a signal during the wait for a retry ends with 130") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.codes["T0.1.1"] = 75;
  f.go();
  CHECK(f.interrupt() == exit_code::interrupted);
  CHECK(f.of_phase("0").back() == event_kind::phase_reset);
}

TEST_CASE("a signal while a gate is judged leaves the gate to the next node") {
  supervisor_fixture f{make_plan(with_check())};
  f.endless = {"criteria.0"};
  CHECK_FALSE(f.go());
  f.world->log->take();
  CHECK(f.interrupt() == exit_code::interrupted);
  CHECK(f.of_phase("0").back() == event_kind::phase_completed);
  // The launcher must not answer the next node's question with this exit.
  CHECK(f.world->log->take() == lines{"cancel criteria.0.1", "acknowledge criteria.0.1", "close"});
}

TEST_CASE("a second signal leaves at once") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.world->outcome = nullptr; // Nothing ends, not even what is cancelled.
  CHECK_FALSE(f.go());
  CHECK_FALSE(f.interrupt());
  CHECK(f.interrupt() == exit_code::interrupted);
}

TEST_CASE("a SIGTERM that comes twice at once is one; later, or a SIGINT, it is a second") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.world->outcome = nullptr; // Nothing ends, not even what is cancelled.
  CHECK_FALSE(f.go());
  CHECK_FALSE(f.interrupt(SIGTERM));
  CHECK_FALSE(f.interrupt(SIGTERM));
  CHECK_FALSE(f.after(900ms));
  f.set_clock(1h); // Of the clock on the wall nothing follows.
  CHECK_FALSE(f.interrupt(SIGTERM));
  SECTION("a later one") {
    CHECK_FALSE(f.after(200ms));
    CHECK(f.interrupt(SIGTERM) == exit_code::interrupted);
  }
  SECTION("another one") {
    CHECK(f.interrupt(SIGINT) == exit_code::interrupted);
  }
}

TEST_CASE("with --detach-on-stop a signal leaves the tasks to the launcher") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.deps->detach_on_stop = true;
  f.endless = {"T0.1"};
  f.go();
  f.world->log->take();
  CHECK(f.interrupt() == exit_code::interrupted);
  CHECK(f.world->log->take() == lines{"close"});
  CHECK(f.world->running.size() == 1);
  CHECK(f.saved.back()->phases[0].status == phase_status::in_progress);
}

TEST_CASE("a node that leaves its tasks knows first which have started") {
  supervisor_fixture f{make_plan(make_phase("0"), make_phase("1"))};
  f.deps->detach_on_stop = true;
  f.world->outcome = nullptr; // It says nothing of itself.
  f.go();
  const task_key first{"0", "T0.1", 1};
  const task_key second{"1", "T1.1", 1};
  REQUIRE(f.world->running.size() == 2);
  CHECK_FALSE(f.interrupt());
  SECTION("as the launcher says") {
    f.self->send(f.world->executor, task_start{first, 100, 7, 1'000'000});
    CHECK_FALSE(f.settle());
    auto unstarted = make_exit(second, exit_kind::not_started, ECANCELED);
    unstarted.pid = 0;
    f.self->send(f.world->executor, unstarted);
    CHECK(f.settle() == exit_code::interrupted);
    CHECK(f.saved.back()->phases[0].status == phase_status::in_progress);
    CHECK(f.saved.back()->phases[1].status == phase_status::pending);
    CHECK_FALSE(f.saw("not known"));
  }
  SECTION("but not for ever") {
    CHECK_FALSE(f.after(9s));
    CHECK(f.after(1s) == exit_code::interrupted);
    CHECK(f.saw("not known"));
  }
  SECTION("but a second signal comes first, and nobody ends the tasks") {
    CHECK(f.interrupt() == exit_code::interrupted);
    CHECK(f.saw("SIGINT; running tasks go on"));
    CHECK_FALSE(f.saw("ends the tasks"));
  }
}

TEST_CASE("a node that leaves before anything was started starts nothing, however slow it speaks") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  REQUIRE(f.begin(1));
  f.self->send(f.uut, atom::interrupt_v, SIGTERM);
  f.go_without_reporter();
  CHECK(f.world->log->take() == lines{"connect"});
  CHECK(f.settle() == exit_code::interrupted);
  CHECK(f.saw("leaving before anything was started"));
}

TEST_CASE("whenever a node is to leave its tasks, it says once, and truly, how the run ended") {
  std::map<int, int> seen;
  auto busy = true;
  for (int steps = 0; busy; ++steps) {
    supervisor_fixture f{make_plan(make_phase("0"), make_phase("1", {0}))};
    f.deps->detach_on_stop = true;
    busy = f.begin(steps);
    f.interrupt();
    INFO(steps << " steps before");
    REQUIRE(f.exit_code);
    const auto said = std::ranges::count(f.disk->events, event_kind::execution_ended, &event::kind);
    if (said == 0) { // Before anything was started.
      CHECK(f.exit_code == exit_code::interrupted);
      CHECK(f.of_phase("0").empty());
      continue;
    }
    CHECK(said == 1);
    // What ends while it leaves may make a whole of it, too: the next node says so.
    const auto done = f.end_data()["status"] == "completed";
    CHECK(f.exit_code == (done ? exit_code::ok : exit_code::interrupted));
    if (done)
      CHECK(f.of_phase("1").back() == event_kind::phase_approved);
    else
      CHECK(f.end_data()["status"] == "interrupted");
    ++seen[*f.exit_code];
  }
  CHECK(seen[exit_code::ok] > 0);
  CHECK(seen[exit_code::interrupted] > 0);
}

TEST_CASE("whenever somebody retries as the run ends, it is done or refused, and the end is true") {
  auto retried = 0;
  auto refused = 0;
  for (auto waits : {false, true}) {
    auto busy = true;
    for (int steps = 0; busy; ++steps) {
      supervisor_fixture f{make_plan(make_phase("0"), make_phase("1", {0}))};
      f.deps->wait = waits;
      f.codes["T0.1.1"] = 2;
      busy = f.begin(steps);
      const auto asked = f.retry("0");
      f.settle();
      if (!asked)
        continue;
      INFO((waits ? "waits, " : "") << steps << " steps before, answered: " << *f.answer);
      if (f.answer->starts_with("phase 0 is tried again")) {
        ++retried;
        CHECK(f.exit_code == exit_code::ok);
        CHECK(f.of_phase("1").back() == event_kind::phase_approved);
      } else {
        ++refused;
        CHECK_FALSE(f.answer->empty());
        if (waits)
          f.interrupt();
        CHECK(f.exit_code == (waits ? exit_code::interrupted : exit_code::failed));
      }
      CHECK(f.end_data()["status"] != "in_progress");
    }
  }
  CHECK(retried > 2);
  CHECK(refused > 2);
}

TEST_CASE("only selected phases run, and that is no failure") {
  supervisor_fixture f{make_plan(make_phase("0"), make_phase("1"))};
  f.deps->selected = {false, true};
  CHECK(f.go() == exit_code::ok);
  CHECK(f.of_phase("0").empty());
  CHECK(f.end_data()["status"] == "interrupted");
}

TEST_CASE("a store that fails and recovers loses nothing") {
  supervisor_fixture f{diamond()};
  f.disk->trouble = caf::make_error(ec::storage_failed, "disk full");
  CHECK_FALSE(f.go());
  CHECK(f.disk->events.empty());
  CHECK(f.saw("say storage fails: disk full"));
  CHECK_FALSE(f.after(5s));
  CHECK(f.disk->refused > 0);
  f.disk->trouble = {};
  CHECK(f.after(1s) == exit_code::ok);
  CHECK(f.saw("say storage works again"));
  for (const auto* id : {"0", "1", "2", "3"})
    CHECK(f.of_phase(id)
          == std::vector{event_kind::phase_started, event_kind::task_started,
                         event_kind::task_finished, event_kind::phase_completed,
                         event_kind::phase_approved});
}

TEST_CASE("a store that fails in the middle of the run holds up what follows") {
  supervisor_fixture f{make_plan(make_phase("0"), make_phase("1", {0}))};
  f.endless = {"T0.1"};
  f.go();
  f.disk->trouble = caf::make_error(ec::storage_failed, "read-only");
  f.world->end(make_exit({"0", "T0.1", 1}));
  CHECK_FALSE(f.settle());
  CHECK(f.of_phase("1").empty());
  f.disk->trouble = {};
  CHECK(f.after(1s) == exit_code::ok);
}

TEST_CASE("a node that leaves while nothing can be stored says so and goes") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.deps->detach_on_stop = true;
  f.endless = {"T0.1"};
  f.go();
  f.disk->trouble = caf::make_error(ec::storage_failed, "disk full");
  CHECK_FALSE(f.interrupt());
  CHECK(f.after(10s) == exit_code::internal);
  CHECK(f.saw("could not be stored (no answer in time); when storage works again, --resume"));
}

TEST_CASE("a signal while nothing can be stored ends the tasks, says so, and leaves") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.endless = {"T0.1"};
  f.go();
  f.disk->trouble = caf::make_error(ec::storage_failed, "disk full");
  f.world->log->take();
  CHECK_FALSE(f.interrupt(SIGTERM));
  CHECK(f.world->log->take() == lines{"cancel T0.1.1"});
  SECTION("unless it can again meanwhile") {
    CHECK_FALSE(f.after(5s));
    f.disk->trouble = {};
    CHECK(f.after(1s) == exit_code::interrupted);
    CHECK(f.of_phase("0").back() == event_kind::phase_reset);
  }
  SECTION("it cannot") {
    CHECK(f.after(10s) == exit_code::internal);
    CHECK(f.saw("could not be stored (disk full); when storage works again, --resume goes on"));
  }
}

TEST_CASE("a node that has lost its event log says so, ends the tasks, and goes") {
  supervisor_fixture f{make_plan(make_phase("0"), make_phase("1"))};
  f.endless = {"T0.1"};
  f.codes["T1.1.1"] = 75; // Tried again later.
  CHECK_FALSE(f.go());
  f.world->log->take();
  f.disk->trouble = caf::make_error(ec::wrong_state, "execution.db was removed");
  CHECK(f.after(60s) == exit_code::internal);
  CHECK(f.saw("execution.db was removed; the running tasks are ended"));
  CHECK_FALSE(f.saw("an actor ended unexpectedly"));
  const auto told = f.world->log->take();
  CHECK(std::ranges::count(told, "cancel T0.1.1") == 1);
}

TEST_CASE("an actor that dies unexpectedly ends the run with 70") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.endless = {"T0.1"};
  f.go();
  f.self->send_exit(f.world->executor, caf::make_error(ec::internal, "a bug"));
  CHECK(f.settle() == exit_code::internal);
  CHECK(f.saw("an actor ended unexpectedly (a bug)"));
}

TEST_CASE("a launcher that cannot be kept alive ends the run with 70") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.endless = {"T0.1"};
  f.go();
  f.world->connect_error = caf::make_error(ec::launcher_failed, "no such program");
  f.self->send(f.world->executor, atom::gone_v, "killed");
  CHECK(f.settle() == exit_code::internal);
  CHECK(f.saw("no such program"));
}

TEST_CASE("a launcher that cannot be had at the start ends the run with 70") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.world->connect_error = caf::make_error(ec::launcher_failed, "no such program");
  CHECK(f.go() == exit_code::internal);
  CHECK(f.saw("say no such program"));
}

TEST_CASE("a lost launcher's tasks are repeated") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.endless = {"T0.1"};
  f.go();
  f.endless.clear();
  f.self->send(f.world->executor, atom::gone_v, "killed");
  f.settle();
  CHECK(f.after(60s) == exit_code::ok);
  CHECK(f.saved.back()->phases[0].retry_count == 0);
}

TEST_CASE("a task that outlived its node is adopted by the next, not started again") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  leave_running(f);
  CHECK_FALSE(f.go());
  f.world->end(make_exit({"0", "T0.1", 1}));
  CHECK(f.settle() == exit_code::ok);
  CHECK(f.world->log->take() == lines{"connect", "acknowledge T0.1.1", "close"});
}

TEST_CASE("a state file that cannot be written at the end is said to show an earlier state") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.deps->save = [](const core::execution_state& s) -> caf::error {
    if (s.overall != overall_status::completed)
      return {};
    return caf::make_error(ec::storage_failed, "no space");
  };
  CHECK(f.go() == exit_code::ok);
  CHECK(f.saw("say storage fails: no space"));
  CHECK_FALSE(f.saw("no phase is started"));
  CHECK(f.saw("say execution_state.json could not be written and shows an earlier state; the event "
              "log has all of it, and aeo-node --resume writes the file anew"));
}

TEST_CASE("a running task whose start was not yet stored is adopted") {
  supervisor_fixture f{make_plan(make_phase("0"), make_phase("1", {0}))};
  leave_unrecorded(f, 1);
  CHECK_FALSE(f.go());
  CHECK(f.of_phase("0") == std::vector{event_kind::phase_started});
  CHECK(f.disk->events.front().time_us == f.now_us - 1);
  f.world->end(make_exit({"0", "T0.1", 1}));
  CHECK(f.settle() == exit_code::ok);
  CHECK(f.world->log->take()
        == lines{"connect", "acknowledge T0.1.1", "start T1.1.1", "acknowledge T1.1.1", "close"});
  CHECK(f.saved.back()->phases[0].attempt == 1);
}

TEST_CASE("an ended task whose start was not yet stored is not run again") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  launcher_inventory inventory;
  inventory.found = true;
  inventory.ended = {make_exit({"0", "T0.1", 1})};
  f.world->inventories.push_back(inventory);
  CHECK(f.go() == exit_code::ok);
  CHECK(f.world->log->take() == lines{"connect", "acknowledge T0.1.1", "close"});
  CHECK(f.of_phase("0")
        == std::vector{event_kind::phase_started, event_kind::task_finished,
                       event_kind::phase_completed, event_kind::phase_approved});
}

TEST_CASE("a start that was not yet stored is told where the phase has changed since") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.deps->redefined = {0};
  leave_unrecorded(f, 1);
  CHECK_FALSE(f.go());
  CHECK(f.of_phase("0") == std::vector{event_kind::phase_started, event_kind::note});
  CHECK(f.disk->events.back().data.find("aeo-control retry 0 --force runs them")
        != std::string::npos);
}

TEST_CASE("what ran of a phase that the plan does not have any more is told") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  launcher_inventory inventory;
  inventory.found = true;
  inventory.ended = {make_exit({"old", "T", 1}, 3)};
  f.world->inventories.push_back(inventory);
  CHECK(f.go() == exit_code::ok);
  CHECK(f.of_phase("old") == std::vector{event_kind::note});
  CHECK(f.disk->events.front().data.find("its task T ran: it exited with 3") != std::string::npos);
}

TEST_CASE("a retry whose start was not yet stored is adopted") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  auto& phase = f.initial->phases[0];
  phase.status = phase_status::retry_wait;
  phase.attempt = 1;
  phase.retry_count = 1;
  phase.retry_at_us = f.now_us;
  f.deps->origins[0].saved = phase;
  leave_unrecorded(f, 2);
  CHECK_FALSE(f.go());
  f.world->end(make_exit({"0", "T0.1", 2}));
  CHECK(f.settle() == exit_code::ok);
  CHECK(f.world->log->take() == lines{"connect", "acknowledge T0.1.2", "close"});
  CHECK(f.saved.back()->phases[0].attempt == 2);
  CHECK(f.saved.back()->phases[0].retry_count == 1);
}

TEST_CASE("a signal while an adopted start cannot be stored leaves at once and ends no task") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  leave_unrecorded(f, 1);
  f.disk->trouble = caf::make_error(ec::storage_failed, "disk full");
  CHECK_FALSE(f.go());
  CHECK(f.saw("say storage fails: disk full"));
  CHECK(f.interrupt() == exit_code::interrupted);
  CHECK(f.saw("say SIGINT: leaving before anything was started"));
  CHECK(f.world->running.size() == 1);
}

TEST_CASE("a task of an attempt that is over is ended, not adopted") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.initial->phases[0].attempt = 1;
  f.deps->origins[0].saved = f.initial->phases[0];
  leave_unrecorded(f, 1);
  CHECK(f.go() == exit_code::ok);
  CHECK(f.world->log->take()
        == lines{"connect", "cancel T0.1.1", "acknowledge T0.1.1", "start T0.1.2",
                 "acknowledge T0.1.2", "close"});
}

TEST_CASE("a task to be repeated starts only when the launcher may forget its first end") {
  auto def = make_phase("0");
  def.tasks[0].on_crash = crash_policy::rerun;
  supervisor_fixture f{make_plan(std::move(def))};
  leave_running(f);
  CHECK(f.go() == exit_code::ok);
  CHECK(f.world->log->take()
        == lines{"connect", "cancel T0.1.1", "acknowledge T0.1.1", "start T0.1.1",
                 "acknowledge T0.1.1", "close"});
}

TEST_CASE("a plan that was approved before ends with 0 and runs nothing") {
  supervisor_fixture f{make_plan(make_phase("0"))};
  f.initial->phases[0].status = phase_status::approved;
  CHECK(f.go() == exit_code::ok);
  CHECK(f.world->log->take() == lines{"connect", "close"});
}

TEST_CASE("GitHub is told all of a run before the node leaves") {
  supervisor_fixture f{told_on_github(make_plan(make_phase("0"), make_phase("1", {0})))};
  auto line = wire_to_github(f);
  tiny_github hub;
  CHECK_FALSE(f.go());
  CHECK(f.disk->events.back().kind == event_kind::execution_ended);
  while (!line->waiting.empty()) {
    auto request = std::move(line->waiting.front());
    line->waiting.clear();
    f.self->send(line->asker, hub.take(request));
    f.settle();
  }
  CHECK(f.exit_code == exit_code::ok);
  CHECK(hub.comment_texts().size() == 7);
  CHECK(hub.issues[0]["state"] == "closed");
  line->asker = github_actor{};
}

TEST_CASE("a GitHub that does not answer holds up no phase, and the end only as configured") {
  supervisor_fixture f{told_on_github(make_plan(make_phase("0"), make_phase("1", {0})))};
  auto line = wire_to_github(f);
  CHECK_FALSE(f.go());
  CHECK(f.of_phase("1").back() == event_kind::phase_approved);
  SECTION("until the time is over") {
    CHECK_FALSE(f.after(19s));
    CHECK(f.after(1s) == exit_code::ok);
    CHECK(f.saw("GitHub lacks 7 comments"));
  }
  SECTION("until a signal comes") {
    CHECK(f.interrupt() == exit_code::ok);
  }
  line->asker = github_actor{};
}

TEST_CASE("a github actor that dies ends nothing else") {
  supervisor_fixture f{told_on_github(make_plan(make_phase("0")))};
  auto line = wire_to_github(f);
  f.endless = {"T0.1"};
  f.go();
  f.self->send_exit(line->asker, caf::make_error(ec::internal, "a bug"));
  CHECK_FALSE(f.settle());
  CHECK(f.saw("say GitHub is told nothing more (a bug)"));
  f.world->end(make_exit({"0", "T0.1", 1}));
  CHECK(f.settle() == exit_code::ok);
  line->asker = github_actor{};
}

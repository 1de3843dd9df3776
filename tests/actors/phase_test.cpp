#include "actors/phase.hpp"
#include "tests/fixtures/fake_files.hpp"
#include "tests/fixtures/mock_actors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>

using namespace aeo;
using namespace aeo::testing;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

trigger_actor::behavior_type trigger_mock(trigger_actor::pointer, transcript_ptr log) {
  return {
      [](atom::publish, const event_batch&) { FAIL("a phase publishes nothing"); },
      [](atom::start) { FAIL("a phase starts no trigger"); },
      [=](atom::release, std::uint32_t i) { log->add("release " + std::to_string(i)); },
      [=](atom::ready, std::uint32_t i) { log->add("ready " + std::to_string(i)); },
      [=](atom::withdraw, std::uint32_t i) { log->add("withdraw " + std::to_string(i)); },
      [](atom::stop, const std::string&) { FAIL("a phase stops no trigger"); },
      [](atom::detach) { FAIL("nobody leaves here"); },
      [](atom::stalled, bool) { FAIL("a phase knows nothing of storage"); },
      [](atom::act, const operator_decision&) -> caf::result<std::string> {
        FAIL("a phase decides nothing");
        return std::string{};
      },
      [](atom::finish) {
        FAIL("a phase ends no run");
        return false;
      },
  };
}

/// The approval actor's place; the test says the verdict.
struct mock_approval {
  transcript_ptr log;
  std::vector<review_request> requests;
  owed_answers<verdict> open;

  void judge(verdict_kind kind, std::string detail = R"({"by":"criteria"})") {
    open.answer(verdict{kind, std::move(detail), {}});
  }
};

approval_actor::behavior_type approval_mock(approval_actor::pointer self,
                                            std::shared_ptr<mock_approval> mock) {
  return {
      [](const task_start&) { FAIL("a phase tells nobody of processes"); },
      [](const task_exit&) { FAIL("a phase tells nobody of processes"); },
      [=](atom::review, const review_request& r) -> caf::result<verdict> {
        mock->log->add("review " + std::to_string(r.phase) + "." + std::to_string(r.attempt));
        mock->requests.push_back(r);
        return mock->open.owe(self);
      },
      [](atom::publish, const event_batch&) { FAIL("a phase publishes nothing"); },
      [](atom::act, const operator_decision&) -> caf::result<std::string> {
        FAIL("a phase decides nothing");
        return std::string{};
      },
  };
}

/// The retry actor's place; the test says the decision.
struct mock_retry {
  transcript_ptr log;
  std::vector<attempt_failure> asked;
  owed_answers<retry_decision> open;

  void decide(retry_decision decision) { open.answer(std::move(decision)); }
};

retry_actor::behavior_type retry_mock(retry_actor::pointer self, std::shared_ptr<mock_retry> mock) {
  return {
      [=](atom::decide, const attempt_failure& f) -> caf::result<retry_decision> {
        mock->log->add("decide " + name_of(f.exit.key));
        mock->asked.push_back(f);
        return mock->open.owe(self);
      },
  };
}

const retry_decision again{true, 60'000, true, "transient", "retry 1 of 3 in 1m"};
const retry_decision lost_again{true, 1'000, false, "transient", "repeat 1 of 10 in 1s"};
const retry_decision give_up{false, 0, true, "permanent", "permanent error"};

struct phase_fixture : actor_fixture {
  transcript_ptr log = std::make_shared<transcript>();
  std::shared_ptr<mock_state> store = std::make_shared<mock_state>();
  std::shared_ptr<mock_executor> processes = std::make_shared<mock_executor>();
  std::shared_ptr<mock_approval> approval = std::make_shared<mock_approval>();
  std::shared_ptr<mock_retry> retry = std::make_shared<mock_retry>();
  std::shared_ptr<fixtures::fake_files> files = std::make_shared<fixtures::fake_files>();
  std::map<std::string, std::string> tails; ///< By log path.
  plan the_plan;
  context_ptr context;
  phase_actor uut;

  /// Its gate has a check, unless `empty_gate`.
  explicit phase_fixture(phase_def def, bool empty_gate = false) {
    if (!def.criteria && !empty_gate) {
      def.criteria = std::make_unique<criteria_def>();
      def.criteria->checks.emplace_back();
    }
    the_plan.phases.push_back(std::move(def));
    store->log = processes->log = approval->log = retry->log = log;
  }
  ~phase_fixture() override {
    processes->listeners.clear();
    approval->open.clear();
    retry->open.clear();
    store->open.clear();
  }

  lines spawn_phase(std::optional<phase_origin> origin = {}) {
    context = make_context(std::move(the_plan));
    auto deps = std::make_shared<const phase_deps>(
        phase_deps{.context = context,
                   .store = spawn(state_mock, store),
                   .executor = spawn(executor_mock, processes),
                   .approval = spawn(approval_mock, approval),
                   .retry = spawn(retry_mock, retry),
                   .files = files,
                   .tail = [this](const std::string& path) { return tails[path]; }});
    uut = spawn(aeo::phase, deps, spawn(trigger_mock, log), 0u, std::move(origin));
    run();
    return log->take();
  }

  template <class... Ts>
  lines say(Ts&&... xs) {
    self->send(uut, std::forward<Ts>(xs)...);
    run();
    return log->take();
  }

  /// After a first attempt; the store owes that it is durable.
  void retry_is_decided() {
    begin();
    end("T0.1", 75);
    store->at_once = false;
    retry->decide(again);
    now();
  }

  /// A slot is granted.
  lines grant() { return say(atom::start_v); }
  /// The same, and the launcher starts what is staged at once.
  lines start() {
    auto heard = grant();
    if (!heard.empty() && heard.back().starts_with("stage "))
      for (auto& line : say(task_start{processes->specs.back().key, 100, 7, now_us}))
        heard.push_back(std::move(line));
    return heard;
  }
  lines begin() {
    spawn_phase();
    return start();
  }
  /// The task ends with this code.
  lines end(const std::string& task, int code = 0, std::uint32_t attempt = 1) {
    return say(make_exit({"0", task, attempt}, code));
  }
  lines end(const std::string& task, exit_kind kind, std::uint32_t attempt = 1) {
    return say(make_exit({"0", task, attempt}, kind));
  }
  /// The launcher took it from its queue.
  lines end_unstarted(const std::string& task, std::uint32_t attempt = 1) {
    auto exit = make_exit({"0", task, attempt}, exit_kind::cancelled);
    exit.pid = 0;
    return say(exit);
  }
  lines after(std::chrono::microseconds time) {
    pass(time);
    return log->take();
  }
  /// What follows from something that a mock was told to answer.
  lines now() {
    run();
    return log->take();
  }
  bool ended() const { return has_ended(caf::actor_cast<caf::actor>(uut)); }
};

/// What is heard when a phase that begins with its task does.
lines begun(const std::string& attempt) {
  return {"stage T0.1." + attempt, "phase_started 0", "task_started T0.1"};
}

/// T0.1, T0.2, ... that need nothing.
phase_def parallel(std::size_t tasks) {
  auto def = make_phase("0", {}, tasks);
  for (auto& task : def.tasks)
    task.needs.clear();
  return def;
}

phase_def with_policy(crash_policy policy, std::size_t tasks = 1) {
  auto def = make_phase("0", {}, tasks);
  for (auto& task : def.tasks)
    task.on_crash = policy;
  return def;
}

/// An earlier node left the phase in its second attempt.
phase_origin left_running() {
  phase_origin origin;
  origin.saved.status = phase_status::in_progress;
  origin.saved.attempt = 2;
  origin.saved.started_us = 1'700'000'000'000'000 - 7'200'000'000;
  origin.saved.attempt_us = 1'700'000'000'000'000 - 60'000'000;
  return origin;
}

/// T0.1's outcome is lost and a person is to be asked; T0.2, which needs nothing, still runs.
phase_def asking_beside_another() {
  auto def = with_policy(crash_policy::ask, 3);
  def.tasks[1].needs.clear();
  return def;
}
phase_origin left_asking() {
  auto origin = left_running();
  origin.unfinished = {"T0.1", "T0.2"};
  origin.running = {{{"0", "T0.2", 2}, 100, 7, 1}};
  return origin;
}

} // namespace

TEST_CASE("a phase starts, runs its task, is durable, is reviewed, is approved, and goes") {
  phase_fixture f{make_phase("0")};
  CHECK(f.begin() == begun("1"));
  CHECK(f.end("T0.1")
        == lines{"release 0", "task_finished T0.1", "phase_completed 0", "review 0.1"});
  f.approval->judge(verdict_kind::approved);
  CHECK(f.now() == lines{"phase_approved 0"});
  CHECK(f.ended());
  CHECK(f.store->last(event_kind::phase_approved).data == R"({"by":"criteria"})");
  CHECK(json::parse(f.store->last(event_kind::task_started).data)["pid"] == 100);
}

TEST_CASE("a phase that begins with its task has begun when the launcher says so") {
  phase_fixture f{make_phase("0")};
  f.spawn_phase();
  CHECK(f.grant() == lines{"stage T0.1.1"});
  CHECK(f.after(1s).empty());
  const auto started_us = f.now_us - 3'000;
  CHECK(f.say(task_start{{"0", "T0.1", 1}, 100, 7, started_us})
        == lines{"phase_started 0", "task_started T0.1"});
  const auto& e = f.store->last(event_kind::phase_started);
  CHECK(e.time_us == started_us);
  CHECK(e.attempt == 1);
}

TEST_CASE("a phase that has something to keep before its task begins at once") {
  auto def = make_phase("0");
  SECTION("that it may have run") {
    def.tasks[0].on_crash = crash_policy::ask;
  }
  SECTION("an output as it was") {
    def.tasks[0].outputs = {"out.json"};
  }
  SECTION("several tasks") {
    def = make_phase("0", {}, 2);
  }
  phase_fixture f{std::move(def)};
  CHECK(f.begin() == lines{"phase_started 0", "run T0.1.1"});
  CHECK(f.say(atom::withdraw_v).empty());
}

TEST_CASE("a slot is given back by what has not begun, and nothing has happened") {
  phase_fixture f{make_phase("0")};
  f.spawn_phase();
  f.grant();
  CHECK(f.say(atom::withdraw_v) == lines{"withdraw T0.1.1"});
  CHECK(f.end_unstarted("T0.1") == lines{"withdraw 0"});
  CHECK(f.store->events.empty());
  SECTION("and is granted again") {
    CHECK(f.start() == begun("1"));
  }
  SECTION("and given up where the run stops") {
    CHECK(f.say(atom::cancel_v, "SIGINT") == lines{"phase_reset 0"});
    CHECK(f.ended());
  }
}

TEST_CASE("a retry that gives its slot back is still the next attempt") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1", 75);
  f.retry->decide(again);
  f.after(60s);
  f.grant();
  f.say(atom::withdraw_v);
  CHECK(f.end_unstarted("T0.1", 2) == lines{"withdraw 0"});
  CHECK(f.start() == begun("2"));
}

TEST_CASE("a slot is not given back by what has begun") {
  phase_fixture f{make_phase("0")};
  f.begin();
  CHECK(f.say(atom::withdraw_v).empty());
  CHECK(f.end("T0.1").front() == "release 0");
  CHECK(f.say(atom::withdraw_v).empty());
}

TEST_CASE("a task that began before it could be withdrawn runs on") {
  phase_fixture f{make_phase("0")};
  f.spawn_phase();
  f.grant();
  CHECK(f.say(atom::withdraw_v) == lines{"withdraw T0.1.1"});
  CHECK(f.say(task_start{{"0", "T0.1", 1}, 100, 7, f.now_us})
        == lines{"phase_started 0", "task_started T0.1"});
  CHECK(f.end("T0.1").front() == "release 0");
}

TEST_CASE("what is cancelled before it began never did") {
  phase_fixture f{make_phase("0")};
  f.spawn_phase();
  f.grant();
  SECTION("by the node") {
    CHECK(f.say(atom::cancel_v, "SIGINT") == lines{"cancel T0.1.1"});
    CHECK(f.end_unstarted("T0.1") == lines{"release 0", "phase_reset 0"});
    CHECK(f.store->last(event_kind::phase_reset).attempt == 0);
  }
  SECTION("by a person, also while its slot is asked back") {
    operator_decision decision;
    decision.by = "alice";
    f.say(atom::withdraw_v);
    CHECK(f.say(atom::cancel_v, decision) == lines{"cancel T0.1.1"});
    CHECK(f.end_unstarted("T0.1") == lines{"release 0", "phase_cancelled 0"});
  }
  CHECK(f.ended());
}

TEST_CASE("what waited with a launcher that is lost is tried with the next one") {
  auto def = make_phase("0");
  def.tasks[0].continue_on_error = true; // Which is about a task that ran.
  phase_fixture f{std::move(def)};
  f.spawn_phase();
  f.grant();
  auto exit = make_exit({"0", "T0.1", 1}, exit_kind::lost);
  exit.pid = 0;
  SECTION("and nobody knows more") {
    CHECK(f.say(exit) == lines{"note T0.1", "withdraw 0"});
    const auto& note = f.store->last(event_kind::note).data;
    CHECK(note.find("before it said whether it had started the task") != std::string::npos);
  }
  SECTION("and that said it was not started") {
    exit.kind = exit_kind::not_started;
    exit.code = ECANCELED;
    CHECK(f.say(exit) == lines{"withdraw 0"});
  }
  CHECK(f.start() == begun("1"));
}

TEST_CASE("what ran and was cancelled has begun, also where its start was not heard") {
  phase_fixture f{make_phase("0")};
  f.spawn_phase();
  f.grant();
  CHECK(f.say(atom::cancel_v, "SIGINT") == lines{"cancel T0.1.1"});
  CHECK(f.say(make_exit({"0", "T0.1", 1}, exit_kind::cancelled, 15))
        == lines{"phase_started 0", "task_finished T0.1", "phase_reset 0", "release 0"});
}

TEST_CASE("a task that could not be started has begun its phase") {
  phase_fixture f{make_phase("0")};
  f.spawn_phase();
  f.grant();
  CHECK(f.end("T0.1", exit_kind::not_started)
        == lines{"phase_started 0", "task_finished T0.1", "release 0", "decide T0.1.1"});
}

TEST_CASE("the time for an attempt and for all begins when it does") {
  auto def = make_phase("0");
  def.timeout = 100s;
  def.total_timeout = 150s;
  phase_fixture f{std::move(def)};
  f.spawn_phase();
  f.grant();
  CHECK(f.processes->specs.back().timeout_ms == 100'000);
  f.after(40s);
  f.say(task_start{{"0", "T0.1", 1}, 100, 7, f.now_us});
  f.after(60s);
  f.end("T0.1", 75);
  f.retry->decide(again);
  f.after(60s);
  f.grant();
  CHECK(f.processes->specs.back().timeout_ms == 30'000);
}

TEST_CASE("tasks run in the order of their needs") {
  auto def = make_phase("0", {}, 3);
  def.tasks[2].needs = {0};
  phase_fixture f{std::move(def)};
  CHECK(f.begin() == lines{"phase_started 0", "run T0.1.1"});
  CHECK(f.end("T0.1") == lines{"task_finished T0.1", "run T0.2.1", "run T0.3.1"});
  CHECK(f.end("T0.3") == lines{"task_finished T0.3"});
  CHECK(f.end("T0.2").front() == "release 0");
}

TEST_CASE("a task with several needs waits for all of them") {
  auto def = parallel(3);
  def.tasks[2].needs = {0, 1};
  phase_fixture f{std::move(def)};
  CHECK(f.begin() == lines{"phase_started 0", "run T0.1.1", "run T0.2.1"});
  CHECK(f.end("T0.2") == lines{"task_finished T0.2"});
  CHECK(f.end("T0.1") == lines{"task_finished T0.1", "run T0.3.1"});
}

TEST_CASE("after a failure no task starts, running ones finish, then retry is asked once") {
  auto def = parallel(3);
  def.tasks[2].needs = {0};
  phase_fixture f{std::move(def)};
  CHECK(f.begin() == lines{"phase_started 0", "run T0.1.1", "run T0.2.1"});
  CHECK(f.end("T0.1", 2) == lines{"task_finished T0.1"});
  // A second failure changes nothing: the first one is what the attempt failed by.
  CHECK(f.end("T0.2", 3) == lines{"task_finished T0.2", "release 0", "decide T0.1.1"});
  CHECK(f.retry->asked[0].exit.code == 2);
}

TEST_CASE("a task that may fail does not fail its phase") {
  auto def = make_phase("0", {}, 2);
  def.tasks[0].continue_on_error = true;
  phase_fixture f{std::move(def)};
  f.begin();
  CHECK(f.end("T0.1", 1) == lines{"task_finished T0.1", "run T0.2.1"});
  CHECK(f.end("T0.2").back() == "review 0.1");
}

TEST_CASE("a retry waits, asks for a slot, and is the next attempt with its own log") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1", 75);
  f.retry->decide(again);
  CHECK(f.now() == lines{"phase_retry_wait T0.1"});
  auto data = json::parse(f.store->last(event_kind::phase_retry_wait).data);
  CHECK(data["at"] == f.now_us + 60'000'000);
  CHECK(data["counted"] == true);
  CHECK(f.after(59s).empty());
  CHECK(f.after(1s) == lines{"ready 0"});
  CHECK(f.start() == begun("2"));
  const auto& spec = f.processes->specs.back();
  CHECK(spec.log == "/workspace/consolidation/logs/0/T0.1.2.log");
  CHECK(std::ranges::count(spec.env, std::pair<std::string, std::string>{"AEO_ATTEMPT", "2"}) == 1);
  CHECK(f.store->events.back().attempt == 2);
}

TEST_CASE("a clock that is set while a retry becomes durable moves it neither away nor nearer") {
  for (const auto by : {-1h, 1h}) {
    phase_fixture f{make_phase("0")};
    f.retry_is_decided();
    f.set_clock(by);
    f.store->commit();
    f.now();
    CHECK(f.after(59s).empty());
    CHECK(f.after(1s) == lines{"ready 0"});
  }
}

TEST_CASE("no retry begins before the end of the attempt before it is durable") {
  phase_fixture f{make_phase("0")};
  f.retry_is_decided();
  CHECK(f.after(60s).empty());
  f.store->commit();
  f.now();
  CHECK(f.after(1us) == lines{"ready 0"});
}

TEST_CASE("retry hears how many retries counted, how many did not, and for how long it goes") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1", 75);
  f.retry->decide(again);
  f.after(60s);
  f.start();
  f.after(5s);
  f.end("T0.1", exit_kind::lost, 2);
  CHECK(f.retry->asked[1].retries == 1);
  CHECK(f.retry->asked[1].losses == 0);
  CHECK(f.retry->asked[1].elapsed_ms == 65'000);
  f.retry->decide(lost_again);
  f.after(1s);
  f.start();
  f.end("T0.1", 75, 3);
  CHECK(f.retry->asked[2].retries == 1);
  CHECK(f.retry->asked[2].losses == 1);
}

TEST_CASE("an exit of an earlier attempt changes nothing") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1", 75);
  f.retry->decide(again);
  f.after(60s);
  f.start();
  CHECK(f.end("T0.1", 0, 1).empty());
}

TEST_CASE("giving up fails the phase, with the class, the log and its end") {
  phase_fixture f{make_phase("0")};
  f.tails["/workspace/consolidation/logs/0/T0.1.1.log"] = "line 1\nno such table\n";
  f.begin();
  CHECK(f.end("T0.1", 2) == lines{"task_finished T0.1", "release 0", "decide T0.1.1"});
  CHECK(f.retry->asked[0].tail == "line 1\nno such table\n");
  f.retry->decide(give_up);
  CHECK(f.now() == lines{"phase_failed T0.1"});
  auto data = json::parse(f.store->last(event_kind::phase_failed).data);
  CHECK(data["class"] == "permanent");
  CHECK(data["message"] == "task T0.1 exited with 2");
  CHECK(data["why"] == "permanent error");
  CHECK(data["exit_code"] == 2);
  CHECK(data["log"] == "consolidation/logs/0/T0.1.1.log");
  CHECK(data["tail"] == "line 1\nno such table");
  CHECK(f.ended());
}

TEST_CASE("a task that wrote nothing has no log to look at") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1", 2);
  f.retry->decide(give_up);
  f.now();
  CHECK_FALSE(json::parse(f.store->last(event_kind::phase_failed).data).contains("log"));
}

TEST_CASE("a missing input blocks the phase instead of failing it") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1", 66);
  f.retry->decide({false, 0, true, "dependency", "dependency error"});
  CHECK(f.now() == lines{"phase_blocked T0.1"});
  CHECK(f.ended());
}

TEST_CASE("nobody reviews a completed phase before that is durable") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.store->at_once = false;
  CHECK(f.end("T0.1") == lines{"release 0", "task_finished T0.1", "phase_completed 0"});
  f.store->commit();
  CHECK(f.now() == lines{"review 0.1"});
}

TEST_CASE("a verdict for which nothing is read becomes durable together with the completion") {
  phase_fixture f{make_phase("0"), true};
  f.begin();
  f.store->at_once = false;
  CHECK(f.end("T0.1") == lines{"release 0", "review 0.1"});
  f.approval->judge(verdict_kind::approved);
  CHECK(f.now() == lines{"task_finished T0.1", "phase_completed 0", "phase_approved 0"});
  CHECK_FALSE(f.ended());
  f.store->commit();
  f.now();
  CHECK(f.ended());
}

TEST_CASE("a phase without criteria that waits for a person is completed, and stays") {
  phase_fixture f{make_phase("0"), true};
  f.begin();
  f.end("T0.1");
  f.approval->judge(verdict_kind::waiting, R"({"reason":"manual"})");
  CHECK(f.now() == lines{"task_finished T0.1", "phase_completed 0", "phase_waiting 0"});
  CHECK_FALSE(f.ended());
}

TEST_CASE("a phase that waits for a person stays") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1");
  f.approval->judge(verdict_kind::waiting, R"({"reason":"manual"})");
  CHECK(f.now() == lines{"phase_waiting 0"});
  CHECK_FALSE(f.ended());
}

TEST_CASE("criteria that are not met fail the phase without a retry") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1");
  f.approval->judge(verdict_kind::failed, R"({"class":"permanent"})");
  CHECK(f.now() == lines{"phase_failed 0"});
  CHECK(f.ended());
}

TEST_CASE("a phase stays until its last word is durable") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1");
  f.store->at_once = false;
  f.approval->judge(verdict_kind::approved);
  CHECK(f.now() == lines{"phase_approved 0"});
  CHECK_FALSE(f.ended());
  f.store->commit();
  f.now();
  CHECK(f.ended());
}

TEST_CASE("a word that cannot be stored ends the actor with the reason") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.store->at_once = false;
  f.end("T0.1");
  f.store->open.answer(caf::make_error(ec::storage_failed, "no disk"));
  CHECK(f.now().empty());
  CHECK(f.ended());
}

TEST_CASE("the outputs' fingerprints are taken before the attempt and go to the review") {
  auto def = make_phase("0");
  def.tasks[0].outputs = {"a.json"};
  phase_fixture f{std::move(def)};
  f.files->write("a.json", "stale");
  f.begin();
  CHECK(json::parse(f.store->last(event_kind::phase_started).data)["a.json"] == "written:1");
  f.files->write("a.json", "fresh");
  f.end("T0.1");
  CHECK(f.approval->requests[0].before
        == std::vector<std::pair<std::string, std::string>>{{"a.json", "written:1"}});
}

TEST_CASE("no task can write an output before what was there is durable") {
  auto def = make_phase("0");
  def.tasks[0].outputs = {"a.json"};
  phase_fixture f{std::move(def)};
  f.store->at_once = false;
  CHECK(f.begin() == lines{"phase_started 0"});
  f.store->commit();
  CHECK(f.now() == lines{"run T0.1.1"});
}

TEST_CASE("a cancel while tasks run ends them and gives the phase back") {
  auto def = parallel(3);
  def.tasks[2].needs = {0};
  phase_fixture f{std::move(def)};
  f.begin();
  CHECK(f.say(atom::cancel_v, "SIGINT") == lines{"cancel T0.1.1", "cancel T0.2.1"});
  CHECK(f.end("T0.1", exit_kind::cancelled) == lines{"task_finished T0.1"});
  CHECK(f.end("T0.2", exit_kind::cancelled)
        == lines{"task_finished T0.2", "phase_reset 0", "release 0"});
  CHECK(f.ended());
  auto data = json::parse(f.store->last(event_kind::phase_reset).data);
  CHECK(data["by"] == "engine");
  CHECK(data["reason"] == "SIGINT");
}

TEST_CASE("a phase that a person cancels is cancelled when its processes are gone") {
  phase_fixture f{make_phase("0")};
  f.begin();
  operator_decision decision;
  decision.by = "alice";
  decision.request.reason = "too slow";
  CHECK(f.say(atom::cancel_v, decision) == lines{"cancel T0.1.1"});
  CHECK(f.end("T0.1", exit_kind::cancelled)
        == lines{"task_finished T0.1", "phase_cancelled 0", "release 0"});
  auto data = json::parse(f.store->last(event_kind::phase_cancelled).data);
  CHECK(data["by"] == "alice");
  CHECK(data["reason"] == "too slow");
}

TEST_CASE("a task that ends well although it was cancelled is no reason to go on") {
  phase_fixture f{make_phase("0", {}, 2)};
  f.begin();
  f.say(atom::cancel_v, "SIGINT");
  CHECK(f.end("T0.1") == lines{"task_finished T0.1", "phase_reset 0", "release 0"});
}

TEST_CASE("a cancel during the wait for a retry gives the phase back, and nothing comes later") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1", 75);
  f.retry->decide(again);
  f.now();
  CHECK(f.say(atom::cancel_v, "SIGINT") == lines{"phase_reset 0"});
  CHECK(f.after(1h).empty());
  CHECK(f.ended());
}

TEST_CASE("a cancel while retry is being asked gives the phase back once") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1", 75);
  f.store->at_once = false;
  CHECK(f.say(atom::cancel_v, "SIGINT") == lines{"phase_reset 0"});
  f.retry->decide(again);
  CHECK(f.now().empty());
}

TEST_CASE("a cancel before the first start gives the phase back") {
  phase_fixture f{make_phase("0")};
  f.spawn_phase();
  CHECK(f.say(atom::cancel_v, "SIGINT") == lines{"phase_reset 0"});
  CHECK(f.ended());
}

TEST_CASE("a second cancel changes nothing") {
  phase_fixture f{make_phase("0")};
  f.begin();
  CHECK(f.say(atom::cancel_v, "SIGINT") == lines{"cancel T0.1.1"});
  CHECK(f.say(atom::cancel_v, "SIGTERM").empty());
}

TEST_CASE("a cancel leaves a gate that is being judged alone") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1");
  CHECK(f.say(atom::cancel_v, "SIGINT").empty());
  f.approval->judge(verdict_kind::approved);
  CHECK(f.now() == lines{"phase_approved 0"});
}

TEST_CASE("a task may have as many processes as it says, or as the settings say") {
  auto def = make_phase("0", {}, 2);
  def.tasks[1].max_processes = 0;
  phase_fixture f{std::move(def)};
  f.the_plan.options.max_processes = 50;
  f.begin();
  CHECK(f.processes->specs.back().max_processes == 50);
  f.end("T0.1");
  CHECK(f.processes->specs.back().max_processes == 0);
}

TEST_CASE("a task gets what is left of its own, the attempt's and the phase's time") {
  auto def = make_phase("0", {}, 3);
  def.timeout = 100s;
  def.total_timeout = 150s;
  def.tasks[0].timeout = 30s;
  def.tasks[2].timeout = 90s;
  phase_fixture f{std::move(def)};
  f.the_plan.options.kill_grace = 7s;
  f.begin();
  CHECK(f.processes->specs.back().timeout_ms == 30'000);
  CHECK(f.processes->specs.back().grace_ms == 7'000);
  f.after(20s);
  f.end("T0.1");
  CHECK(f.processes->specs.back().timeout_ms == 80'000);
  f.after(20s);
  f.end("T0.2");
  CHECK(f.processes->specs.back().timeout_ms == 60'000);
  f.after(20s);
  f.end("T0.3", 75);
  f.retry->decide(again);
  f.after(60s);
  f.start();
  // 150 s for all attempts, 120 of them passed.
  CHECK(f.processes->specs.back().timeout_ms == 30'000);
  f.after(29s);
  f.end("T0.1", 0, 2);
  CHECK(f.processes->specs.back().timeout_ms == 1'000);
  f.after(10s);
  f.end("T0.2", 0, 2);
  CHECK(f.processes->specs.back().timeout_ms == 1); // 0 would be none.
}

TEST_CASE("a clock that is set takes nobody's time away, and gives none") {
  for (const auto by : {-1h, 1h}) {
    auto def = make_phase("0", {}, 2);
    def.timeout = 100s;
    def.total_timeout = 150s;
    phase_fixture f{std::move(def)};
    f.begin();
    f.after(20s);
    f.set_clock(by);
    f.end("T0.1");
    CHECK(f.processes->specs.back().timeout_ms == 80'000);
    f.end("T0.2", 75);
    CHECK(f.retry->asked[0].elapsed_ms == 20'000);
    f.retry->decide(again);
    f.after(60s);
    f.start();
    CHECK(f.processes->specs.back().timeout_ms == 70'000);
  }
}

TEST_CASE("a task's process gets its command, folder and environment") {
  auto def = make_phase("0");
  def.tasks[0].command = {"make", "all"};
  def.tasks[0].cwd = "sub";
  def.tasks[0].env = {{"K", "V"}};
  phase_fixture f{std::move(def)};
  f.begin();
  const auto& spec = f.processes->specs.back();
  CHECK(spec.key == task_key{"0", "T0.1", 1});
  CHECK(spec.argv == std::vector<std::string>{"make", "all"});
  CHECK(spec.cwd == "/workspace/sub");
  CHECK(spec.env
        == env_list{{"K", "V"}, {"AEO_PHASE", "0"}, {"AEO_TASK", "T0.1"}, {"AEO_ATTEMPT", "1"}});
  CHECK(spec.log == "/workspace/consolidation/logs/0/T0.1.1.log");
}

TEST_CASE("a task's process is told where the configuration is") {
  run_context context;
  context.config = "/etc/plan";
  CHECK(context.task_variables({"0", "T", 2})
        == env_list{{"AEO_PHASE", "0"},
                    {"AEO_TASK", "T"},
                    {"AEO_ATTEMPT", "2"},
                    {"AEO_CONFIG_DIR", "/etc/plan"}});
}

TEST_CASE("a phase whose tasks must not run unknown starts none before that is durable") {
  auto policy = crash_policy::ask;
  SECTION("ask") {}
  SECTION("fail") {
    policy = crash_policy::fail;
  }
  phase_fixture f{with_policy(policy)};
  f.store->at_once = false;
  CHECK(f.begin() == lines{"phase_started 0"});
  f.store->commit();
  CHECK(f.now() == lines{"run T0.1.1"});
}

TEST_CASE("a cancel while the start is not durable yet runs nothing") {
  phase_fixture f{with_policy(crash_policy::ask)};
  f.store->at_once = false;
  f.begin();
  CHECK(f.say(atom::cancel_v, "SIGINT") == lines{"release 0", "phase_reset 0"});
  f.store->commit();
  CHECK(f.now().empty());
  CHECK(f.ended());
}

TEST_CASE("after a restart, tasks that were done are not run again") {
  phase_fixture f{make_phase("0", {}, 2)};
  auto origin = left_running();
  origin.saved.done = {"T0.1"};
  CHECK(f.spawn_phase(origin) == lines{"run T0.2.2"});
  CHECK(f.end("T0.2", 0, 2)
        == lines{"release 0", "task_finished T0.2", "phase_completed 0", "review 0.2"});
}

TEST_CASE("after a restart with every task done, the phase is completed and reviewed") {
  phase_fixture f{make_phase("0")};
  auto origin = left_running();
  origin.saved.done = {"T0.1"};
  CHECK(f.spawn_phase(origin) == lines{"release 0", "phase_completed 0", "review 0.2"});
}

TEST_CASE("after a restart, a task that still runs is adopted and its end is heard") {
  phase_fixture f{make_phase("0", {}, 2)};
  auto origin = left_running();
  origin.unfinished = {"T0.1"};
  origin.running = {{{"0", "T0.1", 2}, 100, 7, 1}};
  origin.launcher_found = true;
  CHECK(f.spawn_phase(origin) == lines{"adopt T0.1.2"});
  CHECK(f.end("T0.1", 0, 2) == lines{"task_finished T0.1", "run T0.2.2"});
}

TEST_CASE("after a restart, a task that ended meanwhile is collected once") {
  phase_fixture f{make_phase("0", {}, 2)};
  auto origin = left_running();
  origin.unfinished = {"T0.1"};
  origin.ended = {make_exit({"0", "T0.1", 2})};
  origin.launcher_found = true;
  CHECK(f.spawn_phase(origin) == lines{"task_finished T0.1", "run T0.2.2"});
}

TEST_CASE("after a restart, the attempt's time goes on") {
  auto def = make_phase("0");
  def.timeout = 100s;
  phase_fixture f{std::move(def)};
  f.spawn_phase(left_running()); // It began 60 s ago.
  CHECK(f.processes->specs.back().timeout_ms == 40'000);
}

TEST_CASE("on_crash adopt: a lost task is a failure that does not count as a retry") {
  phase_fixture f{make_phase("0")};
  auto origin = left_running();
  origin.unfinished = {"T0.1"};
  CHECK(f.spawn_phase(origin) == lines{"task_finished T0.1", "release 0", "decide T0.1.2"});
  CHECK(f.retry->asked[0].exit.kind == exit_kind::lost);
}

TEST_CASE("on_crash fail: a lost task fails the phase for good") {
  phase_fixture f{with_policy(crash_policy::fail)};
  auto origin = left_running();
  origin.unfinished = {"T0.1"};
  CHECK(f.spawn_phase(origin) == lines{"task_finished T0.1", "release 0", "decide T0.1.2"});
  // Never retried, whatever rules there are: see core::classify.
  CHECK(f.retry->asked[0].exit.kind == exit_kind::cancelled);
  CHECK(f.retry->asked[0].exit.detail.find("on_crash: fail") != std::string::npos);
}

TEST_CASE("on_crash ask: a lost task makes the phase wait for a person") {
  phase_fixture f{with_policy(crash_policy::ask)};
  auto origin = left_running();
  origin.unfinished = {"T0.1"};
  CHECK(f.spawn_phase(origin) == lines{"release 0", "phase_waiting T0.1"});
  CHECK(core::is_ask(f.store->last(event_kind::phase_waiting).data));
  CHECK_FALSE(f.ended());
}

TEST_CASE("on_crash ask: what still runs ends first, nothing else is started") {
  phase_fixture f{asking_beside_another()};
  const auto origin = left_asking();
  CHECK(f.spawn_phase(origin) == lines{"adopt T0.2.2"});
  CHECK(f.end("T0.2", 0, 2) == lines{"task_finished T0.2", "phase_waiting T0.1", "release 0"});
}

TEST_CASE("on_crash decides also where the launcher alone is lost while the node lives") {
  auto lost = make_exit({"0", "T0.1", 1}, exit_kind::lost);
  lost.detail = "the launcher ended: killed";
  SECTION("ask") {
    phase_fixture f{with_policy(crash_policy::ask)};
    f.begin();
    CHECK(f.say(lost) == lines{"release 0", "phase_waiting T0.1"});
    const auto data = f.store->last(event_kind::phase_waiting).data;
    CHECK(core::is_ask(data));
    CHECK(data.find("the launcher ended: killed") != std::string::npos);
  }
  SECTION("ask, whatever the plan says of its errors, and a stop does not answer it") {
    auto def = with_policy(crash_policy::ask);
    def.tasks[0].continue_on_error = true;
    phase_fixture f{std::move(def)};
    f.begin();
    f.say(atom::cancel_v, "SIGINT");
    CHECK(f.say(lost) == lines{"release 0", "phase_waiting T0.1"});
  }
  SECTION("ask, but a person who cancels the phase has answered") {
    phase_fixture f{with_policy(crash_policy::ask)};
    f.begin();
    operator_decision decision;
    decision.by = "alice";
    f.say(atom::cancel_v, decision);
    CHECK(f.say(lost) == lines{"release 0", "phase_cancelled 0"});
  }
  SECTION("fail") {
    phase_fixture f{with_policy(crash_policy::fail)};
    f.begin();
    CHECK(f.say(lost) == lines{"task_finished T0.1", "release 0", "decide T0.1.1"});
    CHECK(f.retry->asked[0].exit.kind == exit_kind::cancelled);
    CHECK(f.retry->asked[0].exit.detail
          == "outcome lost: the launcher ended: killed (on_crash: fail)");
  }
}

TEST_CASE("without the launcher's word a strict task may have run before its start was durable") {
  phase_fixture f{with_policy(crash_policy::ask, 2)};
  CHECK(f.spawn_phase(left_running()) == lines{"release 0", "phase_waiting T0.1"});
}

TEST_CASE("with the launcher's word a strict task that nobody saw is run") {
  phase_fixture f{with_policy(crash_policy::ask, 2)};
  auto origin = left_running();
  origin.launcher_found = true;
  CHECK(f.spawn_phase(origin) == lines{"run T0.1.2"});
}

TEST_CASE("on_crash rerun: a lost task is run again in the same attempt") {
  phase_fixture f{with_policy(crash_policy::rerun)};
  auto origin = left_running();
  origin.unfinished = {"T0.1"};
  CHECK(f.spawn_phase(origin) == lines{"run T0.1.2"});
}

TEST_CASE("on_crash rerun: a task that runs is ended, and run again when that is durable") {
  phase_fixture f{with_policy(crash_policy::rerun)};
  auto origin = left_running();
  origin.unfinished = {"T0.1"};
  origin.running = {{{"0", "T0.1", 2}, 100, 7, 1}};
  CHECK(f.spawn_phase(origin) == lines{"adopt T0.1.2", "cancel T0.1.2"});
  // The launcher answers a start of a task whose exit it still keeps with that exit.
  f.store->at_once = false;
  CHECK(f.end("T0.1", exit_kind::cancelled, 2) == lines{"task_finished T0.1"});
  f.store->commit();
  CHECK(f.now() == lines{"run T0.1.2"});
  CHECK(f.end("T0.1", 0, 2) == lines{"release 0", "task_finished T0.1", "phase_completed 0"});
}

TEST_CASE("on_crash rerun: a cancel before the task runs again gives the phase back") {
  phase_fixture f{with_policy(crash_policy::rerun)};
  auto origin = left_running();
  origin.running = {{{"0", "T0.1", 2}, 100, 7, 1}};
  f.spawn_phase(origin);
  f.store->at_once = false;
  f.end("T0.1", exit_kind::cancelled, 2);
  auto heard = f.say(atom::cancel_v, "SIGINT");
  f.store->commit();
  auto later = f.now();
  heard.insert(heard.end(), later.begin(), later.end());
  CHECK(heard == lines{"cancel T0.1.2", "release 0", "phase_reset 0"});
}

TEST_CASE("on_crash rerun: a second crash before it ran again is no failure") {
  phase_fixture f{with_policy(crash_policy::rerun)};
  auto origin = left_running();
  origin.failed = {make_exit({"0", "T0.1", 2}, exit_kind::cancelled)};
  CHECK(f.spawn_phase(origin) == lines{"run T0.1.2"});
}

TEST_CASE("after a restart, a task that the node before was ending is run again, it did not fail") {
  auto def = with_policy(GENERATE(crash_policy::adopt, crash_policy::ask, crash_policy::rerun));
  def.tasks[0].continue_on_error = true;
  phase_fixture f{std::move(def)};
  auto origin = left_running();
  origin.launcher_found = true;
  SECTION("where it still runs") {
    origin.unfinished = {"T0.1"};
    origin.running = {{{"0", "T0.1", 2}, 100, 7, 1}};
    f.spawn_phase(origin);
    CHECK(f.end("T0.1", exit_kind::cancelled, 2) == lines{"task_finished T0.1", "run T0.1.2"});
  }
  SECTION("where the launcher knows its end") {
    origin.unfinished = {"T0.1"};
    origin.ended = {make_exit({"0", "T0.1", 2}, exit_kind::cancelled)};
    CHECK(f.spawn_phase(origin) == lines{"task_finished T0.1", "run T0.1.2"});
  }
  SECTION("where its end is recorded") {
    origin.failed = {make_exit({"0", "T0.1", 2}, exit_kind::cancelled)};
    CHECK(f.spawn_phase(origin) == lines{"run T0.1.2"});
  }
  CHECK(f.end("T0.1", 0, 2)
        == lines{"release 0", "task_finished T0.1", "phase_completed 0", "review 0.2"});
}

TEST_CASE("on_crash fail: what was ended, or lost, and recorded as such, is not run again") {
  auto def = with_policy(crash_policy::fail);
  def.tasks[0].continue_on_error = true;
  phase_fixture f{std::move(def)};
  auto origin = left_running();
  origin.failed = {make_exit({"0", "T0.1", 2}, exit_kind::cancelled)};
  CHECK(f.spawn_phase(origin) == lines{"release 0", "decide T0.1.2"});
}

TEST_CASE("a phase that was cancelled in the moment of its turn does not start") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1", 75);
  f.retry->decide(again);
  f.now();
  operator_decision decision;
  decision.by = "alice";
  f.say(atom::cancel_v, decision);
  CHECK(f.start().empty());
}

TEST_CASE("on_crash ask: a stop does not answer the question") {
  phase_fixture f{asking_beside_another()};
  const auto origin = left_asking();
  f.spawn_phase(origin);
  CHECK(f.say(atom::cancel_v, "SIGINT") == lines{"cancel T0.2.2"});
  CHECK(f.end("T0.2", exit_kind::cancelled, 2)
        == lines{"task_finished T0.2", "phase_waiting T0.1", "release 0"});
}

TEST_CASE("a failure after a person's cancel in the same moment ends nothing") {
  phase_fixture f{make_phase("0")};
  f.begin();
  f.end("T0.1", 75);
  f.store->at_once = false;
  f.retry->decide(again);
  f.now();
  f.store->refuse("phase 0 is cancelled: it cannot become retry_wait");
  f.now();
  CHECK_FALSE(f.ended());
}

TEST_CASE("a verdict after a person's decision in the same moment ends nothing") {
  for (auto kind : {verdict_kind::approved, verdict_kind::waiting, verdict_kind::failed}) {
    phase_fixture f{make_phase("0")};
    f.begin();
    f.end("T0.1");
    f.store->at_once = false;
    f.approval->judge(kind);
    f.now();
    f.store->refuse("phase 0 is rejected");
    f.now();
    CHECK_FALSE(f.ended());
  }
}

TEST_CASE("after a restart, a recorded failure is not run again") {
  phase_fixture f{make_phase("0", {}, 2)};
  auto origin = left_running();
  origin.failed = {make_exit({"0", "T0.1", 2}, 2)};
  CHECK(f.spawn_phase(origin) == lines{"release 0", "decide T0.1.2"});
  CHECK(f.retry->asked[0].exit.code == 2);
}

TEST_CASE("after a restart, a recorded failure that may be is passed over") {
  auto def = make_phase("0", {}, 2);
  def.tasks[0].continue_on_error = true;
  phase_fixture f{std::move(def)};
  auto origin = left_running();
  origin.failed = {make_exit({"0", "T0.1", 2}, 2)};
  CHECK(f.spawn_phase(origin) == lines{"run T0.2.2"});
}

TEST_CASE("after a restart, a completed phase is reviewed with the attempt's fingerprints") {
  phase_fixture f{make_phase("0")};
  auto origin = left_running();
  origin.saved.status = phase_status::completed;
  origin.saved.before = R"({"a.json":"written:1"})";
  CHECK(f.spawn_phase(origin) == lines{"review 0.2"});
  CHECK(f.approval->requests[0].before.at(0).second == "written:1");
}

TEST_CASE("after a restart too, a cancel leaves a gate that is being judged alone") {
  phase_fixture f{make_phase("0")};
  auto origin = left_running();
  origin.saved.status = phase_status::completed;
  f.spawn_phase(origin);
  CHECK(f.say(atom::cancel_v, "SIGINT").empty());
  f.approval->judge(verdict_kind::approved);
  CHECK(f.now() == lines{"phase_approved 0"});
}

TEST_CASE("after a restart, a gate that waits for a person is judged anew") {
  phase_fixture f{make_phase("0")};
  auto origin = left_running();
  origin.saved.status = phase_status::waiting_approval;
  origin.saved.detail = R"({"reason":"manual"})";
  CHECK(f.spawn_phase(origin) == lines{"review 0.2"});
}

TEST_CASE("after a restart, a question about a lost outcome goes on waiting") {
  phase_fixture f{with_policy(crash_policy::ask)};
  auto origin = left_running();
  origin.saved.status = phase_status::waiting_approval;
  origin.saved.detail = core::ask_data("what became of T0.1?");
  CHECK(f.spawn_phase(origin).empty());
  CHECK_FALSE(f.ended());
}

TEST_CASE("after a restart, a retry comes at its time") {
  phase_fixture f{make_phase("0")};
  auto origin = left_running();
  origin.saved.status = phase_status::retry_wait;
  origin.saved.retry_at_us = f.now_us + 30'000'000;
  CHECK(f.spawn_phase(origin).empty());
  CHECK(f.after(29s).empty());
  CHECK(f.after(1s) == lines{"ready 0"});
  CHECK(f.start() == begun("3"));
}

TEST_CASE("after a restart with the clock set back, a retry waits no longer than it would have") {
  phase_fixture f{make_phase("0")};
  auto origin = left_running();
  origin.saved.status = phase_status::retry_wait;
  auto& error = origin.saved.errors.emplace_back();
  error.time_us = f.now_us + 3'600'000'000; // As the clock went then.
  origin.saved.retry_at_us = error.time_us + 30'000'000;
  f.spawn_phase(origin);
  CHECK(f.after(29s).empty());
  CHECK(f.after(1s) == lines{"ready 0"});
}

TEST_CASE("after a restart with the clock set back, the time for an attempt is all there") {
  auto def = make_phase("0");
  def.timeout = 100s;
  phase_fixture f{std::move(def)};
  f.set_clock(-1h);
  f.spawn_phase(left_running());
  CHECK(f.processes->specs.back().timeout_ms == 100'000);
}

TEST_CASE("after a restart, a cancel during the wait for a retry gives the phase back") {
  phase_fixture f{make_phase("0")};
  auto origin = left_running();
  origin.saved.status = phase_status::retry_wait;
  origin.saved.retry_at_us = f.now_us + 30'000'000;
  f.spawn_phase(origin);
  CHECK(f.say(atom::cancel_v, "SIGINT") == lines{"phase_reset 0"});
  CHECK(f.after(1h).empty());
}

TEST_CASE("a phase that is run again goes on counting attempts, its time begins anew") {
  auto def = make_phase("0");
  def.total_timeout = 150s;
  phase_fixture f{std::move(def)};
  auto origin = left_running();
  origin.saved.status = phase_status::pending;
  CHECK(f.spawn_phase(origin).empty());
  CHECK(f.start() == begun("3"));
  CHECK(f.processes->specs.back().timeout_ms == 150'000);
}

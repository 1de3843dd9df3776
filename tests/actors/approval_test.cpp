#include "actors/approval.hpp"
#include "actors/core/decisions.hpp"
#include "tests/fixtures/fake_files.hpp"
#include "tests/fixtures/mock_actors.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace aeo;
using namespace aeo::testing;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

check_def command_check(std::vector<std::string> command, int expect_exit = 0) {
  check_def check;
  check.type = check_type::command;
  check.command = std::move(command);
  check.expect_exit = expect_exit;
  return check;
}

struct approval_fixture : actor_fixture {
  transcript_ptr log = std::make_shared<transcript>();
  std::shared_ptr<mock_executor> processes = std::make_shared<mock_executor>();
  std::shared_ptr<fixtures::fake_files> files = std::make_shared<fixtures::fake_files>();
  std::map<std::string, std::string> tails;
  std::shared_ptr<mock_state> store = std::make_shared<mock_state>();
  std::shared_ptr<core::execution_state> state = std::make_shared<core::execution_state>();
  plan the_plan;
  bool manual = false;
  approval_actor uut;
  std::vector<verdict> verdicts;

  approval_fixture() {
    processes->log = store->log = log;
    the_plan.phases.push_back(make_phase("0"));
    state->phases.resize(1);
    store->snapshot = state;
  }
  ~approval_fixture() override { processes->listeners.clear(); }

  phase_def& phase() { return the_plan.phases[0]; }
  criteria_def& criteria() {
    if (!phase().criteria)
      phase().criteria = std::make_unique<criteria_def>();
    return *phase().criteria;
  }
  void ask_people(std::uint32_t required, std::vector<std::string> from) {
    phase().approval = std::make_unique<approval_policy>();
    phase().approval->mode = approval_mode::manual;
    phase().approval->required = required;
    phase().approval->from = std::move(from);
  }

  /// Asks for a verdict; returns what the executor heard.
  lines review(core::fingerprints before = {}, std::uint32_t attempt = 1) {
    begin();
    self->send(uut, atom::review_v, review_request{0, attempt, std::move(before), {}});
    return collect();
  }
  void begin() {
    if (uut)
      return;
    auto context = std::make_shared<run_context>(*make_context(std::move(the_plan)));
    context->started_by = "carol@host";
    uut = spawn(approval, std::make_shared<const approval_deps>(approval_deps{
                              .context = context,
                              .store = spawn(state_mock, store),
                              .executor = spawn(executor_mock, processes),
                              .files = files,
                              .tail = [this](const std::string& path) { return tails[path]; },
                              .manual = manual,
                              .detached = false}));
  }
  /// The phase waits, as the event log has it.
  void wait_for_people(core::fingerprints before = {}) {
    review(before);
    REQUIRE(only_verdict().kind == verdict_kind::waiting);
    auto& p = state->phases[0];
    p.status = phase_status::waiting_approval;
    p.attempt = 1;
    p.detail = verdicts.back().detail;
    p.before = core::to_json(before);
    self->send(uut, atom::publish_v,
               event_batch{make_event(event_kind::phase_waiting, "0", p.detail)});
    run();
  }
  /// For one operator, until then.
  void wait_until(duration deadline, deadline_action then = deadline_action::reject) {
    ask_people(1, {"operator"});
    phase().approval->deadline = deadline;
    phase().approval->on_deadline = then;
    wait_for_people();
  }
  auto begin_saying(const std::string& by, control_command command = control_command::approve,
                    const std::string& reason = {}, bool over = false, std::string digest = {}) {
    begin();
    operator_decision d;
    d.request.command = command;
    d.request.phase = "0";
    d.request.reason = reason;
    d.request.override_criteria = over;
    d.request.digest = std::move(digest);
    d.by = by;
    d.role = access_role::operator_;
    auto handle = self->request(uut, caf::infinite, atom::act_v, d);
    run();
    return handle;
  }
  template <class Handle>
  std::string answer_to(Handle& handle) {
    std::string answer = "no answer";
    handle.receive([&](const std::string& text) { answer = text; },
                   [&](const caf::error& err) { answer = "refused: " + message_of(err); });
    return answer;
  }
  /// What a person's word is answered with.
  std::string say(const std::string& by, control_command command = control_command::approve,
                  const std::string& reason = {}, bool over = false, std::string digest = {}) {
    auto handle = begin_saying(by, command, reason, over, std::move(digest));
    auto answer = answer_to(handle);
    for (const auto& e : store->events)
      if (auto to = core::status_after(e.kind)) {
        state->phases[0].status = *to;
        state->phases[0].detail = e.data;
      }
    return answer;
  }
  lines end(const task_exit& exit) {
    self->send(uut, exit);
    return collect();
  }
  verdict only_verdict() {
    REQUIRE(verdicts.size() == 1);
    return verdicts.front();
  }

private:
  lines collect() {
    run();
    caf::timespan now{0};
    for (auto more = !self->mailbox().empty(); more;)
      self->receive([this](const verdict& v) { verdicts.push_back(v); },
                    caf::after(now) >> [&more] { more = false; });
    return log->take();
  }
};

} // namespace

TEST_CASE("a phase without criteria is approved when its tasks are done") {
  approval_fixture f;
  CHECK(f.review().empty());
  auto v = f.only_verdict();
  CHECK(v.kind == verdict_kind::approved);
  CHECK(json::parse(v.detail)["by"] == "criteria");
}

TEST_CASE("a phase whose criteria are met is approved with the evidence") {
  approval_fixture f;
  f.criteria().required_outputs = {"a.json"};
  f.files->write("a.json", "{}");
  f.review({{"a.json", ""}});
  auto v = f.only_verdict();
  CHECK(v.kind == verdict_kind::approved);
  auto detail = json::parse(v.detail);
  CHECK(detail["by"] == "criteria");
  CHECK(detail["criteria"][0]["passed"] == true);
  CHECK(detail["outputs"][0]["path"] == "a.json");
  CHECK(detail["digest"].get<std::string>().size() == 64);
}

TEST_CASE("an output that is older than the attempt never opens a gate") {
  approval_fixture f;
  f.criteria().required_outputs = {"a.json"};
  f.files->write("a.json", "{}");
  f.review({{"a.json", "written:1"}});
  CHECK(f.only_verdict().kind == verdict_kind::failed);
}

TEST_CASE("criteria that are not met say which, and what was found instead") {
  approval_fixture f;
  f.criteria().required_outputs = {"a.json", "b.json"};
  f.review({{"a.json", ""}, {"b.json", ""}});
  auto v = f.only_verdict();
  CHECK(v.kind == verdict_kind::failed);
  CHECK(v.summary.starts_with("2 of 2 criteria not met: required_output a.json: expected "));
  CHECK(v.summary.ends_with("(and 1 more)"));
  auto detail = json::parse(v.detail);
  CHECK(detail["class"] == "permanent");
  CHECK(detail["message"] == v.summary);
  CHECK(detail["criteria"].size() == 2);
}

TEST_CASE("a manual phase waits for people, with the evidence they decide on") {
  approval_fixture f;
  f.ask_people(2, {"alice", "release-managers"});
  f.review();
  auto v = f.only_verdict();
  CHECK(v.kind == verdict_kind::waiting);
  CHECK(v.summary == "waits for 2 of: alice, release-managers (the phase's approval is manual)");
  CHECK(json::parse(v.detail)["reason"] == v.summary);
}

TEST_CASE("in manual mode every phase waits for a person") {
  approval_fixture f;
  f.manual = true;
  f.review();
  CHECK(f.only_verdict().summary == "waits for 1 of: operator (the execution runs in manual mode)");
}

TEST_CASE("nobody is asked about criteria that are not met") {
  approval_fixture f;
  f.manual = true;
  f.criteria().required_outputs = {"a.json"};
  f.review({{"a.json", ""}});
  CHECK(f.only_verdict().kind == verdict_kind::failed);
}

TEST_CASE("the verdict comes when every command of the criteria has ended") {
  approval_fixture f;
  f.phase().timeout = 90s;
  f.the_plan.options.max_processes = 50;
  f.criteria().checks = {command_check({"make", "check"}), command_check({"lint"}, 1)};
  CHECK(f.review() == lines{"run criteria.0.1", "run criteria.1.1"});
  const auto& spec = f.processes->specs[0];
  CHECK(spec.argv == std::vector<std::string>{"make", "check"});
  CHECK(spec.cwd == "/workspace");
  CHECK(spec.log == "/workspace/consolidation/logs/0/criteria.0.1.log");
  CHECK(spec.timeout_ms == 90'000);
  CHECK(spec.max_processes == 50);
  CHECK(f.end(make_exit({"0", "criteria.1", 1}, 1)).empty());
  CHECK(f.verdicts.empty());
  f.end(make_exit({"0", "criteria.0", 1}, 0));
  CHECK(f.only_verdict().kind == verdict_kind::approved);
}

TEST_CASE("a command that ends otherwise than expected fails the gate") {
  approval_fixture f;
  f.criteria().checks = {command_check({"make", "check"})};
  f.review();
  f.end(make_exit({"0", "criteria.0", 1}, 2));
  CHECK(f.only_verdict().kind == verdict_kind::failed);
}

TEST_CASE("a command of another attempt is not taken for this one's") {
  approval_fixture f;
  f.criteria().checks = {command_check({"make", "check"})};
  CHECK(f.review({}, 2) == lines{"run criteria.0.2"});
  f.end(make_exit({"0", "criteria.0", 1}, 2));
  CHECK(f.verdicts.empty());
  f.end(make_exit({"0", "criteria.0", 2}, 0));
  CHECK(f.only_verdict().kind == verdict_kind::approved);
}

TEST_CASE("a cancelled command says nothing about the phase: there is no verdict") {
  approval_fixture f;
  f.criteria().checks = {command_check({"make", "check"}), command_check({"lint"})};
  f.review();
  f.end(make_exit({"0", "criteria.0", 1}, exit_kind::cancelled));
  f.end(make_exit({"0", "criteria.1", 1}, 0));
  CHECK(f.verdicts.empty());
}

TEST_CASE("a command whose outcome was lost is run again: nothing was measured") {
  approval_fixture f;
  f.criteria().checks = {command_check({"make", "check"}), command_check({"lint"})};
  f.review();
  f.end(make_exit({"0", "criteria.0", 1}, 0));
  CHECK(f.end(make_exit({"0", "criteria.1", 1}, exit_kind::lost)) == lines{"run criteria.1.1"});
  CHECK(f.processes->specs.back().argv == std::vector<std::string>{"lint"});
  CHECK(f.verdicts.empty());
  f.end(make_exit({"0", "criteria.1", 1}, 0));
  CHECK(f.only_verdict().kind == verdict_kind::approved);
}

TEST_CASE("a lost command of a phase that was decided upon meanwhile is not run again") {
  approval_fixture f;
  f.criteria().checks = {command_check({"make", "check"})};
  f.review();
  f.self->send(f.uut, atom::publish_v, event_batch{make_event(event_kind::phase_rejected, "0")});
  f.run();
  CHECK(f.log->take() == lines{"cancel criteria.0.1"});
  CHECK(f.end(make_exit({"0", "criteria.0", 1}, exit_kind::lost)).empty());
  CHECK(f.verdicts.empty());
}

TEST_CASE("checks of a phase that was decided upon meanwhile are ended") {
  approval_fixture f;
  f.criteria().checks = {command_check({"make", "check"}), command_check({"lint"})};
  CHECK(f.review() == lines{"run criteria.0.1", "run criteria.1.1"});
  f.self->send(f.uut, atom::publish_v, event_batch{make_event(event_kind::phase_waiting, "0")});
  f.run();
  CHECK(f.log->take().empty());
  f.self->send(f.uut, atom::publish_v, event_batch{make_event(event_kind::phase_rejected, "0")});
  f.run();
  CHECK(f.log->take() == lines{"cancel criteria.0.1", "cancel criteria.1.1"});
}

TEST_CASE("one person's word opens a gate that wants one, with the evidence") {
  approval_fixture f;
  f.ask_people(1, {"operator"});
  f.criteria().required_outputs = {"a"};
  f.files->write("a", "text");
  f.wait_for_people({{"a", ""}});
  CHECK(f.say("alice", control_command::approve, "looks good") == "phase 0 is approved");
  auto data = json::parse(f.store->last(event_kind::phase_approved).data);
  CHECK(data["by"] == "alice");
  CHECK(data["comment"] == "looks good");
  CHECK(data["criteria"][0]["passed"] == true);
  CHECK(data["outputs"][0]["path"] == "a");
  auto audit = json::parse(f.store->last(event_kind::audit).data);
  CHECK(audit["command"] == "approve");
  CHECK(audit["done"] == true);
}

TEST_CASE("a gate that wants two opens at the second person, and one person counts once") {
  approval_fixture f;
  f.ask_people(2, {"operator"});
  f.wait_for_people();
  CHECK(f.say("alice") == "1 of 2 approvals of phase 0: it waits for 1 more");
  CHECK(f.say("alice") == "refused: alice has approved already; 2 different people must");
  CHECK(f.say("github:Alice")
        == "refused: alice has approved already; 2 different people must, and github:Alice may be "
           "the same one");
  CHECK(f.say("bob") == "phase 0 is approved");
  CHECK(json::parse(f.store->last(event_kind::phase_approved).data)["by"] == "alice, bob");
}

TEST_CASE("only whom the plan names may approve") {
  approval_fixture f;
  f.ask_people(1, {"release-manager", "dora"});
  f.wait_for_people();
  CHECK(f.say("alice").starts_with("refused: the plan leaves this approval to release-manager"));
  CHECK(f.say("dora") == "phase 0 is approved");
}

TEST_CASE("where it is forbidden nobody approves what he started") {
  approval_fixture f;
  f.ask_people(1, {"operator"});
  f.phase().approval->allow_self = false;
  f.wait_for_people();
  CHECK(f.say("carol").starts_with("refused: carol started this execution"));
  CHECK(f.say("github:carol").starts_with("refused: github:carol started this execution"));
  CHECK(f.say("alice") == "phase 0 is approved");
}

TEST_CASE("what changed since it was judged is not approved, and earlier voices do not count") {
  approval_fixture f;
  f.ask_people(2, {"operator"});
  f.criteria().required_outputs = {"a"};
  f.files->write("a", "text");
  f.wait_for_people({{"a", ""}});
  f.say("alice");
  f.files->write("a", "another");
  CHECK(f.say("bob").starts_with("refused: the outputs of phase 0 have changed"));
  CHECK(core::read_waiting(f.store->last(event_kind::phase_waiting).data).voices.empty());
  CHECK(f.say("bob") == "1 of 2 approvals of phase 0: it waits for 1 more");
}

TEST_CASE("that there is new evidence is said when it is durable, or not at all") {
  approval_fixture f;
  f.ask_people(1, {"operator"});
  f.criteria().required_outputs = {"a"};
  f.files->write("a", "text");
  f.wait_for_people({{"a", ""}});
  f.files->write("a", "another");
  f.store->at_once = false;
  auto asked = f.begin_saying("bob");
  CHECK(f.self->mailbox().empty());
  auto other = f.begin_saying("alice");
  CHECK(f.answer_to(other).starts_with("refused: another decision on phase 0"));
  SECTION("it is") {
    f.store->commit();
    f.run();
    CHECK(f.answer_to(asked).starts_with("refused: the outputs of phase 0 have changed"));
  }
  SECTION("somebody has cancelled the phase in the same moment") {
    f.store->refuse("phase 0 is cancelled");
    f.run();
    CHECK(f.answer_to(asked).ends_with("phase 0 is cancelled"));
  }
  auto next = f.begin_saying("alice");
  f.store->commit();
  f.run();
  CHECK_FALSE(f.answer_to(next).starts_with("refused: another"));
}

TEST_CASE("an approval that names another digest than what waits is refused") {
  approval_fixture f;
  f.ask_people(1, {"operator"});
  f.wait_for_people();
  CHECK(f.say("alice", control_command::approve, {}, false, "0000")
            .starts_with("refused: what waits for approval is not what was reviewed"));
  auto digest = core::read_waiting(f.state->phases[0].detail).digest;
  CHECK(f.say("alice", control_command::approve, {}, false, digest) == "phase 0 is approved");
}

TEST_CASE("criteria that are no longer met are not approved") {
  approval_fixture f;
  f.ask_people(1, {"operator"});
  f.criteria().required_outputs = {"a"};
  f.files->write("a", "text");
  f.wait_for_people({{"a", ""}});
  f.files->files.clear();
  CHECK(f.say("alice").starts_with("refused: phase 0 no longer meets its criteria"));
}

TEST_CASE("a rejection needs a reason and says it") {
  approval_fixture f;
  f.ask_people(1, {"operator"});
  f.wait_for_people();
  CHECK(f.say("alice", control_command::reject) == "refused: a rejection needs a reason");
  CHECK(f.say("alice", control_command::reject, "wrong numbers")
        == "phase 0 is rejected; what depends on it is blocked");
  CHECK(json::parse(f.store->last(event_kind::phase_rejected).data)["reason"] == "wrong numbers");
}

TEST_CASE("a failure is overridden only expressly, with a reason, and marked as such") {
  approval_fixture f;
  f.state->phases[0].status = phase_status::failed;
  f.state->phases[0].detail = R"({"class":"permanent","message":"1 of 2 criteria not met"})";
  CHECK(f.say("alice").ends_with("approve it with --override and a --reason"));
  CHECK(f.say("alice", control_command::approve, {}, true)
        == "refused: an override needs a reason");
  CHECK(f.say("alice", control_command::approve, "known", true)
            .starts_with("phase 0 is approved although it failed"));
  auto data = json::parse(f.store->last(event_kind::phase_approved).data);
  CHECK(data["override"] == true);
  CHECK(data["reason"] == "known");
  CHECK(data["overridden"] == "1 of 2 criteria not met");
}

TEST_CASE("one person does not override what two must approve") {
  approval_fixture f;
  f.ask_people(2, {"operator"});
  f.state->phases[0].status = phase_status::failed;
  CHECK(f.say("alice", control_command::approve, "known", true)
            .starts_with("refused: the plan wants 2 people"));
}

TEST_CASE("what does not wait is not approved") {
  approval_fixture f;
  f.state->phases[0].status = phase_status::in_progress;
  CHECK(f.say("alice") == "refused: phase 0 is in_progress: it does not wait for an approval");
}

TEST_CASE("at the deadline a phase is rejected, not earlier") {
  approval_fixture f;
  f.wait_until(60s);
  f.pass(59s);
  CHECK(f.store->events.empty());
  f.pass(2s);
  CHECK(json::parse(f.store->last(event_kind::phase_rejected).data)["by"] == "deadline");
}

TEST_CASE("a deadline passes on a machine that slept, whose timers stood still") {
  approval_fixture f;
  f.wait_until(1h);
  f.set_clock(1h);
  f.pass(10s);
  CHECK(json::parse(f.store->last(event_kind::phase_rejected).data)["by"] == "deadline");
}

TEST_CASE("nobody approves after the deadline, also where its timer has not noticed") {
  approval_fixture f;
  f.wait_until(1h);
  f.set_clock(1h);
  const auto answer = f.say("alice");
  INFO(answer);
  CHECK(answer.starts_with("refused: the deadline of phase 0 has passed ("));
  CHECK(answer.ends_with("): it is being rejected"));
  CHECK(json::parse(f.store->last(event_kind::phase_rejected).data)["by"] == "deadline");
}

TEST_CASE("a phase that is to wait on past its deadline does, and says so once") {
  approval_fixture f;
  f.wait_until(60s, deadline_action::keep_waiting);
  f.pass(200s);
  CHECK(f.store->events.size() == 1);
  CHECK(f.store->last(event_kind::note).phase == "0");
}

TEST_CASE("a deadline and voices survive a restart: they are in what the phase waits with") {
  auto policy = approval_policy{};
  policy.deadline = 60s;
  auto first = core::keep_waiting(R"({"reason":"r","digest":"d"})", {}, policy, 1'000'000);
  auto voted = core::add_voice(first, {"alice", "ok", 5});
  auto again = core::keep_waiting(R"({"reason":"r","digest":"d"})", voted, policy, 50'000'000);
  CHECK(core::read_waiting(again).deadline_us == 61'000'000);
  CHECK(core::read_waiting(again).voices.size() == 1);
  auto other = core::keep_waiting(R"({"reason":"r","digest":"e"})", voted, policy, 50'000'000);
  CHECK(core::read_waiting(other).deadline_us == 61'000'000);
  CHECK(core::read_waiting(other).voices.empty());
}

TEST_CASE("a decision during which the phase was approved a moment ago changes nothing") {
  approval_fixture f;
  f.ask_people(1, {"operator"});
  f.wait_for_people();
  f.say("alice");
  CHECK(f.say("bob") == "refused: phase 0 is approved: it does not wait for an approval");
}

TEST_CASE("who approves while the criteria are being judged gets the same judgement") {
  approval_fixture f;
  f.ask_people(1, {"operator"});
  f.criteria().checks = {command_check({"make", "check"})};
  f.review();
  f.end(make_exit({"0", "criteria.0", 1}, 0));
  auto& p = f.state->phases[0];
  p.status = phase_status::waiting_approval;
  p.attempt = 1;
  p.detail = f.only_verdict().detail;
  // A node that comes back judges it again, and somebody approves meanwhile.
  CHECK(f.review() == lines{"run criteria.0.1"});
  auto answer = f.begin_saying("alice");
  CHECK(f.log->take().empty());
  SECTION("and both are answered") {
    f.end(make_exit({"0", "criteria.0", 1}, 0));
    CHECK(f.verdicts.size() == 2);
    CHECK(f.answer_to(answer) == "phase 0 is approved");
    CHECK(f.store->last(event_kind::phase_approved).attempt == 1);
  }
  SECTION("and is told where its check was ended") {
    f.self->send(f.uut, make_exit({"0", "criteria.0", 1}, exit_kind::cancelled));
    f.run();
    CHECK(f.answer_to(answer).ends_with("ended before it was through: ask again"));
    f.state->phases[0].status = phase_status::rejected;
    CHECK(f.say("bob").starts_with("refused: phase 0 is rejected")); // Not "another decision".
  }
}

TEST_CASE("a deadline that passes while somebody decides ends nothing") {
  approval_fixture f;
  f.wait_until(60s);
  f.store->at_once = false;
  f.pass(61s);
  CHECK(f.store->last(event_kind::phase_rejected).attempt == 1);
  f.store->refuse("phase 0 is approved: it cannot become rejected");
  f.run();
  CHECK_FALSE(has_ended(caf::actor_cast<caf::actor>(f.uut)));
}

#include "actors/approval.hpp"
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
  plan the_plan;
  bool manual = false;
  approval_actor uut;
  std::vector<verdict> verdicts;

  approval_fixture() {
    processes->log = log;
    the_plan.phases.push_back(make_phase("0"));
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
    if (!uut)
      uut = spawn(approval, std::make_shared<const approval_deps>(approval_deps{
                                .context = make_context(std::move(the_plan)),
                                .executor = spawn(executor_mock, processes),
                                .files = files,
                                .tail = [this](const std::string& path) { return tails[path]; },
                                .manual = manual,
                                .detached = false}));
    self->send(uut, atom::review_v, review_request{0, attempt, std::move(before)});
    return collect();
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
    while (!self->mailbox().empty())
      self->receive([this](const verdict& v) { verdicts.push_back(v); });
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
  f.criteria().checks = {command_check({"make", "check"}), command_check({"lint"}, 1)};
  CHECK(f.review() == lines{"run criteria.0.1", "run criteria.1.1"});
  const auto& spec = f.processes->specs[0];
  CHECK(spec.argv == std::vector<std::string>{"make", "check"});
  CHECK(spec.cwd == "/workspace");
  CHECK(spec.log == "/workspace/consolidation/logs/0/criteria.0.1.log");
  CHECK(spec.timeout_ms == 90'000);
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

// How an execution goes on: after a failure, a changed plan, a lost database, a killed node.

#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <SQLiteCpp/SQLiteCpp.h>

#include <csignal>

using namespace aeo;
using namespace aeo::testing;

namespace {

namespace fs = std::filesystem;

/// b fails until there is a file "fixed"; c waits for it, d does not.
const json failing = {{"a", shell_phase({}, "echo a >> ledger")},
                      {"b", shell_phase({"a"}, "echo b >> ledger; test -e fixed")},
                      {"c", shell_phase({"b"}, "echo c >> ledger")},
                      {"d", shell_phase({"a"}, "echo d >> ledger")}};

void run_failing(const temp_workspace& w) {
  write_plan(w, failing);
  auto r = run_node(w);
  INFO(r.output);
  REQUIRE(r.exit_code == 1);
}

/// How often each phase of `failing` has run.
std::vector<std::size_t> runs(const temp_workspace& w) {
  std::vector<std::size_t> result;
  for (const auto* id : {"a", "b", "c", "d"})
    result.push_back(count_lines(w.read("ledger"), id));
  return result;
}

using counts = std::vector<std::size_t>;

void remove_database(const temp_workspace& w) {
  for (const auto* part : {"", "-wal", "-shm"})
    fs::remove(w.path() / (database + part));
}

} // namespace

TEST_CASE("starting over an unfinished execution is refused with both ways forward") {
  temp_workspace w;
  run_failing(w);
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 78);
  CHECK(contains(r.output, "unfinished"));
  CHECK(contains(r.output, "aeo-node --workspace " + w.path().string() + " --resume"));
  CHECK(contains(r.output, "aeo-node --workspace " + w.path().string() + " --fresh"));
  CHECK(runs(w) == counts{1, 1, 0, 1});
}

TEST_CASE("a finished execution does not stand in the way of the next") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "echo a >> ledger")}});
  CHECK(run_node(w).exit_code == 0);
  auto first = state_file(w)["execution_id"];
  CHECK(run_node(w, {"--resume"}).exit_code == 0);
  CHECK(runs(w) == counts{1, 0, 0, 0});
  CHECK(run_node(w).exit_code == 0);
  CHECK(runs(w) == counts{2, 0, 0, 0});
  CHECK(state_file(w)["execution_id"] != first);
}

TEST_CASE("after a fix --resume runs the failed phase and what waited for it, nothing else") {
  temp_workspace w;
  run_failing(w);
  w.write("fixed", "");
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(runs(w) == counts{1, 2, 1, 1});
  CHECK(reported(final_report(w), "b")["attempt"] == 2);
  check_chain(w);
}

TEST_CASE("--fresh runs everything again and keeps the logs of before") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "echo run >> ledger; cat ledger; test -e fixed")}});
  CHECK(run_node(w).exit_code == 1);
  auto first = state_file(w)["execution_id"].get<std::string>();
  w.write("fixed", "");
  auto r = run_node(w, {"--fresh"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(w.read("consolidation/logs/a/t.1.log") == "run\nrun\n");
  CHECK(w.read("consolidation/history/" + first + "/logs/a/t.1.log") == "run\n");
}

TEST_CASE("a changed plan is shown as a difference and refused, then accepted on request") {
  temp_workspace w;
  run_failing(w);
  auto changed = failing;
  changed["b"] = shell_phase({"a"}, "echo b >> ledger");
  changed["e"] = shell_phase({"c"}, "echo e >> ledger");
  write_plan(w, changed);
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 78);
  CHECK(contains(r.output, "the plan has changed"));
  CHECK(contains(r.output, "phase b: task t: command changed"));
  CHECK(contains(r.output, "phase e"));
  CHECK(contains(r.output, "--accept-plan-change"));
  CHECK(runs(w) == counts{1, 1, 0, 1});

  r = run_node(w, {"--resume", "--accept-plan-change"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(runs(w) == counts{1, 2, 1, 1});
  CHECK(count_lines(w.read("ledger"), "e") == 1);
  CHECK(contains(final_report(w).dump(), "plan change accepted"));
}

TEST_CASE("an attempt that began before its phase changed goes on, and that is told") {
  temp_workspace w;
  const auto wait = [](const std::string& word) {
    return shell_phase({}, "test -e pipe || mkfifo pipe; echo start >> ledger; read x < pipe; echo "
                               + word + " >> ledger");
  };
  write_plan(w, {{"a", wait("old")}});
  program node{{"aeo-node", "--workspace", w.path().string()}};
  wait_for_text(w.path() / "ledger", "start");
  wait_for_text(w.path() / "consolidation/execution_state.json", R"("status": "in_progress")");
  node.signal(SIGKILL);
  node.wait();
  write_plan(w, {{"a", wait("new")}});
  program resumed{
      {"aeo-node", "--workspace", w.path().string(), "--resume", "--accept-plan-change"}};
  wait_for_text(resumed.output_file(), "phase a: the attempt under way was made before the phase's "
                                       "definition changed");
  release(w);
  const auto r = resumed.wait();
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.output, "when it has ended, aeo-control retry a --force runs them"));
  CHECK(w.read("ledger") == "start\nold\n");
}

TEST_CASE("with the database gone the state file alone is enough to go on") {
  temp_workspace w;
  run_failing(w);
  remove_database(w);
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 78);
  CHECK(contains(r.output, "--resume"));
  CHECK(contains(r.output, "--fresh"));

  w.write("fixed", "");
  r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(runs(w) == counts{1, 2, 1, 1});
  CHECK(reported(final_report(w), "a")["source"] == "imported");
  CHECK(reported(final_report(w), "b")["attempt"] == 2);
}

TEST_CASE("a state file of another tool is resumed: what it shows as approved is not run again") {
  temp_workspace w;
  json phases = json::object();
  for (const auto* id : {"0", "1", "2", "3", "4", "5", "15"})
    phases[id] = shell_phase({}, "echo " + std::string{id} + " >> ledger");
  write_plan(w, phases);
  fs::create_directory(w.path() / "consolidation");
  fs::copy_file(fs::path{AEO_SOURCE_DIR} / "tests/data/state/foreign.json",
                w.path() / "consolidation/execution_state.json");
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  for (const auto* id : {"0", "1", "15"})
    CHECK(count_lines(w.read("ledger"), id) == 0);
  for (const auto* id : {"2", "3", "4", "5"})
    CHECK(count_lines(w.read("ledger"), id) == 1);
  CHECK(state_file(w)["execution_id"] == "consolidation-20250131-123456");
  CHECK(state_file(w)["phases"]["0"]["metadata"]["operator"] == "bob");
}

TEST_CASE("there is nothing to resume in a new workspace") {
  temp_workspace w;
  write_plan(w, failing);
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 78);
  CHECK(contains(r.output, "nothing to resume"));
  CHECK_FALSE(w.has("ledger"));
}

TEST_CASE("a second node is refused with 75 and the pid of the first") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "echo a >> ledger; sleep 10000")}});
  program first{{"aeo-node", "--workspace", w.path().string()}};
  wait_for_text(w.path() / "ledger", "a");
  for (const auto& options : {std::vector<std::string>{}, {"--resume"}, {"--fresh"}}) {
    auto r = run_node(w, options);
    INFO(r.output);
    CHECK(r.exit_code == 75);
    CHECK(contains(r.output, "pid " + std::to_string(first.pid())));
  }
  CHECK(runs(w) == counts{1, 0, 0, 0});
  first.signal(SIGTERM);
  CHECK(first.wait().exit_code == 130);
}

TEST_CASE("a task that runs when the node is killed is adopted: it runs once") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "mkfifo pipe; echo start >> ledger; read x < pipe; "
                                       "echo said $x; echo end >> ledger")},
                 {"again", shell_phase({}, "test -e fixed && touch up")},
                 {"b", shell_phase({"a"}, "echo b >> ledger")}});
  program node{{"aeo-node", "--workspace", w.path().string()}};
  wait_for_text(w.path() / "ledger", "start");
  wait_for_text(w.path() / "consolidation/execution_state.json", "\"failed\"");
  node.signal(SIGKILL);
  node.wait();
  w.write("fixed", "");

  program resumed{{"aeo-node", "--workspace", w.path().string(), "--resume"}};
  wait_for_text(w.path() / "up", ""); // The new node runs phases: the old task is its own by now.
  release(w);
  auto r = resumed.wait();
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(w.read("ledger") == "start\nend\nb\n");
  CHECK(w.read("consolidation/logs/a/t.1.log") == "said go\n");
  CHECK(count_events(stored_events(w), event_kind::phase_started, "a") == 1);
  CHECK(reported(final_report(w), "a")["attempt"] == 1);
  check_nothing_left(w);
}

TEST_CASE("a task that ends while no node runs is not run again, whatever its end") {
  temp_workspace w;
  write_plan(w, {{"good", shell_phase({}, "mkfifo one; echo start >> ledger; read x < one; "
                                          "echo good >> ledger")},
                 {"bad", shell_phase({}, "mkfifo two; echo begin >> ledger; read x < two; "
                                         "echo bad >> ledger; exit 3")}});
  program node{{"aeo-node", "--workspace", w.path().string()}};
  wait_for_text(w.path() / "ledger", "start");
  wait_for_text(w.path() / "ledger", "begin");
  node.signal(SIGKILL);
  node.wait();
  auto launcher = launcher_pid(w);
  for (const auto* pipe : {"one", "two"})
    run_program({"/bin/sh", "-c", "echo go > " + (w.path() / pipe).string()});
  if (launcher > 0)
    wait_until_gone(launcher); // It has noted both exits down.

  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(statuses(w) == std::map<std::string, std::string>{{"good", "approved"}, {"bad", "failed"}});
  CHECK(contains(r.output, "exited with 3"));
  CHECK(lines_of(w.read("ledger")).size() == 4);
}

TEST_CASE("a task that was started before the log knew of it is not started again") {
  temp_workspace w;
  write_plan(w,
             {{"a", shell_phase({}, "mkfifo one; echo a >> ledger; read x < one")},
              {"b", shell_phase({}, "mkfifo two; echo b >> ledger; read x < two")}},
             {{"max_parallel", 1}});
  program node{{"aeo-node", "--workspace", w.path().string()}};
  wait_for_text(w.path() / "ledger", "a");
  {
    SQLite::Database other{(w.path() / database).string(), SQLite::OPEN_READWRITE, 10'000};
    SQLite::Transaction lock{other, SQLite::TransactionBehavior::IMMEDIATE};
    run_program({"/bin/sh", "-c", "echo go > " + (w.path() / "one").string()});
    wait_for_text(w.path() / "ledger", "b");
    node.signal(SIGKILL);
    node.wait();
  }
  REQUIRE(count_events(stored_events(w), event_kind::phase_started, "b") == 0);
  auto launcher = launcher_pid(w);
  run_program({"/bin/sh", "-c", "echo go > " + (w.path() / "two").string()});
  if (launcher > 0)
    wait_until_gone(launcher);

  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(lines_of(w.read("ledger")) == std::vector<std::string>{"a", "b"});
  CHECK(count_events(stored_events(w), event_kind::task_finished, "b") == 1);
}

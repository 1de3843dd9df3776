// Node and launcher killed together: what on_crash says is done. And gates that were being judged
// when a node ended.

#include "actors/core/text.hpp"
#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>

using namespace aeo;
using namespace aeo::testing;

namespace {

/// One task whose outcome nobody knows, since node and launcher were killed while it ran.
void lose_outcome(const temp_workspace& w, const std::string& policy) {
  write_plan(w, {{"a", phase({}, task("t", "echo ran >> ledger; test -e go || sleep 10000",
                                      {{"on_crash", policy}}))},
                 {"b", shell_phase({"a"}, "echo b >> ledger")},
                 // Its start is stored after that of the other: then that is stored, too.
                 {"late", shell_phase({}, "until [ -e ledger ]; do sleep 0.01; done; exit 1")}});
  program node{{"aeo-node", "--workspace", w.path().string()}};
  wait_for_text(w.path() / "consolidation/execution_state.json", "\"failed\"");
  auto launcher = launcher_pid(w);
  node.signal(SIGKILL);
  REQUIRE(launcher > 0);
  kill(launcher, SIGKILL);
  node.wait();
  wait_until_gone(launcher);
  w.write("go", "");
}

std::size_t times_run(const temp_workspace& w) {
  return count_lines(w.read("ledger"), "ran");
}

const std::string judged_slowly = "echo judged >> ledger; test -e go || sleep 10000";

void plan_with_slow_gate(const temp_workspace& w) {
  write_plan(w, {{"a", shell_phase({}, "echo ran >> ledger")}}, {},
             {{"a",
               {{"validation_checks",
                 json::array({{{"type", "command"}, {"command", judged_slowly}}})}}}});
}

} // namespace

TEST_CASE("a lost outcome is transient by default: the task runs again, not counted") {
  temp_workspace w;
  lose_outcome(w, "adopt");
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(statuses(w)["a"] == "approved");
  CHECK(times_run(w) == 2);
  CHECK(contains(r.output, "outcome lost"));
  CHECK(reported(final_report(w), "a")["retry_count"] == 0);
}

TEST_CASE("with on_crash rerun a task whose outcome was lost runs again in the same attempt") {
  temp_workspace w;
  lose_outcome(w, "rerun");
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(statuses(w)["b"] == "approved");
  CHECK(times_run(w) == 2);
  CHECK(reported(final_report(w), "a")["attempt"] == 1);
}

TEST_CASE("with on_crash fail a lost outcome fails the phase and says why") {
  temp_workspace w;
  lose_outcome(w, "fail");
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(statuses(w)["a"] == "failed");
  CHECK(statuses(w)["b"] == "blocked");
  CHECK(contains(r.output, "outcome lost: the node died while it ran (on_crash: fail)"));
  CHECK(times_run(w) == 1);
}

TEST_CASE("with on_crash ask a lost outcome waits for a person, whose --only runs it again") {
  temp_workspace w;
  lose_outcome(w, "ask");
  for (int i = 0; i < 2; ++i) {
    auto r = run_node(w, {"--resume"});
    INFO(r.output);
    CHECK(statuses(w)["a"] == "waiting_approval");
    CHECK(contains(r.output, "find out what it did"));
    CHECK(contains(r.output, "--resume --only a"));
    CHECK(times_run(w) == 1);
    const auto why = run_program({"aeo-control", "--workspace", w.path().string(), "why", "a"});
    INFO(why.output);
    CHECK(contains(why.output, core::in_workspace("aeo-control", w.path().string()) + " retry a"));
    CHECK_FALSE(contains(why.output, " approve a"));
  }
  auto r = run_node(w, {"--resume", "--only", "a"});
  INFO(r.output);
  CHECK(statuses(w)["a"] == "approved");
  CHECK(times_run(w) == 2);
}

TEST_CASE("a launcher that dies alone: on_crash decides, and a check is run again") {
  temp_workspace w;
  write_plan(w,
             {{"a", phase({}, task("t", "echo ran >> ledger; test -e go || sleep 10000",
                                   {{"on_crash", "ask"}}))},
              {"b", shell_phase({}, "true")}},
             {},
             {{"b",
               {{"validation_checks",
                 json::array({{{"type", "command"}, {"command", judged_slowly}}})}}}});
  program node{{"aeo-node", "--workspace", w.path().string()}};
  wait_for_text(w.path() / "ledger", "ran");
  wait_for_text(w.path() / "ledger", "judged");
  const auto launcher = launcher_pid(w);
  REQUIRE(launcher > 0);
  w.write("go", "");
  kill(launcher, SIGKILL);
  const auto r = node.wait();
  INFO(r.output);
  CHECK(r.exit_code == 3);
  CHECK(contains(r.output, "find out what it did"));
  CHECK(statuses(w)["a"] == "waiting_approval");
  CHECK(statuses(w)["b"] == "approved");
  CHECK(times_run(w) == 1);
  CHECK(count_lines(w.read("ledger"), "judged") == 2);
}

TEST_CASE("a gate that is being judged when the node stops or dies is judged by the next") {
  for (auto signal : {SIGINT, SIGKILL}) {
    temp_workspace w;
    plan_with_slow_gate(w);
    program node{{"aeo-node", "--workspace", w.path().string()}};
    wait_for_text(w.path() / "ledger", "judged");
    node.signal(signal);
    auto r = node.wait();
    INFO(r.output);
    CHECK(r.exit_code == (signal == SIGINT ? 130 : 128 + SIGKILL));
    w.write("go", "");
    r = run_node(w, {"--resume"});
    INFO(r.output);
    CHECK(r.exit_code == 0);
    CHECK(w.read("ledger") == "ran\njudged\njudged\n");
    check_nothing_left(w);
  }
}

TEST_CASE("a waiting gate that is judged again when the node is stopped goes on waiting") {
  temp_workspace w;
  plan_with_slow_gate(w);
  w.write("go", "");
  CHECK(run_node(w, {"--mode", "manual"}).exit_code == 3);
  std::filesystem::remove(w.path() / "go");
  program node{{"aeo-node", "--workspace", w.path().string(), "--resume", "--mode", "manual"}};
  wait_for_text(w.path() / "ledger", "judged\njudged");
  node.signal(SIGINT);
  auto r = node.wait();
  INFO(r.output);
  CHECK(r.exit_code == 130);
  CHECK(statuses(w)["a"] == "waiting_approval");
  w.write("go", "");
  r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(count_lines(w.read("ledger"), "ran") == 1);
}

TEST_CASE("a retry that waits when the node is killed comes when it is due, not at once") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "date +%s%N >> ledger; test -e go || exit 75")}},
             {{"retry_delay", 1.5}, {"jitter", "none"}});
  program node{{"aeo-node", "--workspace", w.path().string()}};
  wait_for_text(w.path() / "consolidation/execution_state.json", "\"retry_wait\"");
  node.signal(SIGKILL);
  node.wait();
  w.write("go", "");
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  auto times = lines_of(w.read("ledger"));
  REQUIRE(times.size() == 2);
  CHECK(std::stoll(times[1]) - std::stoll(times[0]) >= 1'500'000'000);
  CHECK(reported(final_report(w), "a")["attempt"] == 2);
}

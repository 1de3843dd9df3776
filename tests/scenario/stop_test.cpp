// Runs that end early on purpose, runs of some phases, and how they go on.

#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>

using namespace aeo;
using namespace aeo::testing;

namespace {

std::vector<std::string> node_on(const temp_workspace& w,
                                 const std::vector<std::string>& options = {}) {
  std::vector<std::string> argv{"aeo-node", "--workspace", w.path().string()};
  argv.insert(argv.end(), options.begin(), options.end());
  return argv;
}

json noting_phase(const std::vector<std::string>& dependencies, const std::string& id) {
  return shell_phase(dependencies, "echo " + id + " >> ledger");
}

const json chain = {{"a", noting_phase({}, "a")},
                    {"b", noting_phase({"a"}, "b")},
                    {"c", noting_phase({"b"}, "c")},
                    {"d", noting_phase({}, "d")}};

} // namespace

TEST_CASE("SIGINT ends the tasks, saves interrupted and exits 130; --resume completes") {
  temp_workspace w;
  write_plan(w, {{"a", noting_phase({}, "a")},
                 {"b", shell_phase({"a"}, "echo b >> ledger; [ -e go ] || sleep 10000")},
                 {"c", noting_phase({"b"}, "c")}});
  program node{node_on(w)};
  wait_for_text(w.path() / "ledger", "b");
  node.signal(SIGINT);
  auto r = node.wait();
  INFO(r.output);
  CHECK(r.exit_code == 130);
  CHECK(contains(r.output, "SIGINT"));
  CHECK(contains(r.output, "--resume"));
  CHECK(state_file(w)["overall_status"] == "interrupted");
  CHECK(final_report(w)["exit_code"] == 130);
  check_nothing_left(w);

  w.write("go", "");
  r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(w.read("ledger") == "a\nb\nb\nc\n");
  CHECK(state_file(w)["overall_status"] == "completed");
}

TEST_CASE("SIGTERM and SIGHUP end a run as SIGINT does, each by its name") {
  for (auto [signal, name] : {std::pair{SIGTERM, "SIGTERM"}, std::pair{SIGHUP, "SIGHUP"}}) {
    temp_workspace w;
    write_plan(w, {{"a", shell_phase({}, "echo a >> ledger; sleep 10000")}});
    program node{node_on(w)};
    wait_for_text(w.path() / "ledger", "a");
    node.signal(signal);
    auto r = node.wait();
    INFO(r.output);
    CHECK(r.exit_code == 130);
    CHECK(contains(r.output, name));
    check_nothing_left(w);
  }
}

TEST_CASE("a node started with SIGHUP ignored (nohup) goes on when it comes") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "mkfifo pipe; echo a >> ledger; read x < pipe")}});
  const std::string file = AEO_BIN_DIR "/aeo-node";
  program node{
      {"/bin/sh", "-c", "trap '' HUP; exec \"$0\" \"$@\"", file, "--workspace", w.path().string()}};
  wait_for_text(w.path() / "ledger", "a");
  node.signal(SIGHUP);
  release(w);
  const auto r = node.wait();
  INFO(r.output);
  CHECK(r.exit_code == 0);
  check_nothing_left(w);
}

TEST_CASE("a SIGUSR1 that nobody asked for leaves a node ready for a SIGTERM") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "echo a >> ledger; sleep 10000")}});
  program node{node_on(w)};
  wait_for_text(w.path() / "ledger", "a");
  node.signal(SIGUSR1);
  node.signal(SIGTERM);
  const auto r = node.wait();
  INFO(r.output);
  CHECK(r.exit_code == 130);
  check_nothing_left(w);
}

TEST_CASE("a phase in retry_wait does not keep a stopped node") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "exit 75")}}, {{"retry_delay", 3600}, {"jitter", "none"}});
  program node{node_on(w)};
  wait_for_text(w.path() / "consolidation/execution_state.json", "\"retry_wait\"");
  node.signal(SIGINT);
  auto r = node.wait();
  INFO(r.output);
  CHECK(r.exit_code == 130);
}

namespace {

/// The task that waits for the pipe goes on, and all is well.
void check_adopted(const temp_workspace& w, const std::string& ledger) {
  program resumed{node_on(w, {"--resume"})};
  release(w);
  const auto r = resumed.wait();
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(w.read("ledger") == ledger);
  check_nothing_left(w);
}

} // namespace

TEST_CASE("with --detach-on-stop a task goes on and --resume adopts it: it runs once") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "mkfifo pipe; echo start >> ledger; read x < pipe; "
                                       "echo end >> ledger")},
                 {"b", noting_phase({"a"}, "b")}});
  program node{node_on(w, {"--detach-on-stop"})};
  wait_for_text(w.path() / "ledger", "start");
  node.signal(SIGTERM);
  const auto r = node.wait();
  INFO(r.output);
  CHECK(r.exit_code == 130);
  CHECK(state_file(w)["overall_status"] == "interrupted");
  CHECK(state_file(w)["phases"]["a"]["status"] == "in_progress");
  CHECK_FALSE(processes_of(w).empty());
  check_adopted(w, "start\nend\nb\n");
  CHECK(count_events(stored_events(w), event_kind::phase_started, "a") == 1);
}

TEST_CASE("a node that leaves its tasks says of one that has just begun that it runs") {
  temp_workspace w;
  write_plan(w,
             {{"a", shell_phase({}, "mkfifo pipe; echo a >> ledger; read x < pipe")},
              {"b", shell_phase({"a"}, "kill -TERM $(cat pid); read x < pipe; echo b >> ledger")}});
  program node{node_on(w, {"--detach-on-stop"})};
  wait_for_text(w.path() / "ledger", "a");
  w.write("pid", std::to_string(node.pid()));
  release(w);
  const auto r = node.wait();
  INFO(r.output);
  CHECK(r.exit_code == 130);
  CHECK(statuses(w) == std::map<std::string, std::string>{{"a", "approved"}, {"b", "in_progress"}});
  check_adopted(w, "a\nb\n");
}

TEST_CASE("in manual mode the run stops with 3 for a person; in automated mode it goes on to 0") {
  temp_workspace w;
  write_plan(w, chain);
  auto r = run_node(w, {"--mode", "manual"});
  INFO(r.output);
  CHECK(r.exit_code == 3);
  CHECK(contains(r.output, "waits for a person"));
  CHECK(contains(r.output, "--resume --wait"));
  CHECK(statuses(w)
        == std::map<std::string, std::string>{{"a", "waiting_approval"},
                                              {"b", "pending"},
                                              {"c", "pending"},
                                              {"d", "waiting_approval"}});
  CHECK(state_file(w)["overall_status"] == "waiting_approval");

  r = run_node(w, {"--resume", "--mode", "manual"});
  INFO(r.output);
  CHECK(r.exit_code == 3);

  r = run_node(w, {"--resume", "--mode", "automated"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(state_file(w)["overall_status"] == "completed");
  for (const auto* id : {"a", "b", "c", "d"})
    CHECK(count_lines(w.read("ledger"), id) == 1);
}

TEST_CASE("--only runs the named phases, --resume the rest") {
  temp_workspace w;
  write_plan(w, chain);
  auto r = run_node(w, {"--only", "b"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(w.read("ledger") == "b\n");
  CHECK(statuses(w)["a"] == "skipped");
  CHECK(statuses(w)["c"] == "pending");
  CHECK(contains(r.output, "The chosen phases ended"));
  CHECK_FALSE(contains(r.output, "Interrupted"));

  r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(count_lines(w.read("ledger"), "a") == 0);
  CHECK(count_lines(w.read("ledger"), "b") == 1);
  CHECK(count_lines(w.read("ledger"), "c") == 1);
  CHECK(count_lines(w.read("ledger"), "d") == 1);
}

TEST_CASE("--only of a resume leaves what failed outside of it as it is") {
  temp_workspace w;
  const auto phase = [](const char* script, json needs = json::array()) {
    return json{{"dependencies", std::move(needs)},
                {"tasks", {{{"id", "t"}, {"command", {"sh", "-c", script}}}}}};
  };
  write_plan(w, {{"a", phase("echo a >> ledger")}, {"x", phase("false")}, {"y", phase(":", {"x"})}},
             {{"max_retries", 0}});
  CHECK(run_node(w).exit_code == 1);
  CHECK(statuses(w)["x"] == "failed");
  const auto r = run_node(w, {"--resume", "--only", "a"});
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(count_lines(w.read("ledger"), "a") == 2);
  CHECK(statuses(w)["a"] == "approved");
  CHECK(statuses(w)["x"] == "failed");
  CHECK(statuses(w)["y"] == "blocked");
}

TEST_CASE("--from runs a phase and its dependants, again when resumed") {
  temp_workspace w;
  write_plan(w, chain);
  CHECK(run_node(w).exit_code == 0);
  auto r = run_node(w, {"--resume", "--from", "b"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(count_lines(w.read("ledger"), "a") == 1);
  CHECK(count_lines(w.read("ledger"), "b") == 2);
  CHECK(count_lines(w.read("ledger"), "c") == 2);
  CHECK(count_lines(w.read("ledger"), "d") == 1);
}

TEST_CASE("a phase that the plan does not have is refused by name") {
  temp_workspace w;
  write_plan(w, chain);
  for (const auto* option : {"--only", "--from"}) {
    auto r = run_node(w, {option, "x"});
    INFO(r.output);
    CHECK(r.exit_code == 78);
    CHECK(contains(r.output, "no phase x"));
    CHECK_FALSE(w.has("ledger"));
  }
}

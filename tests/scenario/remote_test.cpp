// Monitors and control tools beside a running node, as processes of their own.

#include "actors/core/text.hpp"
#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <csignal>

using namespace aeo;
using namespace aeo::testing;

namespace {

std::vector<std::string> with(const temp_workspace& w, std::string name,
                              std::vector<std::string> options) {
  options.insert(options.begin(), {std::move(name), "--workspace", w.path().string()});
  return options;
}

program_result control(const temp_workspace& w, std::vector<std::string> options) {
  return run_program(with(w, "aeo-control", std::move(options)));
}

/// A node that waits for people, watched by a monitor whose words tell what has happened.
struct watched_node {
  program node;
  program monitor;

  explicit watched_node(const temp_workspace& w, std::vector<std::string> options = {})
      : node(with(w, "aeo-node", and_wait(std::move(options)))),
        monitor(with(w, "aeo-monitor", {"--json"})) {}

  /// Waits until the event of the phase has been told.
  void wait_for(event_kind kind, const std::string& phase, std::uint32_t attempt = 0) const {
    const auto text =
        "\"event\":\"" + std::string{to_string(kind)} + "\",\"phase\":\"" + phase + "\"";
    if (attempt == 0)
      wait_for_text(monitor.output_file(), text);
    else
      wait_for_text(monitor.output_file(),
                    text + ",\"task\":null,\"attempt\":" + std::to_string(attempt));
  }

private:
  static std::vector<std::string> and_wait(std::vector<std::string> options) {
    options.insert(options.begin(), "--wait");
    return options;
  }
};

const json manual = {{"approval", "manual"}};

json quorum(int required, const json& more = json::object()) {
  json policy{{"mode", "manual"}, {"required", required}};
  policy.update(more);
  return {{"approval", policy}};
}

/// A credential file in the workspace.
std::string issue(const temp_workspace& w, const std::string& name, const std::string& role) {
  auto file = (w.path() / (name + ".json")).string();
  auto r = control(w, {"credential", "issue", "--name", name, "--role", role, "--out", file});
  INFO(r.output);
  REQUIRE(r.exit_code == 0);
  return file;
}

program_result control_as(const temp_workspace& w, const std::string& credential,
                          std::vector<std::string> options) {
  options.insert(options.end(), {"--credential", credential});
  return control(w, std::move(options));
}

json audit_of(const temp_workspace& w, const std::string& command) {
  for (const auto& e : stored_events(w))
    if (e.kind == event_kind::audit && json::parse(e.data)["command"] == command)
      return json::parse(e.data);
  return {};
}

} // namespace

TEST_CASE("what waits for a person holds up nothing else; an approval starts what depends on it") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", manual)},
                 {"b", shell_phase({"a"}, "echo b >> ledger")},
                 {"other", shell_phase({}, "echo other >> ledger")}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  n.wait_for(event_kind::phase_approved, "other");
  CHECK(w.read("ledger") == "other\n");
  auto r = control(w, {"approve", "a", "--comment", "looked at it"});
  CHECK(r.output == "phase a is approved\n");
  CHECK(r.exit_code == 0);
  auto end = n.node.wait();
  INFO(end.output);
  CHECK(end.exit_code == 0);
  CHECK(w.read("ledger") == "other\nb\n");
  CHECK(contains(w.read("consolidation/reports/final_report.md"), "looked at it"));
  CHECK(n.monitor.wait().exit_code == 0);
  check_chain(w);
}

TEST_CASE("a rejection blocks what depends on it, says why, and fails the run") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", manual)}, {"b", shell_phase({"a"}, "touch ran")}});
  program node{with(w, "aeo-node", {})};
  // Without --wait the node ends when nothing goes on without a person.
  CHECK(node.wait().exit_code == 3);
  watched_node n{w, {"--resume"}};
  n.wait_for(event_kind::phase_waiting, "a");
  auto r = control(w, {"reject", "a", "--reason", "wrong numbers"});
  CHECK(r.exit_code == 0);
  n.wait_for(event_kind::phase_blocked, "b");
  CHECK(contains(control(w, {"why", "b"}).output, "phase a (a) is rejected"));
  CHECK(contains(control(w, {"status"}).output, "wrong numbers"));
  n.node.signal(SIGINT);
  n.node.wait();
  CHECK_FALSE(w.has("ran"));
}

TEST_CASE("when the node has ended its log still answers, and nothing can be done") {
  temp_workspace w;
  w.write(".env", "DEPLOY_TOKEN=hunter2hunter2\n");
  write_plan(w, {{"a", shell_phase({}, "echo to $DEPLOY_TOKEN; echo and more")},
                 {"b", shell_phase({"a"}, "exit 3")},
                 {"c", shell_phase({"b"}, "true")}});
  REQUIRE(run_node(w).exit_code == 1);
  check_nothing_left(w);
  const auto before = tree_of(w.path());
  auto r = control(w, {"status"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.output, "no node runs here"));
  CHECK(contains(r.output, "1 approved, 1 failed, 1 blocked"));
  CHECK(contains(r.output, "exited with 3"));
  CHECK(contains(control(w, {"why", "b"}).output, "exited with 3"));
  CHECK(contains(control(w, {"history"}).output, "failed"));
  CHECK(control(w, {"verify"}).exit_code == 0);
  CHECK(contains(control(w, {"graph", "--format", "mermaid"}).output, "-->"));
  const auto log = control(w, {"logs", "a", "-f"}).output;
  CHECK(contains(log, "and more"));
  CHECK(contains(log, "to ***DEPLOY_TOKEN***"));
  CHECK(json::parse(control(w, {"status", "--json"}).output)["phases"].size() == 3);
  CHECK(control(w, {"retry", "b"}).exit_code == 69);
  CHECK(tree_of(w.path()) == before);
}

TEST_CASE("without a node control and monitor say so and exit 69") {
  temp_workspace w;
  auto r = control(w, {"status"});
  CHECK(r.exit_code == 69);
  CHECK(contains(r.output, "no node runs in"));
  CHECK(run_program(with(w, "aeo-monitor", {"--once"})).exit_code == 69);
}

TEST_CASE("a viewer looks, and gets 77 and an audit entry for trying to act") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", manual)}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  const auto viewer = issue(w, "victor", "viewer");
  auto r = control_as(w, viewer, {"status"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.output, "waiting_approval"));
  r = control_as(w, viewer, {"approve", "a"});
  CHECK(r.exit_code == 77);
  CHECK(contains(r.output, "victor may look and not approve"));
  n.wait_for(event_kind::audit, "a");
  auto audit = audit_of(w, "approve");
  CHECK(audit["by"] == "victor");
  CHECK(audit["done"] == false);
  CHECK(contains(audit["from"].get<std::string>(), "127.0.0.1:"));
  n.node.signal(SIGINT);
  n.node.wait();
}

TEST_CASE("a revoked credential and one of another workspace are turned away at once") {
  temp_workspace w;
  temp_workspace other;
  write_plan(w, {{"a", shell_phase({}, "true", manual)}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  const auto olga = issue(w, "olga", "operator");
  program watching{with(w, "aeo-monitor", {"--json", "--credential", olga})};
  wait_for_text(watching.output_file(), "phase_waiting");
  CHECK(control_as(w, olga, {"status"}).exit_code == 0);
  CHECK(control(w, {"credential", "revoke", "olga"}).exit_code == 0);
  auto r = control_as(w, olga, {"approve", "a"});
  CHECK(r.exit_code == 77);
  CHECK(contains(r.output, "revoked"));
  // Its refusal is an event, and the monitor's next question is refused as well.
  CHECK(watching.wait().exit_code == 77);
  const auto log = run_program(with(w, "aeo-monitor", {"--json", "--once"})).output;
  CHECK(contains(log, "olga may attach as operator until"));
  CHECK(contains(log, "olga may attach no more"));
  CHECK(contains(log, "the credential of olga was revoked"));
  // The credentials of another node than the workspace's own are not managed from here.
  r = control_as(w, olga, {"credential", "revoke", "olga"});
  CHECK(r.exit_code == 2);
  CHECK(contains(r.output, "run it where the node runs"));
  const auto stranger = issue(other, "olga", "operator");
  r = control_as(w, stranger, {"status"});
  CHECK(r.exit_code == 77);
  CHECK(contains(r.output, "do not know each other"));
  CHECK(contains(control(w, {"credential", "list"}).output, "revoked"));
  n.node.signal(SIGINT);
  n.node.wait();
}

TEST_CASE("two different people must approve where the plan wants two") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", quorum(2))}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  const auto alice = issue(w, "alice", "operator");
  const auto bob = issue(w, "bob", "operator");
  CHECK(contains(control_as(w, alice, {"approve", "a"}).output, "1 of 2 approvals"));
  auto again = control_as(w, alice, {"approve", "a"});
  CHECK(again.exit_code == 77);
  CHECK(contains(again.output, "alice has approved already"));
  CHECK(control_as(w, bob, {"approve", "a"}).output == "phase a is approved\n");
  CHECK(n.node.wait().exit_code == 0);
  CHECK(contains(w.read("consolidation/reports/final_report.md"), "alice, bob"));
}

TEST_CASE("an output that was changed after it was judged is not approved by accident") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "echo good > out", manual)}}, json::object(),
             {{"a", {{"required_outputs", {"out"}}}}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  w.write("out", "bad\n");
  auto r = control(w, {"approve", "a"});
  CHECK(r.exit_code == 1);
  CHECK(contains(r.output, "have changed since they were judged"));
  CHECK(control(w, {"approve", "a"}).exit_code == 0); // Reviewed anew.
  CHECK(n.node.wait().exit_code == 0);
}

TEST_CASE(
    "a failed phase is retried, skipped or overridden by a person, and all of it is audited") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "test -e mended")},
                 {"b", shell_phase({}, "false")},
                 {"c", shell_phase({}, "false")},
                 {"d", shell_phase({"a", "b", "c"}, "true")}});
  watched_node n{w};
  for (const auto* id : {"a", "b", "c"})
    n.wait_for(event_kind::phase_failed, id);
  w.write("mended", "");
  CHECK(contains(control(w, {"retry", "a"}).output, "attempt 2"));
  n.wait_for(event_kind::phase_approved, "a", 2);
  CHECK(control(w, {"skip", "b", "--reason", "not today"}).exit_code == 0);
  CHECK(control(w, {"approve", "c"}).exit_code == 1);
  CHECK(control(w, {"approve", "c", "--override", "--reason", "known"}).exit_code == 0);
  auto end = n.node.wait();
  INFO(end.output);
  CHECK(end.exit_code == 0);
  auto seen = statuses(w);
  CHECK(seen["b"] == "skipped");
  CHECK(seen["d"] == "approved");
  CHECK(contains(w.read("consolidation/reports/final_report.md"), "override"));
  CHECK(contains(control(w, {"status"}).output, "criteria overridden by"));
  for (const auto* command : {"retry", "skip", "approve"})
    CHECK_FALSE(audit_of(w, command).empty());
}

TEST_CASE(
    "a paused run starts nothing until it is resumed; a cancelled phase's processes are gone") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "touch running; exec sleep 10000")},
                 {"b", shell_phase({}, "test -e go")},
                 {"c", shell_phase({"b"}, "touch ran")}});
  watched_node n{w};
  n.wait_for(event_kind::phase_failed, "b");
  n.wait_for(event_kind::task_started, "a");
  CHECK(control(w, {"pause", "--reason", "lunch"}).exit_code == 0);
  CHECK(control(w, {"pause"}).exit_code == 1);
  wait_for_text(n.node.output_file(), "the run is paused by ");
  w.write("go", "");
  CHECK(control(w, {"retry", "b"}).exit_code == 0);
  n.wait_for(event_kind::phase_unblocked, "c");
  CHECK(contains(control(w, {"why", "b"}).output, "the run is paused by "));
  CHECK(contains(control(w, {"why", "c"}).output, "the run is paused by "));
  const auto shown = control(w, {"status"}).output;
  INFO(shown);
  CHECK(contains(shown, "paused by "));
  CHECK(contains(shown, "(lunch)"));
  CHECK(contains(shown,
                 "to go on: " + core::in_workspace("aeo-control", w.path().string()) + " resume"));
  CHECK(contains(shown, "the run is paused"));
  CHECK(contains(control(w, {"status", "--json"}).output, "\"reason\": \"lunch\""));
  CHECK(control(w, {"resume"}).exit_code == 0);
  n.wait_for(event_kind::phase_approved, "c");
  CHECK(control(w, {"cancel", "a", "--reason", "too slow"}).output == "phase a is cancelled\n");
  for (auto pid : processes_of(w))
    CHECK(pid == launcher_pid(w));
  n.node.signal(SIGINT);
  n.node.wait();
  CHECK(statuses(w)["a"] == "cancelled");
  watched_node again{w, {"--resume"}};
  wait_for_text(again.node.output_file(), "(too slow) and now tried again: a");
  again.wait_for(event_kind::phase_started, "a", 2);
  again.node.signal(SIGINT);
  again.node.wait();
}

TEST_CASE("a paused run stays paused when its node is killed or stopped, and says so") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", manual)}, {"b", shell_phase({"a"}, "touch ran")}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  CHECK(control(w, {"pause"}).exit_code == 0);
  n.node.signal(GENERATE(SIGKILL, SIGINT));
  n.node.wait();
  watched_node again{w, {"--resume"}};
  wait_for_text(again.node.output_file(), "the run is still paused");
  again.wait_for(event_kind::phase_waiting, "a");
  CHECK(control(w, {"approve", "a"}).exit_code == 0);
  CHECK(contains(control(w, {"why", "b"}).output, "the run is paused by "));
  CHECK_FALSE(std::filesystem::exists(w.path() / "ran"));
  CHECK(control(w, {"resume"}).exit_code == 0);
  CHECK(again.node.wait().exit_code == 0);
  CHECK(std::filesystem::exists(w.path() / "ran"));
}

TEST_CASE("a paused run stays paused when only its state file is left") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", manual)}, {"b", shell_phase({}, "test -e go")}});
  watched_node n{w};
  n.wait_for(event_kind::phase_failed, "b");
  CHECK(control(w, {"pause"}).exit_code == 0);
  wait_for_text(w.path() / "consolidation/execution_state.json", "\"paused\"");
  n.node.signal(SIGKILL);
  n.node.wait();
  for (const auto* end : {"", "-wal", "-shm"})
    std::filesystem::remove(w.path() / ("consolidation/execution.db" + std::string{end}));
  w.write("go", "");
  watched_node again{w, {"--resume"}};
  wait_for_text(again.node.output_file(), "the run is still paused");
  wait_for_text(again.monitor.output_file(), "execution_paused");
  CHECK(contains(control(w, {"why", "b"}).output, "the run is paused by "));
  CHECK(control(w, {"resume"}).exit_code == 0);
  again.wait_for(event_kind::phase_approved, "b");
  again.node.signal(SIGINT);
  again.node.wait();
}

TEST_CASE("a deadline is absolute: it passes while no node runs") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", quorum(1, {{"deadline", "1s"}}))}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  n.node.signal(SIGKILL);
  n.node.wait();
  program again{with(w, "aeo-node", {"--resume", "--wait"})};
  wait_for_text(w.path() / "consolidation/execution_state.json", "\"rejected\"");
  again.signal(SIGINT);
  again.wait();
  CHECK(contains(w.read("consolidation/execution_state.json"), "nobody decided until"));
}

TEST_CASE("a monitor misses no event and sees none twice when the node is killed and resumed") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true")}, {"b", shell_phase({"a"}, "true", manual)}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "b");
  n.node.signal(SIGKILL);
  n.node.wait();
  wait_for_text(n.monitor.output_file(), "trying again");
  program again{with(w, "aeo-node", {"--resume", "--wait"})};
  wait_for_text(n.monitor.output_file(), "execution_resumed");
  CHECK(control(w, {"approve", "b"}).exit_code == 0);
  CHECK(again.wait().exit_code == 0);
  auto told = n.monitor.wait();
  CHECK(told.exit_code == 0);
  std::uint64_t seq = 0;
  for (const auto& line : lines_of(told.output))
    if (auto e = json::parse(line, nullptr, false); e.is_object())
      CHECK(e["seq"] == ++seq);
  CHECK(seq == stored_events(w).size());
}

TEST_CASE("a log is followed as it grows, to the end of the phase, without its secrets") {
  temp_workspace w;
  w.write(".env", "DEPLOY_TOKEN=hunter2hunter2\n");
  write_plan(
      w,
      {{"a", shell_phase({}, "mkfifo gate; echo first $DEPLOY_TOKEN; read x < gate; echo last")}});
  program node{with(w, "aeo-node", {})};
  wait_for_text(w.path() / "consolidation/.aeo/endpoint.json", "port");
  program follow{with(w, "aeo-monitor", {"--follow", "a"})};
  wait_for_text(follow.output_file(), "first");
  w.write("gate", "go\n");
  auto r = follow.wait();
  INFO(r.output);
  CHECK(contains(r.output, "last"));
  CHECK_FALSE(contains(r.output, "hunter2"));
  node.wait();
}

TEST_CASE("verify names the row that somebody edited") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", manual)}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  CHECK(control(w, {"verify"}).exit_code == 0);
  REQUIRE(run_program({"/usr/bin/sqlite3", (w.path() / database).string(),
                       "drop trigger events_no_update; update events set "
                       "data='{\"by\":\"nobody\"}' where seq=3"})
              .exit_code
          == 0);
  auto r = control(w, {"verify"});
  CHECK(r.exit_code == 1);
  CHECK(contains(r.output, "event 3"));
  n.node.signal(SIGKILL);
  n.node.wait();
}

TEST_CASE("a picture of the run, its graph and its state as JSON are there for scripts") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", manual)}, {"b", shell_phase({"a"}, "true")}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  CHECK(contains(run_program(with(w, "aeo-monitor", {"--once"})).output, "WAITING"));
  CHECK(contains(control(w, {"graph"}).output, "p0 -> p1"));
  CHECK(contains(control(w, {"graph", "--format", "mermaid"}).output, "p0 --> p1"));
  auto state = json::parse(control(w, {"status", "--json"}).output);
  CHECK(state["phases"][0]["status"] == "waiting_approval");
  CHECK(state["phases"][1]["dependencies"] == json::array({"a"}));
  CHECK(control(w, {"ids"}).output == "a\nb\n");
  CHECK(contains(control(w, {"history"}).output, "under way"));
  auto refused = control(w, {"approve", "nine", "--json"});
  CHECK(refused.exit_code == 1);
  CHECK(json::parse(refused.output)["error"] == "the plan has no phase nine");
  wait_for_text(n.monitor.output_file(), "nine"); // Its audit is stored.
  n.node.signal(SIGKILL);
  n.node.wait();
  auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 3);
}

TEST_CASE("the shell completes commands, and phases by asking the node") {
  temp_workspace w;
  write_plan(w, {{"alpha", shell_phase({}, "true", manual)}, {"beta", shell_phase({}, "true")}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "alpha");
  auto completed = [&](const std::string& line, const std::string& word = "\"\"") {
    return run_program({"/bin/bash", "-c",
                        "PATH=" AEO_BIN_DIR ":$PATH; eval \"$(aeo-control completion bash)\"; "
                        "COMP_WORDS=("
                            + line + " " + word
                            + "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
                              "_aeo_control; echo \"${COMPREPLY[*]}\""})
        .output;
  };
  const auto here = "--workspace " + w.path().string();
  CHECK(contains(completed("aeo-control"), "approve"));
  CHECK(completed("aeo-control " + here + " approve") == "alpha beta\n");
  CHECK(completed("aeo-control credential") == "issue list revoke\n");
  CHECK(completed("aeo-control " + here + " retry alpha", "--f") == "--force\n");
  // As bash splits HOST:PORT; zsh does not.
  const auto port =
      std::to_string(read_json(w, "consolidation/.aeo/endpoint.json")["port"].get<int>());
  const auto credential =
      "--credential " + (w.path() / "consolidation/.aeo/operator.json").string();
  for (const auto& host : {"127.0.0.1 : " + port, "127.0.0.1:" + port}) {
    INFO(host);
    CHECK(completed("aeo-control --attach " + host + " " + credential + " approve")
          == "alpha beta\n");
    CHECK(contains(completed("aeo-control --attach " + host), "approve"));
  }
  CHECK(completed("aeo-control --attach 127.0.0.1 :", port) == "\n");
  CHECK(completed("aeo-control --attach=127.0.0.1 : " + port + " " + credential + " why")
        == "alpha beta\n");
  n.node.signal(SIGINT);
  n.node.wait();
}

TEST_CASE("what is asked about a phase that the plan lacks is refused with 1, node or no node") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", manual)}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  const std::vector<std::vector<std::string>> questions{
      {"why", "nine"}, {"logs", "nine"}, {"approve", "nine"}, {"retry", "nine"}};
  for (const auto& question : questions) {
    auto r = control(w, question);
    INFO(question.front() << ": " << r.output);
    CHECK(r.exit_code == 1);
    CHECK(contains(r.output, "the plan has no phase nine"));
  }
  n.node.signal(SIGINT);
  n.node.wait();
  CHECK(control(w, {"why", "nine"}).exit_code == 1);
  CHECK(control(w, {"logs", "nine"}).exit_code == 1);
  CHECK(control(w, {"approve", "nine"}).exit_code == 69);
}

TEST_CASE("a copy of a workspace with a node steers nothing there, and is read from its own log") {
  temp_workspace w;
  temp_workspace other;
  write_plan(w, {{"a", shell_phase({}, "true", manual)}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  const auto copy = (other.path() / "copy").string();
  wait_for_text(w.path() / "consolidation/execution_state.json", "\"waiting_approval\"");
  // What is just being replaced is gone before it is copied.
  for (int i = 0; run_program({"/bin/cp", "-a", "-T", w.path().string(), copy}).exit_code != 0; ++i)
    REQUIRE(i < 50);
  auto r = run_program({"aeo-control", "--workspace", copy, "approve", "a"});
  INFO(r.output);
  CHECK(r.exit_code == 69);
  CHECK(contains(r.output, "no node runs in " + copy));
  CHECK(contains(r.output, "--workspace " + w.path().string()));
  CHECK(contains(r.output, "--attach 127.0.0.1:"));
  r = run_program({"aeo-control", "--workspace", copy, "status"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.output, "the node of " + w.path().string()));
  CHECK(contains(r.output, "no node runs here"));
  CHECK(contains(r.output, "waiting_approval"));
  r = run_program({"aeo-monitor", "--workspace", copy, "--once"});
  CHECK(r.exit_code == 69);
  CHECK(contains(r.output, "--workspace " + w.path().string()));
  CHECK(statuses(w)["a"] == "waiting_approval");
  CHECK(control(w, {"approve", "a"}).exit_code == 0);
  CHECK(n.node.wait().exit_code == 0);
}

TEST_CASE("what is approved is not run again by accident, nor by the second of two people") {
  temp_workspace w;
  write_plan(
      w, {{"a", shell_phase({}, "echo ran >> ledger")}, {"b", shell_phase({}, "true", manual)}});
  watched_node n{w};
  n.wait_for(event_kind::phase_approved, "a");
  auto r = control(w, {"retry", "a"});
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.output, "phase a is approved already (by its criteria"));
  CHECK(contains(r.output, "attempt 1"));
  CHECK(contains(r.output, "aeo-control retry a --force"));
  CHECK(w.read("ledger") == "ran\n");
  CHECK(contains(control(w, {"retry", "a", "--force"}).output, "attempt 2"));
  n.wait_for(event_kind::phase_approved, "a", 2);
  CHECK(w.read("ledger") == "ran\nran\n");
  CHECK(audit_of(w, "retry")["done"] == false);
  n.node.signal(SIGINT);
  n.node.wait();
}

TEST_CASE("a run that was cancelled says so while its node still waits") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", manual)}, {"b", shell_phase({"a"}, "true")}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  CHECK(control(w, {"cancel", "--reason", "wrong data"}).exit_code == 0);
  n.wait_for(event_kind::phase_cancelled, "b");
  CHECK(json::parse(control(w, {"status", "--json"}).output)["overall_status"] == "cancelled");
  CHECK(contains(run_program(with(w, "aeo-monitor", {"--once"})).output, "CANCELLED"));
  wait_for_text(w.path() / "consolidation/execution_state.json",
                "\"overall_status\": \"cancelled\"");
  CHECK(contains(control(w, {"retry", "a"}).output, "attempt 2"));
  n.wait_for(event_kind::phase_waiting, "a", 2);
  CHECK(json::parse(control(w, {"status", "--json"}).output)["overall_status"] == "in_progress");
  n.node.signal(SIGINT);
  n.node.wait();
}

TEST_CASE("a run that was cancelled ends as cancelled, and another begins only when told to") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "echo ran >>ledger; test -s again || exec sleep 1000")},
                 {"b", shell_phase({"a"}, "true")}});
  program node{with(w, "aeo-node", {})};
  program monitor{with(w, "aeo-monitor", {"--json"})};
  wait_for_text(monitor.output_file(), "\"event\":\"task_started\"");
  CHECK(control(w, {"cancel", "--reason", "wrong data"}).exit_code == 0);
  const auto ended = node.wait();
  CHECK(ended.exit_code == 1);
  CHECK(contains(ended.output, "Cancelled after"));
  CHECK(json::parse(w.read("consolidation/execution_state.json"))["overall_status"] == "cancelled");
  auto refused = run_node(w);
  CHECK(refused.exit_code == 78);
  CHECK(contains(refused.output, "--resume"));
  CHECK(contains(refused.output, "--fresh"));
  w.write("again", "yes");
  CHECK(run_node(w, {"--resume"}).exit_code == 0);
  CHECK(lines_of(w.read("ledger")).size() == 2);
}

TEST_CASE("a log that there is none of is an error that says what there is") {
  temp_workspace w;
  write_plan(w, {{"a", phase({}, {task("t", "echo one"), task("u", "echo two; exit 75")},
                             {{"retry", {{"max_retries", 1}, {"retry_delay", 0}}}})},
                 {"b", shell_phase({"a"}, "true")}});
  REQUIRE(run_node(w).exit_code == 1);
  auto refused = [&](std::vector<std::string> options) {
    auto r = control(w, std::move(options));
    CHECK(r.exit_code == 1);
    return r.output;
  };
  CHECK(contains(refused({"logs", "a", "--attempt", "7"}),
                 "phase a has no attempt 7: it has had attempts 1 and 2"));
  CHECK(
      contains(refused({"logs", "a", "--task", "x"}), "phase a has no task x: its tasks are t, u"));
  CHECK(contains(refused({"logs", "a", "--task", "u", "--attempt", "3"}),
                 "phase a has no attempt 3"));
  CHECK(contains(refused({"logs", "a", "--task", "x", "--attempt", "1"}), "no task x"));
  CHECK(contains(refused({"logs", "b"}), "no task of phase b (it has not run, or"));
  CHECK(contains(control(w, {"logs", "a", "--attempt", "1"}).output, "two\n"));
  CHECK(contains(control(w, {"logs", "a", "--task", "t", "--attempt", "2"}).output, "one\n"));
}

TEST_CASE("a list of credentials that is gone is told as that, not as a revocation") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", manual)}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  const auto book = w.path() / "consolidation/.aeo/credentials.json";
  std::filesystem::rename(book, book.string() + ".away");
  auto r = control(w, {"approve", "a"});
  INFO(r.output);
  CHECK(r.exit_code == 77);
  CHECK_FALSE(contains(r.output, "revoked"));
  CHECK(contains(r.output, "consolidation/.aeo/credentials.json"));
  CHECK(contains(r.output, "restart the node"));
  std::filesystem::rename(book.string() + ".away", book);
  CHECK(control(w, {"approve", "a"}).exit_code == 0);
  CHECK(n.node.wait().exit_code == 0);
}

TEST_CASE("a log is followed to its end although the run ends right behind it") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "mkfifo gate; echo first; read x < gate; seq 60000; "
                                       "echo last")}});
  program node{with(w, "aeo-node", {})};
  wait_for_text(w.path() / "consolidation/.aeo/endpoint.json", "port");
  program follow{with(w, "aeo-monitor", {"--follow", "a"})};
  wait_for_text(follow.output_file(), "first");
  w.write("gate", "go\n");
  const auto r = follow.wait();
  CHECK(r.exit_code == 0);
  CHECK(r.output.size() > 300'000);
  CHECK(r.output.ends_with("60000\nlast\n"));
  CHECK(node.wait().exit_code == 0);
}

TEST_CASE("who follows a log hears no trouble when the run ends with it") {
  temp_workspace w;
  // The run ends once the end of the log has been read, which is before its events are told.
  const auto read = json::array({{{"type", "command"}, {"command", "read x < judge"}}});
  write_plan(w,
             {{"a", shell_phase({}, "mkfifo gate judge; echo first; read x < gate; echo last")},
              {"x", shell_phase({}, "mkfifo other; read x < other")}},
             {}, {{"a", {{"validation_checks", read}}}});
  program node{with(w, "aeo-node", {})};
  wait_for_text(w.path() / "consolidation/.aeo/endpoint.json", "port");
  program follow{with(w, "aeo-monitor", {"--follow", "a"})};
  wait_for_text(follow.output_file(), "first");
  w.write("other", "go\n");
  w.write("gate", "go\n");
  wait_for_text(follow.output_file(), "last");
  w.write("judge", "go\n");
  const auto r = follow.wait();
  CHECK(r.exit_code == 0);
  CHECK(r.output == "first\nlast\n");
  CHECK(node.wait().exit_code == 0);
}

TEST_CASE("who was held up while a log was followed passes over no task") {
  constexpr int many = 1300; // Phases: a picture would be told what changed, not what happened.
  temp_workspace w;
  json followed = shell_phase({}, "mkfifo gate; echo one; read x < gate");
  for (const auto* text : {"two", "three"})
    followed["tasks"].push_back({{"id", text}, {"command", std::string{"echo "} + text}});
  json phases{{"a", followed}};
  std::vector<std::string> ids;
  for (int i = 0; i < many; ++i) {
    ids.push_back("p" + std::to_string(i));
    phases[ids.back()] = shell_phase({"a"}, "true");
  }
  phases["end"] = shell_phase(ids, "true", manual);
  write_plan(w, phases);
  watched_node n{w};
  n.wait_for(event_kind::task_started, "a");
  program follow{with(w, "aeo-monitor", {"--follow", "a"})};
  wait_for_text(follow.output_file(), "one");
  follow.signal(SIGSTOP);
  w.write("gate", "go\n");
  n.wait_for(event_kind::phase_waiting, "end");
  follow.signal(SIGCONT);
  CHECK(follow.wait().output == "one\ntwo\nthree\n");
  CHECK(control(w, {"approve", "end"}).exit_code == 0);
  CHECK(n.node.wait().exit_code == 0);
}

TEST_CASE("a new attempt is marked in a log that is followed") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({},
                                   "test -p gate || mkfifo gate; echo in; read x < gate; "
                                   "printf end; test $AEO_ATTEMPT = 2 || exit 75",
                                   {{"retry", {{"max_retries", 1}, {"retry_delay", 0}}}})},
                 {"b", shell_phase({}, "true", manual)}});
  watched_node n{w};
  n.wait_for(event_kind::task_started, "a");
  program follow{with(w, "aeo-monitor", {"--follow", "a"})};
  wait_for_text(follow.output_file(), "in\n");
  w.write("gate", "go\n");
  wait_for_text(w.path() / "consolidation/logs/a/t.2.log", "in\n");
  w.write("gate", "go\n");
  CHECK(follow.wait().output == "in\nend\n-- attempt 2 --\nin\nend");
  n.node.signal(SIGINT);
  n.node.wait();
}

TEST_CASE("who stops reading a log that is followed ends the following") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "mkfifo gate; echo first; read x < gate; echo last")}});
  watched_node n{w};
  n.wait_for(event_kind::task_started, "a");
  wait_for_text(w.path() / "consolidation/logs/a/t.1.log", "first");
  const std::string file = AEO_BIN_DIR "/aeo-control";
  const auto r = run_program(
      {"/bin/sh", "-c", "\"$0\" --workspace \"$1\" logs a -f | head -1", file, w.path().string()});
  CHECK(r.output == "first\n");
  CHECK_FALSE(processes_of(w).empty()); // The task still waits.
  w.write("gate", "go\n");
  CHECK(n.node.wait().exit_code == 0);
}

TEST_CASE("what cannot be printed is told and ends with 70; a reader that is gone is no trouble") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true")}});
  REQUIRE(run_node(w).exit_code == 0);
  const auto control = AEO_BIN_DIR "/aeo-control --json --workspace " + w.path().string();
  const auto dry_run = AEO_BIN_DIR "/aeo-node --mode dry-run --workspace " + w.path().string();
  for (const auto& call : {control + " status", control + " verify", control + " approve a",
                           control + " completion bash", dry_run, dry_run + " --json"}) {
    const auto r = run_program({"/bin/sh", "-c", call + " > /dev/full"});
    INFO(call << '\n' << r.output);
    CHECK(r.exit_code == 70);
    CHECK(r.output.ends_with(": cannot write to the standard output: No space left on device\n"));
    CHECK(lines_of(r.output).size() == 1);
  }
  const auto r = run_program({"/bin/sh", "-c",
                              "cd \"$0\"; mkfifo pipe; exec 3<> pipe; "
                              "exec > pipe 3<&-; "
                                  + control + " status",
                              w.path().string()});
  CHECK(r.exit_code == 0);
  CHECK(r.output.empty());
}

TEST_CASE("on a terminal that can move no cursor the live view says what to use instead") {
  temp_workspace w;
  const auto monitor = AEO_BIN_DIR "/aeo-monitor --workspace " + w.path().string();
  auto r = run_program({"/usr/bin/script", "-qec", "TERM=dumb " + monitor, "/dev/null"});
  CHECK(r.exit_code == 2);
  CHECK(contains(r.output, "TERM=dumb"));
  CHECK(contains(r.output, "--once"));
  CHECK(contains(r.output, "--follow PHASE"));
}

TEST_CASE("nobody is advised to override what the plan does not leave to one person") {
  temp_workspace w;
  write_plan(w, {{"two", shell_phase({}, "false", quorum(2))},
                 {"named", shell_phase({}, "false", quorum(1, {{"from", {"alice"}}}))},
                 {"any", shell_phase({}, "false")}});
  watched_node n{w};
  for (const auto* id : {"two", "named", "any"})
    n.wait_for(event_kind::phase_failed, id);
  const auto here = core::in_workspace("aeo-control", w.path().string());
  auto check_advice = [&] {
    CHECK(contains(control(w, {"why", "two"}).output, "Nobody can let it pass alone."));
    CHECK_FALSE(contains(control(w, {"why", "two"}).output, "--override"));
    CHECK(contains(control(w, {"why", "named"}).output,
                   "which the plan leaves to alice: " + here + " approve named --override"));
    CHECK(contains(control(w, {"why", "any"}).output,
                   "or let it pass with " + here + " approve any --override"));
  };
  check_advice();
  auto r = control(w, {"approve", "two"});
  CHECK(contains(r.output, "the plan wants 2 people"));
  CHECK_FALSE(contains(r.output, "--override"));
  CHECK(contains(control(w, {"approve", "any"}).output, "--override"));
  n.node.signal(SIGINT);
  n.node.wait();
  check_advice();
}

TEST_CASE("a killed node's log is read although its credential is gone; a living one's is not") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true", manual)}});
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  std::filesystem::remove(w.path() / "consolidation/.aeo/operator.json");
  auto r = control(w, {"status"});
  CHECK(r.exit_code == 77);
  CHECK(contains(r.output, "credential issue"));
  n.node.signal(SIGKILL);
  n.node.wait();
  r = control(w, {"status"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.output, "no node runs here"));
  CHECK(contains(control(w, {"why", "a"}).output, "It waits for a person"));
  r = control(w, {"approve", "a"});
  CHECK(r.exit_code == 69);
  CHECK(contains(r.output, "no node runs in "));
}

TEST_CASE("with a changed plan a waiting phase says whose approvals are void, and of what it is") {
  temp_workspace w;
  const json criteria{{"a", {{"required_outputs", {"out"}}}}};
  write_plan(w, {{"a", shell_phase({}, "echo 1 > out", quorum(2))}}, json::object(), criteria);
  watched_node n{w};
  n.wait_for(event_kind::phase_waiting, "a");
  const auto alice = issue(w, "alice", "operator");
  CHECK(control_as(w, alice, {"approve", "a"}).exit_code == 0);
  n.node.signal(SIGKILL);
  n.node.wait();
  write_plan(w, {{"a", shell_phase({}, "echo 2 > out", quorum(2))}}, json::object(), criteria);
  watched_node again{w, {"--resume", "--accept-plan-change"}};
  wait_for_text(again.monitor.output_file(), "do not count any more");
  wait_for_text(again.node.output_file(), "the approvals of alice do not count any more");
  wait_for_text(again.node.output_file(), "its tasks are not run again by themselves");
  const auto why = control(w, {"why", "a"}).output;
  INFO(why);
  CHECK(contains(why, "the approvals of alice do not count any more"));
  CHECK(contains(why, "aeo-control retry a"));
  again.node.signal(SIGINT);
  again.node.wait();
}

TEST_CASE(
    "an address that is none is wrong usage; a log of a newer program is a damaged file's 78") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "true")}});
  REQUIRE(run_node(w).exit_code == 0);
  const auto credential = (w.path() / "consolidation/.aeo/operator.json").string();
  auto r = control(w, {"--attach", "nowhere", "--credential", credential, "status"});
  CHECK(r.exit_code == 2);
  CHECK(contains(r.output, "expected --attach HOST:PORT, got nowhere"));
  REQUIRE(
      run_program({"/usr/bin/sqlite3", (w.path() / database).string(), "pragma user_version=99"})
          .exit_code
      == 0);
  CHECK(control(w, {"status"}).exit_code == 78);
}

// What a task's process may do to the run, and what the run does to it.

#include "tests/fixtures/sanitizers.hpp"
#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>

using namespace aeo;
using namespace aeo::testing;

namespace {

bool is_alive(const std::string& pid_text) {
  return kill(static_cast<pid_t>(std::stol(pid_text)), 0) == 0;
}

} // namespace

TEST_CASE("a task that ignores SIGTERM is ended by SIGKILL after kill_grace") {
  temp_workspace w;
  write_plan(w,
             {{"0", shell_phase({}, "trap '' TERM; echo $$ > pid; while :; do sleep 0.02; done",
                                {{"timeout", 0.3}})}},
             {{"kill_grace", 0.3}, {"max_retries", 0}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.output, "timed out after"));
  CHECK(contains(r.output, "ended by SIGKILL"));
  CHECK_FALSE(is_alive(w.read("pid")));
  auto events = stored_events(w);
  for (const auto& e : events)
    if (e.kind == event_kind::task_finished) {
      auto took = json::parse(e.data).at("ms").get<int>();
      CHECK(took >= 600);
    }
  CHECK(count_events(events, event_kind::task_finished) == 1);
  check_nothing_left(w);
}

TEST_CASE("a task that ends at SIGTERM is not waited for longer than that") {
  temp_workspace w;
  write_plan(w,
             {{"0", shell_phase({}, "trap 'echo bye; exit 0' TERM; while :; do sleep 0.02; done",
                                {{"timeout", 0.3}})}},
             {{"kill_grace", 3600}, {"max_retries", 0}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.output, "timed out after"));
  CHECK_FALSE(contains(r.output, "SIGKILL"));
  // The shell says of its child that it was "Terminated", too.
  CHECK(w.read("consolidation/logs/0/t.1.log").ends_with("bye\n"));
}

TEST_CASE("a background child of a task that has exited is ended") {
  temp_workspace w;
  write_plan(w, {{"0", shell_phase({}, "sleep 10000 & echo $! > pid")}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.output, "task t: 1 process that it left running was ended"));
  CHECK_FALSE(is_alive(w.read("pid")));
  check_nothing_left(w);
}

TEST_CASE(
    "a task that starts processes without end is ended with all of them and not tried again") {
  temp_workspace w;
  const std::string many = "i=0; while [ $i -lt 200 ]; do sleep 1000 & i=$((i + 1)); done; "
                           "echo $$ > pid; echo 'HTTP 503'; wait";
  write_plan(w,
             {{"a", shell_phase({}, many)},
              {"b", phase({"a"}, task("t", "touch never"))},
              {"c", phase({}, task("t", "mkfifo pipe; for i in 1 2 3 4 5; do sleep 1000 & done",
                                   {{"max_processes", 0}}))}},
             {{"max_processes", 100},
              {"error_rules", {{{"stderr", "HTTP 503"}, {"class", "transient"}}}}});
  const auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.output, " processes at once (max_processes is 100), all were ended; if it needs "
                           "so many, raise max_processes of the task or in "
                           "orchestrator_config.json"));
  CHECK(statuses(w)["a"] == "failed");
  CHECK(statuses(w)["c"] == "approved");
  const auto failed = reported(final_report(w), "a");
  CHECK(failed["attempts"].size() == 1);
  CHECK_FALSE(w.has("never"));
  const auto events = stored_events(w);
  CHECK(count_events(events, event_kind::task_finished, "a") == 1);
  for (const auto& e : events)
    if (e.kind == event_kind::task_finished && e.phase == "a")
      CHECK(json::parse(e.data).at("kind") == "over_limit");
  check_nothing_left(w);
}

TEST_CASE("100 MB of output are in the log, to the last byte") {
  constexpr std::uintmax_t size = 104'857'600;
  temp_workspace w;
  write_plan(w, {{"0", shell_phase({}, "head -c 104857599 /dev/zero; printf X")}});
  auto r = run_node(w, {}, 120);
  INFO(r.output);
  REQUIRE(r.exit_code == 0);
  CHECK(std::filesystem::file_size(w.path() / "consolidation/logs/0/t.1.log") == size);
  CHECK(w.read("consolidation/logs/0/t.1.log").back() == 'X');
  CHECK(reported(final_report(w), "0")["attempts"][0]["tasks"][0]["log_bytes"] == size);
}

TEST_CASE("a silent task makes no log, and output without a line end is kept") {
  temp_workspace w;
  write_plan(w, {{"silent", shell_phase({}, ":")},
                 {"short", shell_phase({}, "printf out; printf err >&2")}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK_FALSE(w.has("consolidation/logs/silent"));
  CHECK(w.read("consolidation/logs/short/t.1.log") == "outerr");
}

TEST_CASE("a command that is not there is a configuration error that names task and command") {
  temp_workspace w;
  json missing{{"id", "T0.1"}, {"command", {"aeo-no-such-command", "--x"}}};
  write_plan(w, {{"0", phase({}, missing)}, {"1", shell_phase({"0"}, "touch never")}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 78);
  CHECK(contains(r.output, "T0.1 could not start: command not found: aeo-no-such-command"));
  CHECK(contains(r.output, "configuration"));
  CHECK(statuses(w)["0"] == "failed");
  CHECK_FALSE(w.has("never"));
}

TEST_CASE("a file that cannot be executed is a configuration error that names the file") {
  skip_where_vfork_is_fork();
  temp_workspace w;
  w.write("tool", "#!/bin/sh\n");
  write_plan(w, {{"0", phase({}, json{{"id", "T0.1"}, {"command", {"./tool"}}})}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 78);
  CHECK(contains(r.output, "./tool"));
}

TEST_CASE("a working directory that is not there is a configuration error that names it") {
  skip_where_vfork_is_fork();
  temp_workspace w;
  write_plan(w, {{"0", phase({}, task("T0.1", ":", {{"cwd", "no/such/folder"}}))}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 78);
  CHECK(contains(r.output, "T0.1 could not start: working directory missing"));
  CHECK(contains(r.output, "no/such/folder"));
}

TEST_CASE("as the first process of a container a node leaves no zombie and passes signals on") {
  temp_workspace w;
  write_plan(
      w,
      {{"a", shell_phase(
                 {}, "mkfifo pipe; env -u AEO_TASK setsid sh -c 'echo $$ > orphan; read x < pipe' "
                     ">/dev/null 2>&1 & until test -s orphan; do :; done")},
       {"b", shell_phase({"a"}, "echo b >> ledger; sleep 1000")}});
  std::vector<std::string> contained{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"};
  auto probe = contained;
  probe.emplace_back("true");
  if (const auto made = run_program(probe); made.exit_code != 0)
    SKIP("no PID namespace can be made here: " << made.output);
  contained.insert(contained.end(),
                   {std::string{AEO_BIN_DIR} + "/aeo-node", "--workspace", w.path().string()});
  program outside{contained};
  wait_for_text(w.path() / "ledger", "b");
  const auto init = child_of(outside.pid());
  REQUIRE(init > 0);
  // The launcher and the task's orphan become children of the first process when they end.
  const auto launcher = launcher_pid(w);
  REQUIRE(launcher > 0);
  kill(launcher, SIGKILL);
  wait_until_reaped(launcher);
  release(w);
  kill(init, SIGTERM);
  const auto r = outside.wait();
  INFO(r.output);
  CHECK(contains(r.output, "SIGTERM: ending the running tasks"));
  CHECK(r.exit_code == 130);
}

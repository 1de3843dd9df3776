// What runs, in which order, at the same time as what, and what opens a gate.

#include "actors/core/sha256.hpp"
#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <regex>

using namespace aeo;
using namespace aeo::testing;

namespace {

namespace fs = std::filesystem;

std::string sha256_of(const std::string& bytes) {
  core::sha256 sum;
  sum.update(bytes);
  return sum.hex();
}

/// Notes its start and end in the ledger.
std::string noting(const std::string& name, const std::string& work = ":") {
  return "echo start " + name + " >> ledger; " + work + "; echo end " + name + " >> ledger";
}

std::size_t position(const std::vector<std::string>& lines, const std::string& line) {
  return static_cast<std::size_t>(std::ranges::find(lines, line) - lines.begin());
}

/// The most phases that were between their start and their end at once.
std::size_t most_at_once(const std::vector<std::string>& ledger) {
  std::size_t now = 0;
  std::size_t most = 0;
  for (const auto& line : ledger) {
    now += line.starts_with("start ") ? 1 : 0;
    now -= line.starts_with("end ") ? 1 : 0;
    most = std::max(most, now);
  }
  return most;
}

} // namespace

TEST_CASE("every program tells its version, with exit code 0") {
  const auto* name =
      GENERATE("aeo-node", "aeo-launcher", "aeo-consolidate", "aeo-control", "aeo-monitor");
  const auto told = run_program({name, "--version"});
  CHECK(told.exit_code == 0);
  CHECK(std::regex_match(told.output, std::regex{name + std::string{" \\d+\\.\\d+\\.\\d+\n"}}));
}

TEST_CASE("a plan of five phases runs to 0 and leaves evidence of each step") {
  temp_workspace w;
  write_plan(
      w,
      {{"0", phase({}, {task("a", "echo from a; mkdir -p out; echo hello > out/0.txt",
                             {{"outputs", {"out/0.txt"}}}),
                        task("b", "cat out/0.txt")})},
       {"1", shell_phase({"0"}, "cp out/0.txt out/1.txt; echo says 1")},
       {"2", shell_phase({"0"}, "cp out/0.txt out/2.txt")},
       {"3", shell_phase({"1", "2"}, "cat out/1.txt out/2.txt > out/3.txt")},
       {"4", shell_phase({"3"}, "echo '{\"n\": 7}' > out/4.json")}},
      {},
      {{"4",
        {{"required_outputs", {"out/4.json"}},
         {"validation_checks",
          {{{"type", "metric_threshold"}, {"file", "out/4.json"}, {"metric", "n"}, {"min", 7}},
           {{"type", "command"}, {"command", "grep -q 7 out/4.json"}}}}}}});
  auto r = run_node(w);
  INFO(r.output);
  REQUIRE(r.exit_code == 0);

  for (const auto* id : {"0", "1", "2", "3", "4"})
    CHECK(statuses(w)[id] == "approved");
  auto state = state_file(w);
  CHECK(state["overall_status"] == "completed");
  CHECK(state["current_phase"].is_null());
  CHECK(state["phases"]["4"]["approval_criteria_met"] == true);

  auto report = final_report(w);
  CHECK(report["exit_code"] == 0);
  CHECK(report["progress"]["percent"] == 100);
  CHECK(report["execution_id"] == state["execution_id"]);
  CHECK(w.has("consolidation/reports/final_report.md"));
  auto status_reports = 0;
  for (const auto& entry : fs::directory_iterator{w.path() / "consolidation/reports"})
    status_reports += std::regex_match(entry.path().filename().string(),
                                       std::regex{R"(status_report_\d{8}_\d{6}\.json)"})
                          ? 1
                          : 0;
  CHECK(status_reports >= 1);

  auto output = reported(report, "4")["outputs"][0];
  CHECK(output["path"] == "out/4.json");
  CHECK(output["bytes"] == w.read("out/4.json").size());
  CHECK(output["sha256"] == sha256_of(w.read("out/4.json")));
  CHECK(reported(report, "4")["criteria"].size() == 3);
  CHECK(reported(report, "0")["outputs"][0]["sha256"] == sha256_of("hello\n"));

  CHECK(w.read("consolidation/logs/0/a.1.log") == "from a\n");
  CHECK(w.read("consolidation/logs/0/b.1.log") == "hello\n");
  CHECK_FALSE(w.has("consolidation/logs/2"));
  CHECK(w.read("out/3.txt") == "hello\nhello\n");

  auto events = stored_events(w);
  CHECK(count_events(events, event_kind::phase_approved) == 5);
  auto approval = std::ranges::find_if(events, [](const event& e) {
    return e.kind == event_kind::phase_approved && e.phase == "4";
  });
  REQUIRE(approval != events.end());
  CHECK(contains(approval->data, sha256_of(w.read("out/4.json"))));
  check_chain(w);
  check_nothing_left(w);
}

TEST_CASE("phases that do not depend on each other run at the same time") {
  temp_workspace w;
  // Opening a pipe waits for the other side: one after the other they would wait for ever.
  write_plan(w, {{"make", shell_phase({}, "mkfifo there back")},
                 {"left", shell_phase({"make"}, "echo ping > there; read x < back; echo $x")},
                 {"right", shell_phase({"make"}, "read x < there; echo pong > back; echo $x")}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(w.read("consolidation/logs/left/t.1.log") == "pong\n");
  CHECK(w.read("consolidation/logs/right/t.1.log") == "ping\n");
}

TEST_CASE("never more phases than max_parallel run at the same time") {
  temp_workspace w;
  json phases = json::object();
  for (int i = 0; i < 12; ++i)
    phases["p" + std::to_string(i)] =
        shell_phase({}, noting("p" + std::to_string(i), "sleep 0.03"));
  write_plan(w, phases, {{"max_parallel", 3}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 0);
  auto ledger = lines_of(w.read("ledger"));
  CHECK(ledger.size() == 24);
  CHECK(most_at_once(ledger) <= 3);

  fs::remove(w.path() / "ledger");
  r = run_node(w, {"--max-parallel", "1"});
  CHECK(r.exit_code == 0);
  CHECK(most_at_once(lines_of(w.read("ledger"))) == 1);
}

TEST_CASE("tasks of a phase run in the order listed; with needs, in the order needed") {
  temp_workspace w;
  write_plan(
      w,
      {{"listed",
        phase({}, {task("a", noting("a")), task("b", noting("b")), task("c", noting("c"))})},
       {"needed", phase({"listed"},
                        {task("last", noting("last"), {{"needs", {"x", "y"}}}),
                         task("x", "mkfifo f; " + noting("x", "echo > f"), {{"needs", {"first"}}}),
                         task("y", noting("y", "until [ -p f ]; do :; done; read l < f"),
                              {{"needs", {"first"}}}),
                         task("first", noting("first"), {{"needs", json::array()}})})}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 0);
  auto ledger = lines_of(w.read("ledger"));
  REQUIRE(ledger.size() == 14);
  CHECK(std::vector<std::string>(ledger.begin(), ledger.begin() + 6)
        == std::vector<std::string>{"start a", "end a", "start b", "end b", "start c", "end c"});
  CHECK(position(ledger, "end first") < position(ledger, "start x"));
  CHECK(position(ledger, "end first") < position(ledger, "start y"));
  CHECK(position(ledger, "start last") > position(ledger, "end x"));
  CHECK(position(ledger, "start last") > position(ledger, "end y"));
}

TEST_CASE("a criterion that is not met fails the phase and says expected and actual") {
  temp_workspace w;
  write_plan(
      w,
      {{"0", shell_phase({}, "echo '{\"passed\": 5}' > n.json")},
       {"1", shell_phase({"0"}, "touch never")}},
      {},
      {{"0",
        {{"validation_checks",
          {{{"type", "metric_threshold"}, {"file", "n.json"}, {"metric", "passed"}, {"min", 6}},
           {{"type", "file_exists"}, {"path", "gone.txt"}}}}}}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.output, "metric_threshold n.json#passed: expected >= 6, actual 5"));
  CHECK(contains(r.output, "file_exists gone.txt: expected exists, actual absent"));
  CHECK(contains(r.output, "--resume"));
  CHECK(statuses(w)["0"] == "failed");
  CHECK(statuses(w)["1"] == "blocked");
  CHECK_FALSE(w.has("never"));
}

TEST_CASE("an output of before never opens a gate") {
  temp_workspace w;
  w.write("out.json", "{}\n");
  write_plan(w, {{"0", shell_phase({}, ":")}}, {}, {{"0", {{"required_outputs", {"out.json"}}}}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.output, "expected fresh file, actual unchanged since before this attempt"));
}

TEST_CASE("an output that is written again with the same bytes opens the gate") {
  temp_workspace w;
  w.write("out.json", "{}\n");
  write_plan(w, {{"0", shell_phase({}, "echo '{}' > out.json")}}, {},
             {{"0", {{"required_outputs", {"out.json"}}}}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 0);
}

TEST_CASE("a task gets its names, clean signals and no descriptors but its own three") {
  temp_workspace w;
  write_plan(w, {{"ph", phase({}, task("ta",
                                       "echo $AEO_PHASE $AEO_TASK $AEO_ATTEMPT $AEO_WORKSPACE $K; "
                                       "pwd; grep -E 'Sig(Ign|Blk)' /proc/self/status; "
                                       "ls /proc/self/fd | wc -l; readlink /proc/self/fd/0",
                                       {{"env", {{"K", "a b"}}}, {"cwd", "sub"}}))}});
  fs::create_directory(w.path() / "sub");
  auto r = run_node(w);
  INFO(r.output);
  REQUIRE(r.exit_code == 0);
  auto lines = lines_of(w.read("consolidation/logs/ph/ta.1.log"));
  REQUIRE(lines.size() == 6);
  CHECK(lines[0] == "ph ta 1 " + w.path().string() + " a b");
  CHECK(lines[1] == (w.path() / "sub").string());
  CHECK(lines[2] == "SigBlk:\t0000000000000000");
  CHECK(lines[3] == "SigIgn:\t0000000000000000");
  CHECK(lines[4] == "4"); // ls has the folder itself open, too.
  CHECK(lines[5] == "/dev/null");
}

TEST_CASE("a workspace whose path is no UTF-8 is run, resumed and looked at as any other") {
  temp_workspace w;
  write_plan(w, {{"a", shell_phase({}, "[ -e go ]")}}, {{"max_retries", 0}});
  const auto folder = w.path() / "x\xff\xfe";
  fs::create_directory(folder);
  fs::rename(w.path() / "config", folder / "config");
  const auto check = [&](std::string name, std::vector<std::string> options, int exit_code) {
    options.insert(options.begin(), {std::move(name), "--workspace", folder.string()});
    const auto r = run_program(std::move(options));
    INFO(r.output);
    CHECK(r.exit_code == exit_code);
    return r.output;
  };
  check("aeo-node", {}, 1);
  w.write((folder / "go").string(), "");
  const auto told = check("aeo-node", {"--resume", "--json"}, 0);
  for (const auto& line : lines_of(told))
    CHECK(json::accept(line));
  check("aeo-control", {"status"}, 0);
  check("aeo-control", {"verify"}, 0);
}

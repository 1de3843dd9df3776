#include "tests/fixtures/contains.hpp"
#include "tests/fixtures/sample_run.hpp"
#include "tools/node/dry_run.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <sstream>

using namespace aeo;
using namespace aeo::node;
using namespace aeo::testing;
using nlohmann::json;

namespace {

dry_run_input input_of(const plan& p) {
  return {.definition = p,
          .state = nullptr,
          .selected = {},
          .history = {},
          .find_command = [](const std::string& argv0, const std::string&,
                             const std::string&) -> std::optional<std::string> {
            return argv0 == "missing" ? std::nullopt : std::optional{"/bin/" + argv0};
          },
          .workspace = ".",
          .processors = 4,
          .mask = {}};
}

std::string text_of(const dry_run_input& in) {
  std::ostringstream out;
  write_text(out, in, examine(in));
  return out.str();
}

json json_of(const dry_run_input& in) {
  std::ostringstream out;
  write_json(out, in, examine(in));
  return json::parse(out.str());
}

} // namespace

TEST_CASE("the dry run shows levels, commands, criteria, approval, retries and timeouts") {
  auto p = diamond();
  p.phases[0].tasks[0].command = {"echo", "two words"};
  p.phases[0].criteria = std::make_unique<criteria_def>();
  p.phases[0].criteria->required_outputs = {"out/a.json"};
  p.phases[0].tasks[0].outputs = {"out/promised.json"};
  check_def metric;
  metric.type = check_type::metric_threshold;
  metric.path = "out/a.json";
  metric.metric = "tests.passed";
  metric.min = 6;
  p.phases[0].criteria->checks.push_back(metric);
  p.phases[3].approval = std::make_unique<approval_policy>();
  p.phases[3].approval->mode = approval_mode::manual;
  p.phases[3].approval->required = 2;
  auto text = text_of(input_of(p));
  CHECK(contains(text, "Plan cafe"));
  CHECK(contains(text, "4 phases with 4 tasks in 3 levels; at most 4 tasks at a time"));
  CHECK(contains(text, "Level 1\n  1 Phase | 1: runs after 0"));
  CHECK(contains(text, "T0  echo 'two words'"));
  CHECK(contains(text, "criterion: required_output out/a.json"));
  CHECK(contains(text, "criterion: task_output out/promised.json is written by this run"));
  CHECK(contains(text, "criterion: metric_threshold out/a.json#tests.passed >= 6"));
  CHECK(contains(text, "approval: criteria decide"));
  CHECK(contains(text, "approval: criteria, then 2 persons of operator"));
  CHECK(contains(text, "timeout 1h00m; 3 retries, after 1m00s times 2^n"));
  CHECK(contains(text, "no history"));
  CHECK(contains(text, "No problems found"));
}

TEST_CASE("a missing command is a problem of its task and ends with 78") {
  auto p = diamond();
  p.phases[2].tasks[0].command = {"missing", "-x"};
  p.phases[3].criteria = std::make_unique<criteria_def>();
  check_def check;
  check.type = check_type::command;
  check.command = {"missing"};
  p.phases[3].criteria->checks.push_back(check);
  auto in = input_of(p);
  auto result = examine(in);
  REQUIRE(result.problems.size() == 2);
  CHECK(result.exit_code() == 78);
  CHECK(contains(text_of(in), "phase 2, T2: command not found: missing"));
  CHECK(contains(text_of(in), "phase 3, criteria.0: command not found: missing"));
  CHECK(json_of(in)["exit_code"] == 78);
}

TEST_CASE("each command is looked up once per folder and path") {
  auto p = wide_plan(1000);
  p.phases[5].tasks[0].cwd = "sub";
  p.phases[6].tasks[0].env = {{"PATH", "/opt/bin"}};
  auto in = input_of(p);
  std::vector<std::string> asked;
  in.find_command = [&](const std::string& argv0, const std::string& path,
                        const std::string& cwd) -> std::optional<std::string> {
    asked.push_back(argv0 + "|" + path + "|" + cwd);
    return argv0;
  };
  examine(in);
  CHECK(asked == std::vector<std::string>{"true||", "true||sub", "true|/opt/bin|"});
}

TEST_CASE("the critical path comes from history, with the gaps said") {
  auto p = diamond();
  auto in = input_of(p);
  CHECK(contains(text_of(in), "no history: it is the longest chain"));
  in.history = [](phase_index i) { return std::optional{duration{i == 2 ? 60'000 : 1'000}}; };
  auto result = examine(in);
  CHECK(result.critical_path == std::vector<phase_index>{0, 2, 3});
  CHECK(result.critical_total == duration{62'000});
  CHECK(contains(text_of(in), "Critical path (3 phases): 0 -> 2 -> 3\n  1m02s by"));
  in.history = [](phase_index i) {
    return i == 3 ? std::nullopt : std::optional{duration{i == 1 ? 60'000 : 1'000}};
  };
  CHECK(contains(text_of(in), "at least 1m01s; no history for 1 phase of it"));
}

TEST_CASE("an unfinished execution shows what is skipped, tried again or held up, and why") {
  auto p = diamond();
  sample_run r{diamond()};
  r.pass("0", 1, 4);
  r.on(4, event_kind::phase_started, "1", 1)
      .on(5, event_kind::phase_failed, "1", 1,
          R"({"class":"permanent","message":"exited with 2"})");
  auto in = input_of(p);
  in.state = &r.state;
  auto result = examine(in);
  CHECK(result.phases[0].action == planned_action::skip);
  CHECK(result.phases[1].action == planned_action::run);
  CHECK(contains(result.phases[1].why, "failed before (exited with 2), is tried again"));
  CHECK(result.phases[2].action == planned_action::run);
  CHECK(result.phases[3].action == planned_action::wait);
  CHECK(result.phases[3].why == "after 1, 2");
  r.on(6, event_kind::phase_started, "2", 1)
      .on(7, event_kind::phase_completed, "2", 1)
      .on(8, event_kind::phase_waiting, "2", 1, R"({"reason":"manual"})")
      .on(9, event_kind::phase_rejected, "2", 1, R"({"by":"bob","reason":"not good"})");
  result = examine(in);
  CHECK(result.phases[2].action == planned_action::stuck);
  CHECK(result.phases[2].why == "rejected by bob: not good");
  CHECK(result.phases[3].why == "behind 2");
}

TEST_CASE("phases left out by a selection do not run and hold nothing up") {
  auto p = diamond();
  p.phases[0].tasks[0].command = {"missing"};
  auto in = input_of(p);
  in.selected = {false, true, false, false};
  auto result = examine(in);
  CHECK(result.phases[0].action == planned_action::skip);
  CHECK(result.phases[1].action == planned_action::run);
  CHECK(result.problems.empty());
}

TEST_CASE("the JSON form is complete and carries the plan's hash") {
  auto p = diamond();
  p.phases[1].tasks[0].env = {{"TOKEN", "s3cr3t"}};
  auto x = json_of(input_of(p));
  CHECK(x["plan_hash"] == "cafe");
  CHECK(x["levels"].size() == 3);
  CHECK(x["phases"][3]["dependencies"] == json::array({"1", "2"}));
  CHECK(x["phases"][1]["tasks"][0]["env"] == json::array({"TOKEN"}));
  CHECK(x["phases"][0]["retry"]["max_retries"] == 3);
  CHECK(x["phases"][0]["timeout_seconds"] == 3600.0);
  CHECK_FALSE(contains(x.dump(), "s3cr3t"));
}

TEST_CASE("secrets in commands are masked in both forms") {
  auto p = diamond();
  p.phases[0].tasks[0].command = {"curl", "-H", "X: s3cr3t"};
  auto in = input_of(p);
  in.mask = [](std::string_view text) {
    std::string result{text};
    for (std::size_t at = 0; (at = result.find("s3cr3t", at)) != std::string::npos;)
      result.replace(at, 6, "***");
    return result;
  };
  CHECK_FALSE(contains(text_of(in), "s3cr3t"));
  CHECK(contains(text_of(in), "***"));
  CHECK_FALSE(contains(json_of(in).dump(), "s3cr3t"));
}

TEST_CASE("10,000 phases fit on a screen or two as text and are complete as JSON") {
  auto wide = wide_plan(10'000);
  auto text = text_of(input_of(wide));
  CHECK(std::count(text.begin(), text.end(), '\n') < 20);
  CHECK(contains(text, "Level 0: 10,000 phases: 0, 1, 2, 3, ... 9999"));
  CHECK(json_of(input_of(wide))["phases"].size() == 10'000);
  auto chain = wide_plan(10'000);
  for (phase_index i = 1; i < 10'000; ++i)
    chain.phases[i].dependencies = {i - 1};
  text = text_of(input_of(chain));
  CHECK(std::count(text.begin(), text.end(), '\n') < 60);
  CHECK(contains(text, "Critical path (10,000 phases): 0 -> 1 -> "));
  CHECK(contains(text, "Level 9999"));
}

#include "tests/config/config_folder.hpp"

#include <algorithm>

using namespace aeo;
using namespace aeo::config;
using namespace aeo::config::test;
using std::chrono::milliseconds;

namespace {

std::vector<problem> bad_phases(std::string_view text) {
  return config_folder{}.write(plan_file, text).bad();
}

/// The mistakes of a plan whose phase "1" has these members beside one good task.
std::vector<problem> bad_phase(const std::string& members) {
  return bad_phases(R"({"phases": {"1": {"tasks": [{"id": "a", "command": "true"}], )" + members
                    + "}}}");
}

/// The mistakes of a plan whose only task has these members beside id and command.
std::vector<problem> bad_task(const std::string& members) {
  return bad_phases(R"({"phases": {"1": {"tasks": [{"id": "a", "command": "true", )" + members
                    + "}]}}}");
}

/// A plan of phases with these dependencies, in this order.
std::string chain(const std::vector<std::pair<std::string, std::string>>& dependencies) {
  std::string text = R"({"phases": {)";
  for (const auto& [id, needs] : dependencies)
    text.append(text.back() == '{' ? "\"" : ",\"")
        .append(id)
        .append(R"(": {"dependencies": [)")
        .append(needs)
        .append(R"(], "tasks": [{"id": "a", "command": "true"}]})");
  return text + "}}";
}

} // namespace

TEST_CASE("every key of a phase arrives in the plan") {
  auto result = config_folder{}
                    .write(plan_file, R"({"$schema": "x", "phases": {"0": {
    "name": "Discovery", "dependencies": [], "timeout": 1.5, "total_timeout": "1h",
    "approval": {"mode": "manual", "required": 2, "from": ["operator", "alice"], "allow_self": false,
                 "deadline": "24h", "on_deadline": "keep_waiting"},
    "retry": {"max_retries": 7, "jitter": "none"},
    "tasks": [ {"id": "T0.1", "name": "Analyse", "command": ["prog", "--out", ""],
                "outputs": ["consolidation/a.json"], "needs": [], "env": {"K": "V"}, "cwd": "sub",
                "timeout": 600, "on_crash": "ask", "continue_on_error": true,
                "max_processes": 9} ] } } })")
                    .good();
  REQUIRE(result.value.phases.size() == 1);
  const auto& phase = result.value.phases.front();
  CHECK(phase.name == "Discovery");
  CHECK(phase.timeout == milliseconds{1'500});
  CHECK(phase.total_timeout == milliseconds{3'600'000});
  REQUIRE(phase.approval);
  CHECK(phase.approval->mode == approval_mode::manual);
  CHECK(phase.approval->required == 2);
  CHECK(phase.approval->from == std::vector<std::string>{"operator", "alice"});
  CHECK_FALSE(phase.approval->allow_self);
  CHECK(phase.approval->deadline == milliseconds{86'400'000});
  CHECK(phase.approval->on_deadline == deadline_action::keep_waiting);
  REQUIRE(phase.retry);
  CHECK(phase.retry->max_retries == 7);
  CHECK_FALSE(phase.retry->full_jitter);
  CHECK(phase.retry->retry_delay == milliseconds{60'000});
  const auto& task = phase.tasks.at(0);
  CHECK(task.id == "T0.1");
  CHECK(task.name == "Analyse");
  CHECK(task.command == std::vector<std::string>{"prog", "--out", ""});
  CHECK(task.outputs == std::vector<std::string>{"consolidation/a.json"});
  CHECK(task.env == env_list{{"K", "V"}});
  CHECK(task.cwd == "sub");
  CHECK(task.timeout == milliseconds{600'000});
  CHECK(task.on_crash == crash_policy::ask);
  CHECK(task.continue_on_error);
  CHECK(task.max_processes == 9);
}

TEST_CASE("rare parts cost nothing where they are not used") {
  auto result = config_folder{}.write(plan_file, one_phase).good();
  const auto& phase = result.value.phases.front();
  CHECK_FALSE(phase.approval);
  CHECK_FALSE(phase.retry);
  CHECK_FALSE(phase.criteria);
  CHECK(phase.label() == "1");
}

TEST_CASE("a phase's retry rules start from the settings") {
  auto result =
      config_folder{}
          .write("orchestrator_config.json", R"({"max_retries": 9, "retry_delay": "5s"})")
          .write(
              plan_file,
              R"({"phases": {"1": {"retry": {"retry_delay": 1}, "tasks": [{"id": "a", "command": "x"}]}}})")
          .good();
  CHECK(result.value.retry_of(result.value.phases[0]).max_retries == 9);
  CHECK(result.value.retry_of(result.value.phases[0]).retry_delay == milliseconds{1'000});
}

TEST_CASE("a command in one string is run by the shell") {
  auto result =
      config_folder{}
          .write(plan_file, R"({"phases": {"1": {"tasks": [{"id": "a", "command": "a | b"}]}}})")
          .good();
  CHECK(result.value.phases[0].tasks[0].command
        == std::vector<std::string>{"/bin/sh", "-c", "a | b"});
}

TEST_CASE("without needs a task waits for the one listed before") {
  auto result = config_folder{}
                    .write(plan_file, R"({"phases": {"1": {"tasks": [
      {"id": "a", "command": "x"}, {"id": "b", "command": "x"}, {"id": "c", "command": "x", "needs": []},
      {"id": "d", "command": "x", "needs": ["e", "a"]}, {"id": "e", "command": "x", "needs": ["a"]}]}}})")
                    .good();
  const auto& tasks = result.value.phases[0].tasks;
  CHECK(tasks[0].needs.empty());
  CHECK(tasks[1].needs == std::vector<task_index>{0});
  CHECK(tasks[2].needs.empty());
  CHECK(tasks[3].needs == std::vector<task_index>{4, 0});
  CHECK(tasks[4].needs == std::vector<task_index>{0});
}

TEST_CASE("phases come in natural order with their dependencies resolved") {
  auto result =
      config_folder{}
          .write(plan_file,
                 chain({{"10", R"("2", "1")"}, {"2", R"("1")"}, {"x", R"("10")"}, {"1", ""}}))
          .good();
  const auto& phases = result.value.phases;
  REQUIRE(phases.size() == 4);
  CHECK(phases[0].id == "1");
  CHECK(phases[1].id == "2");
  CHECK(phases[2].id == "10");
  CHECK(phases[1].dependencies == std::vector<phase_index>{0});
  CHECK(phases[2].dependencies == std::vector<phase_index>{0, 1});
  CHECK(phases[3].dependencies == std::vector<phase_index>{2});
}

TEST_CASE("an unknown key is refused with the nearest known one") {
  require_problems(
      bad_phase(R"("timout": 5)"),
      {{plan_file, "/phases/1/timout", R"(unknown key "timout"; did you mean "timeout"?)"}});
  require_problems(bad_task(R"("comand": "x")"),
                   {{plan_file, "/phases/1/tasks/0/comand", R"(did you mean "command"?)"}});
  require_problems(bad_phase(R"("colour": 5)"),
                   {{plan_file, "/phases/1/colour", "known keys are"}});
  require_problems(bad_phase(R"("a/b~c": 5)"), {{plan_file, "/phases/1/a~1b~0c", "unknown key"}});
  require_problems(
      bad_phases(R"({"phase": {}, "phases": {"1": {"tasks": [{"id": "a", "command": "x"}]}}})"),
      {{plan_file, "/phase", R"(expected "phases")"}});
}

TEST_CASE("wrong types say what was expected and what was found") {
  require_problems(bad_phase(R"("name": 7)"),
                   {{plan_file, "/phases/1/name", "expected a string, found the number 7"}});
  require_problems(bad_phase(R"("timeout": "soon")"),
                   {{plan_file, "/phases/1/timeout", R"(found the string "soon")"}});
  require_problems(bad_phase(R"("timeout": 0)"), {{plan_file, "/phases/1/timeout", "more than 0"}});
  require_problems(bad_phase(R"("timeout": -3)"),
                   {{plan_file, "/phases/1/timeout", "found the number -3"}});
  require_problems(bad_phase(R"("dependencies": "0")"),
                   {{plan_file, "/phases/1/dependencies",
                     R"(expected an array of phase ids, found the string "0")"}});
  require_problems(bad_phase(R"("dependencies": [0])"),
                   {{plan_file, "/phases/1/dependencies/0", "(a string), found the number 0"}});
  require_problems(
      bad_phase(R"("approval": true)"),
      {{plan_file, "/phases/1/approval", R"(expected "auto", "manual" or an object, found true)"}});
  require_problems(bad_phase(R"("retry": [])"),
                   {{plan_file, "/phases/1/retry", "expected an object, found an empty array"}});
  require_problems(bad_task(R"("env": {"A": 1})"), {{plan_file, "/phases/1/tasks/0/env/A",
                                                     "expected a string, found the number 1"}});
  require_problems(bad_task(R"("continue_on_error": "yes")"),
                   {{plan_file, "/phases/1/tasks/0/continue_on_error", "expected true or false"}});
  require_problems(
      bad_task(R"("on_crash": "again")"),
      {{plan_file, "/phases/1/tasks/0/on_crash", R"(expected "adopt", "rerun", "ask" or "fail")"}});
  require_problems(bad_phases(R"({"phases": []})"),
                   {{plan_file, "/phases", "found an empty array"}});
  require_problems(bad_phases(R"({"phases": {"1": null}})"),
                   {{plan_file, "/phases/1", "expected an object, found null"}});
  require_problems(bad_phases("[1]"), {{plan_file, "", "expected an object, found an"}});
  require_problems(bad_phases("7"), {{plan_file, "", "expected an object, found the number 7"}});
}

TEST_CASE("a secret of the wrong type is not repeated") {
  auto problems = bad_task(R"("env": {"API_KEY": 123456})");
  require_problems(problems, {{plan_file, "/phases/1/tasks/0/env/API_KEY",
                               "expected a string, found a number"}});
}

TEST_CASE("a plan without phases or tasks is refused") {
  require_problems(bad_phases("{}"), {{plan_file, "/phases", "at least one phase"}});
  require_problems(bad_phases(R"({"phases": {}})"), {{plan_file, "/phases", "at least one phase"}});
  require_problems(bad_phases(R"({"phases": {"1": {}}})"),
                   {{plan_file, "/phases/1", R"(the key "tasks" is missing)"}});
  require_problems(bad_phases(R"({"phases": {"1": {"tasks": []}}})"),
                   {{plan_file, "/phases/1/tasks",
                     "expected an array of at least one task, found an empty array"}});
  require_problems(bad_phases(R"({"phases": {"1": {"tasks": [{}]}}})"),
                   {{plan_file, "/phases/1/tasks/0", R"("id" is missing)"},
                    {plan_file, "/phases/1/tasks/0", R"("command" is missing)"}});
}

TEST_CASE("an empty command is refused") {
  for (auto command : {R"("")", R"("  ")"})
    require_problems(bad_phases(R"({"phases": {"1": {"tasks": [{"id": "a", "command": )"
                                + std::string{command} + "}]}}}"),
                     {{plan_file, "/phases/1/tasks/0/command", "the command is empty"}});
  require_problems(
      bad_phases(R"({"phases": {"1": {"tasks": [{"id": "a", "command": []}]}}})"),
      {{plan_file, "/phases/1/tasks/0/command", "at least a program, found an empty array"}});
  require_problems(bad_phases(R"({"phases": {"1": {"tasks": [{"id": "a", "command": [""]}]}}})"),
                   {{plan_file, "/phases/1/tasks/0/command/0", "the command is empty"}});
  require_problems(
      bad_phases(R"({"phases": {"1": {"tasks": [{"id": "a", "command": ["x", 1]}]}}})"),
      {{plan_file, "/phases/1/tasks/0/command/1", "expected a string, found the number 1"}});
}

TEST_CASE("ids that are unfit for file names are refused") {
  auto with = [](const std::string& id) {
    return bad_phases(R"({"phases": {")" + id + R"(": {"tasks": [{"id": "a", "command": "x"}]}}})");
  };
  require_problems(with("a/b"), {{plan_file, "/phases/a~1b", "unfit for file names"}});
  require_problems(with(".x"), {{plan_file, "/phases/.x", "must not start with '.'"}});
  require_problems(with("-x"), {{plan_file, "/phases/-x", "must not start with '-'"}});
  require_problems(with(""), {{plan_file, "/phases/", "must not be empty"}});
  require_problems(with(std::string(65, 'a')),
                   {{plan_file, "/phases/" + std::string(65, 'a'), "at most 64"}});
  require_problems(bad_phases(R"({"phases": {"1": {"tasks": [{"id": "../x", "command": "x"}]}}})"),
                   {{plan_file, "/phases/1/tasks/0/id", "must not start with '.'"}});
}

TEST_CASE("paths that leave the workspace are refused") {
  require_problems(bad_task(R"("outputs": ["/etc/x", "a/../../b", ""])"),
                   {{plan_file, "/phases/1/tasks/0/outputs/0", "absolute path"},
                    {plan_file, "/phases/1/tasks/0/outputs/1", "may leave the workspace"},
                    {plan_file, "/phases/1/tasks/0/outputs/2", "must not be empty"}});
  require_problems(bad_task(R"("cwd": "..")"), {{plan_file, "/phases/1/tasks/0/cwd", "may leave"}});
  require_problems(bad_task(R"("outputs": ["a", "a"])"),
                   {{plan_file, "/phases/1/tasks/0/outputs/1", "listed twice"}});
}

TEST_CASE("variables that the orchestrator sets cannot be set by a task") {
  require_problems(bad_task(R"("env": {"AEO_PHASE": "x", "A B": "x", "": "y"})"),
                   {{plan_file, "/phases/1/tasks/0/env/AEO_PHASE", "set by the orchestrator"},
                    {plan_file, "/phases/1/tasks/0/env/A B", "no name of a variable"},
                    {plan_file, "/phases/1/tasks/0/env/", "no name of a variable"}});
}

TEST_CASE("duplicate phase ids are found although JSON parsers hide them") {
  require_problems(bad_phases(R"({"phases": {"3": {"tasks": [{"id": "a", "command": "x"}]},
                                             "3": {"tasks": [{"id": "a", "command": "y"}]}}})"),
                   {{plan_file, "/phases/3", R"(duplicate phase id "3")"}});
}

TEST_CASE("duplicate keys are found at every depth") {
  require_problems(bad_phase(R"("timeout": 1, "name": "a", "timeout": 2)"),
                   {{plan_file, "/phases/1/timeout", R"(duplicate key "timeout")"}});
  require_problems(bad_task(R"("env": {"A": "1", "A": "2", "A": "3"})"),
                   {{plan_file, "/phases/1/tasks/0/env/A", "duplicate key"}});
  require_problems(bad_task(R"("id": "b")"),
                   {{plan_file, "/phases/1/tasks/0/id", "duplicate key"}});
  require_problems(bad_phases(R"({"phases": {"1": {"tasks": [{"id": "a", "command": "x"}]}},
                                  "phases": {"2": {"tasks": [{"id": "a", "command": "x"}]}}})"),
                   {{plan_file, "/phases", R"(duplicate key "phases")"}});
}

TEST_CASE("duplicate task ids in a phase are refused, in two phases they are fine") {
  require_problems(
      bad_phases(
          R"({"phases": {"1": {"tasks": [{"id": "a", "command": "x"}, {"id": "b", "command": "x"},
                                              {"id": "a", "command": "x"}]}}})"),
      {{plan_file, "/phases/1/tasks/2/id",
        R"(duplicate task id "a"; it is also the id of task number 1)"}});
  config_folder{}.write(plan_file, chain({{"1", ""}, {"2", ""}})).good();
}

TEST_CASE("needs must name other tasks of the phase") {
  require_problems(bad_task(R"("needs": ["b"])"),
                   {{plan_file, "/phases/1/tasks/0/needs/0", R"(there is no task "b")"}});
  require_problems(bad_task(R"("needs": ["a"])"),
                   {{plan_file, "/phases/1/tasks/0/needs/0", "the task needs itself"}});
  require_problems(bad_phases(R"({"phases": {"1": {"tasks": [
      {"id": "a", "command": "x", "needs": ["c"]}, {"id": "b", "command": "x"},
      {"id": "c", "command": "x"}]}}})"),
                   {{plan_file, "/phases/1/tasks/0/needs", "a → c → b → a"}});
}

TEST_CASE("a dependency that does not exist is refused") {
  require_problems(bad_phases(chain({{"build-eu", ""}, {"deploy", R"("build-us", "9")"}})),
                   {{plan_file, "/phases/deploy/dependencies/0",
                     R"(there is no phase "build-us"; did you mean "build-eu"?)"},
                    {plan_file, "/phases/deploy/dependencies/1", R"(there is no phase "9")"}});
}

TEST_CASE("a phase cannot depend on itself or twice on another") {
  require_problems(bad_phases(chain({{"1", R"("1")"}})),
                   {{plan_file, "/phases/1/dependencies/0", "depends on itself"}});
  require_problems(bad_phases(chain({{"1", ""}, {"2", R"("1", "1")"}})),
                   {{plan_file, "/phases/2/dependencies/1", "listed twice"}});
}

TEST_CASE("a cycle is printed as its path") {
  require_problems(bad_phases(chain({{"1", ""}, {"3", R"("5", "1")"}, {"5", R"("3")"}})),
                   {{plan_file, "/phases/3/dependencies", "3 → 5 → 3"}});
}

TEST_CASE("each group of phases that wait for each other is reported once, by a shortest cycle") {
  // 1-2-3 with the shortcut 1-2; 7-8-9; 10 only hangs on to a cycle.
  require_problems(bad_phases(chain({{"1", R"("2")"},
                                     {"2", R"("3", "1")"},
                                     {"3", R"("1")"},
                                     {"7", R"("8")"},
                                     {"8", R"("9")"},
                                     {"9", R"("7")"},
                                     {"10", R"("9")"}})),
                   {{plan_file, "/phases/1/dependencies", ": 1 → 2 → 1 ("},
                    {plan_file, "/phases/7/dependencies", ": 7 → 8 → 9 → 7 ("}});
}

TEST_CASE("a cycle through 20,000 phases does not exhaust the stack") {
  std::vector<std::pair<std::string, std::string>> phases;
  phases.reserve(20'000);
  for (int i = 0; i < 20'000; ++i)
    phases.emplace_back(std::to_string(i), '"' + std::to_string((i + 1) % 20'000) + '"');
  auto problems = bad_phases(chain(phases));
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].pointer == "/phases/0/dependencies");
  CHECK(problems[0].what.find(": 0 → 1 → 2 → ") != std::string::npos);
}

TEST_CASE("approval rules that can never be met are refused") {
  require_problems(bad_phase(R"("approval": {"mode": "manual", "required": 0})"),
                   {{plan_file, "/phases/1/approval/required", "expected a whole number from 1"}});
  require_problems(bad_phase(R"("approval": {"mode": "manual", "from": []})"),
                   {{plan_file, "/phases/1/approval/from", "at least one string"}});
  require_problems(
      bad_phase(R"("approval": {"mode": "manual", "required": 3, "from": ["a", "b"]})"),
      {{plan_file, "/phases/1/approval", "asks for 3 people, but \"from\" names only 2"}});
  require_problems(bad_phase(R"("approval": {"required": 2})"),
                   {{plan_file, "/phases/1/approval", R"("mode" is missing)"}});
  require_problems(
      bad_phase(R"("approval": {"mode": "manual", "on_deadline": "approve"})"),
      {{plan_file, "/phases/1/approval/on_deadline", R"(expected "reject" or "keep_waiting")"}});
}

TEST_CASE("a role that may only look is no approver") {
  require_problems(
      bad_phase(R"("approval": {"mode": "manual", "from": ["alice", "viewer"]})"),
      {{plan_file, "/phases/1/approval/from/1",
        R"("viewer" may look and never approve; expected "operator" or names of people)"}});
}

TEST_CASE("retry rules must be possible") {
  require_problems(
      bad_phase(R"("retry": {"max_retries": -1, "backoff_multiplier": 0.5, "jitter": "some"})"),
      {{plan_file, "/phases/1/retry/max_retries", "found the number -1"},
       {plan_file, "/phases/1/retry/backoff_multiplier", "expected a number from 1"},
       {plan_file, "/phases/1/retry/jitter", R"(expected "none" or "full")"}});
  require_problems(bad_phase(R"("retry": {"max_retries": 1.5})"),
                   {{plan_file, "/phases/1/retry/max_retries", "found the number 1.5"}});
  require_problems(
      bad_phase(R"("retry": {"max_retries": 18446744073709551615})"),
      {{plan_file, "/phases/1/retry/max_retries", "found the number 18446744073709551615"}});
}

TEST_CASE("a limit for all attempts below the limit for one is refused") {
  require_problems(bad_phase(R"("timeout": "2m", "total_timeout": "1m")"),
                   {{plan_file, "/phases/1/total_timeout", "shorter than"}});
}

TEST_CASE("names must not garble a terminal") {
  require_problems(bad_phase(R"("name": "a\u001b[2J")"),
                   {{plan_file, "/phases/1/name", "without control characters"}});
}

TEST_CASE("a NUL character is refused wherever it stands") {
  require_problems(
      bad_phases(R"({"phases": {"1": {"tasks": [{"id": "a", "command": ["x", "a\u0000b"]}]}}})"),
      {{plan_file, "/phases/1/tasks/0/command/1", "NUL"}});
}

TEST_CASE("a large plan is read and resolved correctly") {
  constexpr int count = 20'000;
  std::string text = R"({"phases": {)";
  // Backwards, so that every dependency is named before it is defined.
  for (int i = count - 1; i >= 0; --i) {
    text += '"' + std::to_string(i) + R"(": {"dependencies": [)";
    if (i >= 20)
      text += '"' + std::to_string(i - 7) + "\", \"" + std::to_string(i / 2) + '"';
    text += R"(], "tasks": [{"id": "t)" + std::to_string(i) + R"(", "command": ["true"]}]})";
    text += i > 0 ? "," : "}}";
  }
  auto result = config_folder{}.write(plan_file, text).good();
  const auto& phases = result.value.phases;
  REQUIRE(phases.size() == count);
  int wrong = 0;
  for (phase_index i = 0; i < count; ++i) {
    auto wanted = i < 20 ? std::vector<phase_index>{} : std::vector<phase_index>{i - 7, i / 2};
    std::sort(wanted.begin(), wanted.end());
    wrong += phases[i].id != std::to_string(i) || phases[i].dependencies != wanted
             || phases[i].tasks.size() != 1 || phases[i].tasks[0].id != "t" + std::to_string(i)
             || result.value.find(phases[i].id) != i;
  }
  CHECK(wrong == 0);
}

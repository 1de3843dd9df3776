#include "tests/config/config_folder.hpp"

using namespace aeo;
using namespace aeo::config;
using namespace aeo::config::test;

namespace {

/// The canonical text of a plan with these files.
std::string text_of(std::string_view phases, std::string_view criteria = "{}",
                    std::string_view settings = "{}") {
  auto result = config_folder{}
                    .write(plan_file, phases)
                    .write("success_criteria.json", criteria)
                    .write("orchestrator_config.json", settings)
                    .good();
  CHECK(result.value.hash == plan_hash(result.value));
  return canonical_text(result.value);
}

/// A plan of one phase "3" with one task "T3.1" and these further members.
std::string phase_3(const std::string& task, const std::string& phase = {}) {
  return R"({"phases": {"3": {)" + phase + R"("tasks": [{"id": "T3.1", )" + task + "}]}}}";
}

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("the canonical form has one phase per line and no default values") {
  CHECK(
      text_of(R"({"phases": {
    "10": {"name": "Ten", "dependencies": ["2"], "tasks": [{"id": "b", "command": "x y"}]},
    "2": {"approval": "auto", "dependencies": [], "tasks": [
        {"id": "a", "name": "A", "command": ["true"], "on_crash": "adopt", "cwd": ".", "outputs": []},
        {"id": "b", "command": ["true"], "needs": ["a"]}]}}})",
              R"({"2": {"required_outputs": ["o"]}, "10": {}})")
      == "{\"aeo_plan\":1,\"phases\":[\n"
         R"({"id":"2","tasks":[{"id":"a","command":["true"]},{"id":"b","command":["true"]}],)"
         R"("criteria":{"required_outputs":["o"]}},)"
         "\n"
         R"({"id":"10","dependencies":["2"],"tasks":[{"id":"b","command":["/bin/sh","-c","x y"]}]})"
         "\n]}\n");
}

TEST_CASE("the hash is the SHA-256 of the canonical text") {
  auto result = config_folder{}.write(plan_file, one_phase).good();
  CHECK(canonical_text(result.value)
        == "{\"aeo_plan\":1,\"phases\":[\n"
           R"({"id":"1","tasks":[{"id":"a","command":["/bin/sh","-c","true"]}]})"
           "\n]}\n");
  // printf '{"aeo_plan":1,"phases":[\n{"id":"1",…}\n]}\n' | sha256sum
  CHECK(result.value.hash == "595951bfb9f66491a04bc9cb6b62742310043f84f75d5ec4de9d60c85c065a7a");
}

TEST_CASE("names, order in the file and settings do not make another plan") {
  auto plain = text_of(R"({"phases": {"1": {"tasks": [{"id": "a", "command": "x"}]},
                                    "2": {"dependencies": ["1"], "tasks": [{"id": "a", "command": "x"}]}}})");
  CHECK(plain
        == text_of(R"({"phases": {"2": {"tasks": [{"command": "x", "id": "a", "name": "A"}],
                                      "name": "Two", "dependencies": ["1"]},
                                "1": {"tasks": [{"id": "a", "command": "x"}]}}})",
                   "{}", R"({"max_retries": 9, "phase_timeout": 5, "max_parallel": 1})"));
}

TEST_CASE("a phase's retry rules count as far as they differ from the settings") {
  auto phases =
      phase_3(R"("command": "x")", R"("retry": {"max_retries": 3, "retry_delay": "1m"}, )");
  CHECK(text_of(phases) == text_of(phase_3(R"("command": "x")")));
  CHECK(text_of(phase_3(R"("command": "x")", R"("retry": {"max_retries": 4}, )"))
            .find(R"("retry":{"max_retries":4})")
        != std::string::npos);
}

TEST_CASE("secret values are not in the canonical form") {
  auto text = text_of(phase_3(R"("command": "x", "env": {"API_KEY": "hunter2", "A": "b"})"));
  CHECK(text.find("hunter2") == std::string::npos);
  CHECK(text.find(R"x("env":{"A":"b","API_KEY":"(secret)"})x") != std::string::npos);
}

TEST_CASE("whatever decides the work makes another plan") {
  auto plain = text_of(phase_3(R"("command": "x")"));
  for (auto member :
       {R"("outputs": ["o"])", R"("env": {"A": "b"})", R"("cwd": "c")", R"("timeout": 5)",
        R"("on_crash": "fail")", R"("continue_on_error": true)", R"("max_processes": 0)"})
    CHECK(plain != text_of(phase_3(std::string{R"("command": "x", )"} + member)));
  for (auto member : {R"("timeout": 5, )", R"("total_timeout": 5, )", R"("approval": "manual", )",
                      R"("approval": {"mode": "auto", "required": 2}, )",
                      R"("approval": {"mode": "auto", "allow_self": false}, )",
                      R"("approval": {"mode": "auto", "from": ["x"]}, )",
                      R"("approval": {"mode": "auto", "deadline": 1}, )",
                      R"("approval": {"mode": "auto", "on_deadline": "keep_waiting"}, )",
                      R"("retry": {"jitter": "none"}, )", R"("retry": {"backoff_multiplier": 3}, )",
                      R"("retry": {"max_retry_delay": 3}, )", R"("retry": {"retry_delay": 3}, )"})
    CHECK(plain != text_of(phase_3(R"("command": "x")", member)));
  for (auto check : {R"({"type": "file_exists", "path": "p"})",
                     R"({"type": "metric_threshold", "file": "f", "metric": "m", "exact": null})",
                     R"({"type": "json_schema", "file": "f", "schema": "s"})",
                     R"({"type": "command", "command": "x", "expect_exit": 1})",
                     R"({"type": "file_count", "glob": "*", "max": 1})",
                     R"({"type": "max_age", "path": "p", "seconds": 1})"})
    CHECK(plain
          != text_of(phase_3(R"("command": "x")"),
                     std::string{R"({"3": {"validation_checks": [)"} + check + "]}}"));
}

TEST_CASE("an approval that says what auto says is no difference") {
  CHECK(text_of(phase_3(R"("command": "x")"))
        == text_of(phase_3(R"("command": "x")", R"("approval": {"mode": "auto"}, )")));
}

TEST_CASE("equal plans have no differences") {
  auto text = text_of(phase_3(R"("command": "x")"));
  CHECK(diff_plans(text, text).empty());
}

TEST_CASE("differences are lines that a person understands") {
  auto before = text_of(phase_3(R"("command": ["a"])"));
  CHECK(diff_plans(before, text_of(phase_3(R"("command": ["b"])")))
        == lines{R"(phase 3: task T3.1: command changed: ["a"] → ["b"])"});
  CHECK(diff_plans(before, text_of(phase_3(R"("command": ["a"], "timeout": 90)")))
        == lines{"phase 3: task T3.1: timeout changed: (none) → 90s"});
  CHECK(diff_plans(before, text_of(phase_3(R"("command": ["a"])", R"("approval": "manual", )")))
        == lines{R"(phase 3: approval changed: (none) → {"mode":"manual"})"});
  CHECK(diff_plans(before,
                   text_of(phase_3(R"("command": ["a"])"), R"({"3": {"required_outputs": ["o"]}})"))
        == lines{R"(phase 3: criteria changed: (none) → {"required_outputs":["o"]})"});
}

TEST_CASE("of success criteria those are named that differ") {
  auto with = [](const std::string& outputs, const std::string& checks) {
    return text_of(phase_3(R"("command": ["a"])"), R"({"3": {"required_outputs": [)" + outputs
                                                       + R"(], "validation_checks": [)" + checks
                                                       + "]}}");
  };
  const std::string one = R"({"type": "json_valid", "path": "one"})";
  const std::string two = R"({"type": "json_valid", "path": "two"})";
  const std::string three = R"({"type": "json_valid", "path": "three"})";
  const std::string criteria = "phase 3: criteria: ";
  CHECK(diff_plans(with(R"("o")", one + "," + two), with(R"("o")", two + "," + three))
        == lines{criteria + R"(validation_checks: {"type":"json_valid","path":"one"} removed)",
                 criteria + R"(validation_checks: {"type":"json_valid","path":"three"} added)"});
  CHECK(diff_plans(with(R"("o")", one + "," + two), with(R"("o")", two + "," + one))
        == lines{criteria + "validation_checks: order changed"});
  CHECK(diff_plans(with(R"("o")", one), with(R"("p")", one))
        == lines{criteria + R"(required_outputs changed: ["o"] → ["p"])"});
}

TEST_CASE("added and removed phases and tasks are named") {
  auto task = [](const std::string& id) { return R"({"id": ")" + id + R"(", "command": "x"})"; };
  auto before = text_of(R"({"phases": {"2": {"tasks": [)" + task("a") + "," + task("b")
                        + R"(]}, "10": {"tasks": [)" + task("a") + "]}}}");
  auto after = text_of(R"({"phases": {"2": {"dependencies": ["1"], "tasks": [)" + task("b") + ","
                       + task("c") + R"(]}, "1": {"tasks": [)" + task("a") + "]}}}");
  CHECK(diff_plans(before, after)
        == lines{"phase 2: dependencies changed: (none) → [\"1\"]", "phase 2: task a removed",
                 "phase 2: task c added", "phase 10 removed", "phase 1 added"});
  auto swapped = text_of(R"({"phases": {"2": {"tasks": [)" + task("b") + "," + task("a")
                         + R"(]}, "10": {"tasks": [)" + task("a") + "]}}}");
  CHECK(diff_plans(before, swapped) == lines{"phase 2: order of the tasks changed"});
}

TEST_CASE("a damaged stored plan is named, not trusted") {
  auto text = text_of(phase_3(R"("command": "x")"));
  CHECK(diff_plans("", text)
        == lines{"the stored plan cannot be read; what changed since is unknown"});
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto cut = text.substr(0, i);
    CHECK_FALSE(diff_plans(cut, text).empty());
    auto changed = text;
    changed[i] = changed[i] == '}' ? '{' : '}';
    CHECK_FALSE(diff_plans(changed, text).empty());
  }
}

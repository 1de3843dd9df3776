#include "tests/config/config_folder.hpp"

using namespace aeo;
using namespace aeo::config;
using namespace aeo::config::test;

namespace {

const std::string criteria_file = "success_criteria.json";

std::vector<problem> bad_criteria(std::string_view text) {
  return config_folder{}.write(plan_file, one_phase).write(criteria_file, text).bad();
}

/// The mistakes of one check.
std::vector<problem> bad_check(const std::string& check) {
  return bad_criteria(R"({"1": {"validation_checks": [)" + check + "]}}");
}

const std::string at = "/1/validation_checks/0";

} // namespace

TEST_CASE("every kind of check arrives in the plan") {
  auto result =
      config_folder{}
          .write(plan_file, one_phase)
          .write(criteria_file, R"({"$schema": "x", "1": {"required_outputs": ["a.json", "b"],
      "validation_checks": [
        {"type": "file_exists", "path": "p"}, {"type": "json_valid", "path": "p"},
        {"type": "metric_threshold", "file": "f", "metric": "a.b", "min": 1, "max": 2.5},
        {"type": "metric_threshold", "file": "f", "metric": "/a~1b", "exact": "ok"},
        {"type": "json_schema", "file": "f", "schema": "s"},
        {"type": "command", "command": ["make", "check"], "expect_exit": 3},
        {"type": "file_count", "glob": "a/*.json", "min": 2},
        {"type": "max_age", "path": "p", "seconds": "1h"}]}})")
          .good();
  REQUIRE(result.value.phases[0].criteria);
  const auto& criteria = *result.value.phases[0].criteria;
  CHECK(criteria.required_outputs == std::vector<std::string>{"a.json", "b"});
  const auto& checks = criteria.checks;
  REQUIRE(checks.size() == 8);
  CHECK(checks[0].type == check_type::file_exists);
  CHECK(checks[0].path == "p");
  CHECK(checks[1].type == check_type::json_valid);
  CHECK(checks[2].path == "f");
  CHECK(checks[2].metric == "a.b");
  CHECK(checks[2].min == 1);
  CHECK(checks[2].max == 2.5);
  CHECK(checks[2].exact.empty());
  CHECK(checks[3].exact == "\"ok\"");
  CHECK(checks[4].schema == "s");
  CHECK(checks[5].command == std::vector<std::string>{"make", "check"});
  CHECK(checks[5].expect_exit == 3);
  CHECK(checks[6].path == "a/*.json");
  CHECK(checks[6].min == 2);
  CHECK_FALSE(checks[6].max);
  CHECK(checks[7].age == std::chrono::hours{1});
}

TEST_CASE("a phase whose criteria are empty has none") {
  auto result =
      config_folder{}.write(plan_file, one_phase).write(criteria_file, R"({"1": {}})").good();
  CHECK_FALSE(result.value.phases[0].criteria);
}

TEST_CASE("criteria for an unknown phase are refused") {
  require_problems(bad_criteria(R"({"2": {}})"),
                   {{criteria_file, "/2", R"(there is no phase "2")"}});
}

TEST_CASE("criteria for a phase that stands twice are refused") {
  require_problems(bad_criteria(R"({"1": {}, "1": {"required_outputs": ["a"]}})"),
                   {{criteria_file, "/1", "duplicate key"}});
}

TEST_CASE("criteria are not blamed for phases lost to a syntax error") {
  auto problems = config_folder{}
                      .write(plan_file, R"({"phases": {"1": {,)")
                      .write(criteria_file, R"({"1": {}, "2": {}})")
                      .bad();
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].file == plan_file);
}

TEST_CASE("a check must be of a known type") {
  require_problems(bad_check(R"({"type": "file_exist", "path": "p"})"),
                   {{criteria_file, at + "/type", R"(expected "file_exists", "json_valid",)"}});
  require_problems(bad_check(R"({"path": "p"})"),
                   {{criteria_file, at, R"(the key "type" is missing)"}});
  require_problems(bad_check("7"), {{criteria_file, at, "expected an object, found the number 7"}});
}

TEST_CASE("a check needs its members and takes no others") {
  require_problems(bad_check(R"({"type": "file_exists"})"),
                   {{criteria_file, at, R"("path" is missing)"}});
  require_problems(bad_check(R"({"type": "file_exists", "path": "p", "min": 1})"),
                   {{criteria_file, at + "/min", R"(unknown key "min")"}});
  require_problems(bad_check(R"({"type": "json_schema", "file": "f"})"),
                   {{criteria_file, at, R"("schema" is missing)"}});
  require_problems(bad_check(R"({"type": "max_age", "path": "f"})"),
                   {{criteria_file, at, R"("seconds" is missing)"}});
  require_problems(bad_check(R"({"type": "max_age", "path": "f", "seconds": 0})"),
                   {{criteria_file, at + "/seconds", "more than 0"}});
  require_problems(bad_check(R"({"type": "command"})"),
                   {{criteria_file, at, R"("command" is missing)"}});
  require_problems(bad_check(R"({"type": "command", "command": "x", "expect_exit": 256})"),
                   {{criteria_file, at + "/expect_exit", "from 0 to 255, found the number 256"}});
}

TEST_CASE("a threshold needs a bound that can be met") {
  require_problems(bad_check(R"({"type": "metric_threshold", "file": "f", "metric": "m"})"),
                   {{criteria_file, at, R"(at least one of "min", "max" and "exact")"}});
  require_problems(
      bad_check(R"({"type": "metric_threshold", "file": "f", "metric": "m", "min": 2, "max": 1})"),
      {{criteria_file, at, "can never pass"}});
  require_problems(
      bad_check(R"({"type": "metric_threshold", "file": "f", "metric": "/a~b", "min": 2})"),
      {{criteria_file, at + "/metric", "no JSON pointer"}});
  require_problems(
      bad_check(R"({"type": "metric_threshold", "file": "f", "metric": "m", "min": "2"})"),
      {{criteria_file, at + "/min", R"(expected a number, found the string "2")"}});
}

TEST_CASE("a file count needs a bound that can be met") {
  require_problems(bad_check(R"({"type": "file_count", "glob": "*"})"),
                   {{criteria_file, at, R"(at least one of "min" and "max")"}});
  require_problems(bad_check(R"({"type": "file_count", "glob": "*", "min": 2, "max": 1})"),
                   {{criteria_file, at, "can never pass"}});
  require_problems(bad_check(R"({"type": "file_count", "glob": "*", "min": -1})"),
                   {{criteria_file, at + "/min", "found the number -1"}});
}

TEST_CASE("criteria stay inside the workspace") {
  require_problems(bad_check(R"({"type": "file_exists", "path": "/etc/passwd"})"),
                   {{criteria_file, at + "/path", "absolute path"}});
  require_problems(bad_check(R"({"type": "file_count", "glob": "../*", "min": 1})"),
                   {{criteria_file, at + "/glob", "may leave the workspace"}});
  require_problems(bad_criteria(R"({"1": {"required_outputs": ["a/../../b"]}})"),
                   {{criteria_file, "/1/required_outputs/0", "may leave the workspace"}});
}

#include "actors/core/criteria.hpp"
#include "actors/core/json_probe.hpp"
#include "actors/core/schema_check.hpp"
#include "tests/fixtures/fake_files.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace aeo;
using namespace aeo::core;
using aeo::fixtures::fake_files;

namespace {

phase_def phase_with(std::vector<std::string> required, std::vector<check_def> checks = {}) {
  phase_def p;
  p.id = "1";
  p.criteria = std::make_unique<criteria_def>();
  p.criteria->required_outputs = std::move(required);
  p.criteria->checks = std::move(checks);
  return p;
}

check_def check_of(check_type type, std::string path) {
  check_def c;
  c.type = type;
  c.path = std::move(path);
  return c;
}

check_def metric_of(std::string metric, std::optional<double> min, std::optional<double> max = {},
                    std::string exact = {}) {
  auto c = check_of(check_type::metric_threshold, "m.json");
  c.metric = std::move(metric);
  c.min = min;
  c.max = max;
  c.exact = std::move(exact);
  return c;
}

/// The result of one check on one file, m.json.
check_result check_on(const std::string& text, check_def def) {
  fake_files files;
  files.write("m.json", text);
  auto gate = evaluate(phase_with({}, {std::move(def)}), {}, {}, files);
  REQUIRE(gate.checks.size() == 1);
  CHECK(gate.passed == gate.checks[0].passed);
  return gate.checks[0];
}

command_result command_exit(exit_kind kind, int code, std::string tail = {}) {
  command_result r;
  r.exit.kind = kind;
  r.exit.code = code;
  r.tail = std::move(tail);
  return r;
}

} // namespace

TEST_CASE("a required output opens the gate only when it was written since the attempt began") {
  fake_files files;
  auto phase = phase_with({"a.json"});
  SECTION("absent before, present now") {
    auto before = take_fingerprints(phase, files);
    files.write("a.json", "{}");
    auto gate = evaluate(phase, before, {}, files);
    CHECK(gate.passed);
    CHECK(gate.checks[0]
          == check_result{"required_output a.json", true, "fresh file", "fresh, 2 bytes"});
    REQUIRE(gate.outputs.size() == 1);
    CHECK(gate.outputs[0].bytes == 2);
    CHECK(gate.outputs[0].sha256 == sha256_hex("{}"));
  }
  SECTION("identical bytes written again") {
    files.write("a.json", "{}");
    auto before = take_fingerprints(phase, files);
    files.write("a.json", "{}");
    CHECK(evaluate(phase, before, {}, files).passed);
  }
  SECTION("left over from earlier") {
    files.write("a.json", "{}");
    auto before = take_fingerprints(phase, files);
    auto gate = evaluate(phase, before, {}, files);
    CHECK_FALSE(gate.passed);
    CHECK(gate.checks[0].actual
          == "unchanged since before this attempt (written 2026-11-21T07:05:00Z)");
    CHECK(gate.outputs.size() == 1);
  }
  SECTION("never written") {
    auto gate = evaluate(phase, take_fingerprints(phase, files), {}, files);
    CHECK(gate.checks[0].actual == "absent");
    CHECK(gate.outputs.empty());
  }
  SECTION("not known from before") {
    files.write("a.json", "{}");
    auto gate = evaluate(phase, {}, {}, files);
    CHECK(gate.checks[0].actual
          == "not_measured (nothing is known of it from before this attempt)");
  }
  SECTION("could not be read before") {
    files.unknown.insert("a.json");
    auto before = take_fingerprints(phase, files);
    files.unknown.clear();
    files.write("a.json", "{}");
    CHECK_FALSE(evaluate(phase, before, {}, files).passed);
  }
  SECTION("written but not readable") {
    auto before = take_fingerprints(phase, files);
    files.write("a.json", "{}");
    files.broken["a.json"] = "Permission denied";
    CHECK(evaluate(phase, before, {}, files).checks[0].actual
          == "not_measured (Permission denied)");
  }
}

TEST_CASE("what a task promises must be fresh, unless the task may fail") {
  fake_files files;
  auto phase = phase_with({"both"});
  phase.tasks.resize(2);
  phase.tasks[0].outputs = {"promised", "both"};
  phase.tasks[1].outputs = {"perhaps"};
  phase.tasks[1].continue_on_error = true;
  CHECK(gate_outputs(phase)
        == std::vector<gate_output>{{"both", output_role::required},
                                    {"promised", output_role::promised},
                                    {"perhaps", output_role::recorded}});
  files.write("perhaps", "old");
  auto before = take_fingerprints(phase, files);
  CHECK(files.settled == 1);
  files.write("both", "1");
  auto gate = evaluate(phase, before, {}, files);
  REQUIRE(gate.checks.size() == 2);
  CHECK(gate.checks[0].passed);
  CHECK(gate.checks[1] == check_result{"task_output promised", false, "fresh file", "absent"});
  REQUIRE(gate.outputs.size() == 2);
  CHECK(gate.outputs[1].path == "perhaps");
}

TEST_CASE("a phase that asks for nothing passes") {
  fake_files files;
  phase_def phase;
  auto gate = evaluate(phase, take_fingerprints(phase, files), {}, files);
  CHECK(gate.passed);
  CHECK(gate.checks.empty());
  CHECK(gate.digest.size() == 64);
}

TEST_CASE("a metric is measured or fails with the reason") {
  struct row {
    std::string text, metric;
    std::optional<double> min, max;
    std::string exact;
    bool passed;
    std::string expected, actual;
  };
  const std::string deep(2000, '[');
  const std::vector<row> rows = {
      {R"({"x":{"y":6}})", "x.y", 6, {}, "", true, ">= 6", "6"},
      {R"({"x":{"y":4}})", "x.y", 6, {}, "", false, ">= 6", "4"},
      {R"({"x":0.5})", "x", 0.1, 0.4, "", false, ">= 0.1 and <= 0.4", "0.5"},
      {R"({"x":-1})", "x", {}, 0, "", true, "<= 0", "-1"},
      {R"({"a":[{"b":3}]})", "a.0.b", 3, {}, "", true, ">= 3", "3"},
      {R"({"a":[{"b":3}]})", "/a/0/b", 3, {}, "", true, ">= 3", "3"},
      {R"({"a":[{"b":3}]})",
       "a.1.b",
       3,
       {},
       "",
       false,
       ">= 3",
       "not_measured (the file has no such value)"},
      {R"({"a.b":{"c/d":{"~":1}}})", "/a.b/c~1d/~0", 1, {}, "", true, ">= 1", "1"},
      {R"({"a":{"b":9},"a":{"b":1}})", "a.b", 2, {}, "", false, ">= 2", "1"},
      {R"({"a":{"b":9},"a":{"c":1}})",
       "a.b",
       2,
       {},
       "",
       false,
       ">= 2",
       "not_measured (the file has no such value)"},
      {"7", "", 7, {}, "", true, ">= 7", "7"},
      {R"({"x":"not_measured"})", "x", 1, {}, "", false, ">= 1", "not_measured (no reason given)"},
      {R"({"x":{"not_measured":"no route to host"}})",
       "x",
       1,
       {},
       "",
       false,
       ">= 1",
       "not_measured (no route to host)"},
      {R"({"x":"not_measured"})",
       "x",
       {},
       {},
       "\"not_measured\"",
       false,
       "\"not_measured\"",
       "not_measured (no reason given)"},
      {R"({"x":"6"})", "x", 1, {}, "", false, ">= 1", "\"6\" (not a number)"},
      {R"({"x":true})", "x", 1, {}, "", false, ">= 1", "true (not a number)"},
      {R"({"x":null})", "x", 1, {}, "", false, ">= 1", "null (not a number)"},
      {R"({"x":[1,{"a":"b"}]})", "x", 1, {}, "", false, ">= 1", R"([1,{"a":"b"}] (not a number))"},
      {R"({"x":1})", "x", {}, {}, "1.0", true, "1.0", "1"},
      {R"({"x":1.0})", "x", {}, {}, "1", true, "1", "1.0"},
      {R"({"x":"ok"})", "x", {}, {}, "\"ok\"", true, "\"ok\"", "\"ok\""},
      {R"({"x":true})", "x", {}, {}, "true", true, "true", "true"},
      {R"({"x":true})", "x", {}, {}, "1", false, "1", "true"},
      {R"({"x":null})", "x", {}, {}, "null", true, "null", "null"},
      {R"({"x":[1,{"a":2}]})",
       "x",
       {},
       {},
       R"([1.0,{"a":2}])",
       true,
       R"([1.0,{"a":2}])",
       R"([1,{"a":2}])"},
      {R"({"x":9007199254740993})",
       "x",
       {},
       {},
       "9007199254740992",
       false,
       "9007199254740992",
       "9007199254740993"},
      {R"({"x":18446744073709551615})", "x", {}, {}, "-1", false, "-1", "18446744073709551615"},
      {R"({"x":20000000000000000000})", "x", 1e19, {}, "", true, ">= 1e+19", "2e+19"},
      {R"({"x":1})", "x", {}, {}, "", true, "a value", "1"},
      {R"({"x":1})", "x", {}, {}, "NaN", false, "NaN", "1"},
  };
  for (const auto& r : rows) {
    INFO(r.text << " " << r.metric);
    auto c = check_on(r.text, metric_of(r.metric, r.min, r.max, r.exact));
    CHECK(c.check == "metric_threshold m.json#" + r.metric);
    CHECK(c.passed == r.passed);
    CHECK(c.expected == r.expected);
    CHECK(c.actual == r.actual);
  }
  for (const auto& text :
       {std::string{"{\"x\":NaN}"}, std::string{"{\"x\":1e999}"}, std::string{"{\"x\":"},
        std::string{}, deep, std::string{"\xff\xfe\0", 3}}) {
    auto c = check_on(text, metric_of("x", 1));
    CHECK_FALSE(c.passed);
    CHECK(c.actual.starts_with("not_measured ("));
    CHECK(c.actual.size() < 300);
  }
}

TEST_CASE("JSON of any size, depth and damage is judged without a crash") {
  CHECK(json_problem(R"({"a":[1,2,{"b":"\u00e9"}]})").empty());
  CHECK(json_problem(std::string(512, '[') + std::string(512, ']')).empty());
  CHECK(json_problem(std::string(513, '[') + std::string(513, ']'))
        == "nested deeper than 512 levels");
  CHECK(json_problem(std::string(5'000'000, '[')) == "nested deeper than 512 levels");
  CHECK(json_problem("\"" + std::string(5'000'000, 'x')).size() < 300);
  CHECK(json_problem("{\"a\":1,}").find("line 1, column 8") != std::string::npos);
  CHECK_FALSE(json_problem("").empty());
  CHECK_FALSE(json_problem("{} {}").empty());
  CHECK_FALSE(json_problem("\"\xc3\x28\"").empty());
  std::string wide = "[0";
  for (int i = 0; i < 20'000; ++i)
    wide += ",1";
  wide += "]";
  CHECK(json_find(wide, "").error == "the value has more than 10000 parts");
  CHECK(**json_find(wide, "19999") == 1);
  for (std::size_t cut = 0; cut < 30; ++cut)
    json_find(std::string_view{R"({"a":{"b":[1,{"c":null}]}})"}.substr(0, cut), "a.b.1.c");
}

TEST_CASE("json_valid says where the damage is") {
  auto c = check_on("{\"a\":1,}", check_of(check_type::json_valid, "m.json"));
  CHECK(c.check == "json_valid m.json");
  CHECK(c.actual.starts_with("not valid: parse error at line 1, column 8"));
  CHECK(check_on("[]", check_of(check_type::json_valid, "m.json")).passed);
  CHECK(check_on("[]", check_of(check_type::json_valid, "n.json")).actual
        == "not_measured (there is no such file)");
}

TEST_CASE("file_exists tells absent from unreadable") {
  CHECK(check_on("", check_of(check_type::file_exists, "m.json")).passed);
  CHECK(check_on("", check_of(check_type::file_exists, "n.json")).actual == "absent");
  fake_files files;
  files.unknown.insert("p");
  files.broken["p"] = "Permission denied";
  auto gate = evaluate(phase_with({}, {check_of(check_type::file_exists, "p")}), {}, {}, files);
  CHECK(gate.checks[0].actual == "not_measured (Permission denied)");
  CHECK_FALSE(gate.passed);
}

TEST_CASE("a file is held against its JSON Schema") {
  auto judge = [](const std::string& document, const std::string& schema) {
    fake_files files;
    files.write("d.json", document);
    files.write("s.json", schema);
    auto def = check_of(check_type::json_schema, "d.json");
    def.schema = "s.json";
    return evaluate(phase_with({}, {def}), {}, {}, files).checks.at(0);
  };
  const std::string schema = R"({"type":"object","required":["n"],"properties":{
    "n":{"type":"integer","minimum":1},"l":{"type":"array","items":{"$ref":"#/definitions/s"}}},
    "definitions":{"s":{"type":"string","pattern":"^[a-z]+$"}}})";
  CHECK(judge(R"({"n":1,"l":["ab"]})", schema)
        == check_result{"json_schema d.json", true, "valid by s.json", "valid"});
  auto bad = judge(R"({"n":0,"l":["ab","C"]})", schema);
  CHECK_FALSE(bad.passed);
  CHECK(bad.actual
        == "/l/1: Failed to match regex specified by 'pattern' constraint.; "
           "/n: Expected number greater than or equal to 1.000000");
  for (const auto& [document, text] : std::vector<std::pair<std::string, std::string>>{
           {"{", schema},
           {"{}", "{"},
           {"{}", R"({"type":7})"},
           {"{}", R"({"$ref":"http://example.org/s.json"})"},
           {"{}", R"({"$ref":"#/definitions/none"})"},
           {"{}", R"({"$ref":"#"})"},
           {"{}", R"({"allOf":[{"$ref":"#"}]})"},
           {"{}", R"({"definitions":{"a":{"anyOf":[{"$ref":"#/definitions/b"}]},
                    "b":{"not":{"$ref":"#/definitions/a"}}},"properties":{"x":{"$ref":"#/definitions/a"}}})"},
           {"\"a\"", R"({"pattern":"("})"},
           {"\"" + std::string(100'000, 'a') + "\"", R"({"pattern":"(a|b)*c"})"},
           {std::string(200, '[') + std::string(200, ']'), R"({})"}}) {
    INFO(text);
    auto c = judge(document, text);
    CHECK_FALSE(c.passed);
    CHECK(c.actual.starts_with("not_measured ("));
  }
}

TEST_CASE("a schema may refer to itself for what is inside a value") {
  const std::string tree = R"({"type":"object","properties":{"c":{"$ref":"#"}},
                               "additionalProperties":false})";
  std::string document = "{}";
  for (int i = 0; i < 100; ++i)
    document.insert(0, "{\"c\":").append("}");
  CHECK(check_schema(document, tree).text == "valid");
  std::string chain = R"({"definitions":{"d0":{"type":"string"})";
  for (int i = 1; i <= 40; ++i)
    chain += ",\"d" + std::to_string(i) + "\":{\"allOf\":[{\"$ref\":\"#/definitions/d"
             + std::to_string(i - 1) + "\"}]}";
  CHECK_FALSE(check_schema("\"x\"", chain + "},\"$ref\":\"#/definitions/d40\"}").measured);
}

TEST_CASE("a command check is decided by the exit that the executor saw") {
  fake_files files;
  auto def = check_of(check_type::command, "");
  def.command = {"grep", "-q", "x", "file"};
  def.expect_exit = 1;
  auto phase = phase_with({}, {def});
  auto judge = [&](std::vector<command_result> results) {
    return evaluate(phase, {}, results, files).checks.at(0);
  };
  CHECK(judge({command_exit(exit_kind::exited, 1)})
        == check_result{"command grep -q x file", true, "exit 1", "exit 1"});
  auto failed = judge({command_exit(exit_kind::exited, 2, "a\ngrep: file: not there\n")});
  CHECK_FALSE(failed.passed);
  CHECK(failed.actual == "exit 2: grep: file: not there");
  CHECK(judge({command_exit(exit_kind::signalled, 9)}).actual == "killed by SIGKILL (9)");
  CHECK_FALSE(judge({command_exit(exit_kind::signalled, 1)}).passed);
  CHECK(judge({}).actual == "not_measured (the command was not run)");
  phase.criteria->checks[0].command = {"/bin/sh", "-c", "test -s a | cat"};
  CHECK(judge({}).check == "command test -s a | cat");
}

TEST_CASE("files are counted and aged") {
  fake_files files;
  files.write("out/1", "");
  files.write("out/2", "");
  auto count = check_of(check_type::file_count, "out/*");
  count.min = 2;
  count.max = 3;
  auto age = check_of(check_type::max_age, "out/1");
  age.age = duration{5000};
  auto phase = phase_with({}, {count, age});
  auto gate = evaluate(phase, {}, {}, files);
  CHECK(gate.checks[0] == check_result{"file_count out/*", true, ">= 2 and <= 3 files", "2"});
  CHECK(gate.checks[1]
        == check_result{"max_age out/1", true, "at most 5.0 s old",
                        "1.0 s old (written 2026-11-21T07:05:00Z)"});
  files.files["out/1"].age = duration{5001};
  files.files.erase("out/2");
  files.broken["none/*"] = "cannot read the folder none: Permission denied";
  phase.criteria->checks[0].path = "none/*";
  gate = evaluate(phase, {}, {}, files);
  CHECK_FALSE(gate.checks[0].passed);
  CHECK_FALSE(gate.checks[1].passed);
}

TEST_CASE("the digest changes with what was reviewed and with nothing else") {
  fake_files files;
  auto age = check_of(check_type::max_age, "a");
  age.age = duration{60'000};
  auto make = [&] { return phase_with({"a"}, {age, metric_of("x", 1)}); };
  auto phase = make();
  files.write("m.json", R"({"x":6})");
  auto before = take_fingerprints(phase, files);
  files.write("a", "1");
  const auto digest = evaluate(phase, before, {}, files).digest;
  SECTION("time passes") {
    files.files["a"].age = duration{2000};
    CHECK(evaluate(phase, before, {}, files).digest == digest);
  }
  SECTION("an output changes") {
    files.write("a", "2");
    CHECK(evaluate(phase, before, {}, files).digest != digest);
  }
  SECTION("a metric changes and passes still") {
    files.write("m.json", R"({"x":7})");
    CHECK(evaluate(phase, before, {}, files).digest != digest);
  }
  SECTION("a limit, a command or an approval rule changes") {
    auto other = make();
    other.criteria->checks[1].min = 2;
    CHECK(evaluate(other, before, {}, files).digest != digest);
    other = make();
    other.tasks.resize(1);
    CHECK(evaluate(other, before, {}, files).digest != digest);
    other = make();
    other.approval = std::make_unique<approval_policy>();
    other.approval->required = 2;
    CHECK(evaluate(other, before, {}, files).digest != digest);
  }
  SECTION("where one field of the definition ends is part of it") {
    auto one = make(), two = make();
    one.tasks.resize(1);
    two.tasks.resize(1);
    one.tasks[0].command = {"a", "bc"};
    two.tasks[0].command = {"ab", "c"};
    CHECK(definition_digest(one) != definition_digest(two));
  }
}

TEST_CASE("a verdict and fingerprints survive being stored") {
  gate_result gate;
  gate.passed = true;
  gate.checks = {{"file_exists \"a\"", true, "exists", "exists"}};
  gate.outputs = {{"a/\xc3\xa9", 18446744073709551615ull, "ab"}};
  gate.digest = "cd";
  auto text = to_json(gate);
  CHECK(*gate_result_from_json(text) == gate);
  auto more = nlohmann::json::parse(text);
  more["by"] = "alice";
  more.erase("passed");
  CHECK(*gate_result_from_json(more.dump()) == gate);
  CHECK_FALSE(gate_result_from_json("{}")->passed);
  CHECK_FALSE(gate_result_from_json("[]"));
  CHECK_FALSE(gate_result_from_json("{\"criteria\":"));
  CHECK(gate_result_from_json(R"({"criteria":[1,{"check":2}],"outputs":{},"digest":[]})"));
  gate.outputs[0].path = "\xff";
  CHECK_FALSE(to_json(gate).empty());
  fingerprints taken = {{"a", "1:2"}, {"b \"c\"", ""}};
  CHECK(*fingerprints_from_json(to_json(taken)) == taken);
  CHECK_FALSE(fingerprints_from_json(""));
}

TEST_CASE("foreign text becomes one line of valid UTF-8") {
  CHECK(one_line("a\tb\nc") == "a b c");
  CHECK(one_line("\xc3\xa9\xff\xc3") == "\xc3\xa9??");
  CHECK(one_line("\xed\xa0\x80\xf4\x90\x80\x80\xe0\x80\x80") == "??????????");
  CHECK(one_line(std::string(300, 'x')).size() == 203);
  CHECK(one_line(std::string(199, 'x') + "\xc3\xa9zz") == std::string(199, 'x') + "\xc3\xa9...");
}

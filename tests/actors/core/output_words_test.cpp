#include "actors/core/output_words.hpp"
#include "actors/core/sha256.hpp"
#include "tests/fixtures/contains.hpp"
#include "tests/fixtures/fake_files.hpp"
#include "tests/fixtures/sample_run.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <sstream>

using namespace aeo;
using namespace aeo::core;
using namespace aeo::testing;
using nlohmann::json;

namespace {

constexpr const char* talkative = R"({
  "summary": "3 suites, 12 tests | 1 failed",
  "decisions": ["Decide who signs.", {"what": "qdrant", "reason": "watched by nobody"}],
  "not_measured": [{"what": "health", "reason": "no URL"}, {"path": "a.tf", "reason": "no tool"}],
  "problems": [{"path": "Dockerfile", "line": 2, "message": "unknown instruction"}],
  "findings": [
    {"severity": "low", "path": "a.py", "line": 7, "message": "minor"},
    {"severity": "high", "path": "b.py", "line": 0, "subject": "TOKEN", "message": "a secret",
     "advice": "replace it"},
    {"severity": "odd", "message": "ungraded"}, "no object", {"severity": "high"}]
})";

/// One approved phase whose only output has this text on record; `now` is what the file holds.
struct one_output {
  explicit one_output(const std::string& recorded, const std::string& now, int phases = 1)
      : run(wide_plan(phases)) {
    files.write("out.json", now);
    run.on(1, event_kind::phase_started, "0", 1);
    run.on(2, event_kind::phase_completed, "0", 1);
    json data{
        {"by", "criteria"},
        {"outputs",
         {{{"path", "out.json"}, {"bytes", recorded.size()}, {"sha256", sha256_hex(recorded)}}}}};
    run.on(2, event_kind::phase_approved, "0", 1, data.dump());
  }

  report_input input() {
    auto in = run.input();
    in.files = &files;
    return in;
  }
  std::string markdown() {
    std::ostringstream out;
    write_final_markdown(out, input());
    return out.str();
  }

  sample_run run;
  fixtures::fake_files files;
};

} // namespace

TEST_CASE("an output tells what was found, what is open and what nobody measured") {
  auto words = read_output_words("out.json", talkative);
  CHECK(words.summary == "3 suites, 12 tests | 1 failed");
  CHECK(words.decisions
        == std::vector<std::string>{"Decide who signs.", "qdrant: watched by nobody"});
  CHECK(words.not_measured == std::vector<std::string>{"health: no URL", "a.tf: no tool"});
  REQUIRE(words.findings.size() == 4);
  CHECK(words.findings[0].place == "Dockerfile:2");
  CHECK(words.findings[0].grade == severity::critical);
  CHECK(words.findings[1].message == "TOKEN: a secret");
  CHECK(words.findings[1].place == "b.py");
  CHECK(words.findings[2].message == "minor");
}

TEST_CASE("an output of any other form says nothing and harms nothing") {
  for (const char* text :
       {"", "[]", "null", "{", R"({"summary": 5, "findings": {}, "decisions": 1})",
        R"({"findings": [[1]], "decisions": [null, {}], "not_measured": "x"})"}) {
    auto words = read_output_words("x.json", text);
    CHECK(words.summary.empty());
    CHECK(words.decisions.empty());
    CHECK(words.not_measured.empty());
    CHECK(words.findings.empty());
  }
}

TEST_CASE("the report hands over what the outputs say, with the phase and the file") {
  one_output one{talkative, talkative};
  auto text = one.markdown();
  CHECK(contains(text, "## What was done and found"));
  CHECK(contains(text, "  - 3 suites, 12 tests \\| 1 failed (`out.json`)"));
  CHECK(contains(text, "## What a person has to decide"));
  CHECK(contains(text, "- Decide who signs. (phase 0, `out.json`)"));
  CHECK(contains(text, "## What was not measured"));
  CHECK(contains(text, "1 critical, 1 high, 0 medium, 2 low."));
  CHECK(contains(text, "| critical | `Dockerfile:2` | unknown instruction |"));
  std::ostringstream out;
  write_final_json(out, one.input());
  auto said = json::parse(out.str())["phases"][0]["outputs_say"][0];
  CHECK(said["summary"] == "3 suites, 12 tests | 1 failed");
  CHECK(said["findings"]["high"] == 1);
}

TEST_CASE("nothing is quoted from an output that is no longer what was judged") {
  one_output one{talkative, R"({"summary": "all is well"})"};
  auto text = one.markdown();
  CHECK_FALSE(contains(text, "all is well"));
  CHECK(contains(text, "changed since it was judged"));
}

TEST_CASE("without files, or with none that speaks, the report is what it was") {
  one_output one{talkative, talkative};
  std::ostringstream out;
  write_final_markdown(out, one.run.input());
  CHECK_FALSE(contains(out.str(), "## What was done"));
  one.files.files.clear();
  CHECK_FALSE(contains(one.markdown(), "## What was done"));
  one_output many{talkative, talkative, 201};
  CHECK_FALSE(contains(many.markdown(), "## What was done"));
}

TEST_CASE("a secret in an output's words is masked in the report") {
  const std::string words = R"({"summary": "token is s3cr3t", "decisions": ["change s3cr3t"]})";
  one_output one{words, words};
  auto in = one.input();
  in.mask = [](std::string_view text) {
    std::string result{text};
    if (auto at = result.find("s3cr3t"); at != std::string::npos)
      result.replace(at, 6, "***");
    return result;
  };
  std::ostringstream out;
  write_final_markdown(out, in);
  write_final_json(out, in);
  CHECK_FALSE(contains(out.str(), "s3cr3t"));
  CHECK(contains(out.str(), "token is"));
}

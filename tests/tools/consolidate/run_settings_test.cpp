#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/settings.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo::consolidate;

namespace {

std::string complaint_about(const std::string& text) {
  try {
    parse_settings(text, "f");
    return "";
  } catch (const failure& error) {
    CHECK(error.status() == exit_status::configuration);
    return error.what();
  }
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("commands, limits and defaults are read as they are written") {
  const auto found =
      parse_settings(R"({"tests": [{"command": "make check", "cwd": "lib/", "timeout": 5,
                         "summary": {"run": "(\\d+) tests"}}],
                         "load": [{"name": "x", "command": ["a", "b"], "env": {"P": "{port}"},
                                   "url": "http://127.0.0.1:{port}/health",
                                   "thresholds": {"p95_ms": {"max": 20}}}],
                         "testing": {"timeout": 7, "writable": ["/data"]},
                         "syntax": {"exclude": ["bad/**"],
                                    "checkers": [{"language": "Lua", "command": ["luac", "-p"]}]},
                         "cicd": {"actions": {"go": "a/b@v1"}, "events": ["new"]}})",
                     "f")
          .run;
  REQUIRE(found.tests.size() == 1);
  CHECK(found.tests[0].name == "make check");
  CHECK(found.tests[0].argv == std::vector<std::string>{"/bin/sh", "-c", "make check"});
  CHECK(found.tests[0].cwd == "lib");
  CHECK(found.load[0].thresholds.at(0).max == 20.0);
  CHECK_FALSE(found.load[0].thresholds.at(0).min.has_value());
  CHECK(found.suite_timeout == 7);
  CHECK(found.syntax_checkers.at(0).argv == std::vector<std::string>{"luac", "-p"});
  CHECK(found.pipeline.actions.at("go") == "a/b@v1");
  CHECK(found.pipeline.actions.contains("checkout"));
  CHECK(found.performance.requests == 2000);
}

TEST_CASE("every mistake is told at once, with its place") {
  const auto text = complaint_about(
      R"({"tests": [{"command": [], "cwd": "../x", "url": "http://127.0.0.1:1/"},
                    {"command": 7, "summary": {"run": "no group", "failed": "("}}],
          "load": [{"command": "x", "url": "http://example.org/"},
                   {"command": "x", "thresholds": {"p95_ms": {}, "errors": {"most": 1}}}],
          "performance": {"requests": 0, "speed": 1},
          "testing": {"timeout": -1}, "cicd": {"runs_on": ""},
          "syntax": {"checkers": [{"language": "Lua"}]}})");
  for (const auto* part :
       {"/tests/0/command: is empty", "/tests/0/cwd: is", "/tests/0/url: unknown key",
        "/tests/1/command: is number 7", "/tests/1/summary/run: has 0 groups",
        "/tests/1/summary/failed: is not a regular expression", "/load/0/url: is",
        "/load/1/thresholds/p95_ms: limits nothing", "/load/1/thresholds/errors/most: unknown key",
        "/performance/requests: is 0", "/performance/speed: unknown key",
        "/testing/timeout: is number -1", "/cicd/runs_on: is empty",
        "/syntax/checkers/0: missing key \"command\""}) {
    INFO(part << "\n" << text);
    CHECK(mentions(text, part));
  }
}

#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/yaml_text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <re2/re2.h>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

std::string summary(const temporary_workspace& ws, const std::string& step,
                    const std::string& out) {
  return ws.run(step, out)["summary"].get<std::string>();
}

/// `1 files`, `1 configuration files`.
bool has_wrong_number(const std::string& text) {
  static const re2::RE2 wrong(
      "\\b1 (?:[a-z]+ )*?(?:repositories|files|languages|commits|manifests|technologies|"
      "dependencies|packages|components|collisions|conflicts|places|endpoints|findings|gaps|"
      "requirements|checks|variables|services|references|commands|tests|suites|pages|secrets)\\b");
  return re2::RE2::PartialMatch(text, wrong);
}

} // namespace

TEST_CASE("summaries of a workspace of one file count in the singular") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/requirements.txt", "flask==3.0\n");
  ws.commit("app", "first");
  std::vector<std::string> summaries{
      summary(ws, "repository-analysis", "discovery/repository_analysis.json"),
      summary(ws, "workspace-analysis", "discovery/workspace_analysis.json"),
      summary(ws, "technologies", "phase1/technologies.json"),
      summary(ws, "dependencies", "phase1/dependencies.json")};
  ws.merge();
  for (const auto* out :
       {"reports/component_mapping.json", "repository_consolidation/merge_strategy.json",
        "repository_consolidation/conflict_resolution.json"})
    summaries.push_back(ordered::parse(ws.read(std::string("consolidation/") + out))["summary"]);
  summaries.push_back(summary(ws, "testing", "repository_consolidation/testing_results.json"));
  summaries.push_back(summary(ws, "documentation", "repository_consolidation/documentation.json"));
  summaries.push_back(
      summary(ws, "final-configuration", "repository_consolidation/final_configuration.json"));
  for (const auto& text : summaries) {
    INFO(text);
    CHECK_FALSE(has_wrong_number(text));
  }
  CHECK(summaries[0] == "1 repository, 1 commit, 1 tracked file");
}

TEST_CASE("summaries say nothing of what there is none of, and agree with one") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.py", "@app.get('/orders')\ndef orders():\n    check_token(x)\n"
                       "CORS(app, origins='*')\n");
  ws.commit("app", "first");
  CHECK(summary(ws, "cors-config", "security/cors_config.json") == "1 place lets any origin in");
  CHECK(summary(ws, "auth-implementation", "security/auth_implementation.json")
            .starts_with("1 of 1 endpoint asks who calls, by what the code says, 0 more need to"));
  ws.merge();
  CHECK(ordered::parse(
            ws.read("consolidation/repository_consolidation/merge_strategy.json"))["summary"]
        == "0 collisions, 0 version conflicts");
  summary(ws, "testing", "repository_consolidation/testing_results.json");
  CHECK(summary(ws, "pipeline", "cicd/pipeline_config.json").find("did not pass")
        == std::string::npos);
}

TEST_CASE("YAML that ends too early is said to have something left open") {
  for (const std::string text : {"a: 1\nb: [1, 2\n", "a: 1\nb: \"x\nc: 3\n"}) {
    const auto problems = read_yaml(text).problems;
    INFO(text);
    CHECK(
        (problems.size() == 1 && problems[0].message.find("is never closed") != std::string::npos));
  }
}

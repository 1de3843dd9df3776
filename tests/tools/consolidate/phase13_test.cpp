#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/workflow_check.hpp"
#include "tools/consolidate/workflow_write.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

constexpr const char* good_workflow = "on: [push]\n"
                                      "permissions: {contents: read}\n"
                                      "jobs:\n"
                                      "  a:\n"
                                      "    runs-on: ubuntu-24.04\n"
                                      "    timeout-minutes: 5\n"
                                      "    steps:\n"
                                      "      - uses: actions/checkout@v6\n"
                                      "      - run: make\n";

/// `good` with one text replaced.
std::string workflow_with(const std::string& from, const std::string& to) {
  std::string text = good_workflow;
  text.replace(text.find(from), from.size(), to);
  return text;
}

/// RULE:LINE of everything that GitHub would refuse.
std::string refusals(const std::string& text) {
  std::string all;
  for (const auto& item : check_workflow(text, {}).findings)
    all += item.refused ? item.rule + ":" + std::to_string(item.line) + " " : "";
  return all;
}

std::string advice_on(const std::string& text) {
  std::string all;
  for (const auto& item : check_workflow(text, {}).findings)
    all += item.refused ? "" : item.rule + ":" + std::to_string(item.line) + " ";
  return all;
}

ordered suite_entry(const std::string& id, const std::string& runner, const std::string& directory,
                    const std::vector<std::string>& argv) {
  return {{"id", id},           {"runner", runner}, {"component", ""},   {"directory", directory},
          {"command", argv[0]}, {"argv", argv},     {"tools", {runner}}, {"status", "passed"},
          {"seconds", 900.0}};
}

} // namespace

TEST_CASE("a workflow that GitHub would run has no finding") {
  const auto report = check_workflow(good_workflow, {});
  CHECK(report.valid());
  CHECK(report.findings.empty());
  REQUIRE(report.jobs.size() == 1);
  CHECK(report.jobs[0].commands.at(0).run == "make");
  CHECK(report.events == std::vector<std::string>{"push"});
}

TEST_CASE("what GitHub refuses is refused, with its line") {
  CHECK(refusals("on: [push\n").starts_with("workflow-not-yaml"));
  CHECK(refusals("- a\n") == "workflow-not-a-mapping:1 ");
  CHECK(refusals(workflow_with("on: [push]\n", "")) == "workflow-no-trigger:1 ");
  CHECK(refusals(workflow_with("[push]", "[pushed]")) == "workflow-unknown-event:1 ");
  CHECK(refusals(workflow_with("[push]", "{push: {branch: [main]}}")) == "workflow-unknown-key:1 ");
  CHECK(refusals(workflow_with("[push]", "{push: {paths: [a], paths-ignore: [b]}}"))
        == "workflow-both-filters:1 ");
  CHECK(refusals(workflow_with("[push]", "{schedule: [{cron: \"0 4 * *\"}]}"))
        == "workflow-schedule:1 ");
  CHECK(refusals(workflow_with("contents: read", "contents: all")) == "workflow-permissions:2 ");
  CHECK(refusals(workflow_with("contents: read", "content: read")) == "workflow-unknown-key:2 ");
  CHECK(refusals(workflow_with("  a:\n", "  1a:\n")) == "workflow-job-id:4 ");
  CHECK(refusals(workflow_with("    runs-on: ubuntu-24.04\n", "")) == "workflow-runs-on:4 ");
  CHECK(refusals(workflow_with("runs-on", "run-on"))
        == "workflow-unknown-key:5 workflow-runs-on:4 ");
  CHECK(refusals(workflow_with("minutes: 5", "minutes: soon")) == "workflow-timeout:6 ");
  CHECK(refusals(workflow_with("    steps:", "    needs: b\n    steps:")) == "workflow-needs:7 ");
  CHECK(refusals(workflow_with("    steps:", "    needs: [a]\n    steps:"))
        == "workflow-needs-cycle:5 ");
  CHECK(refusals(workflow_with("run: make", "run: make\n        uses: a/b@v1"))
        == "workflow-step:9 ");
  CHECK(refusals(workflow_with("run: make", "name: x")) == "workflow-step:9 ");
  CHECK(refusals(workflow_with("run: make", "run: make\n        with: {a: b}"))
        == "workflow-step:9 ");
  CHECK(refusals(workflow_with("run: make", "run: ${{ github.sha"))
        == "workflow-open-expression:9 ");
  CHECK(refusals(workflow_with("actions/checkout@v6", "checkout")) == "workflow-uses:8 ");
  CHECK(refusals(workflow_with("run: make", "run: make\n        run: test"))
        == "workflow-duplicate-key:10 ");
  CHECK(refusals(workflow_with("run: make", "id: x\n        run: a\n      - id: x\n        run: b"))
        == "workflow-step-id:11 ");
  CHECK(refusals("on: push\njobs: {}\n") == "workflow-no-jobs:1 ");
}

TEST_CASE("what a reviewer would ask for is advice, not refusal") {
  CHECK(advice_on(workflow_with("permissions: {contents: read}\n", ""))
        == "workflow-no-permissions:1 ");
  CHECK(advice_on(workflow_with("    timeout-minutes: 5\n", "")) == "workflow-no-timeout:4 ");
  CHECK(advice_on(workflow_with("@v6", "@main")) == "workflow-unpinned:8 ");
  CHECK(advice_on(workflow_with("run: make", "run: echo ${{ github.event.issue.title }}"))
        == "workflow-injection:9 ");
  CHECK(advice_on(workflow_with("[push]", "[pull_request_target]"))
        == "workflow-pull-request-target:1 ");
  CHECK(check_workflow(workflow_with("[push]", "[brand_new]"), {"brand_new"}).valid());
}

TEST_CASE("the generated workflow is valid whatever suites are called") {
  ordered results{
      {"toolchains", {{"python3", "3.11.7"}}},
      {"suites",
       {suite_entry("9 \"odd\": #name", "configured", "a b/#c", {"/bin/sh", "-c", "x: {y}\nz"}),
        suite_entry("9 \"odd\": #name", "configured", ".", {"/bin/sh", "-c", "- no"}),
        suite_entry("p", "pytest", "true", {"python3"}),
        suite_entry("all suites", "configured", "lib", {"/bin/sh", "-c", "make && x"})}}};
  const std::set<std::string, std::less<>> files{"true/requirements.txt", "true/setup.py"};
  const auto written = write_workflow(
      results, {}, {files, [](const std::string&) { return std::string{}; }}, "release/1.0");
  INFO(written.text);
  const auto report = check_workflow(written.text, {});
  CHECK(report.valid());
  CHECK(report.findings.empty());
  REQUIRE(written.jobs.size() == 4);
  REQUIRE(report.jobs.size() == 5);
  for (std::size_t i = 0; i < written.jobs.size(); ++i) {
    CHECK(report.jobs[i].id == written.jobs[i].id);
    CHECK(report.jobs[i].commands.back().directory == written.jobs[i].directory);
    CHECK(trim(report.jobs[i].commands.back().run) == trim(written.jobs[i].run));
  }
}

TEST_CASE("each suite that phase 5 ran is in the workflow, one that it did not run is not") {
  temporary_workspace ws;
  ws.start("one");
  ws.write("one/README.md", "# one\n");
  ws.write("one/.github/workflows/old.yml",
           "on: push\njobs: {a: {runs-on: x, steps: [{run: y}]}}\n");
  ws.commit("one", "first");
  ws.merge();
  command_setting runs;
  runs.name = "good";
  runs.argv = {"/bin/sh", "-c", "echo 1 run"};
  runs.cwd = "docs/one";
  runs.summary = {{"run", "(\\d+) run"}};
  auto absent = runs;
  absent.name = "absent";
  absent.argv = {"no-such-tool-of-aeo"};
  ws.context.config.run.tests = {runs, absent};
  ws.run("testing", "repository_consolidation/testing_results.json");
  const auto found = ws.run("pipeline", "cicd/pipeline_config.json");
  CHECK(found["workflow_valid"] == true);
  CHECK(found["suites_in_workflow"] == 1);
  CHECK(found["suites_missing"] == 0);
  CHECK(found["suites_left_out"][0]["suite"] == "absent");
  CHECK(found["existing_total"] == 1);
  CHECK(found["existing_valid"] == 1);
  CHECK(found["existing_not_read"] == 1);
  const auto text = ws.read("consolidation/cicd/workflows/ci.yml");
  CHECK(text.find("run: echo 1 run\n") != std::string::npos);
  CHECK(text.find("working-directory: docs/one\n") != std::string::npos);
}

namespace {

/// The workflow of one suite in `one`, which has these files; pipeline_config.json into `found`.
std::string workflow_of(const std::map<std::string, std::string>& files, ordered suite,
                        ordered& found) {
  temporary_workspace ws;
  ws.start("one");
  for (const auto& [path, text] : files)
    ws.write("one/" + path, text);
  ws.commit("one", "first");
  ws.merge();
  const auto tracked = ws.monorepo().output({"ls-files"});
  const auto at = tracked.find("one/");
  suite["directory"] = tracked.substr(tracked.rfind('\n', at) + 1, at + 3);
  ws.write("consolidation/repository_consolidation/testing_results.json",
           ordered{{"head", ws.monorepo().line({"rev-parse", "HEAD"})},
                   {"suites", ordered::array({suite})}}
               .dump());
  found = ws.run("pipeline", "cicd/pipeline_config.json");
  CHECK(found["workflow_valid"] == true);
  CHECK(found["workflow_findings"].empty());
  return ws.read("consolidation/cicd/workflows/ci.yml");
}

/// What its install step runs; empty: there is none.
std::string install_lines(const std::map<std::string, std::string>& files,
                          const std::string& runner) {
  ordered found;
  const auto text = workflow_of(files, suite_entry(runner, runner, "", {"run"}), found);
  for (const auto& job : check_workflow(text, {}).jobs) {
    if (job.commands.size() == 2)
      return std::string(trim(job.commands[0].run));
  }
  return "";
}

} // namespace

TEST_CASE("what a suite's project needs is installed, however it is declared") {
  CHECK(install_lines({{"package.json", "{}"}}, "npm").empty());
  CHECK(install_lines({{"package.json", R"({"devDependencies": {"x": "1"}})"}}, "npm")
        == "npm install");
  CHECK(install_lines({{"package.json", R"({"dependencies": {"x": "1"}})"}}, "node")
        == "npm install");
  CHECK(
      install_lines(
          {{"package.json", R"({"dependencies": {"x": "1"}})"}, {"package-lock.json", "{}"}}, "npm")
      == "npm ci");
  CHECK(install_lines({{"a.py", ""}}, "unittest").empty());
  CHECK(install_lines({{"pyproject.toml", "[project]\nname = 'x'\n"}}, "unittest").empty());
  CHECK(
      install_lines({{"pyproject.toml", "[project]\nname = 'x'\ndependencies = ['y']\n"}}, "pytest")
      == "python3 -m pip install pytest -e .");
  CHECK(install_lines({{"setup.py", "x = 1\n"}}, "unittest") == "python3 -m pip install -e .");
  CHECK(install_lines({{"pyproject.toml", "[project]\nname = 'x'\n"
                                          "[project.optional-dependencies]\n"
                                          "docs = ['z']\ntest = ['y']\ndev = ['w']\n"}},
                      "pytest")
        == "python3 -m pip install pytest -e '.[test,dev]'");
  CHECK(install_lines({{"pyproject.toml", "[project]\nname = 'x'\n"
                                          "[dependency-groups]\ntests = ['y']\nlint = ['z']\n"}},
                      "unittest")
        == "python3 -m pip install --upgrade pip\npython3 -m pip install --group tests");
  // setuptools would not know which of the two is the package.
  CHECK(
      install_lines({{"pyproject.toml", "[project]\nname = 'x'\n"
                                        "dependencies = ['y>=1,<2', 'v; python_version > \"3\"']\n"
                                        "[project.optional-dependencies]\ntest = ['z']\n"},
                     {"quotation/a.py", ""},
                     {"contracts/b.json", "{}"},
                     {"tests/test_a.py", ""}},
                    "unittest")
      == "python3 -m pip install 'y>=1,<2' 'v; python_version > \"3\"' z");
  CHECK(install_lines({{"requirements.txt", "x\n"}, {"requirements-ci.txt", "y\n"}}, "pytest")
        == "python3 -m pip install pytest -r requirements-ci.txt -r requirements.txt");
}

TEST_CASE("what a lock of uv or poetry pins is installed, with the groups for tests") {
  CHECK(install_lines({{"pyproject.toml", "[project]\nname = 'x'\ndependencies = ['y']\n"
                                          "[project.optional-dependencies]\ntest = ['v']\n"
                                          "[dependency-groups]\ntests = ['z']\nlint = ['w']\n"},
                       {"uv.lock", "version = 1\n"}},
                      "pytest")
        == "python3 -m pip install uv\n"
           "uv export --frozen --no-hashes -o \"$RUNNER_TEMP/requirements.txt\" --extra test "
           "--group tests\n"
           "python3 -m pip install pytest -r \"$RUNNER_TEMP/requirements.txt\"");
  CHECK(install_lines({{"pyproject.toml", "[tool.poetry]\nname = 'x'\n"
                                          "[tool.poetry.group.test.dependencies]\ny = '^1'\n"
                                          "[tool.poetry.group.docs.dependencies]\nz = '^1'\n"
                                          "[tool.poetry.dev-dependencies]\nw = '*'\n"
                                          "[build-system]\nbuild-backend = "
                                          "'poetry.core.masonry.api'\n"}},
                      "unittest")
        == "python3 -m pip install poetry poetry-plugin-export\n"
           "poetry export --without-hashes -o \"$RUNNER_TEMP/requirements.txt\" --with test,dev\n"
           "python3 -m pip install -r \"$RUNNER_TEMP/requirements.txt\" -e .");
  CHECK(install_lines({{"pyproject.toml", "[tool.poetry]\nname = 'x'\npackage-mode = false\n"
                                          "[tool.poetry.dependencies]\ny = '^1'\n"
                                          "[build-system]\nrequires = ['poetry-core']\n"},
                       {"poetry.lock", ""}},
                      "pytest")
        == "python3 -m pip install poetry poetry-plugin-export\n"
           "poetry export --without-hashes -o \"$RUNNER_TEMP/requirements.txt\"\n"
           "python3 -m pip install pytest -r \"$RUNNER_TEMP/requirements.txt\"");
}

TEST_CASE("a job whose suite did not pass here says so and is counted") {
  ordered found;
  auto suite = suite_entry("p", "unittest", "", {"run"});
  CHECK(workflow_of({{"a.py", ""}}, suite, found).find("# did not") == std::string::npos);
  CHECK(found["unproven_jobs_total"] == 0);
  suite["status"] = "failed";
  suite["tests_run"] = 0;
  suite["reason"] = "exited 1: no module\nnamed [secret]";
  CHECK(workflow_of({{"a.py", ""}}, suite, found)
            .find("    # did not run here: exited 1: no module named (a secret)\n")
        != std::string::npos);
  CHECK(found["unproven_jobs_total"] == 1);
  CHECK(found["unproven_jobs"][0]["job"] == found["jobs"][0]["job"]);
  CHECK(found["unproven_jobs"][0]["reason"].get<std::string>().starts_with("did not run here: "));
  suite["tests_run"] = 3;
  suite["reason"] = "1 of 3 tests failed";
  CHECK(workflow_of({{"a.py", ""}}, suite, found)
            .find("    # did not pass here: 1 of 3 tests failed\n")
        != std::string::npos);
}

TEST_CASE("without a suite there is no workflow and nothing is claimed of it") {
  temporary_workspace ws;
  ws.start("one");
  ws.write("one/README.md", "# one\n");
  ws.commit("one", "first");
  ws.merge();
  ws.run("testing", "repository_consolidation/testing_results.json");
  const auto found = ws.run("pipeline", "cicd/pipeline_config.json");
  CHECK(found["workflow_valid"]["status"] == "not_measured");
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/cicd/workflows/ci.yml"));
}

TEST_CASE("results of another commit are refused") {
  temporary_workspace ws;
  ws.start("one");
  ws.write("one/README.md", "# one\n");
  ws.commit("one", "first");
  ws.merge();
  ws.write("consolidation/repository_consolidation/testing_results.json", "{\"head\": \"0123\"}");
  try {
    ws.run("pipeline", "cicd/pipeline_config.json");
    FAIL("accepted");
  } catch (const failure& error) {
    CHECK(error.status() == exit_status::bad_data);
  }
}

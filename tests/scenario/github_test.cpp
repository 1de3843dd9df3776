// An execution's issue on GitHub: one, complete, in order; whatever happens to node and server.

#include "tests/fixtures/github_server.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <csignal>
#include <map>
#include <regex>

using namespace aeo;
using namespace aeo::testing;

namespace {

/// a, then b and c, then d; b has a criterion.
json diamond(const std::string& slow = "true") {
  return {{"a", shell_phase({}, "echo a > out.a")},
          {"b", shell_phase({"a"}, slow)},
          {"c", shell_phase({"a"}, "true")},
          {"d", shell_phase({"b", "c"}, "true")}};
}

std::string marker_of(const temp_workspace& w) {
  return "<!-- aeo:execution " + state_file(w).at("execution_id").get<std::string>() + " -->";
}

/// What GitHub has in the end of a run that was approved.
void check_whole_issue(const temp_workspace& w, const json& issue,
                       const std::vector<std::string>& phases) {
  CHECK(issue.at("state") == "closed");
  CHECK(issue.at("state_reason") == "completed");
  auto body = issue.at("body").get<std::string>();
  INFO(body);
  CHECK(contains(body, marker_of(w)));
  CHECK(contains(body, "100"));
  check_comments_once_in_order(issue);
  for (const auto& id : phases) {
    auto title = "**Phase " + id;
    for (const auto* what : {"started", "is approved"})
      CHECK(std::ranges::count_if(own_comments(issue),
                                  [&](const json& c) {
                                    auto text = c.at("body").get<std::string>();
                                    return contains(text, title + "** " + what);
                                  })
            == 1);
  }
}

struct github_run {
  github_server github;
  temp_workspace w;
};

} // namespace

TEST_CASE_METHOD(github_run, "an execution is one issue that tells what happened, and is closed") {
  write_github_plan(w, diamond(), {{"labels", {"automated-execution", "EU"}}}, {});
  w.write("config/success_criteria.json",
          R"({"a":{"required_outputs":["out.a"],"validation_checks":[]}})");
  auto result = run_github_node(w, github);
  INFO(result.output);
  CHECK(result.exit_code == 0);
  auto issue = github.only_issue();
  check_whole_issue(w, issue, {"a", "b", "c", "d"});
  CHECK(issue.at("labels") == json{"automated-execution", "EU"});
  CHECK(has_comment(issue, "out.a"));
  // A person finds the issue without searching for it.
  CHECK(contains(result.output, "/issues/1"));
  auto final_comment = own_comments(issue).back().at("body").get<std::string>();
  CHECK(std::regex_search(final_comment, std::regex{"[0-9a-f]{64}"}));
}

TEST_CASE_METHOD(github_run,
                 "a failed run's issue says what failed and what to do, and stays findable") {
  write_github_plan(w, {{"a", shell_phase({}, "echo the reason is here >&2; exit 3")},
                        {"b", shell_phase({"a"}, "true")}});
  auto result = run_github_node(w, github);
  INFO(result.output);
  CHECK(result.exit_code == 1);
  auto issue = github.only_issue();
  CHECK(has_comment(issue, "the reason is here"));
  CHECK(contains(issue.at("body").get<std::string>(), "--resume"));
  auto ours = issue.at("state") == "closed" ? issue.at("state_reason") == "not_planned" : true;
  CHECK(ours);
  check_comments_once_in_order(issue);
}

TEST_CASE_METHOD(github_run, "a node that is killed and resumed goes on with the same issue") {
  write_github_plan(w, diamond("echo b >> ledger; read x < go"));
  REQUIRE(run_program({"mkfifo", (w.path() / "go").string()}).exit_code == 0);
  program node{node_command(w), github.environment()};
  github.wait_for("POST", "/comments$", "**Phase b** started");
  node.signal(SIGKILL);
  node.wait();
  program gate{{"/bin/sh", "-c", "echo go > " + (w.path() / "go").string()}};
  auto result = run_github_node(w, github, {"--resume"});
  INFO(result.output);
  CHECK(result.exit_code == 0);
  check_whole_issue(w, github.only_issue(), {"a", "b", "c", "d"});
  CHECK(w.read("ledger") == "b\n");
}

TEST_CASE_METHOD(github_run, "a reply that is lost after GitHub acted repeats nothing") {
  auto trouble = json::array();
  for (const auto* kind : {"reset_after", "half_body", "invalid_json", "502"}) {
    trouble.push_back({{"kind", kind}, {"acted", true}, {"method", "POST"}, {"path", "/issues$"}});
    trouble.push_back(
        {{"kind", kind}, {"acted", true}, {"method", "POST"}, {"path", "/comments$"}});
  }
  for (const auto* kind : {"reset_after", "half_body"})
    trouble.push_back({{"kind", kind}, {"method", "PATCH"}});
  github.fail(trouble);
  write_github_plan(w, diamond());
  auto result = run_github_node(w, github, {}, 120);
  INFO(result.output);
  CHECK(result.exit_code == 0);
  check_whole_issue(w, github.only_issue(), {"a", "b", "c", "d"});
  CHECK(github.state().at("limits").at("most_writes_at_once") == 1);
}

TEST_CASE_METHOD(github_run,
                 "a node killed between GitHub's act and its own note repeats nothing") {
  // The server acts and is silent: the node is killed while it waits for the answer.
  for (const auto* what : {"/issues$", "/comments$"}) {
    github.fail({{{"kind", "stall"}, {"seconds", 30}, {"method", "POST"}, {"path", what}}});
    write_github_plan(w, diamond());
    auto resumes = w.has(database);
    if (resumes)
      w.write("config/phase_config.json", json{{"phases", diamond()}}.dump());
    program node{node_command(w, resumes ? std::vector<std::string>{"--resume"}
                                         : std::vector<std::string>{}),
                 github.environment()};
    github.wait_until_begun("POST", what);
    node.signal(SIGKILL);
    node.wait();
    github.fail(json::array());
  }
  auto result = run_github_node(w, github, {"--resume"}, 120);
  INFO(result.output);
  CHECK(result.exit_code == 0);
  check_whole_issue(w, github.only_issue(), {"a", "b", "c", "d"});
}

TEST_CASE_METHOD(github_run, "phases go on while GitHub does not answer") {
  github.fail({{{"kind", "stall"}, {"seconds", 600}, {"times", 100}}});
  write_github_plan(w, diamond(), {{"drain_seconds", 0}});
  auto result = run_github_node(w, github);
  INFO(result.output);
  CHECK(result.exit_code == 0);
  for (const auto& [id, status] : statuses(w))
    CHECK(status == "approved");
  CHECK(github.issues().empty());
  github.fail(json::array());
  write_github_plan(w, diamond());
  auto next = run_github_node(w, github, {"--resume"}, 120);
  INFO(next.output);
  check_whole_issue(w, github.only_issue(), {"a", "b", "c", "d"});
}

TEST_CASE_METHOD(github_run, "what a slow server has not got yet is drained at the end") {
  github.fail({{{"kind", "stall"}, {"seconds", 0.3}, {"times", 1000}}});
  write_github_plan(w, diamond());
  auto result = run_github_node(w, github, {}, 120);
  INFO(result.output);
  CHECK(result.exit_code == 0);
  check_whole_issue(w, github.only_issue(), {"a", "b", "c", "d"});
}

TEST_CASE_METHOD(github_run,
                 "with GitHub down from start to end the rest is told at the next start") {
  github.down();
  write_github_plan(w, diamond(), {{"drain_seconds", 1}});
  auto first = run_github_node(w, github);
  INFO(first.output);
  CHECK(first.exit_code == 0);
  CHECK(contains(first.output, "GitHub"));
  CHECK(contains(first.output, "next start"));
  for (const auto& [id, status] : statuses(w))
    CHECK(status == "approved");
  github.up();
  write_github_plan(w, diamond());
  SECTION("with --resume") {
    auto next = run_github_node(w, github, {"--resume"}, 120);
    INFO(next.output);
    CHECK(next.exit_code == 0);
    check_whole_issue(w, github.only_issue(), {"a", "b", "c", "d"});
  }
  SECTION("with a new execution, which has an issue of its own") {
    auto old = marker_of(w);
    auto next = run_github_node(w, github, {"--fresh"}, 120);
    INFO(next.output);
    CHECK(next.exit_code == 0);
    auto issues = github.issues();
    REQUIRE(issues.size() == 2);
    for (const auto& issue : issues) {
      CHECK(issue.at("state") == "closed");
      check_comments_once_in_order(issue);
      CHECK(has_comment(issue, "**Phase d** is approved"));
    }
    auto is_old = [&](const json& x) { return contains(x.at("body").get<std::string>(), old); };
    CHECK(std::ranges::count_if(issues, is_old) == 1);
  }
}

TEST_CASE_METHOD(github_run,
                 "a repository that is renamed meanwhile is followed, and that is said") {
  write_github_plan(w, diamond("read x < go"));
  REQUIRE(run_program({"mkfifo", (w.path() / "go").string()}).exit_code == 0);
  program node{node_command(w), github.environment()};
  github.wait_for("POST", "/comments$", "**Phase b** started");
  github.tell("/configure", {{"rename", "new-name"}});
  program gate{{"/bin/sh", "-c", "echo go > " + (w.path() / "go").string()}};
  auto result = node.wait();
  INFO(result.output);
  CHECK(result.exit_code == 0);
  check_whole_issue(w, github.only_issue(), {"a", "b", "c", "d"});
  CHECK(contains(result.output, "moved"));
}

TEST_CASE_METHOD(github_run, "the workspace's commit gets a status per phase, of how it ended") {
  auto git = [this](const std::string& words) {
    auto done = run_program({"/bin/sh", "-c", "cd " + w.path().string() + " && git " + words});
    INFO(done.output);
    REQUIRE(done.exit_code == 0);
    return done.output;
  };
  git("init -q .");
  git("-c user.name=n -c user.email=n@localhost commit -q --allow-empty -m first");
  git("remote add origin " + github.url() + "/octo-org/octo-repo.git");
  auto head = git("rev-parse HEAD").substr(0, 40);
  github.tell("/configure", {{"commits", {head}}});
  write_github_plan(w, {{"a", shell_phase({}, "true")}, {"b", shell_phase({"a"}, "exit 3")}},
                    {{"commit_statuses", true}});
  auto result = run_github_node(w, github);
  INFO(result.output);
  std::map<std::string, std::string> newest; // The server has the newest first.
  const auto state = github.state();
  for (const auto& x : state.at("repository").at("statuses")) {
    CHECK(x.at("sha") == head);
    newest.emplace(x.at("context"), x.at("state"));
  }
  CHECK(newest
        == std::map<std::string, std::string>{{"aeo/phase-a", "success"},
                                              {"aeo/phase-b", "failure"}});
}

TEST_CASE_METHOD(github_run, "the issue is found again among many, on whichever page it is") {
  write_github_plan(w, diamond("read x < go"), {{"labels", json::array()}});
  REQUIRE(run_program({"mkfifo", (w.path() / "go").string()}).exit_code == 0);
  // The node dies before it knows the issue's number.
  github.fail({{{"kind", "stall"}, {"seconds", 30}, {"method", "POST"}, {"path", "/issues$"}}});
  program node{node_command(w), github.environment()};
  github.wait_until_begun("POST", "/issues$");
  node.signal(SIGKILL);
  node.wait();
  github.fail(json::array());
  for (int i = 0; i < 250; ++i)
    github.tell("/issue", {{"user", "aeo-bot"}, {"title", "other"}, {"body", "x"}});
  program gate{{"/bin/sh", "-c", "echo go > " + (w.path() / "go").string()}};
  auto result = run_github_node(w, github, {"--resume"}, 120);
  INFO(result.output);
  CHECK(result.exit_code == 0);
  auto issues = github.issues();
  CHECK(issues.size() == 251);
  check_whole_issue(w, issues.at(0), {"a", "b", "c", "d"});
}

TEST_CASE_METHOD(github_run, "markers that other people copy mislead nobody") {
  write_github_plan(w, diamond(), {{"drain_seconds", 0}});
  github.down();
  REQUIRE(run_github_node(w, github).exit_code == 0);
  github.up();
  auto id = state_file(w).at("execution_id").get<std::string>();
  github.tell("/issue", {{"user", "mallory"},
                         {"title", "mine"},
                         {"body", marker_of(w)},
                         {"labels", {"automated-execution"}}});
  write_github_plan(w, diamond());
  auto last = std::to_string(stored_events(w).back().seq);
  program node{node_command(w, {"--resume"}), github.environment()};
  github.wait_for("POST", "/issues$");
  github.comment(2, "mallory", "all is told <!-- aeo:event " + id + " " + last + " -->");
  auto result = node.wait(120);
  INFO(result.output);
  auto issues = github.issues();
  REQUIRE(issues.size() == 2);
  CHECK(issues.at(0).at("comments").empty());
  check_whole_issue(w, issues.at(1), {"a", "b", "c", "d"});
}

TEST_CASE_METHOD(github_run, "an issue deleted while the run goes on is said, and fails nothing") {
  write_github_plan(w, diamond("read x < go"));
  REQUIRE(run_program({"mkfifo", (w.path() / "go").string()}).exit_code == 0);
  program node{node_command(w), github.environment()};
  github.wait_for("POST", "/comments$", "**Phase b** started");
  github.tell("/delete", {{"issue", 1}});
  program gate{{"/bin/sh", "-c", "echo go > " + (w.path() / "go").string()}};
  auto result = node.wait();
  INFO(result.output);
  CHECK(result.exit_code == 0);
  CHECK(contains(result.output, "deleted"));
}

TEST_CASE_METHOD(github_run, "a plan of 1,000 phases is told in digests, within all limits") {
  json phases;
  for (int i = 0; i < 1000; ++i)
    phases["p" + std::to_string(i)] =
        shell_phase(i < 50 ? std::vector<std::string>{}
                           : std::vector<std::string>{"p" + std::to_string(i - 50)},
                    i % 50 == 0 ? "sleep 1" : "true");
  write_github_plan(w, phases, {{"drain_seconds", 90}});
  auto result = run_github_node(w, github, {"--quiet"}, 300);
  INFO(result.output);
  CHECK(result.exit_code == 0);
  auto issue = github.only_issue();
  CHECK(issue.at("state") == "closed");
  check_comments_once_in_order(issue);
  CHECK(issue.at("comments").size() < 20);
  CHECK(issue.at("body").get<std::string>().size() <= 65536);
  double last = 0;
  int edits = 0;
  auto log = github.log();
  for (const auto& x : log) {
    CHECK((x.at("method") == "GET" || x.at("status").get<int>() < 300));
    auto at = x.at("at").get<double>();
    if (x.at("method") != "PATCH")
      continue;
    ++edits;
    auto closes = json::parse(x.at("body").get<std::string>()).value("state", "") == "closed";
    INFO("edit " << edits << " " << at - last << " s after the one before");
    CHECK((closes || at - last >= 9.99));
    last = at;
  }
  CHECK(edits >= 2);
  CHECK(github.state().at("limits").at("most_writes_at_once") == 1);
}

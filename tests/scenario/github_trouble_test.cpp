// What is wrong with GitHub, token or network is said with what to do, and no phase minds.

#include "tests/fixtures/github_server.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <functional>

using namespace aeo;
using namespace aeo::testing;

namespace {

using variables = std::vector<std::pair<std::string, std::string>>;

json two_phases(const std::string& first = "true") {
  return {{"a", shell_phase({}, first)}, {"b", shell_phase({"a"}, "true")}};
}

struct trouble {
  std::string name;
  json configure;
  variables environment;
  std::vector<std::string> said; ///< All of it in what the node prints.
};

std::vector<trouble> troubles() {
  return {
      {"a wrong token", {}, {{"GITHUB_TOKEN", "ghp_wrong"}}, {"GITHUB_TOKEN", "--resume"}},
      {"a classic token without the scope",
       {{"tokens", {{"ghp_few", {{"login", "aeo-bot"}, {"scopes", {"read:org"}}}}}}},
       {{"GITHUB_TOKEN", "ghp_few"}},
       {"scope", "repo"}},
      {"a fine-grained token without the permission",
       {{"tokens",
         {{"github_pat_few", {{"login", "aeo-bot"}, {"permissions", {{"issues", "read"}}}}}}}},
       {{"GITHUB_TOKEN", "github_pat_few"}},
       {"issues=write"}},
      {"no such repository", {}, {{"GITHUB_REPO", "no-such"}}, {"no-such", "GITHUB_REPO"}},
      {"disabled issues", {{"settings", {{"has_issues", false}}}}, {}, {"issues are disabled"}},
      {"an archived repository", {{"settings", {{"archived", true}}}}, {}, {"archived"}},
      {"a certificate that nobody vouches for",
       {},
       {{"SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"}},
       {"certificate", "SSL_CERT_FILE"}},
      {"nobody at the address",
       {},
       {{"GITHUB_API_URL", "http://127.0.0.1:1"}},
       {"connect", "GITHUB_API_URL"}},
      {"a host without an address",
       {},
       {{"GITHUB_API_URL", "https://github.invalid/api/v3"}},
       {"resolve", "GITHUB_API_URL"}},
      {"a proxy that is not there",
       {},
       {{"HTTPS_PROXY", "http://127.0.0.1:1"}, {"NO_PROXY", ""}},
       {"HTTPS_PROXY"}},
      {"something else at the address", {}, {{"GITHUB_API_URL", "CONTROL"}}, {"GITHUB_API_URL"}},
  };
}

/// Nothing that was tried with the token changed anything.
std::size_t count_method(const json& log, const std::string& method) {
  return static_cast<std::size_t>(
      std::ranges::count_if(log, [&](const json& x) { return x.at("method") == method; }));
}

} // namespace

TEST_CASE("GitHub's trouble is said with what to fix, and the run is approved all the same") {
  github_server github;
  temp_workspace w;
  auto what = GENERATE(from_range(troubles()));
  CAPTURE(what.name);
  if (!what.configure.is_null())
    github.tell("/configure", what.configure);
  for (auto& [key, value] : what.environment)
    if (value == "CONTROL")
      value = github.control();
  write_github_plan(w, two_phases(), {{"drain_seconds", 2}});
  program node{node_command(w), github.environment(what.environment)};
  auto result = node.wait();
  INFO(result.output);
  CHECK(result.exit_code == 0);
  for (const auto& [id, status] : statuses(w))
    CHECK(status == "approved");
  for (const auto& text : what.said)
    CHECK(contains(result.output, text));
  CHECK(github.issues().empty());
  // Said once, not with every try.
  std::size_t lines = 0;
  for (const auto& line : lines_of(result.output))
    lines += contains(line, what.said.front()) ? 1 : 0;
  CHECK(lines <= 2);
}

TEST_CASE("the wait that a refusal asks for is kept to the second") {
  github_server github;
  temp_workspace w;
  auto kind = GENERATE(as<std::string>{}, "429", "secondary", "primary");
  CAPTURE(kind);
  github.fail({{{"kind", kind}, {"seconds", 3}, {"path", "/issues$"}, {"method", "POST"}},
               {{"kind", kind}, {"seconds", 2}, {"path", "/comments$"}, {"method", "POST"}}});
  write_github_plan(w, two_phases());
  auto result = run_github_node(w, github, {}, 120);
  INFO(result.output);
  CHECK(result.exit_code == 0);
  auto issue = github.only_issue();
  CHECK(issue.at("state") == "closed");
  check_comments_once_in_order(issue);
  auto log = github.log();
  for (const auto& x : log) {
    INFO(x.dump());
    CHECK(x.at("early") == 0);
  }
  CHECK(std::ranges::count_if(log, [&](const json& x) { return x.at("injected") == kind; }) == 2);
}

TEST_CASE("a secondary limit without Retry-After is waited out for a minute") {
  github_server github;
  temp_workspace w;
  github.fail(
      {{{"kind", "secondary"}, {"seconds", 0}, {"path", "/comments$"}, {"method", "POST"}}});
  write_github_plan(w, two_phases(), {{"drain_seconds", "2m"}});
  auto result = run_github_node(w, github, {}, 180);
  INFO(result.output);
  auto log = github.log();
  auto hit =
      std::ranges::find_if(log, [](const json& x) { return x.at("injected") == "secondary"; });
  REQUIRE(hit != log.end());
  REQUIRE(std::next(hit) != log.end());
  CHECK(std::next(hit)->at("at").get<double>() - hit->at("at").get<double>() >= 60);
  check_comments_once_in_order(github.only_issue());
}

TEST_CASE("the server's own secondary limit is never met") {
  github_server github;
  temp_workspace w;
  json phases;
  for (int i = 0; i < 45; ++i)
    phases["p" + std::to_string(i)] = shell_phase({}, "true");
  write_github_plan(w, phases, {{"drain_seconds", "150s"}}, {{"max_parallel", 45}});
  auto result = run_github_node(w, github, {"--quiet"}, 240);
  INFO(result.output);
  CHECK(result.exit_code == 0);
  auto limits = github.state().at("limits");
  CHECK(limits.at("most_per_minute").get<int>() <= 80);
  CHECK(limits.at("most_writes_at_once") == 1);
  for (const auto& x : github.log())
    CHECK((x.at("method") == "GET" || x.at("status").get<int>() < 400));
  auto issue = github.only_issue();
  CHECK(issue.at("state") == "closed");
  check_comments_once_in_order(issue);
}

TEST_CASE("the token is nowhere but in the requests' headers") {
  github_server github;
  temp_workspace w;
  const auto& token = github.token();
  // What tasks print ends in comments: the tail of a failure's log.
  write_github_plan(
      w, {{"a", shell_phase({}, "echo plain $GITHUB_TOKEN; printf %s $GITHUB_TOKEN | base64; "
                                "printf %s $GITHUB_TOKEN | od -An -tx1 | tr -d ' \\n'; "
                                "echo; exit 1")}});
  program node{node_command(w), github.environment()};
  auto result = node.wait();
  CHECK(result.exit_code == 1);
  auto issue = github.only_issue();
  CHECK(has_comment(issue, "plain"));
  std::string hex;
  for (unsigned char c : token)
    hex += {"0123456789abcdef"[c / 16], "0123456789abcdef"[c % 16]};
  program encoder{{"/bin/sh", "-c", "printf %s " + token + " | base64"}};
  auto base64 = encoder.wait().output.substr(0, 24);
  auto seen = github.log().dump() + github.state().dump() + result.output;
  auto files = tree_of(w.path());
  for (const auto& form : {token, hex, base64}) {
    CHECK_FALSE(contains(seen, form));
    for (const auto& [file, bytes] : files) {
      INFO(file);
      // The task wrote it itself into its own log.
      if (!file.starts_with("consolidation/logs/"))
        CHECK_FALSE(contains(bytes, form));
    }
  }
}

TEST_CASE("--check-github asks and changes nothing, here or there") {
  github_server github;
  temp_workspace w;
  write_github_plan(w, two_phases());
  auto before = tree_of(w.path());
  SECTION("all is well") {
    auto result = run_github_node(w, github, {"--mode", "dry-run", "--check-github"});
    INFO(result.output);
    CHECK(result.exit_code == 0);
    CHECK(contains(result.output, "octo-org/octo-repo"));
    CHECK(contains(result.output, "aeo-bot"));
  }
  SECTION("the token may only read") {
    github.tell("/configure",
                {{"settings", {{"private", false}}}, {"roles", {{"aeo-bot", "read"}}}});
    auto result = run_github_node(w, github, {"--mode", "dry-run", "--check-github"});
    INFO(result.output);
    CHECK(contains(result.output, "write"));
  }
  SECTION("the token is wrong") {
    program node{node_command(w, {"--mode", "dry-run", "--check-github"}),
                 github.environment({{"GITHUB_TOKEN", "ghp_wrong"}})};
    auto result = node.wait();
    INFO(result.output);
    CHECK(result.exit_code != 0);
    CHECK(contains(result.output, "GITHUB_TOKEN"));
  }
  SECTION("issues are disabled") {
    github.tell("/configure", {{"settings", {{"has_issues", false}}}});
    auto result = run_github_node(w, github, {"--mode", "dry-run", "--check-github"});
    INFO(result.output);
    CHECK(result.exit_code != 0);
    CHECK(contains(result.output, "disabled in octo-org/octo-repo"));
  }
  auto log = github.log();
  CHECK(count_method(log, "GET") == log.size());
  CHECK_FALSE(log.empty());
  CHECK(tree_of(w.path()) == before);
}

TEST_CASE("a dry run without --check-github asks GitHub nothing") {
  github_server github;
  temp_workspace w;
  write_github_plan(w, two_phases());
  CHECK(run_github_node(w, github, {"--mode", "dry-run"}).exit_code == 0);
  CHECK(github.log().empty());
}

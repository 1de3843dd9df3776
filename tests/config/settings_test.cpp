#include "tests/config/config_folder.hpp"

#include <algorithm>

using namespace aeo;
using namespace aeo::config;
using namespace aeo::config::test;
using std::chrono::milliseconds;

namespace {

const std::string orchestrator = "orchestrator_config.json";
const std::string github = "github_config.json";

std::vector<problem> bad_file(const std::string& file, std::string_view text) {
  return config_folder{}.write(plan_file, one_phase).write(file, text).bad();
}

} // namespace

TEST_CASE("without optional files the documented defaults hold") {
  auto result = config_folder{}.write(plan_file, one_phase).good();
  const auto& options = result.value.options;
  CHECK(options.mode == execution_mode::automated);
  CHECK(options.phase_timeout == milliseconds{3'600'000});
  CHECK(options.max_processes == 4096);
  CHECK(options.retry.max_retries == 3);
  CHECK(options.error_rules.empty());
  CHECK_FALSE(result.value.github.enabled);
  CHECK(result.github_token.empty());
  CHECK(result.github_api_url == "https://api.github.com");
  CHECK(result.warnings.empty());
}

TEST_CASE("the shipped defaults are good and equal the built-in ones") {
  config_folder folder;
  folder.write(plan_file, one_phase);
  for (const auto& name : {orchestrator, github})
    std::filesystem::copy_file(std::filesystem::path{AEO_SOURCE_DIR} / "config" / name,
                               folder.dir / name);
  auto result = folder.good();
  settings standard;
  const auto& options = result.value.options;
  CHECK(options.mode == standard.mode);
  CHECK(options.max_parallel == standard.max_parallel);
  CHECK(options.phase_timeout == standard.phase_timeout);
  CHECK(options.kill_grace == standard.kill_grace);
  CHECK(options.max_processes == standard.max_processes);
  CHECK(options.retry.max_retries == standard.retry.max_retries);
  CHECK(options.retry.retry_delay == standard.retry.retry_delay);
  CHECK(options.retry.backoff_multiplier == standard.retry.backoff_multiplier);
  CHECK(options.retry.max_retry_delay == standard.retry.max_retry_delay);
  CHECK(options.retry.full_jitter == standard.retry.full_jitter);
  CHECK(options.log_level == standard.log_level);
  CHECK(options.error_rules.size() == 2);
  CHECK_FALSE(result.value.github.enabled);
  CHECK(result.warnings.empty());
}

TEST_CASE("every setting arrives in the plan") {
  auto result = config_folder{}
                    .write(plan_file, one_phase)
                    .write(orchestrator, R"({"execution_mode": "dry-run", "max_parallel": 4,
      "phase_timeout": "2h", "kill_grace": 0, "max_processes": 0, "max_retries": 0, "retry_delay": 0.25,
      "backoff_multiplier": 1.5, "max_retry_delay": "1d", "jitter": "none",
      "error_rules": [{"exit_code": 3, "stderr": "a+", "class": "permanent"}], "log_level": "debug",
      "listen": {"host": "0.0.0.0", "port": 65535}, "github": {"repo": "r", "owner": "o", "token": null}})")
                    .write(github, R"({"enabled": false, "create_issues": false,
      "update_on_phase_start": false, "update_on_phase_complete": false, "update_on_approval": false,
      "update_on_error": false, "labels": ["a", "b"], "chatops": {"enabled": true, "poll_seconds": "5s"}})")
                    .good();
  const auto& options = result.value.options;
  CHECK(options.mode == execution_mode::dry_run);
  CHECK(options.max_parallel == 4);
  CHECK(options.phase_timeout == milliseconds{7'200'000});
  CHECK(options.kill_grace == milliseconds{0});
  CHECK(options.max_processes == 0);
  CHECK(options.retry.max_retries == 0);
  CHECK(options.retry.retry_delay == milliseconds{250});
  CHECK(options.retry.backoff_multiplier == 1.5);
  CHECK(options.retry.max_retry_delay == milliseconds{86'400'000});
  CHECK_FALSE(options.retry.full_jitter);
  REQUIRE(options.error_rules.size() == 1);
  CHECK(options.error_rules[0].exit_code == 3);
  CHECK(options.error_rules[0].output == "a+");
  CHECK(options.error_rules[0].cls == error_class::permanent);
  CHECK(options.log_level == "debug");
  CHECK(options.listen_host == "0.0.0.0");
  CHECK(options.listen_port == 65'535);
  const auto& hub = result.value.github;
  CHECK(hub.repo == "r");
  CHECK(hub.owner == "o");
  CHECK_FALSE(hub.create_issues);
  CHECK_FALSE(hub.update_on_phase_start);
  CHECK_FALSE(hub.update_on_phase_complete);
  CHECK_FALSE(hub.update_on_approval);
  CHECK_FALSE(hub.update_on_error);
  CHECK(hub.labels == std::vector<std::string>{"a", "b"});
  CHECK(hub.chatops);
  CHECK(hub.poll_interval == milliseconds{5'000});
}

TEST_CASE("wrong settings are refused") {
  require_problems(
      bad_file(orchestrator, R"({"execution_mode": "auto", "max_parallel": -1,
      "phase_timeout": 0, "kill_grace": "x", "max_processes": -1, "backoff_multiplier": 0, "log_level": "loud",
      "listen": {"port": 65536, "host": ""}, "max_retrys": 3, "github": {"token": 7}})"),
      {{orchestrator, "/execution_mode", R"(expected "automated", "manual" or "dry-run")"},
       {orchestrator, "/max_parallel", "found the number -1"},
       {orchestrator, "/phase_timeout", "more than 0"},
       {orchestrator, "/kill_grace", "expected a duration"},
       {orchestrator, "/max_processes", "found the number -1"},
       {orchestrator, "/backoff_multiplier", "expected a number from 1"},
       {orchestrator, "/log_level", R"(expected "trace", "debug")"},
       {orchestrator, "/listen/port", "found the number 65536"},
       {orchestrator, "/listen/host", "not empty"},
       {orchestrator, "/max_retrys", R"(did you mean "max_retries"?)"},
       {orchestrator, "/github/token", "expected a string or null, found a number"}});
  require_problems(bad_file(github, R"({"enabled": "yes", "labels": ["a", "a", ""],
      "chatops": {"poll_seconds": 0}, "label": []})"),
                   {{github, "/enabled", R"(expected true or false, found the string "yes")"},
                    {github, "/labels/1", "listed twice"},
                    {github, "/labels/2", "not empty"},
                    {github, "/chatops/poll_seconds", "more than 0"},
                    {github, "/label", R"(did you mean "labels"?)"}});
}

TEST_CASE("an error rule needs a good regular expression, a class and a condition") {
  require_problems(
      bad_file(orchestrator, R"({"error_rules": [{"stderr": "a(b", "class": "transient"},
      {"exit_code": 3}, {"class": "permanent"}, {"exit_code": 0, "class": "temporary"}]})"),
      {{orchestrator, "/error_rules/0/stderr", "no POSIX extended regular expression: "},
       {orchestrator, "/error_rules/1", R"("class" is missing)"},
       {orchestrator, "/error_rules/2", R"(at least one of "exit_code" and "stderr")"},
       {orchestrator, "/error_rules/3/exit_code", "from 1 to 255"},
       {orchestrator, "/error_rules/3/class", R"(expected "transient")"}});
}

TEST_CASE("duplicate keys at the root are refused") {
  require_problems(bad_file(orchestrator, R"({"jitter": "full", "jitter": "none"})"),
                   {{orchestrator, "/jitter", R"(duplicate key "jitter")"}});
  require_problems(bad_file(orchestrator, R"({"listen": {"port": 1, "port": 2}})"),
                   {{orchestrator, "/listen/port", "duplicate key"}});
}

TEST_CASE("a token in the file works but is warned about") {
  auto result = config_folder{}
                    .write(plan_file, one_phase)
                    .write(orchestrator, R"({"github": {"token": "hunter2"}})")
                    .good();
  CHECK(result.github_token == "hunter2");
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0].find("/github/token: ") != std::string::npos);
  CHECK(result.warnings[0].find("hunter2") == std::string::npos);
}

TEST_CASE(
    "the environment wins over .env, the workspace's over the config folder's, both over files") {
  config_folder workspace;
  config_folder folder;
  folder.workspace = workspace.dir;
  folder.write(plan_file, one_phase)
      .write(orchestrator,
             R"({"execution_mode": "manual", "github": {"repo": "r0", "owner": "o0"}})")
      .write(".env",
             "GITHUB_REPO=r1\nGITHUB_OWNER=o1\nEXECUTION_MODE=dry-run\nA=config\nB=config\n");
  workspace.write(".env", "GITHUB_OWNER=o2\nGITHUB_TOKEN=t2\nA=workspace\n");
  std::filesystem::permissions(workspace.dir / ".env", std::filesystem::perms::owner_read);
  folder.variables = {{"GITHUB_TOKEN", "t3"}, {"GITHUB_API_URL", "http://127.0.0.1:8080/api/"}};
  auto result = folder.good();
  CHECK(result.value.options.mode == execution_mode::dry_run);
  CHECK(result.value.github.repo == "r1");
  CHECK(result.value.github.owner == "o2");
  CHECK(result.github_token == "t3");
  CHECK(result.github_api_url == "http://127.0.0.1:8080/api");
  auto variables = result.variables;
  std::sort(variables.begin(), variables.end());
  CHECK(variables
        == env_list{{"A", "workspace"},
                    {"B", "config"},
                    {"EXECUTION_MODE", "dry-run"},
                    {"GITHUB_OWNER", "o2"},
                    {"GITHUB_REPO", "r1"}});
  CHECK(result.warnings.empty());
}

TEST_CASE("a .env with a secret that others can read is warned about") {
  config_folder folder;
  folder.write(plan_file, one_phase).write(".env", "GITHUB_TOKEN=hunter2\n");
  std::filesystem::permissions(folder.dir / ".env", std::filesystem::perms{0644});
  auto result = folder.good();
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0].find("chmod 600") != std::string::npos);
  CHECK(result.warnings[0].find("hunter2") == std::string::npos);
}

TEST_CASE("mistakes in .env and in the environment are refused") {
  config_folder folder;
  folder.write(plan_file, one_phase).write(".env", "A=1\nnonsense\n");
  folder.variables = {{"EXECUTION_MODE", "fast"},
                      {"GITHUB_API_URL", "ftp://x"},
                      {"GITHUB_OWNER", "a/b"},
                      {"GITHUB_REPO", "a b"},
                      {"GITHUB_TOKEN", "a\nb"}};
  require_problems(folder.bad(), {{".env", "", "line 2: expected KEY=value"},
                                  {"environment variable EXECUTION_MODE", "", R"(found "fast")"},
                                  {"environment variable GITHUB_API_URL", "", "expected a URL"},
                                  {"environment variable GITHUB_OWNER", "", R"(found "a/b")"},
                                  {"environment variable GITHUB_REPO", "", R"(found "a b")"},
                                  {"environment variable GITHUB_TOKEN", "", "one line"}});
}

TEST_CASE("GITHUB_REPO may name the owner too") {
  config_folder folder;
  folder.write(plan_file, one_phase).write(github, R"({"enabled": true})");
  folder.variables = {{"GITHUB_REPO", "me/tool"}, {"GITHUB_TOKEN", "t"}};
  auto result = folder.good();
  CHECK(result.value.github.owner == "me");
  CHECK(result.value.github.repo == "tool");
}

TEST_CASE("GitHub without a token or repository cannot be enabled") {
  require_problems(bad_file(github, R"({"enabled": true})"),
                   {{github, "/enabled", "set GITHUB_TOKEN"},
                    {github, "/enabled", "set GITHUB_REPO"},
                    {github, "/enabled", "set GITHUB_OWNER"}});
}

TEST_CASE("empty variables count as not set") {
  config_folder folder;
  folder.write(plan_file, one_phase).write(".env", "EXECUTION_MODE=\nGITHUB_TOKEN=\n");
  folder.variables = {{"GITHUB_REPO", ""}, {"GITHUB_API_URL", ""}};
  CHECK(folder.good().github_api_url == "https://api.github.com");
}

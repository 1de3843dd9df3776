// A task prints a secret in every form, in one piece and in several, and fails with it. It is in
// the task's own log, which the task wrote, and nowhere else.

#include "tests/fixtures/github_server.hpp"
#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

using namespace aeo;
using namespace aeo::testing;

namespace {

/// With what needs escaping in a URL, in JSON and for base64's last group.
const std::string secret = "Pa+5s/w0rd \"of\" aLICE&bob=42";

/// What must not be found, made by another program than ours; what a task prints of it is in the
/// files said.N of the workspace.
std::vector<std::string> forms_of_secret(const temp_workspace& w) {
  temp_workspace scratch;
  scratch.write("forms.py", R"(import base64, json, sys, urllib.parse
secret = sys.argv[1]
forms = []
def say(text, form=None):
    with open(f"{sys.argv[2]}/said.{len(forms)}", "w") as out:
        out.write(text + "\n")
    forms.append(form or text)
say(secret)
say(urllib.parse.quote(secret, safe=""))
say(urllib.parse.quote_plus(secret))
say(json.dumps(secret)[1:-1])
say(secret.encode().hex())
say(secret.encode().hex().upper())
for lead in ("", "x", "xy"):
    whole = base64.b64encode((lead + secret + "zzz").encode()).decode()
    first = (len(lead) + 2) // 3 * 4  # The groups that have nothing but the secret in them.
    say(whole, whole[first:first + (len(secret) - -len(lead) % 3) // 3 * 4])
print("\n".join(forms))
)");
  const auto r =
      run_program({"python3", (scratch.path() / "forms.py").string(), secret, w.path().string()});
  INFO(r.output);
  REQUIRE(r.exit_code == 0);
  return lines_of(r.output);
}

void check_no_leak(const std::vector<std::string>& forms, const std::string& where,
                   const std::string& text) {
  for (const auto& form : forms) {
    const auto at = text.find(form);
    INFO(where << " has the secret as " << form);
    CHECK(at == std::string::npos);
  }
}

/// Programs started meanwhile may write core dumps of any size.
class core_dumps {
public:
  core_dumps() {
    REQUIRE(::getrlimit(RLIMIT_CORE, &before_) == 0);
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    const rlimit most{before_.rlim_max, before_.rlim_max};
    if (::setrlimit(RLIMIT_CORE, &all) != 0)
      ::setrlimit(RLIMIT_CORE, &most);
  }
  ~core_dumps() { ::setrlimit(RLIMIT_CORE, &before_); }
  core_dumps(const core_dumps&) = delete;
  core_dumps& operator=(const core_dumps&) = delete;

private:
  rlimit before_{};
};

/// One of our programs on the workspace, started in there: its core dump would go there, too.
std::vector<std::string> started_in(const temp_workspace& w, const std::string& name,
                                    const std::vector<std::string>& more = {}) {
  std::vector<std::string> argv{"/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", w.path().string(),
                                std::string{AEO_BIN_DIR} + "/" + name};
  argv.insert(argv.end(), more.begin(), more.end());
  return argv;
}

/// The line of a task's limit for core dumps.
std::string core_limit_of(const std::string& limits) {
  for (const auto& line : lines_of(limits))
    if (line.starts_with("Max core file size"))
      return line;
  return {};
}

} // namespace

TEST_CASE("a program that holds secrets leaves no core dump, its tasks may as the operator says") {
#ifdef __SANITIZE_ADDRESS__
  SKIP("a program with this sanitizer leaves its memory readable");
#elif defined(__SANITIZE_THREAD__)
  SKIP("with this sanitizer no program dumps its memory");
#endif
  const core_dumps allowed;
  temp_workspace w;
  program shell{{"/bin/sh", "-c", "cd \"$0\" && kill -SEGV $$", w.path().string()}};
  shell.wait();
  if (!shell.dumped_core())
    SKIP("no program dumps its core here");
  write_plan(w, {{"a", shell_phase({}, "cat /proc/self/limits; mkfifo pipe; echo up; read x <pipe; "
                                       "sh -c 'kill -SEGV $$'; exit 0")}});
  const auto log = w.path() / "consolidation/logs/a/t.1.log";
  {
    program node{started_in(w, "aeo-node")};
    wait_for_text(log, "up");
    for (const auto& argv : {started_in(w, "aeo-monitor", {"--follow", "a"}),
                             started_in(w, "aeo-control", {"logs", "a", "-f"})}) {
      program watcher{argv};
      wait_for_text(watcher.output_file(), "up");
      watcher.signal(SIGSEGV);
      CHECK(watcher.wait().exit_code == 128 + SIGSEGV);
      CHECK_FALSE(watcher.dumped_core());
    }
    node.signal(SIGSEGV);
    CHECK(node.wait().exit_code == 128 + SIGSEGV);
    CHECK_FALSE(node.dumped_core());
  }
  release(w);
  const auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  const auto text = w.read("consolidation/logs/a/t.1.log");
  INFO(text);
  CHECK_FALSE(core_limit_of(text).empty());
  CHECK(core_limit_of(text) == core_limit_of(read_process_file(::getpid(), "limits")));
  CHECK(contains(text, "core dumped"));
}

TEST_CASE("a secret that a task prints in any form leaves nothing but the task's own log") {
  const github_server github;
  const temp_workspace w;
  const auto forms = forms_of_secret(w);
  REQUIRE(forms.size() == 9);
  // Also in two writes, so that each piece alone is no secret.
  const auto first = secret.size() - 12;
  std::string print = "p=\"$SHOP_PASSWORD\"; echo \"plain: $p\"; printf '%s' \"${p%"
                      + std::string(12, '?') + "}\"; sleep 0.1; printf '%s\\n' \"${p#"
                      + std::string(first, '?') + "}\"; ";
  print += "cat said.*; echo \"error: the password $p is wrong\" >&2; ";
  write_github_plan(w, {{"a", shell_phase({}, print + "exit 1", {{"retry", {{"max_retries", 0}}}})},
                        {"b", shell_phase({}, print + "mkfifo pipe; read x < pipe; exit 0")}});
  program node{node_command(w), github.environment({{"SHOP_PASSWORD", secret}})};
  wait_for_text(w.path() / "consolidation/logs/b/t.1.log", "is wrong");
  for (const auto& command :
       std::vector<std::vector<std::string>>{{"aeo-control", "logs", "b"},
                                             {"aeo-control", "status", "--json"},
                                             {"aeo-control", "why", "a"},
                                             {"aeo-monitor", "--once"}}) {
    auto argv = command;
    argv.insert(argv.begin() + 1, {"--workspace", w.path().string()});
    const auto r = run_program(argv);
    INFO(r.output);
    CHECK(r.exit_code == 0);
    check_no_leak(forms, command[0] + " " + command[1], r.output);
    if (command[1] == "logs")
      CHECK(contains(r.output, "the password"));
  }
  const auto launcher = launcher_pid(w);
  for (const auto pid : {node.pid(), launcher})
    check_no_leak(forms, "a command line", read_process_file(pid, "cmdline"));
  release(w);
  const auto r = node.wait();
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.output, "the password"));
  check_no_leak(forms, "the console", r.output);
  check_no_leak(forms, "what GitHub was sent", github.log().dump());
  check_no_leak(forms, "what GitHub shows", github.issues().dump());
  // With the escapes of JSON taken away once more.
  std::string texts;
  const auto issue = github.only_issue();
  for (const auto& comment : issue.at("comments"))
    texts += comment.at("body").get<std::string>();
  check_no_leak(forms, "GitHub's comments", texts);
  INFO(texts);
  CHECK(contains(texts, "**Phase a** failed"));
  std::size_t looked_at = 0;
  for (const auto& [file, bytes] : tree_of(w.path() / "consolidation")) {
    if (file.ends_with(".1.log")) {
      CHECK(contains(bytes, secret));
      continue;
    }
    check_no_leak(forms, file, bytes);
    ++looked_at;
  }
  CHECK(looked_at > 8);
  for (const auto& e : stored_events(w))
    check_no_leak(forms, "event " + std::to_string(e.seq), e.data);
}

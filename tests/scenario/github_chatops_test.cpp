// Commands in comments: who may, what is answered, and that each is answered once.

#include "tests/fixtures/github_server.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <csignal>

using namespace aeo;
using namespace aeo::testing;

namespace {

json comment_of(const json& issue, std::uint64_t id) {
  for (const auto& c : issue.at("comments"))
    if (c.at("id") == id)
      return c;
  FAIL("there is no comment " << id);
  return {};
}

/// A phase that waits for somebody, and a node that stays for it.
struct chat {
  github_server github;
  temp_workspace w;
  std::unique_ptr<program> node;

  void start(const json& approval = "manual", const std::vector<std::string>& more = {}) {
    if (!w.has(database))
      write_github_plan(w,
                        {{"a", shell_phase({}, "true", {{"approval", approval}})},
                         {"b", shell_phase({"a"}, "echo b >> ledger")},
                         {"f", shell_phase({}, "test -e mended || exit 3")}},
                        {{"chatops", {{"enabled", true}, {"poll_seconds", 0.2}}}});
    github.tell("/configure", {{"roles",
                                {{"alice", "write"},
                                 {"mia", "maintain"},
                                 {"ada", "admin"},
                                 {"tim", "triage"},
                                 {"rita", "read"}}},
                               {"people", {"nobody"}}});
    std::vector<std::string> options{"--wait"};
    options.insert(options.end(), more.begin(), more.end());
    node = std::make_unique<program>(node_command(w, options), github.environment());
    if (more.empty())
      github.wait_for("POST", "/comments$", "waits for approval");
  }
  std::uint64_t say(const std::string& login, const std::string& text) {
    return github.comment(1, login, text);
  }
  /// The node's answer to the n-th command by that person.
  void wait_for_answer(const std::string& login, int count = 1) {
    github.wait_for("POST", "/comments$", "In answer to " + login + "'s", count);
  }
  std::size_t answers() {
    auto issue = github.only_issue();
    return static_cast<std::size_t>(std::ranges::count_if(issue.at("comments"), [](const json& c) {
      return contains(c.at("body").get<std::string>(), "In answer to ");
    }));
  }
  std::string answer_to(const std::string& login) {
    std::string result;
    const auto issue = github.only_issue();
    for (const auto& c : issue.at("comments"))
      if (auto text = c.at("body").get<std::string>();
          contains(text, "In answer to " + login + "'s"))
        result = text;
    return result;
  }
  std::size_t reactions(std::uint64_t id) {
    return comment_of(github.only_issue(), id).at("reactions").size();
  }
  void stop() {
    node->signal(SIGINT);
    CHECK(node->wait().exit_code == 130);
  }
};

} // namespace

TEST_CASE_METHOD(chat, "who may write approves by a comment, and is on record for it") {
  start();
  auto id = say("alice", "/approve a looks good");
  wait_for_answer("alice");
  wait_for_text(w.path() / "ledger", "b");
  CHECK(contains(answer_to("alice"), "Done"));
  CHECK(reactions(id) == 1);
  auto events = stored_events(w);
  CHECK(std::ranges::any_of(events, [](const event& e) {
    return e.kind == event_kind::phase_approved && e.phase == "a"
           && contains(e.data, "github:alice") && contains(e.data, "looks good");
  }));
  CHECK(std::ranges::any_of(events, [](const event& e) {
    return e.kind == event_kind::audit && contains(e.data, "github:alice");
  }));
  stop();
  check_chain(w);
}

TEST_CASE_METHOD(chat,
                 "who may only read or triage is refused with the reason, whatever is asked") {
  start();
  std::uint64_t id = 0;
  for (const auto* login : {"rita", "tim", "nobody", "ghost"})
    for (const auto* text : {"/approve a", "/reject a because", "/skip b because"})
      id = say(login, text);
  github.wait_for("POST", "/comments$", "In answer to ", 12, 60);
  CHECK(contains(answer_to("rita"), "Refused"));
  CHECK(contains(answer_to("rita"), "write"));
  CHECK(reactions(id) == 1);
  CHECK(statuses(w)["a"] == "waiting_approval");
  CHECK(answers() == 12);
  stop();
  CHECK_FALSE(w.has("ledger"));
}

TEST_CASE_METHOD(chat, "a comment that was edited into a command is ignored") {
  start();
  auto id = say("alice", "I am looking at it");
  auto seen = github.log().size();
  github.tell("/edit", {{"comment", id}, {"body", "/approve a"}});
  // A later command that is answered shows that the edited one was passed over.
  say("mia", "/status");
  wait_for_answer("mia");
  CHECK(github.log().size() > seen);
  CHECK(answers() == 1);
  CHECK(reactions(id) == 0);
  CHECK(statuses(w)["a"] == "waiting_approval");
  stop();
}

TEST_CASE_METHOD(chat, "what only looks like a command is none") {
  start();
  for (const auto* text : {"> /approve a", "please /approve a", "```\n/approve a\n```",
                           "/approved a", "/ approve a", "/shrug", "I would not\n/approve a"})
    say("alice", text);
  say("mia", "/status");
  wait_for_answer("mia");
  CHECK(answers() == 1);
  CHECK(statuses(w)["a"] == "waiting_approval");
  stop();
}

TEST_CASE_METHOD(chat, "a command that lacks something is told its form") {
  start();
  say("alice", "/reject a");
  wait_for_answer("alice");
  CHECK(contains(answer_to("alice"), "reason"));
  say("alice", "/approve");
  wait_for_answer("alice", 2);
  CHECK(contains(answer_to("alice"), "/approve ID"));
  say("alice", "/approve nowhere");
  wait_for_answer("alice", 3);
  CHECK(contains(answer_to("alice"), "nowhere"));
  say("alice", "/retry b");
  wait_for_answer("alice", 4);
  CHECK(contains(answer_to("alice"), "Refused"));
  CHECK(statuses(w)["a"] == "waiting_approval");
  stop();
}

TEST_CASE_METHOD(chat, "reject, retry, skip and status do what they say") {
  start();
  w.write("mended", "");
  say("mia", "/retry f");
  wait_for_answer("mia");
  CHECK(contains(answer_to("mia"), "Done"));
  wait_for_text(w.path() / "consolidation/logs/node.log", "phase_approved f");
  say("mia", "/retry f");
  wait_for_answer("mia", 2);
  CHECK(contains(answer_to("mia"), "phase f is approved already (by its criteria"));
  say("ada", "/reject a it is wrong");
  wait_for_answer("ada");
  wait_for_text(w.path() / "consolidation/execution_state.json", "\"rejected\"");
  CHECK(statuses(w)["a"] == "rejected");
  say("ada", "/status");
  wait_for_answer("ada", 2);
  CHECK(contains(answer_to("ada"), "rejected"));
  say("alice", "/skip a we know");
  wait_for_answer("alice");
  wait_for_text(w.path() / "ledger", "b");
  auto result = node->wait();
  INFO(result.output);
  CHECK(result.exit_code == 0);
  CHECK(statuses(w)["f"] == "approved");
  CHECK(statuses(w)["a"] == "skipped");
  auto issue = github.only_issue();
  CHECK(issue.at("state") == "closed");
  check_comments_once_in_order(issue);
}

TEST_CASE_METHOD(chat,
                 "two of the people that a plan asks for must both say it, each counts once") {
  start({{"mode", "manual"}, {"required", 2}});
  say("alice", "/approve a");
  wait_for_answer("alice");
  say("alice", "/approve a again");
  wait_for_answer("alice", 2);
  CHECK(statuses(w)["a"] == "waiting_approval");
  say("mia", "/approve a");
  wait_for_answer("mia");
  wait_for_text(w.path() / "ledger", "b");
  stop();
}

TEST_CASE_METHOD(chat, "what changed after it was shown is not approved; shown anew, it is") {
  // An approval is of what the issue showed, by its digest.
  write_github_plan(w,
                    {{"a", phase({}, task("t", "echo one > out.a", {{"outputs", {"out.a"}}}),
                                 {{"approval", "manual"}})},
                     {"b", shell_phase({"a"}, "echo b >> ledger")},
                     {"f", shell_phase({}, "exit 3")}},
                    {{"chatops", {{"enabled", true}, {"poll_seconds", 0.2}}}});
  w.write("config/success_criteria.json",
          R"({"a":{"required_outputs":["out.a"],"validation_checks":[]}})");
  github.tell("/configure", {{"roles", {{"alice", "write"}}}});
  node = std::make_unique<program>(node_command(w, {"--wait"}), github.environment());
  github.wait_for("POST", "/comments$", "waits for approval");
  w.write("out.a", "two\n");
  say("alice", "/approve a");
  wait_for_answer("alice");
  CHECK(contains(answer_to("alice"), "Refused"));
  CHECK(contains(answer_to("alice"), "changed"));
  CHECK(statuses(w)["a"] == "waiting_approval");
  CHECK_FALSE(w.has("ledger"));
  stop();
}

TEST_CASE_METHOD(chat, "a command is answered once, also when node and replies are lost") {
  start();
  // GitHub acts on the answer, and the node never learns that.
  github.fail(
      {{{"kind", "stall"}, {"seconds", 30}, {"method", "POST"}, {"text", "In answer to "}}});
  auto id = say("alice", "/approve a");
  github.wait_for("POST", "/reactions$");
  wait_for_text(w.path() / "ledger", "b");
  node->signal(SIGKILL);
  node->wait();
  github.fail(json::array());
  start({}, {"--resume"});
  say("mia", "/status");
  wait_for_answer("mia");
  CHECK(answers() == 2);
  CHECK(reactions(id) == 1);
  auto events = stored_events(w);
  CHECK(count_events(events, event_kind::phase_approved, "a") == 1);
  CHECK(std::ranges::count_if(events,
                              [](const event& e) {
                                return e.kind == event_kind::audit
                                       && contains(e.data, "github:alice");
                              })
        == 1);
  check_comments_once_in_order(github.only_issue());
  stop();
}

TEST_CASE_METHOD(chat, "commands given while the node was away are taken at its next start") {
  start();
  node->signal(SIGKILL);
  node->wait();
  say("alice", "/approve a");
  say("rita", "/reject a because");
  start({}, {"--resume"});
  wait_for_answer("alice");
  wait_for_answer("rita");
  wait_for_text(w.path() / "ledger", "b");
  CHECK(answers() == 2);
  stop();
}

TEST_CASE_METHOD(chat, "a permission that is taken away counts within a minute") {
  start();
  github.tell("/configure", {{"roles", {{"alice", "read"}}}});
  say("alice", "/approve a");
  wait_for_answer("alice");
  CHECK(contains(answer_to("alice"), "Refused"));
  stop();
}

TEST_CASE_METHOD(chat, "looking for comments costs nothing while there are none") {
  start();
  github.wait_for("GET", "/comments$", {}, 12);
  std::size_t free_ones = 0;
  for (const auto& x : github.log())
    free_ones += x.at("status") == 304 ? 1 : 0;
  CHECK(free_ones >= 5);
  stop();
}

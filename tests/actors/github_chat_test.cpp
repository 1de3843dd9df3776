#include "actors/core/decisions.hpp"
#include "tests/fixtures/contains.hpp"
#include "tests/fixtures/github_rig.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::testing;
using namespace std::chrono_literals;

namespace {

constexpr auto waiting = R"({"reason":"waits for 1 of: operator","digest":"d1","criteria":[]})";

plan with_chat(bool allow_self = true) {
  auto p = github_rig::small();
  p.github.chatops = true;
  p.github.poll_interval = 5s;
  p.phases[0].approval = std::make_unique<approval_policy>();
  p.phases[0].approval->mode = approval_mode::manual;
  p.phases[0].approval->allow_self = allow_self;
  return p;
}

/// An issue on which phase 0 is shown waiting; alice may write, bob only reads.
struct chat_rig : github_rig {
  explicit chat_rig(plan p = with_chat()) : github_rig(std::move(p)) {
    hub.permissions = {{"alice", "maintain"}, {"bob", "read"}, {"bot", "admin"}};
    start();
    happens(event_kind::phase_started, "0");
    happens(event_kind::phase_waiting, "0", waiting);
    answer();
  }

  /// Lets what the actor has recorded become durable events, as the state actor would.
  void settle() {
    for (int i = 0; i < 10; ++i) {
      answer_for(1s);
      for (; seen_ < recorded->events.size(); ++seen_)
        happens({recorded->events[seen_]});
    }
  }
  /// The audit of what a decider has done is recorded by the decider.
  void decider_records(bool done, const std::string& outcome) {
    const auto& d = decider->asked.back();
    happens({core::make_audit(d, done, outcome, now_us)});
    settle();
  }
  std::string last_comment() const { return hub.comment_texts().back(); }

private:
  std::size_t seen_ = 0;
};

} // namespace

TEST_CASE("an approval by somebody who may write is passed on, answered and audited") {
  chat_rig f;
  const auto id = f.hub.say("alice", "/approve 0 looks good");
  f.settle();
  REQUIRE(f.decider->asked.size() == 1);
  const auto& d = f.decider->asked[0];
  CHECK(d.by == "github:alice");
  CHECK(d.role == access_role::operator_);
  CHECK(d.request.command == control_command::approve);
  CHECK(d.request.phase == "0");
  CHECK(d.request.reason == "looks good");
  CHECK(d.request.digest == "d1");
  CHECK(contains(d.from, "#issuecomment-" + std::to_string(id)));
  f.decider_records(true, "phase 0 is approved");
  CHECK(f.hub.reactions == lines{"+1 " + std::to_string(id)});
  CHECK(contains(f.last_comment(), "Done: phase 0 is approved"));
  f.settle();
  CHECK(f.decider->asked.size() == 1);
}

TEST_CASE("who may not write is refused, with the reason") {
  chat_rig f;
  const auto id = f.hub.say("bob", "/approve 0");
  f.hub.say("carol", "/reject 0 no");
  f.settle();
  CHECK(f.decider->asked.empty());
  CHECK(f.hub.reactions.front() == "-1 " + std::to_string(id));
  CHECK(contains(f.last_comment(), "carol may not decide here"));
  const auto& audit = f.recorded->last(event_kind::audit);
  CHECK(contains(audit.data, R"("by":"github:carol")"));
  CHECK(contains(audit.data, R"("done":false)"));
}

TEST_CASE("who goes on asking without the permission is not answered without end") {
  chat_rig f;
  for (int i = 0; i < 20; ++i)
    f.hub.say("bob", "/approve 0");
  f.settle();
  CHECK(f.hub.reactions.size() == core::chat_desk::refusals_an_hour);
}

TEST_CASE("a permission is asked again after a minute") {
  chat_rig f;
  const std::string permission = "GET /repos/o/r/collaborators/alice/permission";
  f.hub.say("alice", "/retry 0");
  f.settle();
  f.hub.say("alice", "/retry 0");
  f.settle();
  CHECK(f.count(permission) == 1);
  f.answer_for(60s);
  f.hub.permissions["alice"] = "read";
  f.hub.say("alice", "/retry 0");
  f.settle();
  CHECK(f.count(permission) == 2);
  CHECK(f.decider->asked.size() == 2);
}

TEST_CASE("a decider's refusal is answered with its reason and audited") {
  chat_rig f;
  f.decider->refusal = caf::make_error(ec::wrong_state, "phase 1 is pending");
  f.hub.say("alice", "/approve 1");
  f.settle();
  CHECK(contains(f.last_comment(), "Refused: phase 1 is pending"));
  CHECK(contains(f.recorded->last(event_kind::audit).data, "phase 1 is pending"));
}

TEST_CASE("commands that are wrong are answered with how they are written") {
  chat_rig f;
  for (const auto* text : {"/reject 0", "/skip", "/approve 99"})
    f.hub.say("alice", text);
  f.settle();
  CHECK(f.decider->asked.empty());
  CHECK(f.hub.reactions.size() == 3);
  CHECK(contains(f.last_comment(), "the plan has no phase 99"));
}

TEST_CASE("reject, retry and skip reach whom they concern") {
  chat_rig f;
  f.hub.say("alice", "/reject 0 the disk is full");
  f.hub.say("alice", "/retry 1");
  f.hub.say("alice", "/skip 1 not needed");
  f.settle();
  REQUIRE(f.decider->asked.size() == 3);
  CHECK(f.decider->asked[0].request.command == control_command::reject);
  CHECK(f.decider->asked[0].request.reason == "the disk is full");
  CHECK(f.decider->asked[1].request.command == control_command::retry);
  CHECK(f.decider->asked[2].request.command == control_command::skip);
}

TEST_CASE("/status is answered with where the run stands") {
  chat_rig f;
  f.hub.say("alice", "/status");
  f.settle();
  CHECK(contains(f.last_comment(), "phase 0: waiting approval"));
  CHECK(f.decider->asked.empty());
}

TEST_CASE("talk, edited comments and the node's own are no commands") {
  chat_rig f;
  f.hub.say("alice", "I think we should /approve 0");
  const auto id = f.hub.say("alice", "/approve 0");
  f.hub.comments[id]["updated_at"] = core::format_time(f.now_us + 5'000'000);
  f.hub.say("bot", "/approve 0 <!-- aeo:event x 1 -->", tiny_github::us);
  f.settle();
  CHECK(f.decider->asked.empty());
  CHECK(f.hub.reactions.empty());
}

TEST_CASE("an approval written before the evidence was shown is not taken for it") {
  chat_rig f;
  f.hub.say("alice", "/approve 0");
  f.happens(event_kind::phase_waiting, "0", R"({"reason":"waits","digest":"d2","criteria":[]})");
  f.settle();
  CHECK(f.decider->asked.empty());
  CHECK(contains(f.last_comment(), "shown here only after that comment"));
  f.hub.say("alice", "/approve 0");
  f.settle();
  REQUIRE(f.decider->asked.size() == 1);
  CHECK(f.decider->asked[0].request.digest == "d2");
}

TEST_CASE("a further voice does not make people look again") {
  chat_rig f;
  f.happens(event_kind::phase_waiting, "0",
            R"({"reason":"waits","digest":"d1","criteria":[],"votes":[{"by":"carol"}]})");
  f.hub.say("alice", "/approve 0");
  f.settle();
  CHECK(f.decider->asked.size() == 1);
}

TEST_CASE("whose token the node runs with approves nothing where that counts as the starter") {
  SECTION("allow_self is false") {
    chat_rig f{with_chat(false)};
    f.hub.say("bot", "/approve 0", tiny_github::us);
    f.settle();
    CHECK(f.decider->asked.empty());
    CHECK(contains(f.last_comment(), "bot started this execution"));
    f.hub.say("alice", "/approve 0");
    f.settle();
    CHECK(f.decider->asked.size() == 1);
  }
  SECTION("allow_self is true") {
    chat_rig f;
    f.hub.say("bot", "/approve 0", tiny_github::us);
    f.settle();
    CHECK(f.decider->asked.size() == 1);
  }
}

TEST_CASE("a command that was decided before the node died is answered by the next, not repeated") {
  chat_rig f;
  const auto id = f.hub.say("alice", "/approve 0");
  f.settle();
  REQUIRE(f.decider->asked.size() == 1);
  auto audit = core::make_audit(f.decider->asked[0], true, "phase 0 is approved", f.now_us);
  f.kill();
  f.uut = github_actor{};
  f.happens({std::move(audit)});
  f.start();
  f.settle();
  CHECK(f.decider->asked.size() == 1);
  CHECK(f.hub.reactions == lines{"+1 " + std::to_string(id)});
  CHECK(contains(f.last_comment(), "Done: phase 0 is approved"));
}

TEST_CASE("a command that was not decided when the node died is decided by the next") {
  chat_rig f;
  f.hub.say("alice", "/retry 0");
  f.kill();
  f.start();
  f.settle();
  CHECK(f.decider->asked.size() == 1);
}

TEST_CASE("comments are asked for with the tag of the last answer") {
  chat_rig f;
  f.hub.instead = [&](const std::string& line) -> std::optional<http_reply> {
    if (line != "GET /repos/o/r/issues/1/comments")
      return std::nullopt;
    auto reply = reply_of(200, hub_json::array());
    reply.headers["etag"] = "\"e7\"";
    return reply;
  };
  f.answer_for(6s);
  for (int i = 0; i < 10 && f.line->waiting.empty(); ++i)
    f.pass(1s);
  REQUIRE(f.line->waiting.size() == 1);
  CHECK(f.line->waiting[0].etag == "\"e7\"");
  http_reply same;
  same.status = 304;
  f.line->waiting.clear();
  f.self->send(f.uut, same);
  f.run();
  CHECK(f.line->waiting.empty());
  f.pass(5s);
  CHECK(f.line->waiting.size() == 1);
}

TEST_CASE("without chatops no comment is read") {
  auto p = github_rig::small();
  github_rig f{std::move(p)};
  f.start();
  f.answer();
  f.hub.say("alice", "/approve 0");
  f.answer_for(120s);
  CHECK(f.count("GET /repos/o/r/issues/1/comments") == 0);
}

TEST_CASE("commit statuses follow the phases, the newest once each") {
  auto p = github_rig::small();
  p.github.commit_statuses = true;
  github_rig f{std::move(p)};
  f.commit = core::commit_target{"o/code", std::string(40, 'a')};
  f.hub.instead = [&](const std::string& line) -> std::optional<http_reply> {
    if (line != "POST /repos/o/code/statuses/" + std::string(40, 'a'))
      return std::nullopt;
    f.hub.statuses.push_back(f.hub.bodies.back()["state"].get<std::string>() + " "
                             + f.hub.bodies.back()["context"].get<std::string>());
    return reply_of(201);
  };
  f.start();
  f.answer();
  f.happens(event_kind::phase_started, "0");
  f.answer();
  f.happens(event_kind::phase_completed, "0");
  f.happens(event_kind::phase_approved, "0", "{}");
  f.answer();
  f.happens(event_kind::phase_started, "1");
  f.happens(event_kind::phase_failed, "1", "{}");
  f.answer();
  CHECK(f.hub.statuses.front() == "pending aeo/phase-0");
  CHECK(std::ranges::count(f.hub.statuses, "success aeo/phase-0") == 1);
  CHECK(f.hub.statuses.back() == "failure aeo/phase-1");
  f.happens(event_kind::phase_skipped, "1", R"({"by":"alice","reason":"not needed"})");
  f.answer();
  CHECK(f.hub.bodies.back()["description"] == "1: skipped by alice");
}

TEST_CASE("a commit that GitHub does not have gets no statuses, and that is said once") {
  auto p = github_rig::small();
  p.github.commit_statuses = true;
  github_rig f{std::move(p)};
  f.commit = core::commit_target{"o/code", std::string(40, 'a')};
  f.start();
  f.pass_phase("0");
  f.answer_for(60s);
  f.pass_phase("1");
  f.answer_for(60s);
  CHECK(f.count("POST /repos/o/code/statuses/" + std::string(40, 'a')) == 1);
  CHECK(f.said->heard.size() == 1);
  CHECK(f.hub.comment_texts().size() == 6);
}

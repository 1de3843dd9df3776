#include "tests/fixtures/contains.hpp"
#include "tests/fixtures/github_rig.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <array>
#include <random>

using namespace aeo;
using namespace aeo::testing;
using namespace std::chrono_literals;

namespace {

const std::string create_issue = "POST /repos/o/r/issues";
const std::string comment = "POST /repos/o/r/issues/1/comments";
const std::string edit = "PATCH /repos/o/r/issues/1";

/// The events that the comments tell of, in their order.
std::vector<std::uint64_t> told(const github_rig& f) {
  std::vector<std::uint64_t> result;
  for (const auto& text : f.hub.comment_texts())
    result.push_back(core::find_event_marker(text, f.context->execution).value_or(0));
  return result;
}

std::vector<std::uint64_t> numbers(std::uint64_t count) {
  std::vector<std::uint64_t> result;
  for (std::uint64_t i = 1; i <= count; ++i)
    result.push_back(i);
  return result;
}

} // namespace

TEST_CASE("an execution has one issue, a comment per event, and is closed at its end") {
  github_rig f{github_rig::small()};
  f.start();
  f.answer();
  CHECK(f.hub.issues.size() == 1);
  CHECK(
      core::has_execution_marker(f.hub.issues[0]["body"].get<std::string>(), f.context->execution));
  f.pass_phase("0");
  f.pass_phase("1");
  f.ends();
  f.finish();
  f.answer();
  CHECK(f.is_finished());
  CHECK(f.left->empty());
  CHECK(told(f) == numbers(7));
  CHECK(f.hub.issues.size() == 1);
  CHECK(f.hub.issues[0]["state"] == "closed");
  CHECK(f.hub.issues[0]["state_reason"] == "completed");
  CHECK(contains(f.hub.issues[0]["body"].get<std::string>(), std::string(64, 'c')));
  CHECK(f.line->most == 1);
  CHECK(f.said->heard.empty());
  CHECK(f.urls == 1);
  CHECK((*f.notes)[f.context->execution].settled);
}

TEST_CASE("what happened before GitHub was reached is told all the same") {
  github_rig f{github_rig::small()};
  f.pass_phase("0");
  f.start();
  f.answer();
  CHECK(told(f) == numbers(3));
}

TEST_CASE("comments that are not wanted are not made") {
  auto p = github_rig::small();
  p.github.update_on_phase_start = false;
  p.github.update_on_phase_complete = false;
  github_rig f{std::move(p)};
  f.start();
  f.pass_phase("0");
  f.answer();
  CHECK(told(f) == std::vector<std::uint64_t>{3});
}

TEST_CASE("without create_issues nothing is written") {
  auto p = github_rig::small();
  p.github.create_issues = false;
  github_rig f{std::move(p)};
  f.start();
  f.pass_phase("0");
  f.answer_for(30s);
  CHECK(f.count(create_issue) == 0);
  f.finish();
  CHECK(f.is_finished());
}

TEST_CASE("the body is edited every ten seconds at most") {
  auto p = github_rig::small(20);
  p.github.update_on_phase_start = p.github.update_on_phase_complete = false;
  p.github.update_on_approval = false;
  github_rig f{std::move(p)};
  f.start();
  f.answer();
  for (int i = 0; i < 20; ++i) {
    f.pass_phase(std::to_string(i));
    f.answer_for(1s);
  }
  CHECK(f.count(edit) <= 2);
  f.answer_for(10s);
  CHECK(f.count(edit) <= 3);
  CHECK(contains(f.hub.issues[0]["body"].get<std::string>(), "20 of 20 phases"));
}

TEST_CASE("a failed run closes its issue as not planned, an interrupted one leaves it open") {
  github_rig f{github_rig::small()};
  f.start();
  f.answer();
  SECTION("failed") {
    f.ends("failed", 1);
    f.answer_for(10s);
    CHECK(f.hub.issues[0]["state"] == "closed");
    CHECK(f.hub.issues[0]["state_reason"] == "not_planned");
    SECTION("and the resume opens it again") {
      f.kill();
      f.happens(event_kind::execution_resumed, "", "{}");
      f.start();
      f.answer_for(10s);
      CHECK(f.hub.issues[0]["state"] == "open");
      CHECK(f.hub.issues.size() == 1);
    }
  }
  SECTION("interrupted") {
    f.ends("interrupted", 130);
    f.answer_for(10s);
    CHECK(f.hub.issues[0]["state"] == "open");
  }
}

TEST_CASE("a killed node's successor goes on with the same issue, each comment once, whenever it "
          "died and whatever was lost") {
  // The first node dies when its n-th request has been acted on, and nobody heard of that.
  const auto at = GENERATE(Catch::Generators::range(0, 14));
  const auto acted = GENERATE(true, false);
  github_rig f{github_rig::small()};
  f.hub.is_app = GENERATE(false, true);
  f.start();
  f.pass_phase("0");
  f.pass_phase("1");
  f.ends();
  for (int i = 0; i < at; ++i)
    f.answer_one();
  if (acted && !f.line->waiting.empty())
    f.hub.take(f.line->waiting.front());
  f.kill();
  f.start();
  f.answer_for(20s);
  INFO("died at request " << at << (acted ? ", acted on" : "") << ", app " << f.hub.is_app);
  CHECK(f.hub.issues.size() == 1);
  CHECK(told(f) == numbers(7));
  CHECK(f.hub.issues[0]["state"] == "closed");
}

TEST_CASE(
    "with half of all requests lost, garbled or failed, each comment is there once, in order") {
  const auto seed = GENERATE(Catch::Generators::range(1U, 40U));
  github_rig f{github_rig::small()};
  f.hub.plan = [engine = std::minstd_rand{seed}](std::size_t) mutable {
    constexpr std::array<fate, 3> bad = {fate::lost, fate::garbled, fate::error};
    const auto n = engine() / 7;
    return n % 2 == 0 ? fate::good : bad.at(n / 2 % 3);
  };
  f.start();
  f.pass_phase("0");
  f.pass_phase("1");
  f.ends();
  f.answer_for(1200s);
  INFO("seed " << seed);
  CHECK(f.hub.issues.size() == 1);
  CHECK(told(f) == numbers(7));
  CHECK(f.hub.issues[0]["state"] == "closed");
  CHECK(f.line->most == 1);
}

TEST_CASE("a clock that is set back keeps nothing from being told") {
  github_rig f{github_rig::small()};
  f.start();
  f.answer();
  f.pass_phase("0");
  f.answer();
  f.set_clock(-1h);
  f.pass_phase("1");
  f.ends();
  f.answer_for(20s);
  CHECK(told(f) == numbers(7));
  CHECK(f.hub.issues[0]["state"] == "closed");
}

TEST_CASE("a limit of an earlier node is not waited for longer than GitHub sets any") {
  github_rig f{github_rig::small()};
  (*f.notes)[f.context->execution].not_before_us = f.now_us + 3 * 3'600'000'000;
  f.start();
  f.answer_for(3'700s);
  CHECK(f.hub.issues.size() == 1);
}

TEST_CASE("the issue is found again behind many others") {
  github_rig f{github_rig::small()};
  f.start();
  f.answer();
  f.kill();
  f.notes->begin()->second.issue = 0; // The note was lost with the machine's power.
  f.hub.page_size = 10;
  const auto own = f.hub.issues[0];
  f.hub.issues = hub_json::array();
  for (int i = 0; i < 35; ++i)
    f.hub.issues.push_back({{"number", 100 - i},
                            {"body", "another"},
                            {"created_at", own["created_at"]},
                            {"user", {{"id", 9}}}});
  f.hub.issues.insert(f.hub.issues.begin() + 5, f.hub.issues[0]);
  f.hub.issues[5]["body"] = own["body"]; // Somebody has copied it.
  f.hub.issues.push_back(own);
  f.start();
  f.answer_for(5s);
  CHECK(f.count(create_issue) == 1);
  CHECK(f.notes->begin()->second.issue == 1);
}

TEST_CASE("a stranger's copy of a marker hides nothing") {
  github_rig f{github_rig::small()};
  f.start();
  f.answer();
  f.pass_phase("0");
  f.kill();
  f.hub.say("mallory", core::event_marker(f.context->execution, 3));
  f.start();
  f.answer_for(10s);
  CHECK(told(f) == numbers(3));
}

TEST_CASE("at the end the node waits for GitHub only as long as is configured") {
  auto p = github_rig::small();
  p.github.drain_time = 5s;
  github_rig f{std::move(p)};
  f.start();
  f.pass_phase("0");
  f.ends();
  f.finish();
  f.pass(4s);
  CHECK_FALSE(f.is_finished());
  f.pass(1s);
  CHECK(f.is_finished());
  CHECK(contains(*f.left, "GitHub lacks 4 comments"));
}

TEST_CASE("one refused connection among answers does not end the wait, three in a row do") {
  auto p = github_rig::small();
  p.github.drain_time = 100s;
  github_rig f{std::move(p)};
  f.hub.instead = [](const std::string&) { return reply_of(503); };
  f.start();
  f.pass_phase("0");
  f.answer_for(60s);
  f.ends();
  f.finish();
  f.hub.instead = [](const std::string&) { return fault_of(http_fault::connect, "nobody there"); };
  f.answer();
  CHECK_FALSE(f.is_finished());
  f.hub.instead = [](const std::string&) { return reply_of(503); };
  f.answer_for(20s);
  CHECK_FALSE(f.is_finished());
  f.hub.instead = [](const std::string&) { return fault_of(http_fault::connect, "nobody there"); };
  f.answer_for(40s);
  CHECK(f.is_finished());
}

TEST_CASE("an earlier execution that GitHub lacks something of is told of after the present one") {
  github_rig f{github_rig::small()};
  f.earlier = {{.id = "e0",
                .started_us = f.now_us,
                .plan_hash = "old",
                .plan_text = R"({"aeo_plan":1,"phases":[{"id":"0"},{"id":"1"}]})",
                .started_by = "alice@box"}};
  (*f.notes)["e0"] = {};
  f.start();
  f.answer_for(10s);
  REQUIRE(f.hub.issues.size() == 2);
  CHECK(
      core::has_execution_marker(f.hub.issues[0]["body"].get<std::string>(), f.context->execution));
  CHECK(core::has_execution_marker(f.hub.issues[1]["body"].get<std::string>(), "e0"));
}

TEST_CASE("of a large plan there is one comment a minute, and one edit in ten seconds") {
  github_rig f{github_rig::small(1000)};
  f.start();
  f.answer();
  for (int i = 0; i < 1000; i += 5) {
    for (int k = i; k < i + 5; ++k)
      f.pass_phase(std::to_string(k));
    f.answer_for(1s);
  }
  f.ends();
  f.finish();
  f.answer();
  CHECK(f.is_finished());
  CHECK(f.count(edit) <= 200 / 10 + 1);
  CHECK(f.count(comment) <= 200 / 60 + 2);
  CHECK(told(f).back() == 3001);
  CHECK(f.hub.issues[0]["state"] == "closed");
  CHECK(f.hub.issues[0]["body"].get<std::string>().size() <= core::longest_github_text);
}

TEST_CASE("a failure in a large plan is told soon") {
  github_rig f{github_rig::small(60)};
  f.start();
  f.pass_phase("0");
  f.answer_for(1s);
  f.happens(event_kind::phase_started, "1");
  f.happens(event_kind::phase_failed, "1", R"({"class":"permanent","message":"disk full"})");
  f.answer_for(10s);
  CHECK(contains(f.hub.comment_texts().back(), "disk full"));
}

TEST_CASE("what piles up while GitHub is away becomes one comment") {
  github_rig f{github_rig::small(50)};
  f.hub.instead = [](const std::string&) { return fault_of(http_fault::connect, "nobody there"); };
  f.start();
  for (int i = 0; i < 50; ++i)
    f.pass_phase(std::to_string(i));
  f.answer_for(60s);
  f.hub.instead = nullptr;
  f.answer_for(600s);
  CHECK(told(f) == std::vector<std::uint64_t>{150});
}

TEST_CASE("no more than 80 things a minute are made") {
  auto p = github_rig::small(25);
  github_rig f{std::move(p)};
  f.start();
  std::vector<std::int64_t> made;
  for (int i = 0; i < 200; ++i) {
    if (i < 50) {
      f.happens(event_kind::phase_started, std::to_string(i % 25));
      f.happens(event_kind::phase_retry_wait, std::to_string(i % 25), R"({"class":"transient"})");
    }
    f.answer_for(1s);
    made.push_back(static_cast<std::int64_t>(f.count(comment)));
  }
  for (std::size_t i = 60; i < made.size(); ++i)
    CHECK(made[i] - made[i - 60] <= 80);
  CHECK(made.back() == 100);
}

TEST_CASE("trouble is said once, and that it is over") {
  github_rig f{github_rig::small()};
  f.hub.instead = [](const std::string&) {
    return reply_of(401, {{"message", "Bad credentials"}});
  };
  f.start();
  f.pass_phase("0");
  f.answer_for(3600s);
  REQUIRE(f.said->heard.size() == 1);
  CHECK(contains(f.said->heard[0], "GITHUB_TOKEN"));
  CHECK(f.hub.log.size() < 40);
  f.hub.instead = nullptr;
  f.answer_for(600s);
  REQUIRE(f.said->heard.size() == 2);
  CHECK(contains(f.said->heard[1], "works again"));
  CHECK(told(f) == numbers(3));
}

TEST_CASE("a refusal is not waited for at the end") {
  github_rig f{github_rig::small()};
  f.hub.instead = [](const std::string&) { return reply_of(404, {{"message", "Not Found"}}); };
  f.start();
  f.answer();
  f.ends();
  f.finish();
  f.answer();
  CHECK(f.is_finished());
  CHECK(contains(*f.left, "GitHub lacks 1 comment "));
}

TEST_CASE("a limit is waited out as long as GitHub says") {
  github_rig f{github_rig::small()};
  f.start();
  f.answer();
  f.hub.instead = [](const std::string&) {
    return reply_of(403, {{"message", "secondary rate limit"}}, {{"retry-after", "50"}});
  };
  f.happens(event_kind::phase_started, "0");
  f.answer();
  const auto asked = f.hub.log.size();
  f.hub.instead = nullptr;
  SECTION("also by the next node") {
    f.kill();
    f.start();
  }
  SECTION("by this node") {}
  f.answer_for(49s);
  CHECK(f.hub.log.size() == asked);
  f.answer_for(5s);
  CHECK(told(f) == numbers(1));
}

TEST_CASE("a comment whose text GitHub does not take is replaced by a line, the others go on") {
  github_rig f{github_rig::small()};
  f.start();
  f.answer();
  auto refusals = 1;
  f.hub.instead = [&](const std::string& line) -> std::optional<http_reply> {
    if (line == comment && refusals-- > 0)
      return reply_of(422, {{"message", "Validation Failed"}});
    return std::nullopt;
  };
  f.pass_phase("0");
  f.answer();
  CHECK(told(f) == numbers(3));
  CHECK(contains(f.hub.comment_texts()[0], "GitHub refused the text"));
  CHECK(f.said->heard.size() == 1);
}

TEST_CASE("a deleted issue is not made again") {
  github_rig f{github_rig::small()};
  f.start();
  f.answer();
  f.hub.instead = [](const std::string& line) -> std::optional<http_reply> {
    if (line.find("/issues/1") != line.npos)
      return reply_of(410, {{"message", "This issue was deleted"}});
    return std::nullopt;
  };
  f.pass_phase("0");
  f.ends();
  f.answer_for(60s);
  CHECK(f.count(create_issue) == 1);
  f.finish();
  CHECK(f.is_finished());
}

TEST_CASE("a log that cannot be opened ends the actor and nothing else") {
  github_rig f{github_rig::small()};
  f.disk->trouble = caf::make_error(ec::storage_failed, "disk full");
  f.start();
  CHECK(has_ended(caf::actor_cast<caf::actor>(f.uut)));
}

TEST_CASE("an earlier execution that had come to its end is not called given up") {
  github_rig f{github_rig::small()};
  f.start();
  f.pass_phase("0");
  f.ends("completed", 0);
  f.answer_one(); // All else waits for the next node.
  f.kill();
  f.earlier = {{.id = f.context->execution,
                .started_us = f.now_us,
                .plan_hash = {},
                .plan_text = {},
                .started_by = {}}};
  auto next = *f.context;
  next.execution = "e2";
  f.context = std::make_shared<const run_context>(std::move(next));
  f.start();
  f.answer_for(20s);
  REQUIRE(f.hub.issues.size() == 2);
  const auto& issue = f.hub.issues[1];
  CHECK(core::has_execution_marker(issue["body"].get<std::string>(), f.earlier[0].id));
  CHECK_FALSE(contains(issue["body"].get<std::string>(), "Given up"));
  CHECK(issue["state_reason"] == "completed");
}

TEST_CASE("an interrupted execution's issue is closed when another one is begun instead") {
  github_rig f{github_rig::small()};
  f.start();
  f.ends("interrupted", 130);
  f.answer_for(10s);
  CHECK(f.hub.issues[0]["state"] == "open");
  CHECK_FALSE((*f.notes)[f.context->execution].settled);
  f.kill();
  f.earlier = {{.id = f.context->execution,
                .started_us = f.now_us,
                .plan_hash = {},
                .plan_text = {},
                .started_by = {}}};
  auto next = *f.context;
  next.execution = "e2";
  f.context = std::make_shared<const run_context>(std::move(next));
  f.start();
  f.answer_for(20s);
  REQUIRE(f.hub.issues.size() == 2);
  CHECK(f.hub.issues[0]["state"] == "closed");
  CHECK(contains(f.hub.issues[0]["body"].get<std::string>(), "Given up: execution `e2`"));
  CHECK((*f.notes)[f.earlier[0].id].settled);
}

TEST_CASE("a repository that takes no issues is left alone, and that is said once") {
  github_rig f{github_rig::small()};
  const auto* what = "";
  auto answer = hub_json{{"full_name", "o/r"}};
  SECTION("archived") {
    answer["archived"] = true;
    what = "archived";
  }
  SECTION("issues disabled") {
    answer["has_issues"] = false;
    what = "issues are disabled";
  }
  f.hub.instead = [&](const std::string& line) -> std::optional<http_reply> {
    if (line == "GET /repos/o/r")
      return reply_of(200, answer);
    return std::nullopt;
  };
  f.start();
  f.answer_for(1000s);
  CHECK(f.count(create_issue) == 0);
  REQUIRE(f.said->heard.size() == 1);
  CHECK(contains(f.said->heard[0], what));
}

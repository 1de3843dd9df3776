// A server's answers, one after another: status, header, body, each ended by NUL.

#include "actors/core/chat_desk.hpp"
#include "actors/core/issue_track.hpp"
#include "config/plan.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <array>
#include <memory>

using namespace aeo;
using fuzz::expect;

namespace {

constexpr std::int64_t began_us = 1'700'000'000'000'000;
constexpr std::array statuses = {200, 201, 304, 301, 401, 403, 404, 410, 422, 429, 500, 502};
constexpr std::array headers = {"link", "retry-after", "x-ratelimit-reset", "etag", "location"};
const core::github_question question{"create the issue", "o/r", "api.github.com"};

std::shared_ptr<const plan> one_phase() {
  auto result = std::make_shared<plan>();
  auto& phase = result->phases.emplace_back();
  phase.id = "0";
  phase.tasks.emplace_back().id = "t";
  result->github.enabled = true;
  result->github.owner = "o";
  result->github.repo = "r";
  return result;
}

http_reply take_reply(std::string_view& input) {
  http_reply result;
  result.status = statuses.at(fuzz::take_choice(input, statuses.size()));
  result.headers["x-ratelimit-remaining"] = "0";
  result.headers[headers.at(fuzz::take_choice(input, headers.size()))] = fuzz::take_part(input);
  result.body = fuzz::take_part(input);
  return result;
}

core::github_verdict judge(const http_reply& reply, std::int64_t now_us) {
  auto result = core::judge_reply(reply, question, now_us, 1);
  expect((result.outcome == core::github_outcome::done) == result.problem.empty(),
         "what is not done is a problem, in words");
  expect(result.wait_us >= 0, "nobody waits for the past");
  return result;
}

core::issue_track a_track(const std::shared_ptr<core::github_identity>& identity) {
  const auto p = one_phase();
  core::track_options o;
  o.the_plan = p;
  o.settings = p->github;
  o.execution = "6b9f4a53-0000-4000-8000-000000000001";
  o.started_us = began_us;
  o.started_by = "alice@host";
  o.workspace = ".";
  o.read = [](std::uint64_t, std::uint64_t, std::vector<event>&) { return true; };
  o.chain = [] { return std::pair<std::uint64_t, std::string>{1, std::string(64, 'c')}; };
  o.identity = identity;
  return {std::move(o), 0, 0, false, true};
}

} // namespace

void fuzz_one(std::string_view input) {
  auto now_us = began_us;
  auto identity = std::make_shared<core::github_identity>();
  if (fuzz::take_choice(input, 2) == 1)
    identity->users.insert(1);
  auto track = a_track(identity);
  core::chat_desk desk{one_phase()->github, identity};
  event e;
  e.seq = 1;
  e.time_us = began_us;
  e.kind = event_kind::phase_started;
  e.phase = "0";
  e.attempt = 1;
  track.hear(e);
  desk.hear(e);
  while (!input.empty()) {
    now_us += 3'600'000'000;
    std::int64_t due_us = 0;
    if (auto job = track.next(now_us, true, now_us, due_us)) {
      const auto reply = take_reply(input);
      track.took(*job, judge(reply, now_us), reply, now_us);
    } else if (auto asked = desk.next(now_us, 1, due_us)) {
      const auto reply = take_reply(input);
      desk.took(*asked, judge(reply, now_us), reply, now_us);
    } else {
      take_reply(input);
    }
    if (const auto order = desk.ready(now_us)) {
      expect(!order->login.empty() && order->comment != 0, "a command has an author and a comment");
      desk.pop();
    }
  }
  expect(track.delivered() <= track.last_seq(), "nothing is told that has not happened");
}

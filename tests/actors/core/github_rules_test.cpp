#include "actors/core/github_rules.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::core;

namespace {

constexpr std::int64_t clock_us = 1'700'000'000'000'000;
constexpr std::int64_t second_us = 1'000'000;

http_reply status_reply(int status, std::string body = "{}",
                        std::map<std::string, std::string> headers = {}) {
  http_reply r;
  r.status = status;
  r.body = std::move(body);
  r.headers = std::move(headers);
  return r;
}

http_reply failed_reply(http_fault f, std::string problem = "api.github.com:443: no") {
  http_reply r;
  r.fault = f;
  r.problem = std::move(problem);
  return r;
}

github_verdict judged(const http_reply& r, std::uint32_t failures = 0) {
  return judge_reply(r, {"create the issue", "o/r", "api.github.com"}, clock_us, failures);
}

bool says(const http_reply& r, const std::string& part) {
  const auto problem = judged(r).problem;
  INFO(problem);
  return problem.find(part) != problem.npos;
}

} // namespace

TEST_CASE("good answers are done, and what is no JSON is not") {
  CHECK(judged(status_reply(200)).outcome == github_outcome::done);
  CHECK(judged(status_reply(201)).outcome == github_outcome::done);
  CHECK(judged(status_reply(204, "")).outcome == github_outcome::done);
  CHECK(judged(status_reply(304, "")).outcome == github_outcome::done);
  CHECK(judged(status_reply(201, R"({"number":)")).outcome == github_outcome::unknown);
  CHECK(judged(status_reply(200, "<html>login to the hotel</html>")).outcome
        == github_outcome::unknown);
}

TEST_CASE("after a lost answer nobody knows, after a failed connection nothing happened") {
  for (auto f : {http_fault::timeout, http_fault::broken, http_fault::too_large})
    CHECK(judged(failed_reply(f)).outcome == github_outcome::unknown);
  for (auto f : {http_fault::resolve, http_fault::connect, http_fault::tls, http_fault::handshake,
                 http_fault::proxy})
    CHECK(judged(failed_reply(f)).outcome == github_outcome::again);
  for (int status : {500, 502, 503, 504})
    CHECK(judged(status_reply(status)).outcome == github_outcome::unknown);
}

TEST_CASE("each failure in a row makes the wait longer, up to five minutes") {
  CHECK(judged(status_reply(502), 0).wait_us == second_us);
  CHECK(judged(status_reply(502), 1).wait_us == 2 * second_us);
  CHECK(judged(status_reply(502), 40).wait_us == 300 * second_us);
  CHECK(judged(status_reply(503, "{}", {{"retry-after", "40"}}), 0).wait_us == 40 * second_us);
}

TEST_CASE("rate limits are obeyed as GitHub tells them") {
  SECTION("Retry-After counts in seconds") {
    for (int status : {403, 429}) {
      const auto v = judged(status_reply(status, "{}", {{"retry-after", "17"}}));
      CHECK(v.outcome == github_outcome::limited);
      CHECK(v.wait_us == 17 * second_us);
    }
  }
  SECTION("a number beyond all reason is a long time") {
    CHECK(judged(status_reply(429, "{}", {{"retry-after", "7804965909077416527"}})).wait_us
          == 100'000'000'000 * second_us);
    CHECK(judged(status_reply(403, "{}",
                              {{"x-ratelimit-remaining", "0"},
                               {"x-ratelimit-reset", "9223372036854775807"}}))
              .wait_us
          == longest_limit_us);
  }
  SECTION("the primary limit ends when it is reset") {
    const auto v =
        judged(status_reply(403, "{}",
                            {{"x-ratelimit-remaining", "0"},
                             {"x-ratelimit-reset", std::to_string(clock_us / second_us + 90)}}));
    CHECK(v.outcome == github_outcome::limited);
    CHECK(v.wait_us == 91 * second_us);
  }
  SECTION("a secondary limit without a time is waited out for a minute, then longer") {
    const auto r = status_reply(403, R"({"message":"You have exceeded a secondary rate limit."})");
    CHECK(judged(r).outcome == github_outcome::limited);
    CHECK(judged(r).wait_us == 60 * second_us);
    CHECK(judged(r, 1).wait_us == 120 * second_us);
    CHECK(judged(status_reply(429)).wait_us == 60 * second_us);
  }
  SECTION("requests that are left are no limit") {
    CHECK(
        judged(status_reply(403, "{}",
                            {{"x-ratelimit-remaining", "12"}, {"x-ratelimit-reset", "1700000090"}}))
            .outcome
        == github_outcome::refused);
  }
}

TEST_CASE("after the last request of the hour none is sent until it is over") {
  const auto reset = std::to_string(clock_us / second_us + 90);
  auto r = status_reply(200, "{}", {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", reset}});
  CHECK(judged(r).outcome == github_outcome::done);
  CHECK(judged(r).wait_us == 91 * second_us);
  r.headers["x-ratelimit-remaining"] = "1";
  CHECK(judged(r).wait_us == 0);
}

TEST_CASE("a refusal says what to put right") {
  for (int status : {401, 403, 404, 410, 422})
    CHECK(judged(status_reply(status)).outcome == github_outcome::refused);
  CHECK(says(status_reply(401), "GITHUB_TOKEN"));
  CHECK(says(status_reply(403, R"({"message":"Resource not accessible by personal access token"})",
                          {{"x-accepted-github-permissions", "issues=write"}}),
             "may not create the issue in o/r; it needs issues=write"));
  CHECK(says(status_reply(403), "scope repo"));
  CHECK(says(status_reply(403, R"({"message":"Repository was archived so is read-only."})"),
             "archived"));
  CHECK(says(status_reply(404, R"({"message":"Not Found"})"), "GITHUB_REPO"));
  CHECK(
      says(status_reply(410, R"({"message":"Issues are disabled for this repo"})"), "enable them"));
  CHECK(says(status_reply(410, R"({"message":"This issue was deleted"})"), "was deleted"));
  CHECK(
      says(status_reply(
               422, R"({"message":"Validation Failed","errors":[{"field":"body","code":"bad"}]})"),
           "Validation Failed: body bad"));
}

TEST_CASE("a failed connection says where to look") {
  CHECK(says(failed_reply(http_fault::resolve), "DNS"));
  CHECK(says(failed_reply(http_fault::connect), "HTTPS_PROXY"));
  CHECK(says(failed_reply(http_fault::tls), "SSL_CERT_FILE"));
  CHECK(says(failed_reply(http_fault::handshake), "TLS versions"));
  CHECK(says(failed_reply(http_fault::proxy), "HTTPS_PROXY"));
  CHECK(says(failed_reply(http_fault::redirect), "GITHUB_API_URL"));
}

TEST_CASE("the next page is found among other links") {
  auto r = status_reply(200);
  CHECK(next_page(r).empty());
  r.headers["link"] = R"(<https://h/a?page=1>; rel="prev", <https://h/a?page=3>; rel="next")";
  CHECK(next_page(r) == "https://h/a?page=3");
  r.headers["link"] = R"(<https://h/a?page=1>; rel="first")";
  CHECK(next_page(r).empty());
  r.headers["link"] = "<https://h/a";
  CHECK(next_page(r).empty());
}

TEST_CASE("no more than 80 creations a minute and 500 an hour are allowed") {
  creation_budget budget;
  std::int64_t at = clock_us;
  std::deque<std::int64_t> made;
  for (int i = 0; i < 1200; ++i) {
    if (const auto later = budget.next_us(at); later > at)
      at = later;
    CHECK(budget.next_us(at) <= at);
    budget.created(at);
    made.push_back(at);
  }
  auto within = [&](std::size_t n, std::int64_t window) {
    for (std::size_t i = n; i < made.size(); ++i)
      if (made[i] - made[i - n] < window)
        return false;
    return true;
  };
  CHECK(within(80, 60 * second_us));
  CHECK(within(500, 3600 * second_us));
  CHECK(at < clock_us + 3 * 3600 * second_us);
}

TEST_CASE("creations of an earlier node count, in whatever order they are found") {
  creation_budget budget;
  for (int i = 79; i >= 0; --i)
    budget.created(clock_us - i * second_us / 10);
  CHECK(budget.next_us(clock_us) == clock_us - 79 * second_us / 10 + 62 * second_us);
}

TEST_CASE("commands are read from the first line only") {
  using verb = chat_command::verb;
  const auto approve = parse_command("  \n/approve 7 looks  good\nthank you");
  REQUIRE(approve);
  CHECK(approve->what == verb::approve);
  CHECK(approve->phase == "7");
  CHECK(approve->text == "looks  good");
  CHECK(approve->wrong.empty());
  CHECK(parse_command("/approve 7\r\n")->phase == "7");
  CHECK(parse_command("/reject deploy-eu the disk is full")->text == "the disk is full");
  CHECK(parse_command("/status")->what == verb::status);
  for (const auto* text : {"", "hello", "please /approve 7", "> /approve 7", "/ approve 7",
                           "/approved 7", "/help", "/APPROVE 7", "thanks\n/approve 7"})
    CHECK_FALSE(parse_command(text));
}

TEST_CASE("a command that lacks something says how it is written") {
  CHECK(parse_command("/approve")->wrong.find("/approve ID [text]") != std::string::npos);
  CHECK(parse_command("/reject 7")->wrong.find("/reject ID reason") != std::string::npos);
  CHECK(parse_command("/skip 7  ")->wrong.find("needs a reason") != std::string::npos);
  CHECK(parse_command("/retry 7")->wrong.empty());
}

TEST_CASE("the repository of a remote is known by its server") {
  for (const auto* url :
       {"https://github.com/o/r.git", "https://github.com/o/r/", "git@github.com:o/r.git",
        "ssh://git@github.com/o/r", "https://user:secret@github.com/o/r"})
    CHECK(repository_of_remote(url, "api.github.com") == "o/r");
  CHECK(repository_of_remote("git@ghe.example.com:o/r.git", "ghe.example.com") == "o/r");
  for (const auto* url : {"https://gitlab.com/o/r", "https://github.com.evil/o/r", "/srv/r.git",
                          "https://github.com/o", ""})
    CHECK(repository_of_remote(url, "api.github.com").empty());
}

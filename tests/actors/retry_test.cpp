#include "actors/retry.hpp"
#include "tests/fixtures/mock_actors.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::testing;
using namespace std::chrono_literals;

namespace {

struct retry_fixture : actor_fixture {
  plan the_plan;
  std::vector<error_rule> rules;
  double chance = 0.5;

  retry_fixture() {
    auto phase = make_phase("0");
    phase.tasks[0].command = {"make"};
    the_plan.phases.push_back(std::move(phase));
    the_plan.options.retry.max_retries = 3;
    the_plan.options.retry.retry_delay = 60s;
  }

  retry_decision decide(attempt_failure what) {
    auto set = core::rule_set::compile(rules);
    REQUIRE(set);
    auto uut = spawn(retry, make_context(std::move(the_plan)), *set,
                     std::function<double()>{[this] { return chance; }});
    auto request = self->request(uut, caf::infinite, atom::decide_v, std::move(what));
    run();
    retry_decision result;
    request.receive([&](const retry_decision& d) { result = d; },
                    [](const caf::error& err) { FAIL(message_of(err)); });
    return result;
  }
};

attempt_failure failed(int code) {
  attempt_failure what;
  what.exit = make_exit({"0", "T0.1", 1}, code);
  return what;
}

attempt_failure failed(exit_kind kind, int code = 0) {
  attempt_failure what;
  what.exit = make_exit({"0", "T0.1", 1}, kind, code);
  return what;
}

} // namespace

TEST_CASE("a transient failure is tried again after a delay with jitter") {
  retry_fixture f;
  auto d = f.decide(failed(75));
  CHECK(d.retry);
  CHECK(d.cls == "transient");
  CHECK(d.delay_ms == 30'000);
  CHECK(d.counted);
  CHECK(d.why == "retry 1 of 3 in 30 s");
}

TEST_CASE("the delay doubles with each retry that counted") {
  retry_fixture f;
  auto what = failed(75);
  what.retries = 2;
  CHECK(f.decide(what).delay_ms == 120'000);
}

TEST_CASE("when all retries are used it gives up") {
  retry_fixture f;
  auto what = failed(75);
  what.retries = 3;
  auto d = f.decide(what);
  CHECK_FALSE(d.retry);
  CHECK(d.cls == "transient");
  CHECK(d.why == "3 of 3 retries used");
}

TEST_CASE("a phase's own retry policy goes before the settings") {
  retry_fixture f;
  f.the_plan.phases[0].retry = std::make_unique<retry_policy>();
  f.the_plan.phases[0].retry->max_retries = 0;
  CHECK_FALSE(f.decide(failed(75)).retry);
}

TEST_CASE("a permanent failure is not tried again") {
  retry_fixture f;
  auto d = f.decide(failed(2));
  CHECK_FALSE(d.retry);
  CHECK(d.cls == "permanent");
}

TEST_CASE("a user's rule decides on what the log's end says") {
  retry_fixture f;
  f.rules = {{{}, "rate limit", error_class::transient}};
  auto what = failed(2);
  what.tail = "HTTP 403: API rate limit exceeded\n";
  CHECK(f.decide(what).retry);
}

TEST_CASE("a Retry-After in the log is kept to") {
  retry_fixture f;
  auto what = failed(75);
  what.tail = "Retry-After: 300\n";
  CHECK(f.decide(what).delay_ms == 300'000);
}

TEST_CASE("a missing command is a configuration error, also when a shell says so") {
  retry_fixture f;
  SECTION("not started") {
    CHECK(f.decide(failed(exit_kind::not_started, ENOENT)).cls == "configuration");
  }
  SECTION("sh: not found") {
    f.the_plan.phases[0].tasks[0].command = {"/bin/sh", "-c", "no-such-command"};
    CHECK(f.decide(failed(127)).cls == "configuration");
  }
  SECTION("127 of another program means what that program says") {
    CHECK(f.decide(failed(127)).cls == "permanent");
  }
}

TEST_CASE("a missing input is a dependency's failure") {
  retry_fixture f;
  auto d = f.decide(failed(66));
  CHECK_FALSE(d.retry);
  CHECK(d.cls == "dependency");
}

TEST_CASE("a lost outcome is repeated without using up a retry") {
  retry_fixture f;
  auto what = failed(exit_kind::lost);
  what.retries = 3;
  auto d = f.decide(what);
  CHECK(d.retry);
  CHECK_FALSE(d.counted);
}

TEST_CASE("outcomes that are lost again and again are given up") {
  retry_fixture f;
  auto what = failed(exit_kind::lost);
  what.losses = core::max_lost_retries;
  CHECK_FALSE(f.decide(what).retry);
}

TEST_CASE("what was cancelled is not tried again") {
  retry_fixture f;
  CHECK_FALSE(f.decide(failed(exit_kind::cancelled)).retry);
}

TEST_CASE("no retry is begun that the phase's total time has no room for") {
  retry_fixture f;
  f.the_plan.phases[0].total_timeout = 100s;
  auto what = failed(75);
  what.elapsed_ms = 80'000;
  auto d = f.decide(what);
  CHECK_FALSE(d.retry);
  CHECK(d.why == "total_timeout of 1m40s would be exceeded");
}

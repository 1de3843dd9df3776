#include "actors/core/retry_rules.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <limits>
#include <random>

using namespace aeo;
using namespace aeo::core;
using namespace std::chrono_literals;

namespace {

failure failure_of(exit_kind kind, int code, std::string tail = {}) {
  failure f;
  f.exit.kind = kind;
  f.exit.code = code;
  f.tail = std::move(tail);
  return f;
}

rule_set rules_of(const std::vector<error_rule>& rules) {
  auto set = rule_set::compile(rules);
  REQUIRE(set);
  return *set;
}

task_exit exit_of(exit_kind kind, int code, std::string detail = {}) {
  task_exit x;
  x.kind = kind;
  x.code = code;
  x.detail = std::move(detail);
  return x;
}

} // namespace

TEST_CASE("without a rule the table decides the class") {
  using enum error_class;
  const rule_set none;
  struct row {
    exit_kind kind;
    int code;
    error_class cls;
  };
  for (auto [kind, code, cls] : std::vector<row>{
           {exit_kind::exited, 1, permanent},
           {exit_kind::exited, 127, permanent},
           {exit_kind::exited, 75, transient},
           {exit_kind::exited, 78, configuration},
           {exit_kind::exited, 66, dependency},
           {exit_kind::signalled, 9, transient},
           {exit_kind::timed_out, 15, transient},
           {exit_kind::lost, 0, transient},
           {exit_kind::cancelled, 15, permanent},
           {exit_kind::over_limit, 9, permanent},
           {exit_kind::not_started, ENOENT, configuration},
           {exit_kind::not_started, EACCES, configuration},
           {exit_kind::not_started, ENOEXEC, configuration},
           {exit_kind::not_started, EAGAIN, transient},
           {exit_kind::not_started, ENOMEM, transient},
           {exit_kind::not_started, ECANCELED, transient}, // The launcher is ending.
       }) {
    INFO(int(kind) << " " << code);
    CHECK(classify(failure_of(kind, code), none) == cls);
  }
  auto f = failure_of(exit_kind::exited, 0);
  f.criteria_failed = true;
  CHECK(classify(f, none) == permanent);
  f.input_missing = true;
  CHECK(classify(f, none) == dependency);
  f.cwd_missing = true;
  CHECK(classify(f, none) == configuration);
  f = failure_of(exit_kind::exited, 127);
  f.shell = true;
  CHECK(classify(f, none) == configuration);
}

TEST_CASE("the first matching rule wins over the table") {
  using enum error_class;
  auto rules = rules_of({{3, "", configuration},
                         {{}, "rate limit|timed? ?out|50[234]", transient},
                         {4, "disk full", permanent},
                         {{}, "^fatal: ", permanent},
                         {{}, "", dependency}});
  CHECK(classify(failure_of(exit_kind::exited, 3, "rate limit"), rules) == configuration);
  CHECK(classify(failure_of(exit_kind::exited, 1, "a\nHTTP 503\nb"), rules) == transient);
  CHECK(classify(failure_of(exit_kind::exited, 1, "timeout"), rules) == transient);
  CHECK(classify(failure_of(exit_kind::exited, 4, "x"), rules) == permanent);
  CHECK(classify(failure_of(exit_kind::exited, 75, "note: fatal: x"), rules) == transient);
  CHECK(classify(failure_of(exit_kind::exited, 75, "note\r\nfatal: x\r\n"), rules) == permanent);
  CHECK(classify(failure_of(exit_kind::signalled, 3), rules) == transient);
  CHECK(classify(failure_of(exit_kind::lost, 3, "fatal: x"), rules) == transient);
  CHECK(classify(failure_of(exit_kind::over_limit, 9, "HTTP 503"), rules) == permanent);
  CHECK(classify(failure_of(exit_kind::exited, 5), rules) == permanent);
}

TEST_CASE("a rule can make failed criteria worth a retry") {
  auto f = failure_of(exit_kind::exited, 0);
  f.criteria_failed = true;
  CHECK(classify(f, rules_of({{0, "", error_class::transient}})) == error_class::transient);
}

TEST_CASE("expressions see whole lines, bounded, with zero bytes in them") {
  auto rules = rules_of({{{}, "^needle$", error_class::transient}});
  auto says = [&](std::string tail) {
    return rules.match(failure_of(exit_kind::exited, 1, std::move(tail))).has_value();
  };
  CHECK(says("x\nneedle"));
  CHECK(says("needle\n"));
  CHECK_FALSE(says("needles"));
  CHECK_FALSE(says(""));
  auto zero = rules_of({{{}, "b$", error_class::transient}});
  CHECK(zero.match(failure_of(exit_kind::exited, 1, std::string{"a\0b", 3})));
  CHECK_FALSE(says("needle\n" + std::string(70'000, 'x')));
  auto late = rules_of({{{}, "end", error_class::transient}});
  CHECK_FALSE(late.match(failure_of(exit_kind::exited, 1, std::string(5000, 'x') + "end")));
}

TEST_CASE("a wrong expression is refused by its number") {
  auto set =
      rule_set::compile({{1, "", error_class::transient}, {{}, "a(", error_class::transient}});
  CHECK_FALSE(set);
  CHECK(set.error.starts_with("error rule 2: \"a(\" is not a POSIX extended regular expression: "));
}

TEST_CASE("the last Retry-After counts, in seconds or as a date") {
  const std::int64_t now = 1'792'567'680'000'000; // Wed, 21 Oct 2026 07:28:00 GMT
  CHECK_FALSE(retry_after("nothing", now));
  CHECK(retry_after("Retry-After: 7", now) == 7s);
  CHECK(retry_after("x\n< retry-AFTER:  7 \r\nRetry-After: 30\nend", now) == 30s);
  CHECK(retry_after("Retry-After: Wed, 21 Oct 2026 07:29:30 GMT", now) == 90s);
  CHECK(retry_after("Retry-After: Wed, 21 Oct 2026 07:00:00 GMT", now) == 0s);
  CHECK(retry_after("Retry-After: 99999999", now) == 24h);
  CHECK(retry_after("Retry-After: 99999999999999999999999", now) == 24h);
  for (auto bad :
       {"Retry-After: -5", "Retry-After:", "Retry-After: soon", "Retry-After: Wed, 21 Oct",
        "Retry-After: Wed, 99 Oct 2026 07:29:30 GMT", "Retry-After: Wed, 21 ctN 2026 07:29:30 GMT"})
    CHECK_FALSE(retry_after(bad, now));
}

TEST_CASE("without jitter the wait grows by the multiplier up to the cap") {
  retry_policy p;
  p.full_jitter = false;
  p.retry_delay = 60s;
  p.backoff_multiplier = 2;
  p.max_retry_delay = 10min;
  CHECK(backoff(p, 1, 0) == 60s);
  CHECK(backoff(p, 2, 0) == 120s);
  CHECK(backoff(p, 4, 0) == 480s);
  CHECK(backoff(p, 5, 0) == 10min);
  CHECK(backoff(p, 0xffffffff, 0) == 10min);
  CHECK(backoff(p, 1, 0, 5min) == 5min);
  CHECK(backoff(p, 1, 0, 1h) == 1h);
}

TEST_CASE("jitter stays between nothing and a cap that never falls with the retries") {
  std::mt19937_64 random{7};
  std::uniform_real_distribution<double> uniform{0, 1};
  for (int round = 0; round < 2000; ++round) {
    retry_policy p;
    p.retry_delay = duration{random() % 1'000'000};
    p.backoff_multiplier = 1 + 9 * uniform(random);
    p.max_retry_delay = duration{random() % 10'000'000};
    auto plain = p;
    plain.full_jitter = false;
    duration last{0};
    for (std::uint32_t n = 1; n < 70; ++n) {
      const auto cap = backoff(plain, n, 0);
      const auto wait = backoff(p, n, uniform(random));
      REQUIRE(cap >= last);
      REQUIRE(cap <= p.max_retry_delay);
      REQUIRE(wait >= duration{0});
      REQUIRE(wait <= cap);
      last = cap;
    }
  }
}

TEST_CASE("senseless numbers give no overflow and no negative wait") {
  const auto inf = std::numeric_limits<double>::infinity();
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  for (double multiplier : {0.0, -3.0, 1e308, inf, nan})
    for (auto delay : {duration{0}, duration{-5}, duration{1}, duration::max()})
      for (auto cap : {duration{0}, duration{-5}, duration{1000}, duration::max()})
        for (std::uint32_t n : {0u, 1u, 2u, 1000u, 0xffffffffu}) {
          retry_policy p;
          p.retry_delay = delay;
          p.backoff_multiplier = multiplier;
          p.max_retry_delay = cap;
          for (double r : {0.0, 0.5, 1.0, -1.0, 2.0, nan}) {
            auto wait = backoff(p, n, r);
            REQUIRE(wait >= duration{0});
            REQUIRE(wait <= std::max(cap, duration{0}));
          }
        }
}

TEST_CASE("only transient failures are retried, as often and as long as allowed") {
  retry_policy p;
  p.full_jitter = false;
  retry_question q;
  q.cls = error_class::transient;
  q.retries = 1;
  auto d = decide(p, q);
  CHECK(d.retry);
  CHECK(d.counted);
  CHECK(d.delay == 2min);
  CHECK(d.reason == "retry 2 of 3 in 2m00s");
  q.retries = 3;
  CHECK(decide(p, q).reason == "3 of 3 retries used");
  q.retries = 0;
  q.total_timeout = 2h;
  q.elapsed = 2h - 1min;
  CHECK_FALSE(decide(p, q).retry);
  CHECK(decide(p, q).reason == "total_timeout of 2h00m would be exceeded");
  q.elapsed = 2h - 1min - 1ms;
  CHECK(decide(p, q).retry);
  q.retry_after = 10min;
  CHECK_FALSE(decide(p, q).retry);
  for (auto cls : {error_class::permanent, error_class::dependency, error_class::configuration}) {
    q.cls = cls;
    CHECK_FALSE(decide(p, q).retry);
  }
  q.cls = error_class::permanent;
  CHECK(decide(p, q).reason == "permanent errors are not retried");
  p.max_retries = 0;
  q.cls = error_class::transient;
  CHECK(decide(p, q).reason == "no retries allowed (max_retries is 0)");
}

TEST_CASE("a lost outcome is repeated without counting, ten times") {
  retry_policy p;
  p.max_retries = 0;
  retry_question q;
  q.cls = error_class::transient;
  q.lost = true;
  auto d = decide(p, q);
  CHECK(d.retry);
  CHECK_FALSE(d.counted);
  q.lost_retries = max_lost_retries;
  CHECK(decide(p, q).reason == "10 of 10 repeats after a lost outcome used");
}

TEST_CASE("an end of a process reads as a sentence") {
  CHECK(describe(exit_of(exit_kind::exited, 2)) == "exited with 2");
  CHECK(describe(exit_of(exit_kind::signalled, 9)) == "killed by SIGKILL (9)");
  CHECK(describe(exit_of(exit_kind::signalled, 60)) == "killed by signal 60");
  CHECK(describe(exit_of(exit_kind::signalled, 9, "why")) == "killed by SIGKILL (9): why");
  auto x = exit_of(exit_kind::timed_out, 15);
  x.ended_us = 600'000'000;
  CHECK(describe(x) == "timed out after 10m00s");
  CHECK(describe(exit_of(exit_kind::cancelled, 15)) == "cancelled after 0 ms");
  CHECK(describe(exit_of(exit_kind::not_started, ENOENT, "command not found: foo"))
        == "could not start: command not found: foo");
  CHECK(describe(exit_of(exit_kind::not_started, EACCES, "not executable: foo"))
        == "could not start: not executable: foo");
  CHECK(describe(exit_of(exit_kind::not_started, EAGAIN))
        == "could not start: Resource temporarily unavailable");
  CHECK(describe(exit_of(exit_kind::not_started, ENOENT)) == "could not start: command not found");
  CHECK(describe(exit_of(exit_kind::not_started, 9999)) == "could not start: error 9999");
  CHECK(describe(exit_of(exit_kind::lost, 0)) == "outcome lost");
  CHECK(describe(exit_of(exit_kind::over_limit, 9, "had 7 processes")) == "had 7 processes");
  CHECK(describe(exit_of(exit_kind::over_limit, 9)) == "had too many processes at once");
}

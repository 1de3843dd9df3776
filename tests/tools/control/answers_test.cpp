#include "tests/fixtures/contains.hpp"
#include "tools/control/answers.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::control;
using aeo::testing::contains;

TEST_CASE("a pause is told with its day") {
  run_view v;
  v.paused = true;
  v.pause.by = "mia";
  v.pause.since_us = 1'700'000'000'000'000;
  v.pause.reason = "lunch";
  CHECK(contains(status_text(v), "paused by mia since 2023-11-14T22:13:20Z (lunch)"));
}

TEST_CASE("where nobody may let a failed phase pass alone, nobody is advised to") {
  run_view v;
  v.phases.resize(1);
  v.phases[0].id = "a";
  v.phases[0].status = phase_status::failed;
  CHECK(contains(why_text(v, "a", "[]"),
                 "Mend the cause, then aeo-control retry a. Nobody can let it pass alone.\n"));
}

#include "tests/fixtures/contains.hpp"
#include "tools/attach/attach.hpp"
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
  CHECK(
      contains(status_text(v, "aeo-control"), "paused by mia since 2023-11-14T22:13:20Z (lunch)"));
}

TEST_CASE("where nobody may let a failed phase pass alone, nobody is advised to") {
  run_view v;
  v.phases.resize(1);
  v.phases[0].id = "a";
  v.phases[0].status = phase_status::failed;
  CHECK(contains(why_text(v, "a", "[]", "aeo-control"),
                 "Mend the cause, then aeo-control retry a. Nobody can let it pass alone.\n"));
}

TEST_CASE("what is advised can be called from where it was asked for") {
  run_view v;
  v.phases.resize(1);
  v.phases[0].id = "a";
  v.phases[0].status = phase_status::waiting_approval;
  attach::target to;
  CHECK(attach::command_for("aeo-control", to) == "aeo-control");
  to.workspace = "/data/my run";
  const auto here = attach::command_for("aeo-control", to);
  CHECK(here == "aeo-control --workspace '/data/my run'");
  CHECK(contains(status_text(v, here), "a person: " + here + " approve a,"));
  CHECK(contains(why_text(v, "a", "[]", here), "a person: " + here + " approve a,"));
  to.address = "host:4711";
  to.credential = "mia.json";
  CHECK(attach::command_for("aeo-control", to)
        == "aeo-control --attach host:4711 --credential mia.json");
}

#include "config/config.hpp"
#include "tools/control/selftest.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace aeo;
using namespace aeo::control;

namespace {

/// A run in which all went well.
finished_run good_run() {
  finished_run run;
  std::uint64_t seq = 0;
  for (const auto& phase : selftest_phases()) {
    for (auto kind : {event_kind::phase_started, event_kind::task_started,
                      event_kind::task_finished, event_kind::phase_approved})
      run.events.push_back({.seq = ++seq, .kind = kind, .phase = phase, .task = {}, .data = {}});
    for (const auto& task : selftest_tasks())
      for (const char* what : {"start ", "end "})
        run.ledger.append(what).append(phase).append(" ").append(task).append("\n");
  }
  return run;
}

std::string first_problem(const finished_run& run, bool launcher_lived = true) {
  const auto problems = problems_of(run, launcher_lived);
  return problems.empty() ? "" : problems.front();
}

} // namespace

TEST_CASE("a run in which all went well has no problem") {
  CHECK(problems_of(good_run(), true).empty());
}

TEST_CASE("the selftest's plan has its phases and tasks") {
  const auto plan = nlohmann::json::parse(selftest_plan());
  CHECK(plan["phases"].size() == selftest_phases().size());
  for (const auto& phase : selftest_phases())
    CHECK(plan["phases"][phase]["tasks"].size() == selftest_tasks().size());
}

TEST_CASE("each promise that is broken is named") {
  auto run = good_run();
  SECTION("the chain") {
    run.chain_fault = "event 3: edited";
    CHECK(first_problem(run) == "the event log does not verify: event 3: edited");
  }
  SECTION("a process that stays") {
    run.left_behind = "pid 7";
    CHECK(first_problem(run) == "still there after the end: pid 7");
  }
  SECTION("a phase that was not approved") {
    std::erase_if(run.events, [](const event& e) {
      return e.phase == "p4" && e.kind == event_kind::phase_approved;
    });
    CHECK(first_problem(run) == "phase p4 was approved 0 times");
  }
  SECTION("an approved phase that ran again") {
    run.events.push_back(
        {.seq = 99, .kind = event_kind::phase_started, .phase = "p0", .task = {}, .data = {}});
    CHECK(first_problem(run) == "phase p0 was run again after its approval (event 99)");
  }
  SECTION("a task twice at once") {
    run.ledger += "twice p1 a\n";
    CHECK(first_problem(run) == "task p1 a ran twice at the same time");
  }
  SECTION("a task that never ended") {
    run.ledger.erase(run.ledger.find("end p2 b\n"), 9);
    CHECK(first_problem(run) == "task p2 b never came to its end, and its phase is approved");
  }
  SECTION("a lost exit") {
    run.ledger += "start p3 a\nend p3 a\n";
    CHECK(first_problem(run) == "task p3 a ran again although its exit was known");
    CHECK(problems_of(run, false).empty()); // A killed launcher's tasks may run again.
  }
}

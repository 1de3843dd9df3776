// The clock of the day is set under a run, by an hour, in both directions. Nothing waits an hour
// for that, nothing ends for that, and the log stays in order.

#include "tests/fixtures/faults.hpp"
#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <csignal>

using namespace aeo;
using namespace aeo::testing;

namespace {

constexpr long hour_s = 3600;

} // namespace

TEST_CASE("a clock that is set by an hour under a run changes nothing that runs or waits") {
  const auto shift = GENERATE(hour_s, -hour_s);
  const bool under_way = GENERATE(true, false);
  INFO("the clock is set by " << shift << " s while b " << (under_way ? "runs" : "waits"));
  const temp_workspace w;
  const temp_workspace faults;
  // Meanwhile a runs, with limits; b runs or waits for its next attempt; c comes after both.
  write_plan(
      w,
      {{"a", phase({},
                   {task("t", "mkfifo pipe; echo a >> ledger; read x < pipe", {{"timeout", 300}}),
                    task("u", "echo u >> ledger", {{"needs", {"t"}}, {"timeout", 300}})},
                   {{"total_timeout", 600}})},
       {"b",
        phase({},
              task("t", under_way ? "test -p held && { echo again >> ledger; exit; }; mkfifo held; "
                                    "echo b >> ledger; read x < held; exit 75"
                                  : "test -e held && { echo again >> ledger; exit; }; touch held; "
                                    "echo b >> ledger; exit 75"),
              {{"total_timeout", 600}, {"retry", {{"retry_delay", 2}}}})},
       {"c", shell_phase({"a", "b"}, "echo c >> ledger")}},
      {{"jitter", "none"}});
  program node{{"aeo-node", "--workspace", w.path().string()},
               fault_environment(faults, {{"AEO_CLOCK", "1"}})};
  wait_for_text(w.path() / "ledger", "b\n");
  wait_for_text(w.path() / "ledger", "a\n");
  if (!under_way)
    wait_for_text(w.path() / "consolidation/execution_state.json", "\"retry_at_us\"");
  faults.write("clock", std::to_string(shift));
  if (under_way)
    release(w, "held");
  wait_for_text(w.path() / "ledger", "again");
  CHECK_FALSE(node.has_ended());
  release(w);
  const auto r = node.wait();
  INFO(r.output);
  CHECK(r.exit_code == 0);
  auto ledger = lines_of(w.read("ledger"));
  CHECK(ledger.back() == "c");
  std::ranges::sort(ledger);
  CHECK(ledger == std::vector<std::string>{"a", "again", "b", "c", "u"});
  // How long each task ran is measured all the same.
  std::size_t told = 0;
  const auto report = final_report(w);
  for (const auto& p : report["phases"])
    for (const auto& attempt : p["attempts"])
      for (const auto& t : attempt["tasks"]) {
        ++told;
        CHECK(t["duration_seconds"] >= 0);
        CHECK(t["duration_seconds"] < hour_s / 2);
      }
  CHECK(told == 5);
  check_chain(w);
  check_nothing_left(w);
}

// The clock of the day is set under a run, by an hour, in both directions. Nothing waits an hour
// for that, nothing ends for that, and the log stays in order.

#include "tests/fixtures/faults.hpp"
#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <csignal>

using namespace aeo;
using namespace aeo::testing;

namespace {

constexpr long hour_s = 3600;

} // namespace

TEST_CASE("a clock that is set by an hour under a run changes nothing that runs or waits") {
  for (const auto shift : {hour_s, -hour_s}) {
    INFO("the clock is set by " << shift << " s");
    const temp_workspace w;
    const temp_workspace faults;
    // a runs meanwhile, with limits; b waits for its next attempt; c comes after both.
    write_plan(
        w,
        {{"a",
          phase({}, task("t", "mkfifo pipe; echo a >> ledger; read x < pipe", {{"timeout", 300}}),
                {{"total_timeout", 600}})},
         {"b", phase({}, task("t", "echo b >> ledger; test -e again || { touch again; exit 75; }"),
                     {{"retry", {{"retry_delay", 2}}}})},
         {"c", shell_phase({"a", "b"}, "echo c >> ledger")}},
        {{"jitter", "none"}});
    program node{{"aeo-node", "--workspace", w.path().string()},
                 fault_environment(faults, {{"AEO_CLOCK", "1"}})};
    wait_for_text(w.path() / "ledger", "b");
    wait_for_text(w.path() / "ledger", "a");
    faults.write("clock", std::to_string(shift));
    wait_for_text(w.path() / "ledger", w.read("ledger") + "b");
    CHECK_FALSE(node.has_ended());
    release(w);
    const auto r = node.wait();
    INFO(r.output);
    CHECK(r.exit_code == 0);
    CHECK(count_lines(w.read("ledger"), "a") == 1);
    CHECK(count_lines(w.read("ledger"), "b") == 2);
    CHECK(lines_of(w.read("ledger")).back() == "c");
    CHECK(chain_is_intact(w));
    check_nothing_left(w);
  }
}

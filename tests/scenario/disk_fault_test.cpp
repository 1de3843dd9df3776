// The disk fails under a run, in each way, and works again: nothing that was acknowledged is lost.

#include "tests/fixtures/faults.hpp"
#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

using namespace aeo;
using namespace aeo::testing;

namespace {

namespace fs = std::filesystem;

void write_waiting_plan(const temp_workspace& w) {
  write_plan(w, {{"a", shell_phase({}, "mkfifo pipe; echo a >> ledger; read x < pipe")},
                 {"b", shell_phase({"a"}, "echo b >> ledger")},
                 {"c", shell_phase({"b"}, "echo c >> ledger")}});
}

void check_whole(const temp_workspace& w) {
  CHECK(w.read("ledger") == "a\nb\nc\n");
  const auto events = stored_events(w);
  CHECK(count_events(events, event_kind::phase_approved) == 3);
  CHECK(count_events(events, event_kind::task_finished) == 3);
  check_chain(w);
  CHECK(state_file(w)["overall_status"] == "completed");
  check_nothing_left(w);
}

} // namespace

TEST_CASE("a disk that is full, broken or read-only stops the run, and lets it go on when mended") {
  for (const int error : {ENOSPC, EIO, EROFS}) {
    INFO(std::strerror(error));
    const temp_workspace w;
    const temp_workspace faults;
    write_waiting_plan(w);
    program node{{"aeo-node", "--workspace", w.path().string()},
                 fault_environment(faults, {{"AEO_SICK", std::to_string(error)}})};
    wait_for_text(w.path() / "ledger", "a");
    faults.write("sick", "");
    release(w);
    wait_for_text(node.output_file(), "storage fails");
    CHECK(w.read("ledger") == "a\n");
    CHECK_FALSE(node.has_ended());
    fs::remove(faults.path() / "sick");
    const auto r = node.wait();
    INFO(r.output);
    CHECK(r.exit_code == 0);
    CHECK(contains(r.output, "storage works again"));
    check_whole(w);
  }
}

TEST_CASE("a node that is killed while its disk fails has lost nothing that was acknowledged") {
  const temp_workspace w;
  const temp_workspace faults;
  write_waiting_plan(w);
  {
    program node{{"aeo-node", "--workspace", w.path().string()},
                 fault_environment(faults, {{"AEO_SICK", std::to_string(EIO)}})};
    wait_for_text(w.path() / "ledger", "a");
    faults.write("sick", "");
    release(w);
    wait_for_text(node.output_file(), "storage fails");
    node.signal(SIGKILL);
    node.wait();
  }
  fs::remove(faults.path() / "sick");
  const auto r = run_node(w, {"--resume"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  check_whole(w);
}

TEST_CASE("a disk that takes its time is waited for") {
  const temp_workspace w;
  const temp_workspace faults;
  write_waiting_plan(w);
  program node{{"aeo-node", "--workspace", w.path().string()},
               fault_environment(faults, {{"AEO_SICK", "slow:100"}})};
  wait_for_text(w.path() / "ledger", "a");
  release(w);
  const auto r = node.wait();
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK_FALSE(contains(r.output, "storage fails"));
  check_whole(w);
}

TEST_CASE(
    "at the limit of a file's size the node says what it could not store, and ends in order") {
  temp_workspace w;
  write_plan(w, {{"a", {{"tasks", {{{"id", "t"}, {"command", {"true"}}}}}}}});
  const auto r = run_program({"/bin/sh", "-c", "ulimit -f 16; exec \"$@\"", "sh",
                              AEO_BIN_DIR "/aeo-node", "--workspace", w.path().string()});
  INFO(r.output);
  CHECK(r.exit_code == 78);
  CHECK(contains(r.output, "execution.db"));
}

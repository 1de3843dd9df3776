// Node and monitor in networks of their own, made by the test (needs root and iproute2).

#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <csignal>

using namespace aeo;
using namespace aeo::testing;

namespace {

bool shell(const std::string& commands) {
  return run_program({"/bin/sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; " + commands}).exit_code == 0;
}

/// A namespace with a link to ours; both are gone with the object.
class far_network {
public:
  far_network() {
    made_ = shell("ip netns add " + name_ + " && ip link add " + near_
                  + " type veth peer name far0 netns " + name_ + " && ip addr add " + net_
                  + ".1/30 dev " + near_ + " && ip link set " + near_ + " up && ip netns exec "
                  + name_ + " sh -c 'ip addr add " + net_
                  + ".2/30 dev far0; ip link set far0 up; ip link set lo up'");
  }
  ~far_network() { shell("ip netns del " + name_ + "; ip link del " + near_); }
  far_network(const far_network&) = delete;
  far_network& operator=(const far_network&) = delete;

  bool was_made() const { return made_; }
  std::string address() const { return net_ + ".2:7731"; }
  /// The program there; its pid is that of the program itself.
  std::vector<std::string> there(const std::string& command) const {
    return {"/bin/sh", "-c",
            "PATH=$PATH:/usr/sbin:/sbin; exec ip netns exec " + name_ + " " + command};
  }
  void cut() const { REQUIRE(shell("ip link set " + near_ + " down")); }
  void mend() const { REQUIRE(shell("ip link set " + near_ + " up")); }

private:
  std::string id_ = std::to_string(::getpid() % 10000);
  std::string name_ = "aeo-" + id_;
  std::string near_ = "aeo" + id_;
  std::string net_ = "10.231." + std::to_string(::getpid() % 250);
  bool made_ = false;
};

struct far_node {
  far_network network;
  temp_workspace w;
  std::string credential = (w.path() / "v.json").string();
  std::unique_ptr<program> node;

  far_node() {
    if (!network.was_made())
      SKIP("no network namespace can be made here (root and iproute2 are needed)");
    write_plan(w, {{"a", shell_phase({}, "true", {{"approval", "manual"}})},
                   {"b", shell_phase({"a"}, "echo b >> ledger")}});
    node = std::make_unique<program>(
        network.there(std::string{AEO_BIN_DIR} + "/aeo-node --wait --workspace " + w.path().string()
                      + " --listen " + network.address()));
    wait_for_text(w.path() / "consolidation/.aeo/endpoint.json", "port");
    REQUIRE(run_program({"aeo-control", "--workspace", w.path().string(), "credential", "issue",
                         "--name", "vera", "--role", "operator", "--out", credential})
                .exit_code
            == 0);
  }
  std::vector<std::string> from_here(std::vector<std::string> words) const {
    words.insert(words.begin() + 1, {"--attach", network.address(), "--credential", credential});
    return words;
  }
};

} // namespace

TEST_CASE("from another network a credential is all that is needed") {
  far_node far;
  program monitor{far.from_here({"aeo-monitor", "--json"})};
  wait_for_text(monitor.output_file(), "phase_waiting");
  CHECK(run_program(far.from_here({"aeo-control", "approve", "a"})).output
        == "phase a is approved\n");
  CHECK(far.node->wait().exit_code == 0);
  CHECK(monitor.wait().exit_code == 0);
  std::size_t approvals = 0;
  for (const auto& e : stored_events(far.w))
    if (e.kind == event_kind::audit && !contains(e.data, "\"credential\"")) {
      ++approvals;
      CHECK(contains(e.data, "10.231."));
    }
  CHECK(approvals == 1);
}

TEST_CASE("a link that is cut is said and made anew; no event is missed, and the run goes on") {
  far_node far;
  program monitor{far.from_here({"aeo-monitor", "--json"})};
  wait_for_text(monitor.output_file(), "phase_waiting");
  far.network.cut();
  wait_for_text(monitor.output_file(), "trying again", 60);
  // The node's own side still hears people.
  CHECK(run_program(far.network.there(std::string{AEO_BIN_DIR} + "/aeo-control --workspace "
                                      + far.w.path().string() + " pause"))
            .exit_code
        == 0);
  far.network.mend();
  wait_for_text(monitor.output_file(), "execution_paused", 60);
  CHECK(run_program(far.from_here({"aeo-control", "resume"})).exit_code == 0);
  CHECK(run_program(far.from_here({"aeo-control", "approve", "a"})).exit_code == 0);
  CHECK(far.node->wait().exit_code == 0);
  std::uint64_t seq = 0;
  for (const auto& line : lines_of(monitor.wait().output))
    if (auto e = json::parse(line, nullptr, false); e.is_object())
      CHECK(e["seq"] == ++seq);
  CHECK(seq == stored_events(far.w).size());
  CHECK(far.w.read("ledger") == "b\n");
}

// What survives: node, launcher or both are killed with SIGKILL at random moments of a real run.

#include "actors/io/store.hpp"
#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <map>
#include <random>
#include <sstream>

using namespace aeo;
using namespace aeo::testing;

namespace {

/// Layers of phases, each of which needs two of the layer before.
struct shape {
  int layers = 0;
  int width = 0;
  bool quick = false; ///< One task of some milliseconds a phase: slots are granted ahead.
  int longest_ms = 0; ///< Between two kills.
};
constexpr shape slow{4, 4, false, 250};
constexpr shape quick{24, 10, true, 600};

/// Each task notes its start and end; one that finds another copy of itself at work notes DOUBLE.
std::string task_command(const std::string& id, bool quick) {
  const auto time = quick
                        ? "sleep 0.003; "
                        : "sleep 0.0" + std::to_string(3 + std::hash<std::string>{}(id) % 7) + "; ";
  return "exec 9>>lock." + id + "; flock -n 9 || echo DOUBLE " + id + " >> ledger; echo start " + id
         + " >> ledger; " + time + "echo end " + id + " >> ledger";
}

std::string plan_text(const shape& s) {
  std::ostringstream out;
  out << R"({"phases":{)";
  const auto width = s.width;
  for (int i = 0; i < s.layers * width; ++i) {
    auto layer = i / width;
    auto id = "p" + std::to_string(i);
    out << (i > 0 ? "," : "") << '"' << id << R"(":{"dependencies":[)";
    if (layer > 0)
      out << "\"p" << (layer - 1) * width + i % width << "\",\"p"
          << (layer - 1) * width + (i + 1) % width << '"';
    out << R"(],"tasks":[{"id":"a","command":")" << task_command(id + "a", s.quick) << R"("})";
    if (!s.quick)
      out << R"(,{"id":"b","command":")" << task_command(id + "b", false) << R"("})";
    out << "]}";
  }
  out << "}}";
  return out.str();
}

struct stored_history {
  std::map<std::string, int> approvals;
  std::map<std::string, int> starts_after_approval;
  bool chain_intact = false;
};

stored_history read_history(const temp_workspace& workspace) {
  stored_history h;
  auto store = io::open_store_read_only(workspace.path() / database);
  REQUIRE(store);
  auto last = (*store)->last_execution();
  REQUIRE(last);
  REQUIRE(*last);
  auto err = (*store)->read((*last)->id, 0, [&h](event&& e) {
    if (e.kind == event_kind::phase_approved)
      ++h.approvals[e.phase];
    if ((e.kind == event_kind::phase_started || e.kind == event_kind::task_started)
        && h.approvals.count(e.phase) > 0)
      ++h.starts_after_approval[e.phase];
    return true;
  });
  REQUIRE_FALSE(err);
  auto fault = (*store)->verify();
  REQUIRE(fault);
  h.chain_intact = !fault->has_value();
  return h;
}

enum class victim { node, launcher, both };

void strike(victim who, const program& node, const temp_workspace& workspace) {
  auto launcher = launcher_pid(workspace);
  if (who != victim::launcher)
    node.signal(SIGKILL);
  if (who != victim::node && launcher > 0)
    kill(launcher, SIGKILL);
}

/// The random moment: the test is about any moment, so it is time itself that is drawn.
void let_run(std::mt19937& random, int most_ms) {
  timespec wait{0, std::uniform_int_distribution<long>{0, most_ms * 1'000'000L}(random)};
  nanosleep(&wait, nullptr);
}

void write_plan_of(const temp_workspace& workspace, const shape& s) {
  workspace.write("config/phase_config.json", plan_text(s));
  workspace.write("config/orchestrator_config.json",
                  R"({"max_parallel":3,"retry_delay":0.01,"kill_grace":0.2})");
}

void kill_at_random(const shape& plan, int kills) {
  auto seed = std::random_device{}();
  if (const char* fixed = std::getenv("AEO_SEED"))
    seed = static_cast<unsigned>(std::strtoul(fixed, nullptr, 10));
  INFO("repeat with AEO_SEED=" << seed);
  std::mt19937 random{seed};
  int struck = 0;
  while (struck < kills) {
    temp_workspace workspace;
    write_plan_of(workspace, plan);
    bool first = true;
    program_result result;
    do {
      std::vector<std::string> argv{"aeo-node", "--workspace", workspace.path().string(),
                                    "--quiet"};
      if (!first && workspace.has(database))
        argv.emplace_back("--resume");
      first = false;
      program node{argv};
      if (struck < kills) {
        let_run(random, plan.longest_ms);
        if (!node.has_ended()) {
          strike(static_cast<victim>(random() % 3), node, workspace);
          ++struck;
        }
      }
      result = node.wait();
      INFO("round " << struck << ":\n" << result.output);
      // Killed; ended; or killed so early that there was nothing to resume yet.
      auto known = result.exit_code == 0 || result.exit_code == 128 + SIGKILL
                   || result.output.find("nothing to resume") != std::string::npos;
      REQUIRE(known);
      if (result.output.find("nothing to resume") != std::string::npos)
        first = true;
    } while (result.exit_code != 0 || first);
    auto ledger = workspace.read("ledger");
    INFO(ledger);
    CHECK(ledger.find("DOUBLE") == std::string::npos);
    auto history = read_history(workspace);
    CHECK(history.chain_intact);
    CHECK(history.starts_after_approval.empty());
    CHECK(history.approvals.size() == static_cast<std::size_t>(plan.layers * plan.width));
    for (const auto& [phase, times] : history.approvals)
      CHECK(times == 1);
    if (auto launcher = launcher_pid(workspace); launcher > 0)
      wait_until_gone(launcher);
    CHECK(processes_of(workspace).empty());
  }
}

} // namespace

TEST_CASE("killing node, launcher or both at 50 random moments loses and repeats nothing") {
  kill_at_random(slow, 50);
}

TEST_CASE("killing them while slots are granted ahead loses and repeats nothing") {
  kill_at_random(quick, 25);
}

TEST_CASE("no more tasks run at once than may, also where slots are granted ahead") {
  const temp_workspace workspace;
  write_plan_of(workspace, quick);
  const auto r =
      run_program({"aeo-node", "--workspace", workspace.path().string(), "--quiet"}, 120);
  INFO(r.output);
  CHECK(r.exit_code == 0);
  std::istringstream ledger{workspace.read("ledger")};
  int now = 0;
  int most = 0;
  int started = 0;
  for (std::string verb, id; ledger >> verb >> id;) {
    started += verb == "start" ? 1 : 0;
    now += verb == "start" ? 1 : -1;
    most = std::max(most, now);
  }
  CHECK(started == quick.layers * quick.width);
  CHECK(most <= 3);
  // Each phase's times enclose its process's.
  std::map<std::string, std::int64_t> began;
  for (const auto& e : stored_events(workspace)) {
    if (e.kind == event_kind::phase_started)
      began[e.phase] = e.time_us;
    if (e.kind != event_kind::task_finished)
      continue;
    const auto said = json::parse(e.data);
    INFO(e.phase << ' ' << e.data);
    CHECK(began.at(e.phase) <= said["started_us"]);
    CHECK(e.time_us >= said["ended_us"]);
  }
}

TEST_CASE("the selftest kills real runs and says what came of it") {
  auto r = run_program({"aeo-control", "selftest", "--kills", "4"}, 120);
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.output, "Nothing was lost, done twice or left behind: 4 kills"));
  r = run_program({"aeo-control", "selftest", "--kills", "1", "--json"}, 120);
  INFO(r.output);
  const auto told = json::parse(r.output);
  CHECK(told["ok"] == true);
  CHECK(told["kills"] == 1);
  program nowhere{{"aeo-control", "selftest"}, {{"TMPDIR", "/nowhere"}}};
  r = nowhere.wait();
  INFO(r.output);
  CHECK(r.exit_code == 70);
  CHECK(contains(r.output, "the selftest cannot be made"));
}

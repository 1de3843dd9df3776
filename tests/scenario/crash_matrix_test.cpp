// Node, launcher or both are killed at each of their writes, syncs, renames, sends and spawns.
// AEO_CRASH_MATRIX=full tries first, middle and late occurrences of each, before and after the
// call, for all three; else what comes once is tried for one of the three, the rest for all, in
// turn.

#include "actors/io/store.hpp"
#include "messages/type_ids.hpp"
#include "tests/fixtures/faults.hpp"
#include "tests/fixtures/github_server.hpp"
#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <sstream>

using namespace aeo;
using namespace aeo::testing;

namespace {

constexpr std::array victims{"self", "other", "both"};

/// Each task notes its start and end; one that finds another copy of itself at work notes DOUBLE.
json noting_task(const std::string& id, const std::string& more) {
  return task(id,
              "exec 9>>lock.$AEO_PHASE.$AEO_TASK; flock -n 9 || echo DOUBLE >> ledger; echo start "
              "$AEO_PHASE $AEO_TASK >> ledger; echo seen; sleep 0.02; "
                  + more + "echo end $AEO_PHASE $AEO_TASK >> ledger");
}

void write_matrix_plan(const temp_workspace& w) {
  const auto two =
      json::array({noting_task("x", ""), noting_task("y", "echo made > out.$AEO_PHASE; ")});
  write_plan(w,
             {{"a", phase({}, two)},
              {"b", phase({}, json::array({noting_task("x", "test -e b.again || { touch b.again; "
                                                            "exit 75; }; ")}))},
              {"c", phase({"a", "b"}, two)},
              {"d", phase({"a"}, two)}},
             {{"max_parallel", 3}, {"kill_grace", 0.2}},
             {{"a", {{"required_outputs", {"out.a"}}}}, {"c", {{"required_outputs", {"out.c"}}}}});
}

bool is_full() {
  const char* wanted = std::getenv("AEO_CRASH_MATRIX");
  return wanted != nullptr && std::string{wanted} == "full";
}

struct outcome {
  int tried = 0;
  int hit = 0;
};

/// Of the only execution: what the log has, and what really ran.
void check_history(const temp_workspace& w, bool launcher_lived) {
  const auto events = stored_events(w);
  check_chain(w);
  CHECK(state_file(w)["overall_status"] == "completed");
  for (const char* id : {"a", "b", "c", "d"}) {
    INFO("phase " << id);
    CHECK(count_events(events, event_kind::phase_approved, id) == 1);
    const auto approved = std::ranges::find_if(events, [id](const event& e) {
      return e.kind == event_kind::phase_approved && e.phase == id;
    });
    CHECK(std::ranges::none_of(approved, events.end(), [id](const event& e) {
      return e.phase == id
             && (e.kind == event_kind::phase_started || e.kind == event_kind::task_started);
    }));
  }
  const auto ledger = w.read("ledger");
  CHECK(count_lines(ledger, "DOUBLE") == 0);
  for (const char* t : {"a x", "a y", "b x", "c x", "c y", "d x", "d y"}) {
    INFO("task " << t);
    const auto starts = count_lines(ledger, std::string{"start "} + t);
    const auto ends = count_lines(ledger, std::string{"end "} + t);
    CHECK(ends >= 1);
    // As long as a launcher keeps the exits, nothing runs again: b's task fails once.
    if (launcher_lived) {
      CHECK(starts == (t == std::string{"b x"} ? 2 : 1));
      CHECK(ends == 1);
    }
  }
  check_nothing_left(w);
}

/// Whoever looks at what was left behind sees it, before anything mends it.
void check_readable(const temp_workspace& w) {
  const auto store = io::open_store_read_only(w.path() / database);
  INFO((store ? std::string{} : message_of(store.error())));
  CHECK((store || store.error() == ec::not_found));
}

/// False: the call did not come for the n-th time.
bool try_point(const fault_point& point, const char* when, const std::string& victim) {
  const temp_workspace w;
  const temp_workspace faults;
  write_matrix_plan(w);
  const auto text = point.text + "|" + std::to_string(point.nth) + "|" + when + "|" + victim;
  INFO("AEO_FAULT='" << text << "'");
  auto result = program{{"aeo-node", "--workspace", w.path().string(), "--quiet"},
                        fault_environment(faults, {{"AEO_FAULT", text}})}
                    .wait();
  if (result.exit_code == 0)
    check_nothing_left(w); // The launcher may be struck as the last one.
  const auto hit = faults.has("hit");
  INFO("first run:\n" << result.output);
  if (!hit)
    REQUIRE(result.exit_code == 0);
  if (result.exit_code != 0) {
    check_readable(w);
    std::vector<std::string> options{"--quiet"};
    if (w.has(database))
      options.emplace_back("--resume");
    const auto first = result.exit_code;
    result = run_node(w, options);
    if (contains(result.output, "nothing to resume"))
      result = run_node(w, {"--quiet"});
    INFO("exit code " << first << ", then:\n" << result.output);
    REQUIRE(result.exit_code == 0);
  }
  INFO("ledger:\n" << w.read("ledger"));
  const auto is_node = point.text.starts_with("aeo-node");
  check_history(w, !hit || (victim == "self" && is_node) || (victim == "other" && !is_node));
  return hit;
}

std::vector<fault_point> census() {
  const temp_workspace w;
  const temp_workspace faults;
  write_matrix_plan(w);
  const auto result = program{{"aeo-node", "--workspace", w.path().string(), "--quiet"},
                              fault_environment(faults, {{"AEO_FAULT", "census"}})}
                          .wait();
  INFO(result.output);
  REQUIRE(result.exit_code == 0);
  check_nothing_left(w);
  return noted_points(faults);
}

} // namespace

TEST_CASE("killed at any write, sync, rename, send or spawn: nothing lost, nothing twice") {
  const auto full = is_full();
  const auto points = census();
  REQUIRE(points.size() > 20);
  std::ostringstream table;
  std::size_t turn = 0;
  for (const auto& point : points) {
    std::array<outcome, victims.size()> outcomes;
    const std::array occurrences{1, (point.nth + 1) / 2, std::max(1, point.nth * 4 / 5)};
    constexpr auto ways = 2 * occurrences.size();
    for (std::size_t v = 0; v < victims.size(); ++v)
      for (std::size_t k = 0; k < ways; ++k) {
        if (!full && (k != (turn + v) % ways || (point.nth == 1 && v != turn % victims.size())))
          continue;
        auto at = point;
        at.nth = occurrences[k / 2];
        ++outcomes[v].tried;
        outcomes[v].hit += try_point(at, k % 2 == 0 ? "before" : "after", victims[v]) ? 1 : 0;
      }
    ++turn;
    table << std::left << std::setw(60) << point.text << std::right << std::setw(7) << point.nth;
    auto hits = 0;
    for (const auto& x : outcomes) {
      const auto text = std::to_string(x.hit) + "/" + std::to_string(x.tried);
      table << std::setw(8) << (x.tried == 0 ? "-" : text);
      hits += x.hit;
    }
    table << "\n";
#ifdef __SANITIZE_THREAD__
    if (point.text.ends_with(
            "|spawn|task")) // TSan makes a fork of vfork: not seen in the launcher.
      continue;
#endif
    INFO("never reached: " << point.text);
    CHECK(hits > 0);
  }
  std::cout << "Killed there, and nothing was lost, twice or left (times struck/tried):\n"
            << std::left << std::setw(60) << "program|call|target"
            << "  calls    self   other    both\n"
            << table.str();
}

TEST_CASE("killed at any send to GitHub: one issue, each comment once and in order") {
  const auto every = is_full() ? 1 : 4;
  const std::string point = "aeo-node|send|network socket";
  int calls = 1;
  int struck = 0;
  for (int nth = 0; nth <= calls; nth += every) {
    const temp_workspace w;
    const temp_workspace faults;
    const github_server github;
    write_github_plan(w, {{"a", shell_phase({}, "echo a >> ledger")},
                          {"b", shell_phase({"a"}, "echo b >> ledger")}});
    const auto* when = nth / every % 2 == 0 ? "before" : "after";
    const auto text = point + "|" + std::to_string(nth) + "|" + when + "|self";
    INFO("AEO_FAULT='" << text << "'");
    // The first run is counted: how many there are.
    auto result =
        program{node_command(w),
                fault_environment(faults,
                                  github.environment({{"AEO_FAULT", nth == 0 ? "census" : text}}))}
            .wait();
    INFO("first run:\n" << result.output);
    if (nth == 0)
      for (const auto& x : noted_points(faults))
        calls = x.text == point ? x.nth : calls;
    struck += faults.has("hit") ? 1 : 0;
    REQUIRE(result.exit_code == (faults.has("hit") ? 128 + SIGKILL : 0));
    if (result.exit_code != 0) {
      result = run_github_node(w, github, {"--resume"});
      INFO("then:\n" << result.output);
      REQUIRE(result.exit_code == 0);
    }
    const auto issue = github.only_issue();
    CHECK(issue.at("state") == "closed");
    check_comments_once_in_order(issue);
    for (const char* told : {"**Phase a** is approved", "**Phase b** is approved"}) {
      INFO(told);
      CHECK(has_comment(issue, told));
    }
    CHECK(lines_of(w.read("ledger")).size() == 2);
    check_nothing_left(w);
  }
  CHECK(calls > 10);
  CHECK(struck > 0);
}

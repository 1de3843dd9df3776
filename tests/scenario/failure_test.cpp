// What follows from a failure: the class, retries, what else still runs, what is told to whom.

#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::testing;

namespace {

/// Fails with the code until it has been tried `times` times.
std::string fails_before(int times, const std::string& failure) {
  auto n = std::to_string(times);
  return "echo try >> tries; [ $(wc -l < tries) -ge " + n + " ] || { " + failure + "; }";
}

} // namespace

TEST_CASE("after a task's 78 no phase starts, running ones finish, and the node exits 78") {
  temp_workspace w;
  // The bad one fails while the good one runs; the good one ends when that is known.
  json phases{{"bad", shell_phase({}, "until [ -e runs ]; do sleep 0.01; done; exit 78")},
              {"good", shell_phase({}, "touch runs; until grep -q '\"failed\"' "
                                       "consolidation/execution_state.json; do sleep 0.01; done")},
              {"next", shell_phase({"good"}, "touch never")},
              {"behind", shell_phase({"bad"}, "touch never")}};
  write_plan(w, phases);
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 78);
  CHECK(statuses(w)
        == std::map<std::string, std::string>{
            {"bad", "failed"}, {"good", "approved"}, {"next", "pending"}, {"behind", "blocked"}});
  CHECK_FALSE(w.has("never"));
  CHECK(contains(r.output, "Stopped by a configuration error"));

  phases["bad"] = shell_phase({}, ":");
  write_plan(w, phases);
  r = run_node(w, {"--resume", "--accept-plan-change"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
}

TEST_CASE("a configuration error does not wait for the retries of other phases") {
  temp_workspace w;
  write_plan(w,
             {{"later", shell_phase({}, "exit 75")},
              {"bad", shell_phase({}, "until grep -q '\"retry_wait\"' "
                                      "consolidation/execution_state.json; do sleep 0.01; done; "
                                      "exit 78")}},
             {{"retry_delay", 3600}, {"jitter", "none"}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 78);
  CHECK(statuses(w)["later"] == "retry_wait");
}

TEST_CASE("exit 75 is tried again after a delay and approved at the second attempt") {
  temp_workspace w;
  write_plan(w, {{"0", shell_phase({}, fails_before(2, "exit 75"))}},
             {{"retry_delay", 0.2}, {"jitter", "none"}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 0);
  auto p = reported(final_report(w), "0");
  CHECK(p["status"] == "approved");
  CHECK(p["attempt"] == 2);
  CHECK(p["retry_count"] == 1);
  CHECK(p["errors"][0]["class"] == "transient");
  std::int64_t due_us = 0;
  for (const auto& e : stored_events(w)) {
    if (e.kind == event_kind::phase_retry_wait)
      due_us = json::parse(e.data)["at"];
    if (e.kind == event_kind::phase_started && e.attempt == 2)
      CHECK(e.time_us >= due_us);
  }
  CHECK(due_us > 0);
}

TEST_CASE("an error rule that matches the output makes a failure transient") {
  temp_workspace w;
  write_plan(
      w,
      {{"0", shell_phase({}, fails_before(2, "echo 'the server said 503'; exit 4"))},
       {"1", shell_phase({}, "echo 'the server said 404'; exit 4")}},
      {{"error_rules", json::array({{{"stderr", "said 50[234]"}, {"class", "transient"}}})}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(statuses(w)["0"] == "approved");
  CHECK(reported(final_report(w), "1")["attempt"] == 1);
  CHECK(reported(final_report(w), "1")["failure"]["class"] == "permanent");
}

TEST_CASE("a phase whose retries are used up fails and names the class and the log's end") {
  temp_workspace w;
  write_plan(w, {{"0", shell_phase({}, "echo 'no route to host'; exit 75")},
                 {"1", shell_phase({"0"}, "touch never")}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.output, "class: transient"));
  CHECK(contains(r.output, "2 of 2 retries used"));
  CHECK(contains(r.output, "no route to host"));
  CHECK(contains(r.output, "consolidation/logs/0/t.3.log"));
  CHECK(contains(r.output, "--resume"));
  CHECK(count_events(stored_events(w), event_kind::phase_started, "0") == 3);
  CHECK_FALSE(w.has("never"));
}

TEST_CASE("total_timeout ends the retries of a phase") {
  temp_workspace w;
  write_plan(w, {{"0", shell_phase({}, "exit 75", {{"timeout", 1}, {"total_timeout", 1}})}},
             {{"retry_delay", 0.2}, {"jitter", "none"}, {"max_retries", 1000}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.output, "total_timeout of 1.0 s would be exceeded"));
  CHECK(reported(final_report(w), "0")["attempt"] <= 3);
}

TEST_CASE("a task that may fail does not fail its phase") {
  temp_workspace w;
  write_plan(w, {{"0", phase({}, {task("may", "exit 9", {{"continue_on_error", true}}),
                                  task("must", "echo done >> ledger")})}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(w.read("ledger") == "done\n");
}

TEST_CASE("a secret that a failing task prints is in its log and nowhere else") {
  constexpr auto secret = "pa55/wörd+\"quoted\"";
  temp_workspace w;
  w.write(".env", "API_TOKEN='" + std::string{secret} + "'\n");
  write_plan(
      w,
      {{"0", shell_phase({}, "printf %s \"$API_TOKEN\" | base64; echo \"$API_TOKEN\"; exit 3")},
       {"1", shell_phase({}, "echo \"$API_TOKEN\" > out.txt")}},
      {},
      {{"1",
        {{"validation_checks",
          json::array({{{"type", "command"}, {"command", "cat out.txt; exit 1"}}})}}}});
  auto r = run_node(w);
  INFO(r.output);
  CHECK(r.exit_code == 1);
  CHECK(contains(r.output, "***API_TOKEN***"));
  CHECK(contains(w.read("consolidation/logs/0/t.1.log"), secret));
  const std::vector<std::string> forms = {secret, "cGE1NS93w7ZyZCsicXVvdGVkIg==", // base64
                                          "pa55/wörd+\\\"quoted\\\""};
  for (const auto& form : forms) {
    CHECK_FALSE(contains(r.output, form));
    for (const auto& [name, bytes] : tree_of(w.path() / "consolidation")) {
      INFO(name);
      CHECK((name.starts_with("logs/") || !contains(bytes, form)));
    }
  }
}

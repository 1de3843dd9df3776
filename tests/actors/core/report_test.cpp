#include "actors/core/event_data.hpp"
#include "actors/core/report.hpp"
#include "tests/fixtures/contains.hpp"
#include "tests/fixtures/sample_run.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <sstream>

using namespace aeo;
using namespace aeo::core;
using namespace aeo::testing;
using nlohmann::json;

namespace {

json final_json(const sample_run& r, int exit_code = 0) {
  std::ostringstream out;
  write_final_json(out, r.input(exit_code));
  return json::parse(out.str());
}

std::string markdown(const sample_run& r, int exit_code = 0) {
  std::ostringstream out;
  write_final_markdown(out, r.input(exit_code));
  return out.str();
}

} // namespace

TEST_CASE("the final report gives each phase with times, outputs, criteria and who approved it") {
  sample_run r{diamond()};
  r.on(0, event_kind::execution_started, {}, 0, R"({"mode":"automated","user":"alice"})");
  r.pass("0", 1, 4).pass("1", 4, 6).pass("2", 4, 10).pass("3", 10, 11);
  r.state.overall = overall_status::completed;
  auto report = final_json(r);
  CHECK(report["execution_id"] == "4f1c");
  CHECK(report["overall_status"] == "completed");
  CHECK(report["event_log"]["head"] == "head00");
  CHECK(report["progress"]["done"] == 4);
  CHECK(report["progress"]["percent"] == 100.0);
  CHECK(report["next_steps"].empty());
  auto phase = report["phases"][0];
  CHECK(phase["id"] == "0");
  CHECK(phase["status"] == "approved");
  CHECK(phase["source"] == "measured");
  CHECK(phase["duration_seconds"] == 3.0);
  CHECK(phase["criteria"][0]["expected"] == "exists");
  CHECK(phase["outputs"][0]["sha256"] == "ab12");
  CHECK(phase["decision"]["by"] == "criteria");
  CHECK(phase["decision"]["kind"] == "criteria");
  CHECK(phase["attempts"][0]["outcome"] == "approved");
  CHECK(phase["attempts"][0]["duration_seconds"] == 3.0);
}

TEST_CASE("a resume that finds nothing to do leaves when a run ended, and what it took") {
  sample_run r{diamond()};
  const auto end = R"({"status":"completed"})";
  r.on(0, event_kind::execution_started, {}, 0, R"({"mode":"automated","user":"alice"})");
  r.pass("0", 1, 4).pass("1", 4, 6).pass("2", 4, 10).pass("3", 10, 11);
  r.on(12, event_kind::execution_ended, {}, 0, end);
  r.on(500, event_kind::execution_resumed).on(501, event_kind::execution_ended, {}, 0, end);
  const auto report = final_json(r);
  CHECK(report["duration_seconds"] == 12.0);
  CHECK(contains(report["summary"].get<std::string>(), "in 12 s"));
  const auto text = markdown(r);
  CHECK(contains(text, "| Ended | " + short_time(t0 + 12 * second)));
  CHECK(contains(text, "| Took | 12 s"));
}

TEST_CASE("a resume that runs something ends a run anew") {
  sample_run r{diamond()};
  r.on(0, event_kind::execution_started);
  r.pass("0", 1, 4).pass("1", 4, 6).pass("2", 4, 10).pass("3", 10, 11);
  r.on(12, event_kind::execution_ended, {}, 0, R"({"status":"completed"})");
  r.on(500, event_kind::execution_resumed).on(501, event_kind::phase_reset, "3");
  r.pass("3", 502, 503).on(504, event_kind::execution_ended, {}, 0, R"({"status":"completed"})");
  CHECK(final_json(r)["duration_seconds"] == 504.0);
}

TEST_CASE("the critical path follows the dependency that ended last") {
  sample_run r{diamond()};
  r.pass("0", 1, 4).pass("1", 4, 6).pass("2", 5, 10).pass("3", 12, 13);
  auto path = taken_path(r.input());
  REQUIRE(path.size() == 3);
  CHECK(path[0].phase == 0);
  CHECK(path[1].phase == 2);
  CHECK(path[1].waited_us == 1 * second);
  CHECK(path[2].phase == 3);
  CHECK(path[2].waited_us == 2 * second);
}

TEST_CASE("a person's approval shows with name, comment and override") {
  sample_run r{diamond()};
  r.on(1, event_kind::phase_started, "0", 1)
      .on(2, event_kind::phase_failed, "0", 1,
          R"({"class":"permanent","message":"exited with 2"})");
  r.on(60, event_kind::phase_approved, "0", 1,
       R"({"by":"bob","comment":"checked by hand","override":true})");
  auto phase = final_json(r)["phases"][0];
  CHECK(phase["decision"]["kind"] == "person");
  CHECK(phase["decision"]["by"] == "bob");
  CHECK(phase["decision"]["override"] == true);
  CHECK(phase["attempts"][0]["outcome"] == "failed");
  auto text = markdown(r);
  CHECK(contains(text, "OVERRIDE by bob"));
  CHECK(contains(text, "checked by hand"));
}

TEST_CASE("a skipped phase says by whom and why, and claims no duration") {
  sample_run r{diamond()};
  r.on(5, event_kind::phase_skipped, "0", 0, R"({"by":"carol","reason":"done on Friday"})");
  auto phase = final_json(r)["phases"][0];
  CHECK(phase["source"] == "not_run");
  CHECK(phase["approved"] == false);
  CHECK(phase["duration_seconds"].is_null());
  CHECK(phase["decision"]["by"] == "carol");
  CHECK(phase["decision"]["reason"] == "done on Friday");
  CHECK(contains(markdown(r), "by carol: done on Friday"));
  CHECK(contains(markdown(r), "did not run"));
}

TEST_CASE("an imported phase is never said to be measured") {
  sample_run r{diamond()};
  r.on(0, event_kind::state_imported, "0", 0,
       R"({"status":"approved","started_at":"2023-01-01T00:00:00Z",)"
       R"("completed_at":"2023-01-01T01:00:00Z","metadata":{"tool":"other"}})");
  r.pass("1", 4, 6);
  CHECK(final_json(r)["phases"][0]["source"] == "imported");
  CHECK(contains(markdown(r), "imported, not measured by us"));
  auto path = taken_path(r.input());
  REQUIRE(path.size() == 1);
  CHECK(path[0].phase == 1);
}

TEST_CASE("a failure is handed over with class, log, tail and the command that continues") {
  sample_run r{diamond()};
  r.pass("0", 1, 4).on(4, event_kind::phase_started, "1", 1);
  r.on(4, event_kind::task_started, "1", 1, R"({"pid":7})", "T1");
  r.on(6, event_kind::task_finished, "1", 1,
       R"({"ok":false,"kind":"exited","code":2,"pid":7,"ms":1500,"cpu_ms":900,)"
       R"("peak_rss_kb":2048,"log_bytes":30})",
       "T1");
  r.on(6, event_kind::phase_failed, "1", 1,
       R"({"class":"permanent","message":"T1 exited with 2","exit_code":2,)"
       R"("log":"consolidation/logs/1/T1.1.log","tail":"make: *** [all] Error 2\n```\nlast"})");
  r.state.overall = overall_status::failed;
  auto phase = final_json(r, 1)["phases"][1];
  CHECK(phase["failure"]["class"] == "permanent");
  CHECK(phase["failure"]["exit_code"] == 2);
  auto task = phase["attempts"][0]["tasks"][0];
  CHECK(task["ok"] == false);
  CHECK(task["duration_seconds"] == 1.5);
  CHECK(task["log"] == "consolidation/logs/1/T1.1.log");
  auto text = markdown(r, 1);
  CHECK(contains(text, "permanent: T1 exited with 2"));
  CHECK(contains(text, "aeo-node --resume"));
  CHECK(contains(text, "````text\nmake: *** [all] Error 2\n```\nlast\n````"));
}

TEST_CASE("a phase that waits for a person names the commands that approve it") {
  sample_run r{diamond()};
  r.on(1, event_kind::phase_started, "0", 1).on(2, event_kind::phase_completed, "0", 1);
  r.on(2, event_kind::phase_waiting, "0", 1, R"({"reason":"manual approval"})");
  auto in = r.input(3);
  in.workspace = "/srv/my work";
  auto steps = next_steps(in);
  REQUIRE(steps.size() == 1);
  CHECK(contains(steps[0].text, "manual approval"));
  CHECK(steps[0].command == "aeo-node --workspace '/srv/my work' --resume --wait");
  CHECK(contains(steps[0].text, "aeo-control --workspace '/srv/my work' approve 0"));
  in.exit_code = -1; // A node runs.
  CHECK(next_steps(in)[0].command == "aeo-control --workspace '/srv/my work' approve 0");
}

TEST_CASE("a failure beside an approval that is waited for names one way to continue") {
  sample_run r{diamond()};
  r.pass("0", 1, 2);
  r.on(3, event_kind::phase_started, "1", 1).on(4, event_kind::phase_failed, "1", 1, "{}");
  r.on(3, event_kind::phase_started, "2", 1).on(4, event_kind::phase_completed, "2", 1);
  r.on(5, event_kind::phase_waiting, "2", 1, "{}");
  auto steps = next_steps(r.input(1));
  REQUIRE(steps.size() == 2);
  CHECK(steps[0].command == "aeo-node --resume");
  CHECK(steps[1].command == "aeo-node --resume --wait");
  CHECK(step_of(r.input(1), 1).command == steps[0].command);
}

TEST_CASE("an interrupted execution needs one command") {
  sample_run r{diamond()};
  r.pass("0", 1, 4);
  r.state.overall = overall_status::interrupted;
  auto steps = next_steps(r.input(130));
  REQUIRE(steps.size() == 1);
  CHECK(steps[0].command == "aeo-node --resume");
  CHECK(outcome_sentence(r.input(130))
        == "Interrupted after 4.0 s: 1 of 4 phases approved; 3 not started.");
}

TEST_CASE("several failures share one command") {
  sample_run r{diamond()};
  r.pass("0", 1, 2);
  for (const char* id : {"1", "2"})
    r.on(3, event_kind::phase_started, id, 1)
        .on(4, event_kind::phase_failed, id, 1,
            R"({"class":"permanent","message":"exited with 1"})");
  r.on(4, event_kind::phase_blocked, "3", 0, R"({"by":"1","reason":"dependency failed"})");
  auto text = to_text(next_steps(r.input(1)));
  CHECK(text.find("aeo-node --resume") == text.rfind("aeo-node --resume"));
  CHECK(contains(text, "1 phase is blocked"));
}

TEST_CASE("an attempt whose end was lost is said to be so") {
  sample_run r{diamond()};
  r.on(0, event_kind::execution_started, {}, 0, R"({"user":"alice"})");
  r.on(1, event_kind::phase_started, "0", 1).on(1, event_kind::task_started, "0", 1, "{}", "T0");
  r.history.add({9, t0 + 90 * second, event_kind::execution_resumed, "", "", 0, "{}"});
  auto report = final_json(r);
  CHECK(report["phases"][0]["attempts"][0]["ended_at"].is_null());
  CHECK(report["phases"][0]["attempts"][0]["tasks"][0]["outcome"] == "unknown");
  CHECK(report["sessions"][0]["ended_at"].is_null());
  CHECK(contains(markdown(r), "its end was not recorded"));
  CHECK(contains(markdown(r), "without a word (crash or kill)"));
}

TEST_CASE("odd event data never breaks a report") {
  for (const char* data : {"", "{", "[]", "null", R"({"by":{"x":1},"criteria":7,"outputs":"no"})",
                           R"({"criteria":[1,null,{"check":5}],"outputs":[[],{"bytes":-1e99}]})",
                           R"({"by":["a","b"],"tail":12,"class":[],"ms":-5})"}) {
    sample_run r{diamond()};
    r.on(1, event_kind::phase_started, "0", 1, data);
    r.on(1, event_kind::task_finished, "0", 1, data, "T0");
    r.on(2, event_kind::phase_failed, "0", 1, data);
    r.on(3, event_kind::phase_skipped, "1", 1, data);
    r.history.add({0, 0, event_kind::note, "no such phase", "x", 1, data});
    CHECK(final_json(r, 1)["phases"].size() == 4);
    CHECK_FALSE(markdown(r, 1).empty());
  }
}

TEST_CASE("no secret leaves in any report, wherever it stands") {
  sample_run r{diamond()};
  r.on(1, event_kind::phase_started, "0", 1);
  r.on(2, event_kind::phase_failed, "0", 1,
       R"({"class":"permanent","message":"bad s3cr3t","log":"s3cr3t.log","tail":"a s3cr3t b",)"
       R"("criteria":[{"check":"c","passed":false,"expected":"s3cr3t","actual":"s3cr3t"}]})");
  r.on(3, event_kind::phase_skipped, "1", 0, R"({"by":"s3cr3t","reason":"s3cr3t"})");
  auto in = r.input(1);
  in.mask = [](std::string_view text) {
    std::string result{text};
    for (std::size_t at = 0; (at = result.find("s3cr3t", at)) != std::string::npos;)
      result.replace(at, 6, "***");
    return result;
  };
  std::ostringstream out;
  write_final_json(out, in);
  write_status_json(out, in);
  write_final_markdown(out, in);
  CHECK_FALSE(contains(out.str(), "s3cr3t"));
  CHECK(contains(out.str(), "bad ***"));
}

TEST_CASE("names and reasons cannot break the markdown") {
  sample_run r{diamond()};
  r.on(5, event_kind::phase_skipped, "0", 0, R"({"by":"x|y","reason":"<b>\n# no"})");
  auto text = markdown(r);
  CHECK(contains(text, "by x\\|y: &lt;b> \\# no"));
  CHECK(contains(text, "Phase \\| 0"));
}

TEST_CASE("what one command let run again is one decision") {
  sample_run r{diamond()};
  const auto decided = R"({"by":"alice","reason":"new input"})";
  for (const auto* id : {"0", "1", "3"})
    r.on(5, event_kind::phase_reset, id, 1, decided);
  r.on(5, event_kind::audit, "0", 0, R"({"by":"alice","command":"retry"})");
  r.on(9, event_kind::phase_reset, "2", 1, decided);
  r.on(9, event_kind::audit, "2", 0, R"({"by":"alice","command":"retry"})");
  const auto list = final_json(r)["interventions"];
  REQUIRE(list.size() == 2);
  CHECK(list[0]["phase"] == "0");
  CHECK(list[0]["others"] == 2);
  CHECK(list[1]["phase"] == "2");
  CHECK(list[1]["others"] == 0);
  CHECK(contains(markdown(r), "| 0 and 2 more | new input |"));
}

TEST_CASE("what the node itself lets run again is no decision of a person") {
  sample_run r{diamond()};
  r.on(5, event_kind::phase_reset, "0", 1, decision_data("engine", "phase 1 is not approved"));
  CHECK(final_json(r)["interventions"].empty());
}

TEST_CASE("percent is 100 only when every gate is open") {
  progress_counts c;
  c.total = 100'000;
  c.by_status[static_cast<std::size_t>(phase_status::approved)] = 99'999;
  CHECK(c.percent() < 100);
  c.by_status[static_cast<std::size_t>(phase_status::skipped)] = 1;
  CHECK(c.percent() == 100);
}

TEST_CASE("a run is called cancelled only where nothing has failed or was rejected") {
  auto word = [](std::initializer_list<phase_status> phases) {
    progress_counts c;
    c.total = phases.size();
    for (auto s : phases)
      ++c.by_status[static_cast<std::size_t>(s)];
    return called(overall_status::in_progress, c);
  };
  using enum phase_status;
  CHECK(word({approved, cancelled, blocked}) == overall_status::cancelled);
  CHECK(word({pending, cancelled}) == overall_status::in_progress);
  CHECK(word({failed, cancelled}) == overall_status::in_progress);
  CHECK(word({rejected, cancelled, blocked}) == overall_status::in_progress);
}

TEST_CASE("how long a phase took is the sum of its attempts, not what lay between") {
  sample_run r{diamond()};
  r.on(0, event_kind::phase_started, "0", 1);
  r.on(5, event_kind::phase_failed, "0", 1, R"({"class":"permanent"})");
  r.on(1000, event_kind::phase_reset, "0", 1);
  r.on(1001, event_kind::phase_started, "0", 2);
  r.on(1003, event_kind::phase_completed, "0", 2);
  r.on(2000, event_kind::phase_approved, "0", 2, R"({"by":"user:alice"})");
  CHECK(worked(r.input(), 0) == duration{7000});
  CHECK(contains(markdown(r, 0), "| approved | 2 | 7.0 s |"));
  CHECK_FALSE(worked(r.input(), 1));
  r.on(2000, event_kind::phase_started, "1", 1);
  r.on(2010, event_kind::task_started, "1", 1, "{}", "T1");
  CHECK(worked(r.input(), 1) == duration{10'000});
}

TEST_CASE("of many attempts the newest are told one by one, the others as a sum") {
  constexpr auto kept = run_history::kept_attempts;
  sample_run r{diamond()};
  r.on(0, event_kind::execution_started, {}, 0, R"({"user":"alice"})");
  for (std::uint32_t n = 1; n <= kept + 30; ++n) {
    const auto at = static_cast<std::int64_t>(n) * 10;
    for (const char* id : {"0", "1"}) {
      const auto task = std::string{"T"} + id;
      r.on(at, event_kind::phase_started, id, n)
          .on(at, event_kind::task_started, id, n, "{}", task);
      r.on(at + 2, event_kind::task_finished, id, n, R"({"kind":"exited","code":1,"ok":false})",
           task);
      r.on(at + 2, event_kind::phase_failed, id, n, R"({"class":"transient","message":"no"})");
      r.on(at + 9, event_kind::phase_reset, id, n, R"({"by":"alice","reason":"once more"})");
    }
  }
  CHECK(worked(r.input(), 0) == duration{(kept + 30) * 2000});
  const auto report = final_json(r, 1);
  const auto& phase = report["phases"][0];
  CHECK(phase["earlier_attempts"]["count"] == 30);
  CHECK(phase["earlier_attempts"]["worked_seconds"] == 60);
  REQUIRE(phase["attempts"].size() == kept);
  CHECK(phase["attempts"][0]["attempt"] == 31);
  for (const auto& attempt : phase["attempts"]) {
    REQUIRE(attempt["tasks"].size() == 1);
    CHECK(attempt["tasks"][0]["code"] == 1);
  }
  CHECK(phase["errors"].size() == phase_state::max_errors);
  CHECK(phase["earlier_errors"] == kept + 30 - phase_state::max_errors);
  CHECK(phase["errors"].back()["attempt"] == kept + 30);
  CHECK(report["errors_by_class"]["transient"] == 2 * phase_state::max_errors);
  CHECK(report["earlier_errors"] == 2 * (kept + 30 - phase_state::max_errors));
  CHECK(report["interventions"].size() == 2 * (kept + 30));
  const auto text = markdown(r, 1);
  CHECK(contains(text, "- 30 earlier attempts, 1m00s of work together: the event log has them"));
  CHECK(contains(text, "60 earlier errors are not counted here"));
}

TEST_CASE("one earlier attempt that was not measured leaves their sum unknown") {
  sample_run r{diamond()};
  r.on(1, event_kind::phase_started, "0", 1);
  r.history.add({9, t0 + 90 * second, event_kind::execution_resumed, "", "", 0, "{}"});
  for (std::uint32_t n = 2; n <= run_history::kept_attempts + 1; ++n)
    r.history.add({9, t0 + 100 * second, event_kind::phase_started, "0", "", n, "{}"});
  CHECK_FALSE(worked(r.input(), 0));
  CHECK(final_json(r)["phases"][0]["earlier_attempts"]["worked_seconds"].is_null());
  CHECK(contains(markdown(r), "- 1 earlier attempts, not all of them measured"));
}

TEST_CASE("of very many decisions the newest are told one by one") {
  sample_run r{diamond()};
  for (std::size_t n = 0; n < run_history::kept_interventions + 7; ++n)
    r.history.add({9, t0 + static_cast<std::int64_t>(n) * second, event_kind::phase_skipped, "0",
                   "", 1, R"({"by":"alice"})"});
  const auto report = final_json(r);
  CHECK(report["earlier_interventions"] == 7);
  CHECK(report["interventions"].size() == run_history::kept_interventions);
  CHECK(contains(markdown(r), "\n7 came before these: the event log has them."));
}

TEST_CASE("whoever reads only the first line hears that criteria were overridden") {
  sample_run r{wide_plan(2)};
  r.pass("0", 1, 2);
  r.on(3, event_kind::phase_started, "1", 1);
  r.on(4, event_kind::phase_failed, "1", 1, R"({"class":"criteria"})");
  r.on(5, event_kind::phase_approved, "1", 1, R"({"by":"mia","reason":"known","override":true})");
  r.on(6, event_kind::execution_ended, "", 0, R"({"status":"completed"})");
  CHECK(contains(outcome_sentence(r.input()),
                 "All 2 phases approved in 6.0 s, 1 of them although it had failed."));
  CHECK(contains(markdown(r, 0), "1 of them because a person overrode what had failed"));
}

TEST_CASE("where the clock was set back, no time is claimed") {
  sample_run r{diamond()};
  r.on(1000, event_kind::phase_started, "0", 1);
  r.on(-600, event_kind::phase_completed, "0", 1);
  r.on(-600, event_kind::phase_approved, "0", 1, R"({"by":"criteria"})");
  r.on(-600, event_kind::execution_ended, "");
  CHECK_FALSE(worked(r.input(), 0));
  CHECK(contains(markdown(r, 0), "| approved | 1 | not measured |"));
  CHECK(contains(outcome_sentence(r.input()), "after a time that was not measured"));
}

TEST_CASE("a status report's name is its time in UTC") {
  CHECK(status_report_name(t0) == "status_report_20231114_221320.json");
}

TEST_CASE("a report on 100,000 phases is complete JSON") {
  sample_run r{wide_plan(100'000)};
  for (auto& s : r.state.phases) {
    s.status = phase_status::approved;
    s.started_us = t0;
    s.ended_us = t0 + second;
  }
  r.state.phases[7].status = phase_status::failed;
  CHECK(final_json(r, 1)["phases"].size() == 100'000);
  std::ostringstream out;
  write_status_json(out, r.input());
  auto status = json::parse(out.str());
  CHECK(status["phases"].size() == 1);
  CHECK(status["progress"]["done"] == 99'999);
  CHECK(markdown(r, 1).size() < 10'000);
}

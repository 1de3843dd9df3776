#include "actors/core/github_markdown.hpp"
#include "actors/core/issue_text.hpp"
#include "actors/core/secret_mask.hpp"
#include "tests/fixtures/contains.hpp"
#include "tests/fixtures/sample_run.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace aeo;
using namespace aeo::core;
using namespace aeo::testing;

namespace {

const issue_notes some_notes{.chain_head = std::string(64, 'e'), .chain_seq = 99, .superseded = {}};

event an_event(event_kind kind, std::string phase, std::string data = {}) {
  return {5, t0, kind, std::move(phase), {}, 1, std::move(data)};
}

} // namespace

TEST_CASE("the body shows every phase, the progress and the head of the log, and is found again") {
  sample_run run{diamond()};
  run.pass("0", 1, 3).on(4, event_kind::phase_started, "1", 1);
  const auto text = issue_body(run.input(-1), some_notes);
  CHECK(contains(text, "1 of 4 phases (25.0 %)"));
  CHECK(contains(text, "| 0 | Phase \\| 0 | ✅ approved | 1 | 2.0 s | 1/1 checks |"));
  CHECK(contains(text, "| 1 | Phase \\| 1 | ▶️ in progress |"));
  CHECK(contains(text, "| 3 |"));
  CHECK(contains(text, "head `" + some_notes.chain_head + "` at event 99"));
  CHECK(has_execution_marker(text, "4f1c"));
  CHECK_FALSE(has_execution_marker(text, "4f1"));
}

TEST_CASE("the body changes with what happens, not with the time") {
  sample_run run{diamond()};
  run.on(1, event_kind::phase_started, "0", 1);
  auto in = run.input(-1);
  auto notes = some_notes;
  const auto before = issue_body(in, notes);
  CHECK(issue_body(in, notes) == before);
  run.on(2, event_kind::phase_completed, "0", 1);
  CHECK(issue_body(run.input(-1), notes) != before);
}

TEST_CASE("a body of many phases stays below GitHub's limit, with those that need somebody") {
  const auto count = 1500;
  auto p = wide_plan(count);
  for (auto& phase : p.phases)
    phase.name = "A long name of a phase, with ünïcode, that fills its cell " + phase.id;
  sample_run run{std::move(p)};
  for (int i = 0; i < count; ++i) {
    run.on(i, event_kind::phase_started, std::to_string(i), 1);
    if (i == count - 1)
      run.on(i, event_kind::phase_failed, std::to_string(i), 1,
             R"({"class":"permanent","message":"task T exited with 2"})");
  }
  const auto text = issue_body(run.input(-1), some_notes);
  CHECK(text.size() <= longest_github_text);
  CHECK(text.size() > longest_github_text / 2);
  CHECK(contains(text, "| 1499 |"));
  CHECK(contains(text, "The table is cut"));
  CHECK(has_execution_marker(text, "4f1c"));
}

TEST_CASE("an approval's comment lists passed and failed checks") {
  sample_run run{diamond()};
  const auto text = event_comment(
      run.input(-1), some_notes,
      an_event(event_kind::phase_approved, "0",
               R"({"by":"alice","comment":"fine","criteria":[)"
               R"({"check":"file_exists a","passed":true,"expected":"exists","actual":"exists"},)"
               R"({"check":"json_valid b","passed":false,"expected":"JSON","actual":"none"}]})"));
  CHECK(contains(text, "approved by alice: fine"));
  CHECK(contains(text, "1 of 2 checks passed"));
  CHECK(contains(text, "❌ **failed** | json\\_valid b | JSON | none"));
  CHECK(contains(text, "✅ passed | file\\_exists a"));
  CHECK(find_event_marker(text, "4f1c") == 5);
}

TEST_CASE("a wait for approval tells its digest and how to decide") {
  sample_run run{diamond()};
  auto notes = some_notes;
  const auto e =
      an_event(event_kind::phase_waiting, "2",
               R"({"reason":"waits for 1 of: operator","digest":"abc123","criteria":[]})");
  CHECK(contains(event_comment(run.input(-1), notes, e), "`abc123`"));
  CHECK_FALSE(contains(event_comment(run.input(-1), notes, e), "/approve"));
  notes.chatops = true;
  CHECK(contains(event_comment(run.input(-1), notes, e), "`/approve 2 [text]`"));
}

TEST_CASE("a failure's comment has the log's end in a block that it cannot leave") {
  sample_run run{diamond()};
  const auto text = event_comment(
      run.input(-1), some_notes,
      an_event(event_kind::phase_failed, "1",
               R"({"class":"permanent","message":"task T1 exited with 2","why":"criteria not met",)"
               R"("log":"consolidation/logs/1/T1.1.log","tail":"line\n```\n@everyone <b>"})"));
  CHECK(contains(text, "task T1 exited with 2"));
  CHECK(contains(text, "Class: permanent"));
  CHECK(contains(text, "````text\nline\n```\n@everyone <b>\n````"));
}

TEST_CASE("what tasks and people write is neither markup nor a mention nor a reference") {
  sample_run run{diamond()};
  const auto text =
      github_cell(run.input(), "@org/team see #12 <img src=x> [a](b) | `c` &amp;\n*d*");
  for (const auto* part : {"@org", "#12", "<img", "[a](", " | ", " `c`", "\n", " *d"})
    CHECK_FALSE(contains(text, part));
}

TEST_CASE("secrets do not reach GitHub") {
  sample_run run{diamond()};
  run.on(1, event_kind::phase_started, "0", 1)
      .on(2, event_kind::phase_failed, "0", 1,
          R"({"class":"permanent","message":"no hunter2_x","tail":"key=hunter2_x"})");
  auto in = run.input(-1);
  const secret_mask mask{{{"DB_PASSWORD", "hunter2_x"}}};
  in.mask = [&mask](std::string_view text) { return mask.mask(text); };
  const auto e =
      an_event(event_kind::phase_failed, "0",
               R"({"class":"permanent","message":"no hunter2_x","tail":"key=hunter2_x"})");
  for (const auto& text : {issue_body(in, some_notes), event_comment(in, some_notes, e),
                           digest_comment(in, some_notes, {e}), run_status(in)}) {
    CHECK_FALSE(contains(text, "hunter2"));
    CHECK(contains(text, "DB"));
  }
}

TEST_CASE("a comment of any length keeps its marker and GitHub's limit") {
  sample_run run{diamond()};
  std::string checks;
  for (int i = 0; i < 3000; ++i)
    checks += std::string{i > 0 ? "," : ""} + R"({"check":"file_exists )" + std::string(190, 'x')
              + R"(","passed":true,"expected":"exists","actual":")" + std::string(99, 'y') + "\"}";
  const auto text = event_comment(run.input(-1), some_notes,
                                  an_event(event_kind::phase_approved, "0",
                                           R"({"by":"criteria","criteria":[)" + checks + "]}"));
  CHECK(text.size() <= longest_github_text);
  CHECK(contains(text, "3000 of 3000 checks passed"));
  CHECK(contains(text, "And 2900 more."));
  CHECK(find_event_marker(text, "4f1c") == 5);
}

TEST_CASE("a marker counts for its execution only, and the last one in a text") {
  CHECK(find_event_marker(event_marker("a", 3), "a") == 3);
  CHECK_FALSE(find_event_marker(event_marker("a", 3), "b"));
  CHECK_FALSE(find_event_marker("<!-- aeo:event a x -->", "a"));
  CHECK_FALSE(find_event_marker("<!-- aeo:event a 99999999999999999999999 -->", "a"));
  CHECK_FALSE(find_event_marker("<!-- aeo:event a 3", "a"));
  CHECK(find_event_marker("> " + event_marker("a", 3) + "\n" + event_marker("a", 4), "a") == 4);
}

TEST_CASE("a digest counts many events and lists those that people should see") {
  sample_run run{wide_plan(60)};
  std::vector<event> events;
  events.reserve(42);
  for (int i = 0; i < 40; ++i)
    events.push_back(an_event(event_kind::phase_approved, std::to_string(i)));
  events.push_back(an_event(event_kind::phase_failed, "41", R"({"message":"disk full"})"));
  events.push_back(
      an_event(event_kind::phase_waiting, "42", R"({"reason":"waits","digest":"d00d"})"));
  events.back().seq = 77;
  const auto text = digest_comment(run.input(-1), some_notes, events);
  CHECK(contains(text, "1 waiting, 40 approved, 1 failed"));
  CHECK(contains(text, "**Phase 41** failed: disk full"));
  CHECK(contains(text, "d00d"));
  CHECK_FALSE(contains(text, "**Phase 7**"));
  CHECK(find_event_marker(text, "4f1c") == 77);
}

TEST_CASE("a refused command is answered with its reason, a status with the state") {
  sample_run run{diamond()};
  run.on(1, event_kind::phase_started, "0", 1);
  CHECK(contains(reply_comment(run.input(-1),
                               an_event(event_kind::audit, "2",
                                        R"({"by":"github:bob","command":"approve","done":false,)"
                                        R"("outcome":"phase 2 is pending"})")),
                 "In answer to bob's `/approve` for phase 2:\n\n🚫 Refused: phase 2 is pending."));
  const auto status = reply_comment(
      run.input(-1),
      an_event(event_kind::audit, "", R"({"by":"github:bob","command":"status","done":true})"));
  CHECK(contains(status, "phase 0: in progress"));
}

#include "actors/core/remote_view.hpp"
#include "actors/io/change_tail.hpp"
#include "actors/io/packed.hpp"
#include "tests/fixtures/contains.hpp"
#include "tests/fixtures/sample_board.hpp"
#include "tools/monitor/board.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <limits>
#include <random>

using namespace aeo;
using namespace aeo::monitor;
using namespace aeo::testing;

namespace {

board board_of(run_view v) {
  board b;
  b.begin(std::move(v), board_t0);
  return b;
}

std::vector<place> listed(std::span<const place> s) {
  return {s.begin(), s.end()};
}

std::string last_line(const board& b) {
  return b.recent().empty() ? std::string{} : text_of(b.recent().back());
}

} // namespace

TEST_CASE("events change status, attempt, times and counts") {
  auto b = board_of(many_phases(3));
  page_maker m{10};
  m.on(event_kind::phase_started, "1", "{}", {}, 2, 5);
  m.on(event_kind::task_started, "1", "{}", "T1.1", 2, 5);
  m.on(event_kind::task_finished, "1", R"({"ok":true})", "T1.1", 2, 6);
  m.on(event_kind::task_finished, "1", R"({"ok":false})", "T1.2", 2, 6);
  m.on(event_kind::task_started, "1", "{}", "T1.3", 2, 7);
  REQUIRE(b.apply(m.page, board_t0));
  const auto& p = b.phases()[1];
  CHECK(p.status == phase_status::in_progress);
  CHECK(p.attempt == 2);
  CHECK(p.attempt_us == board_t0 + 5 * one_second);
  CHECK(p.done == 1);
  CHECK(b.running_task(1) == "T1.3");
  CHECK(b.counts()[phase_status::in_progress] == 1);
  CHECK(b.counts()[phase_status::pending] == 2);
  page_maker more{15};
  more.on(event_kind::phase_completed, "1").on(event_kind::phase_approved, "1", "{}", {}, 2, 30);
  REQUIRE(b.apply(more.page, board_t0));
  CHECK(b.phases()[1].ended_us == board_t0 + 30 * one_second);
  CHECK(b.counts().done() == 1);
  CHECK(b.running_task(1).empty());
  CHECK(b.seq() == 17);
}

TEST_CASE("a page that overlaps is applied once") {
  auto b = board_of(many_phases(1));
  page_maker m{10};
  m.on(event_kind::phase_started, "0").on(event_kind::task_finished, "0", R"({"ok":true})", "T");
  REQUIRE(b.apply(m.page, board_t0));
  m.on(event_kind::task_finished, "0", R"({"ok":true})", "U");
  REQUIRE(b.apply(m.page, board_t0));
  CHECK(b.phases()[0].done == 2);
  CHECK(b.recent().size() == 1);
}

TEST_CASE("what a view knows already is not applied again") {
  auto v = many_phases(1);
  put(v, 0, phase_status::approved);
  auto b = board_of(v);
  page_maker m{8};
  m.on(event_kind::phase_started, "0").on(event_kind::phase_approved, "0");
  CHECK(b.apply(m.page, board_t0));
  CHECK(b.seq() == 10);
  CHECK(b.recent().empty());
  CHECK(b.phases()[0].status == phase_status::approved);
}

TEST_CASE("a gap is noticed and nothing behind it is taken") {
  auto b = board_of(many_phases(2));
  page_maker m{10};
  m.on(event_kind::phase_started, "0").on(event_kind::phase_started, "1");
  m.page.events[1].seq = 13;
  CHECK_FALSE(b.apply(m.page, board_t0));
  CHECK(b.seq() == 11);
  CHECK(b.phases()[0].status == phase_status::in_progress);
  CHECK(b.phases()[1].status == phase_status::pending);
  auto fresh = many_phases(2);
  fresh.seq = 13;
  b.begin(fresh, board_t0);
  CHECK(b.apply(page_maker{13}.on(event_kind::phase_started, "1").page, board_t0));
}

TEST_CASE("events before a beginning ask for one") {
  board b;
  CHECK_FALSE(b.apply(page_maker{0}.on(event_kind::note).page, board_t0));
  CHECK_FALSE(b.has_begun());
}

TEST_CASE("who waits for a person, for whom and for when is known") {
  auto b = board_of(night_run());
  CHECK(listed(b.needing_person()) == std::vector<place>{8, 10});
  CHECK(listed(b.of(urgency::waiting)) == std::vector<place>{10});
  CHECK(b.awaited(12) == std::vector<place>{7, 10});
  CHECK(b.culprits(15) == std::vector<place>{8});
  CHECK(listed(b.of(urgency::retrying)) == std::vector<place>{2});
  CHECK(b.phases()[2].retry_at_us == board_t0 + 100 * one_second);
}

TEST_CASE("a retry tells its time and its reason") {
  auto b = board_of(many_phases(1));
  page_maker m{10};
  m.on(event_kind::phase_started, "0");
  m.on(event_kind::phase_retry_wait, "0",
       R"({"class":"transient","message":"T exited with 1","at":1763950060000000})");
  REQUIRE(b.apply(m.page, board_t0));
  CHECK(b.phases()[0].retry_at_us == board_t0 + 60 * one_second);
  CHECK(b.phases()[0].reason == "T exited with 1");
  REQUIRE(b.apply(page_maker{12}.on(event_kind::phase_started, "0").page, board_t0));
  CHECK(b.phases()[0].retry_at_us == 0);
  CHECK(b.phases()[0].reason.empty());
}

TEST_CASE("the most urgent phases come first, in the plan's order among themselves") {
  auto b = board_of(night_run());
  auto order = listed(b.by_urgency());
  REQUIRE(order.size() == 16);
  CHECK(std::vector<place>(order.begin(), order.begin() + 6)
        == std::vector<place>{8, 10, 7, 11, 2, 12});
  CHECK(order.back() == 6);
}

TEST_CASE("a phase that lacks something itself is more urgent than those that it blocks") {
  auto v = many_phases(3);
  put(v, 1, phase_status::blocked, "the input data.csv is missing");
  put(v, 2, phase_status::blocked);
  v.phases[2].dependencies = {1};
  auto b = board_of(v);
  CHECK(listed(b.of(urgency::stuck)) == std::vector<place>{1});
  CHECK(listed(b.of(urgency::blocked)) == std::vector<place>{2});
  CHECK(b.culprits(2) == std::vector<place>{1});
}

TEST_CASE("the remaining time follows the dependencies where durations are known") {
  auto v = many_phases(3);
  for (auto& p : v.phases)
    p.typical_ms = 100'000;
  put(v, 0, phase_status::in_progress);
  v.phases[0].attempt_us = board_t0 - 40 * one_second;
  v.phases[1].dependencies = {0};
  v.phases[2].dependencies = {1};
  auto b = board_of(v);
  CHECK(b.eta(board_t0) == duration{260'000});
  CHECK(b.eta(0, board_t0 + 90 * one_second) == duration{-30'000});
  CHECK(b.eta(board_t0 + 90 * one_second) == duration{200'000});
  CHECK(b.eta(1, board_t0) == std::nullopt);
}

TEST_CASE("a board begins anew with the same plan, with other dependencies or with another plan") {
  auto v = many_phases(3);
  for (auto& p : v.phases)
    p.typical_ms = 100'000;
  auto b = board_of(v);
  const auto agree = [&] { // With one that has seen nothing before.
    b.begin(v, board_t0);
    const auto fresh = board_of(v);
    CHECK(b.eta(board_t0) == fresh.eta(board_t0));
    for (place i = 0; i < v.phases.size(); ++i)
      CHECK(b.find(v.phases[i].id) == i);
    CHECK_FALSE(b.find("gone"));
  };
  put(v, 0, phase_status::approved);
  agree();
  v.phases[2].dependencies = {1};
  v.phases[1].dependencies = {0};
  agree();
  CHECK(b.eta(board_t0) == duration{200'000});
  std::swap(v.phases[0].id, v.phases[2].id);
  agree();
  v.phases[1].id = "other";
  agree();
  v.phases.pop_back();
  v.total = 2;
  agree();
}

TEST_CASE("phases that could start and do not share what runs at once") {
  auto v = many_phases(10);
  for (auto& p : v.phases)
    p.typical_ms = 100'000;
  for (std::size_t i = 0; i < 2; ++i) {
    put(v, i, phase_status::in_progress);
    v.phases[i].attempt_us = board_t0;
  }
  CHECK(board_of(v).eta(board_t0) == duration{500'000});
}

TEST_CASE("without history the pace so far tells the remaining time") {
  auto v = many_phases(8);
  v.started_us = board_t0 - 400 * one_second;
  for (std::size_t i = 0; i < 4; ++i)
    put(v, i, phase_status::approved);
  CHECK(board_of(v).eta(board_t0) == duration{400'000});
  put(v, 3, phase_status::pending);
  put(v, 2, phase_status::pending);
  CHECK(board_of(v).eta(board_t0) == std::nullopt);
}

TEST_CASE("nobody knows how long a person takes") {
  auto v = many_phases(2);
  for (auto& p : v.phases)
    p.typical_ms = 100'000;
  CHECK(board_of(v).eta(board_t0));
  v.paused = true;
  CHECK_FALSE(board_of(v).eta(board_t0));
  v.paused = false;
  put(v, 0, phase_status::waiting_approval);
  CHECK_FALSE(board_of(v).eta(board_t0));
}

TEST_CASE("pausing, going on and ending are followed") {
  auto b = board_of(many_phases(1));
  REQUIRE(b.apply(page_maker{10}.on(event_kind::execution_paused, "", R"({"by":"bob"})").page,
                  board_t0));
  CHECK(b.is_paused());
  CHECK(last_line(b) == "the run is paused by bob");
  REQUIRE(b.apply(page_maker{11}.on(event_kind::execution_continued).page, board_t0));
  CHECK_FALSE(b.is_paused());
  page_maker m{12};
  m.on(event_kind::execution_ended, "", R"({"status":"failed"})", {}, 0, 9);
  m.page.ended = true;
  REQUIRE(b.apply(m.page, board_t0));
  CHECK(b.overall() == overall_status::failed);
  CHECK(b.ended_us() == board_t0 + 9 * one_second);
  CHECK(b.has_ended());
}

TEST_CASE("the node has not ended for a monitor that lacks its last events") {
  auto b = board_of(many_phases(1));
  page_maker m{10};
  m.on(event_kind::phase_started, "0");
  m.page.ended = true;
  m.page.head = 12;
  REQUIRE(b.apply(m.page, board_t0));
  CHECK_FALSE(b.has_ended());
}

TEST_CASE("times are told by the node's clock, late replies left aside") {
  auto ahead = 30 * one_second;
  board b;
  b.begin(many_phases(1), board_t0 - ahead);
  CHECK(b.node_time(board_t0) == board_t0 + ahead);
  event_page late;
  late.now_us = board_t0 + one_second;
  REQUIRE(b.apply(late, board_t0 - ahead + 3 * one_second));
  CHECK(b.node_time(board_t0) == board_t0 + ahead);
  event_page set_back;
  set_back.now_us = board_t0 - 600 * one_second;
  REQUIRE(b.apply(set_back, board_t0 - ahead));
  CHECK(b.node_time(board_t0 - ahead) == board_t0 - 600 * one_second);
}

TEST_CASE("recent events are kept up to a limit, the newest") {
  auto b = board_of(many_phases(500));
  page_maker m{10};
  for (int i = 0; i < 500; ++i)
    m.on(event_kind::phase_started, std::to_string(i));
  REQUIRE(b.apply(m.page, board_t0));
  CHECK(b.recent().size() == board::recent_limit);
  CHECK(last_line(b) == "phase 499 started");
  CHECK(text_of(b.recent().front()) == "phase 300 started");
}

TEST_CASE("a failure that blocks a thousand phases stays in sight") {
  auto b = board_of(many_phases(1001));
  page_maker m{10};
  m.on(event_kind::phase_failed, "0",
       R"({"class":"permanent","message":"T exited with 2","why":"3 of 3 retries used",)"
       R"("log":"logs/0/T.log"})");
  for (int i = 1; i <= 1000; ++i)
    m.on(event_kind::phase_blocked, std::to_string(i),
         R"({"by":"0","reason":"phase 0 is failed"})");
  REQUIRE(b.apply(m.page, board_t0));
  REQUIRE(b.recent().size() == 2);
  CHECK(text_of(b.recent()[0])
        == "phase 0 FAILED: T exited with 2, 3 of 3 retries used; log logs/0/T.log");
  CHECK(last_line(b) == "phase 1 and 999 more blocked behind 0");
}

TEST_CASE("events are told in plain words") {
  auto b = board_of(many_phases(4));
  std::uint64_t seq = 10;
  auto line_after = [&](event_kind kind, std::string phase, std::string data) {
    page_maker next{seq++};
    next.on(kind, std::move(phase), std::move(data));
    REQUIRE(b.apply(next.page, board_t0));
    return last_line(b);
  };
  using enum event_kind;
  CHECK(line_after(phase_approved, "3", R"({"by":"alice"})") == "phase 3 approved by alice");
  CHECK(line_after(phase_approved, "3", R"({"by":"al","override":true,"reason":"known"})")
        == "phase 3 approved by al, overriding its criteria: known");
  CHECK(line_after(phase_rejected, "3", R"({"by":"bob","reason":"no"})")
        == "phase 3 REJECTED by bob: no");
  CHECK(line_after(phase_waiting, "2", R"({"reason":"look","votes":[{"by":"al"}]})")
        == "phase 2 waits for a person: look; approved so far by al");
  CHECK(line_after(audit, "2",
                   R"({"by":"eve","from":"[::1]:9","command":"approve",)"
                   R"("done":false,"outcome":"a viewer may only look"})")
        == "phase 2: eve from [::1]:9 was refused approve: a viewer may only look");
  auto before = last_line(b);
  CHECK(line_after(audit, "2", R"({"by":"al","command":"approve","done":true})") == before);
  CHECK(line_after(note, "", R"({"text":"the disk is full","level":"error"})")
        == "the disk is full");
  CHECK(line_after(note, "", R"({"text":"the disk is full","level":"error"})")
        == "the disk is full (2 times)");
  CHECK(line_after(phase_skipped, "1", "no JSON") == "phase 1 skipped");
}

TEST_CASE("an approval tells how long its attempt took") {
  auto b = board_of(many_phases(1));
  page_maker m{10};
  m.on(event_kind::phase_started, "0", "{}", {}, 1, 0);
  m.on(event_kind::phase_approved, "0", R"({"by":"criteria"})", {}, 1, 12);
  REQUIRE(b.apply(m.page, board_t0));
  CHECK(last_line(b) == "phase 0 approved after 12 s");
}

TEST_CASE("the beginning tells recent events and running tasks") {
  auto v = many_phases(2);
  put(v, 1, phase_status::in_progress);
  page_maker m{7};
  m.on(event_kind::phase_started, "1").on(event_kind::task_started, "1", "{}", "T1.2");
  v.recent = m.page.events;
  auto b = board_of(v);
  CHECK(last_line(b) == "phase 1 started");
  CHECK(b.running_task(1) == "T1.2");
}

TEST_CASE("imported states count, but not for the pace") {
  auto v = many_phases(8);
  auto b = board_of(v);
  page_maker m{10};
  for (int i = 0; i < 4; ++i)
    m.on(event_kind::state_imported, std::to_string(i), R"({"status":"approved"})");
  REQUIRE(b.apply(m.page, board_t0));
  CHECK(b.counts().done() == 4);
  CHECK_FALSE(b.eta(board_t0));
}

TEST_CASE("a view that makes no sense does no harm") {
  auto v = many_phases(4);
  constexpr auto far = std::numeric_limits<std::int64_t>::max();
  constexpr auto long_ago = std::numeric_limits<std::int64_t>::min();
  v.phases[0].dependencies = {0, 99, 0xffffffff, 1};
  v.phases[1].dependencies = {0};
  v.phases[3].id = "2";
  for (auto& p : v.phases) {
    p.typical_ms = far;
    p.attempt_us = long_ago;
    p.retry_at_us = p.ended_us = far;
    p.done = 77;
  }
  v.phases[2].status = phase_status::retry_wait;
  v.phases[3].status = phase_status::blocked;
  v.now_us = far;
  v.started_us = long_ago;
  auto b = board_of(v);
  b.eta(far);
  b.eta(2, long_ago);
  CHECK(b.phases()[0].dependencies == std::vector<place>{1});
  CHECK(b.phases()[0].done == 4);
  CHECK(b.culprits(3).empty());
  page_maker m{10};
  m.on(event_kind::phase_started, "nobody").on(event_kind::phase_failed, "1", "[1,2");
  m.page.events[1].time_us = long_ago;
  CHECK(b.apply(m.page, far));
  CHECK(b.find("2") == 2);
}

TEST_CASE("a phase's time is that of its attempts, whoever was waited for") {
  auto v = many_phases(1);
  v.phases[0].worked_us = 2 * one_second;
  auto b = board_of(v);
  page_maker m{10};
  m.on(event_kind::phase_started, "0", "{}", {}, 2, 5);
  m.on(event_kind::phase_completed, "0", "{}", {}, 2, 8);
  m.on(event_kind::phase_waiting, "0", "{}", {}, 2, 8);
  m.on(event_kind::phase_approved, "0", "{}", {}, 2, 600);
  REQUIRE(b.apply(m.page, board_t0));
  CHECK(b.phases()[0].worked_us == 5 * one_second);
  CHECK(last_line(b) == "phase 0 approved after 5.0 s");
}

TEST_CASE("changes instead of events: whoever begins when, all end with the same picture") {
  constexpr phase_index phases = 40;
  std::mt19937 random{11};
  plan p;
  core::execution_state truth;
  truth.overall = overall_status::in_progress;
  truth.phases.resize(phases);
  for (phase_index i = 0; i < phases; ++i) {
    auto& def = p.phases.emplace_back();
    def.id = std::to_string(i);
    def.tasks.resize(3);
  }
  io::change_tail tail{phases, 0};
  const auto view = [&] { return core::make_run_view(p, truth, {}, board_t0, 0, 1 << 20); };
  std::vector<board> boards;
  for (int step = 0; step < 300; ++step) {
    const auto i = static_cast<phase_index>(random() % phases);
    auto changed = truth.phases[i];
    changed.status = static_cast<phase_status>(random() % 11);
    changed.attempt = static_cast<std::uint32_t>(random() % 4);
    changed.started_us = board_t0;
    changed.attempt_us = board_t0 + static_cast<std::int64_t>(random());
    changed.ended_us = changed.attempt_us + static_cast<std::int64_t>(random());
    changed.worked_us = static_cast<std::int64_t>(random());
    truth.phases[i] = changed;
    tail.note(i, ++truth.last_seq);
    if (random() % 10 == 0)
      boards.push_back(board_of(view()));
    if (random() % 5 == 0)
      tail.add(core::make_run_change(p, truth, tail.changed_behind(tail.newest())), tail.newest());
    if (!boards.empty() && random() % 3 == 0) {
      auto& one = boards[random() % boards.size()];
      event_page page;
      page.changes = tail.from(one.seq());
      REQUIRE(io::unpack(page, one.seq() + 1));
      REQUIRE(one.apply(page, board_t0));
    }
  }
  tail.add(core::make_run_change(p, truth, tail.changed_behind(tail.newest())), tail.newest());
  const auto expected = board_of(view());
  REQUIRE(boards.size() > 10);
  for (auto& one : boards) {
    event_page page;
    page.changes = tail.from(one.seq());
    REQUIRE(io::unpack(page, one.seq() + 1));
    REQUIRE(one.apply(page, board_t0));
    CHECK(one.seq() == truth.last_seq);
    CHECK(one.counts().by_status == expected.counts().by_status);
    CHECK(listed(one.by_urgency()) == listed(expected.by_urgency()));
    for (phase_index i = 0; i < phases; ++i) {
      auto row = one.phases()[i];
      row.seq = expected.phases()[i].seq; // Of the change or the view that it came with.
      CHECK(row == expected.phases()[i]);
    }
  }
}

TEST_CASE("beside changes the newest events are news: lines, running tasks, the end") {
  auto b = board_of(many_phases(2));
  page_maker before{10};
  before.on(event_kind::phase_started, "0");
  REQUIRE(b.apply(before.page, board_t0));
  REQUIRE(b.recent().size() == 1);
  run_change change;
  change.seq = 1000;
  change.overall = overall_status::in_progress;
  auto& row = change.phases.emplace_back();
  row.place = 1;
  row.status = phase_status::in_progress;
  row.attempt = 2;
  change.phases.emplace_back().place = 99; // Of no phase.
  page_maker m{998};
  m.on(event_kind::phase_started, "1", "{}", {}, 2, 1);
  m.on(event_kind::task_started, "1", "{}", "T", 2, 1);
  m.page.changes = {change};
  REQUIRE(b.apply(m.page, board_t0));
  CHECK(b.seq() == 1000);
  CHECK(b.running_task(1) == "T");
  CHECK(b.recent().size() == 1); // What came before is not next to it.
  CHECK(b.counts()[phase_status::in_progress] == 2);
  REQUIRE(b.apply(m.page, board_t0)); // Known already.
  CHECK(b.recent().size() == 1);
}

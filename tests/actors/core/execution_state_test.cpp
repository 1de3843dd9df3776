#include "actors/core/execution_state.hpp"
#include "actors/core/phase_json.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <random>
#include <set>

using namespace aeo;
using namespace aeo::core;
using enum aeo::phase_status;

namespace {

constexpr auto last_status = static_cast<int>(cancelled);
constexpr auto last_kind = static_cast<int>(event_kind::execution_continued);

phase_status status_of(int number) {
  return static_cast<phase_status>(number);
}

struct fixture {
  plan p;
  std::unique_ptr<phase_lookup> lookup;
  execution_state s;

  explicit fixture(std::size_t phases = 1) {
    for (std::size_t i = 0; i < phases; ++i)
      p.phases.emplace_back().id = std::to_string(i);
    lookup = std::make_unique<phase_lookup>(p);
    s.phases.resize(phases);
  }

  bool feed(event_kind kind, std::string data = "", std::uint32_t attempt = 1,
            std::string phase = "0", std::string task = "") {
    ++now;
    return apply(s, *lookup, {s.last_seq + 1, now, kind, phase, task, attempt, std::move(data)});
  }

  phase_state& phase() { return s.phases[0]; }

  std::int64_t now = 1000;
};

const std::map<phase_status, std::set<phase_status>> drawing = {
    {pending, {in_progress, blocked, skipped, cancelled, pending}},
    {in_progress, {completed, waiting_approval, retry_wait, failed, blocked, cancelled, pending}},
    {completed, {approved, waiting_approval, retry_wait, failed, cancelled, pending}},
    {waiting_approval, {approved, rejected, waiting_approval, failed, skipped, cancelled, pending}},
    {approved, {pending}},
    {rejected, {pending, skipped}},
    {retry_wait, {in_progress, failed, blocked, skipped, cancelled, pending}},
    {failed, {pending, approved, skipped}},
    {blocked, {pending, skipped, cancelled}},
    {skipped, {pending}},
    {cancelled, {pending, skipped}}};

} // namespace

TEST_CASE("exactly the arrows of the drawing exist") {
  for (int from = 0; from <= last_status; ++from)
    for (int to = 0; to <= last_status; ++to) {
      INFO(to_string(status_of(from)) << " -> " << to_string(status_of(to)));
      CHECK(can_transition(status_of(from), status_of(to))
            == drawing.at(status_of(from)).contains(status_of(to)));
    }
}

TEST_CASE("an open gate is only shut by a reset") {
  for (auto from : {approved, skipped})
    for (int to = 0; to <= last_status; ++to)
      CHECK(can_transition(from, status_of(to)) == (status_of(to) == pending));
}

TEST_CASE("an event without an arrow changes nothing at all") {
  for (int from = 0; from <= last_status; ++from)
    for (int kind = 0; kind <= last_kind; ++kind) {
      fixture f;
      f.phase().status = status_of(from);
      const auto before = f.s;
      const auto to = status_after(static_cast<event_kind>(kind));
      if (to && !can_transition(status_of(from), *to)) {
        INFO(to_string(status_of(from)) << " with " << to_string(static_cast<event_kind>(kind)));
        CHECK_FALSE(f.feed(static_cast<event_kind>(kind), R"({"override":true})"));
        CHECK(f.s == before);
      }
    }
}

TEST_CASE("an unknown phase is refused") {
  fixture f;
  const auto before = f.s;
  CHECK_FALSE(f.feed(event_kind::phase_started, "", 1, "nowhere"));
  CHECK_FALSE(f.feed(event_kind::task_started, "", 1, "nowhere"));
  CHECK(f.s == before);
}

TEST_CASE("a phase goes from its start to its approval") {
  fixture f;
  REQUIRE(f.feed(event_kind::phase_started, R"({"before":{"a":"1"}})"));
  CHECK(f.phase().status == in_progress);
  CHECK(f.phase().attempt == 1);
  CHECK(f.phase().started_us == f.now);
  CHECK(f.phase().attempt_us == f.now);
  CHECK(f.phase().before == R"({"before":{"a":"1"}})");
  REQUIRE(f.feed(event_kind::task_started, R"({"pid":1})", 1, "0", "T1"));
  REQUIRE(f.feed(event_kind::task_finished, R"({"ok":true,"code":0})", 1, "0", "T1"));
  REQUIRE(f.feed(event_kind::task_finished, R"({"ok":true,"code":0})", 1, "0", "T1"));
  REQUIRE(f.feed(event_kind::task_finished, R"({"ok":false,"code":1})", 1, "0", "T2"));
  CHECK(f.phase().done == std::vector<std::string>{"T1"});
  REQUIRE(f.feed(event_kind::phase_completed));
  REQUIRE(f.feed(event_kind::task_finished, R"({"ok":true})", 1, "0", "criteria.0"));
  CHECK(f.phase().done.size() == 1);
  REQUIRE(f.feed(event_kind::phase_waiting, R"({"digest":"d"})"));
  CHECK_FALSE(f.phase().criteria_met);
  REQUIRE(f.feed(event_kind::phase_approved, R"({"by":"alice","override":false})"));
  CHECK(f.phase().status == approved);
  CHECK(f.phase().criteria_met);
  CHECK(f.phase().ended_us == f.now);
  CHECK(f.phase().detail == R"({"by":"alice","override":false})");
  CHECK(f.s.updated_us == f.now);
  CHECK(f.s.last_seq == 9);
}

TEST_CASE("a task of an earlier attempt does not count as done in this one") {
  fixture f;
  REQUIRE(f.feed(event_kind::phase_started, "", 2));
  REQUIRE(f.feed(event_kind::task_finished, R"({"ok":true})", 1, "0", "T1"));
  CHECK(f.phase().done.empty());
}

TEST_CASE("an override approves a failed phase without its criteria being met") {
  fixture f;
  REQUIRE(f.feed(event_kind::phase_started));
  REQUIRE(f.feed(event_kind::phase_failed, R"({"class":"permanent","message":"m","task":"T1"})"));
  CHECK(f.phase().errors == std::vector<phase_error>{{f.now, "permanent", "m", "T1", 1}});
  CHECK(f.feed(event_kind::phase_approved, R"({"by":"alice","override": true})"));
  CHECK(f.phase().status == approved);
  CHECK_FALSE(f.phase().criteria_met);
}

TEST_CASE("text that a person wrote cannot look like an override") {
  fixture f;
  f.phase().status = waiting_approval;
  REQUIRE(
      f.feed(event_kind::phase_approved, R"({"comment":"\"override\":true","override":false})"));
  CHECK(f.phase().criteria_met);
}

TEST_CASE("a phase that lacks an input records why") {
  fixture f;
  REQUIRE(f.feed(event_kind::phase_started));
  REQUIRE(f.feed(event_kind::phase_blocked, R"({"class":"dependency","message":"no input"})"));
  REQUIRE(f.phase().errors.size() == 1);
  CHECK(f.phase().errors[0].cls == "dependency");
}

TEST_CASE("only retries that count are counted") {
  fixture f;
  REQUIRE(f.feed(event_kind::phase_started));
  REQUIRE(f.feed(event_kind::phase_retry_wait,
                 R"({"class":"transient","message":"lost","at":77,"counted":false})"));
  CHECK(f.phase().retry_count == 0);
  CHECK(f.phase().retry_at_us == 77);
  REQUIRE(f.feed(event_kind::phase_started, "", 2));
  CHECK(f.phase().retry_at_us == 0);
  REQUIRE(f.feed(event_kind::phase_retry_wait,
                 R"({"class":"transient","message":"exit 75","at":99,"counted":true})", 2));
  CHECK(f.phase().retry_count == 1);
  CHECK(f.phase().errors.size() == 2);
  CHECK(f.phase().errors[1].attempt == 2);
}

TEST_CASE("a reset keeps the history and gives new retries") {
  fixture f;
  REQUIRE(f.feed(event_kind::phase_started));
  const auto first = f.now;
  REQUIRE(f.feed(event_kind::phase_retry_wait, R"({"message":"m","at":1,"counted":true})"));
  REQUIRE(f.feed(event_kind::phase_started, "", 2));
  REQUIRE(f.feed(event_kind::phase_failed, R"({"message":"n"})", 2));
  REQUIRE(f.feed(event_kind::phase_reset, R"({"by":"alice"})"));
  CHECK(f.phase().status == pending);
  CHECK(f.phase().retry_count == 0);
  CHECK(f.phase().attempt == 2);
  CHECK(f.phase().errors.size() == 2);
  REQUIRE(f.feed(event_kind::phase_started, "", 3));
  CHECK(f.phase().attempt == 3);
  CHECK(f.phase().started_us == first);
}

TEST_CASE("of many errors the newest are kept, the others counted") {
  fixture f;
  constexpr std::uint32_t count = phase_state::max_errors + 5;
  for (std::uint32_t n = 1; n <= count; ++n) {
    REQUIRE(f.feed(event_kind::phase_started, "", n));
    REQUIRE(f.feed(event_kind::phase_failed, R"({"message":"n"})", n));
    REQUIRE(f.feed(event_kind::phase_reset, R"({"by":"alice"})"));
  }
  REQUIRE(f.phase().errors.size() == phase_state::max_errors);
  CHECK(f.phase().earlier_errors == 5);
  CHECK(f.phase().errors.front().attempt == 6);
  CHECK(f.phase().errors.back().attempt == count);
}

TEST_CASE("a blocked phase comes back to pending") {
  fixture f;
  REQUIRE(f.feed(event_kind::phase_blocked, R"({"by":"3"})"));
  REQUIRE(f.feed(event_kind::phase_unblocked));
  CHECK(f.phase().status == pending);
}

TEST_CASE("damaged data of an event does no harm") {
  fixture f;
  REQUIRE(f.feed(event_kind::phase_started, "{"));
  REQUIRE(f.feed(event_kind::phase_retry_wait, "[1,"));
  CHECK(f.phase().errors.size() == 1);
  CHECK_FALSE(f.feed(event_kind::state_imported, "not json"));
}

TEST_CASE("the execution starts, goes on and ends") {
  fixture f;
  REQUIRE(f.feed(event_kind::execution_started, R"({"user":"alice","host":"box"})", 0, ""));
  CHECK(f.s.overall == overall_status::in_progress);
  CHECK(f.s.started_by == "alice@box");
  CHECK(f.s.started_us == f.now);
  REQUIRE(f.feed(event_kind::execution_ended, R"({"status":"interrupted"})", 0, ""));
  CHECK(f.s.overall == overall_status::interrupted);
  REQUIRE(f.feed(event_kind::execution_resumed, "", 0, ""));
  CHECK(f.s.overall == overall_status::in_progress);
  REQUIRE(f.feed(event_kind::note, R"({"text":"t"})", 0, "gone"));
}

TEST_CASE("an imported phase replaces what was there") {
  fixture f;
  phase_state there;
  there.status = approved;
  there.attempt = 4;
  there.detail = R"({"by":"bob"})";
  std::string text;
  append_json(text, there);
  REQUIRE(f.feed(event_kind::state_imported, text));
  CHECK(f.phase() == there);
}

TEST_CASE("the conclusion names what a person must look at first") {
  const auto conclude_of = [](std::vector<phase_status> list) {
    execution_state s;
    for (auto x : list)
      s.phases.emplace_back().status = x;
    return conclude(s);
  };
  CHECK(conclude_of({approved, skipped}) == overall_status::completed);
  CHECK(conclude_of({}) == overall_status::completed);
  CHECK(conclude_of({pending, pending}) == overall_status::pending);
  CHECK(conclude_of({approved, pending}) == overall_status::interrupted);
  CHECK(conclude_of({in_progress}) == overall_status::interrupted);
  CHECK(conclude_of({approved, waiting_approval, pending}) == overall_status::waiting_approval);
  CHECK(conclude_of({waiting_approval, failed}) == overall_status::failed);
  CHECK(conclude_of({rejected, blocked}) == overall_status::failed);
  CHECK(conclude_of({cancelled, blocked}) == overall_status::cancelled);
  CHECK(conclude_of({blocked, approved}) == overall_status::failed);
}

TEST_CASE("no sequence of events leaves the table") {
  std::mt19937 random(20260131);
  const std::vector<std::string> data = {"",
                                         "{}",
                                         R"({"override":true})",
                                         R"({"ok":true})",
                                         R"({"message":"m","at":5,"counted":true})",
                                         "[",
                                         "null"};
  fixture f(8);
  for (int i = 0; i < 200'000; ++i) {
    const auto index = random() % 8;
    auto kind = static_cast<event_kind>(random() % (last_kind + 1));
    if (kind == event_kind::state_imported)
      continue;
    const auto from = f.s.phases[index].status;
    const auto seq = f.s.last_seq;
    const bool taken = f.feed(kind, data[random() % data.size()], f.s.phases[index].attempt + 1,
                              std::to_string(index), "T");
    const auto to = f.s.phases[index].status;
    if (from != to || (taken && status_after(kind)))
      REQUIRE(can_transition(from, to));
    REQUIRE(f.s.last_seq == seq + (taken ? 1 : 0));
    REQUIRE(f.s.phases[index].errors.size() <= phase_state::max_errors);
  }
}

TEST_CASE("work is counted in attempts: waits between them and for a person are none") {
  fixture f;
  f.feed(event_kind::phase_started);
  f.now += 10;
  f.feed(event_kind::phase_retry_wait, R"({"class":"transient"})");
  f.now += 100;
  f.feed(event_kind::phase_started, "", 2);
  CHECK(f.phase().worked_us == 11);
  f.now += 20;
  f.feed(event_kind::phase_completed, "", 2);
  f.feed(event_kind::phase_waiting, "", 2);
  f.now += 1000;
  f.feed(event_kind::phase_approved, "", 2);
  CHECK(f.phase().worked_us == 32);
}

TEST_CASE("who paused a run is known until it goes on, since when also after a resume") {
  fixture f;
  f.feed(event_kind::execution_started, "{}", 0, "");
  f.feed(event_kind::execution_paused, R"({"by":"mia","reason":"lunch"})", 0, "");
  CHECK(f.s.pause == pause_state{f.now, "mia", "lunch"});
  f.feed(event_kind::execution_resumed, "{}", 0, "");
  CHECK(f.s.pause == pause_state{});
  f.feed(event_kind::execution_paused, R"({"by":"mia","reason":"lunch","since_us":7})", 0, "");
  CHECK(f.s.pause == pause_state{7, "mia", "lunch"});
  f.feed(event_kind::execution_continued, "{}", 0, "");
  CHECK(f.s.pause == pause_state{});
}

#include "actors/io/change_tail.hpp"
#include "actors/io/event_tail.hpp"
#include "actors/io/packed.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>
#include <random>

using namespace aeo;
using namespace aeo::io;

namespace {

event sized_event(std::uint64_t seq, std::size_t bytes = 10) {
  event e;
  e.seq = seq;
  e.time_us = 1'700'000'000'000'000;
  e.kind = event_kind::task_finished;
  e.phase = "p" + std::to_string(seq);
  e.task = "t";
  e.attempt = 1;
  e.data = std::string(bytes, 'x');
  return e;
}

/// All that comes, asked for page by page.
std::vector<std::uint64_t> read_all(event_tail& tail, std::uint64_t from) {
  std::vector<std::uint64_t> seen;
  while (from <= tail.head()) {
    auto some = tail.from(from);
    REQUIRE(some.last >= from);
    REQUIRE(unpack(some.page, from));
    for (const auto& e : some.page.events)
      seen.push_back(e.seq);
    REQUIRE(seen.back() == some.last);
    from = some.last + 1;
  }
  return seen;
}

} // namespace

TEST_CASE("what is packed comes out as it was") {
  std::vector<event> events = {sized_event(1), sized_event(2, 100'000), sized_event(3, 0)};
  event_page page;
  page.packed = {pack(events), pack(std::vector<event>{sized_event(4)})};
  page.events = {sized_event(5)};
  REQUIRE(unpack(page, 2));
  REQUIRE(page.events.size() == 4);
  CHECK(page.events[0].data == events[1].data);
  CHECK(page.events[1].phase == "p3");
  CHECK(page.events[2].seq == 4);
  CHECK(page.events[3].seq == 5);
  CHECK(page.packed.empty());

  run_view view;
  phase_view row;
  row.id = "7";
  row.dependencies = {1, 2};
  row.status = phase_status::retry_wait;
  row.typical_ms = -3;
  view.packed = pack(std::vector<phase_view>{row});
  REQUIRE(unpack(view));
  REQUIRE(view.phases.size() == 1);
  CHECK(view.phases[0].dependencies == row.dependencies);
  CHECK(view.phases[0].status == phase_status::retry_wait);
  CHECK(view.phases[0].typical_ms == -3);
}

TEST_CASE("events with any numbers are packed") {
  std::vector<event> events = {sized_event(std::numeric_limits<std::uint64_t>::max()),
                               sized_event(1), sized_event(1)};
  events[0].time_us = std::numeric_limits<std::int64_t>::min();
  events[1].time_us = std::numeric_limits<std::int64_t>::max();
  events[2].time_us = 0;
  events[2].kind = event_kind::execution_continued;
  event_page page;
  page.packed = {pack(events)};
  REQUIRE(unpack(page, 0));
  CHECK(page.events == events);
}

TEST_CASE("phases with any numbers are packed") {
  constexpr auto largest = std::numeric_limits<std::int64_t>::max();
  constexpr auto smallest = std::numeric_limits<std::int64_t>::min();
  const std::vector<std::int64_t> times{0, 1, -1, largest, smallest, 1'700'000'000'000'000};
  std::mt19937 random{7};
  const auto any = [&] { return times[random() % times.size()]; };
  std::vector<phase_view> rows(500);
  for (auto& x : rows) {
    x.id = std::to_string(random());
    x.name = std::string(random() % 3, 'n');
    for (auto n = random() % 3; n > 0; --n)
      x.dependencies.push_back(static_cast<std::uint32_t>(random()));
    x.tasks = static_cast<std::uint32_t>(random());
    x.done = static_cast<std::uint32_t>(random());
    x.status =
        static_cast<phase_status>(random() % (static_cast<int>(phase_status::cancelled) + 1));
    x.attempt = static_cast<std::uint32_t>(random());
    for (auto* time :
         {&x.started_us, &x.attempt_us, &x.ended_us, &x.retry_at_us, &x.worked_us, &x.typical_ms})
      *time = any();
    x.reason = std::string(random() % 2, 'r');
    x.outcome_unknown = random() % 2 == 0;
    x.overrider = std::string(random() % 2, 'o');
    x.seq = static_cast<std::uint64_t>(any());
  }
  run_view view;
  view.packed = pack(rows);
  REQUIRE(unpack(view));
  CHECK(view.phases == rows);
}

TEST_CASE("damaged bytes are refused, wherever they are cut or changed") {
  std::vector<event> events;
  for (std::uint64_t i = 1; i <= 50; ++i)
    events.push_back(sized_event(i));
  const auto good = pack(events);
  for (std::size_t cut = 1; cut < good.size(); ++cut) {
    event_page page;
    page.packed = {good.substr(0, cut)};
    CHECK_FALSE(unpack(page, 1));
  }
  std::size_t harmless = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 0x40);
    event_page page;
    page.packed = {changed};
    if (unpack(page, 1))
      ++harmless; // Another content; it must not be another length.
    CHECK(page.events.size() <= events.size());
  }
  CHECK(harmless < good.size());
}

TEST_CASE("a tail gives every event once, in order, from any number on") {
  event_tail tail{10};
  CHECK(tail.oldest() == 11);
  CHECK(read_all(tail, 11).empty());
  for (std::uint64_t seq = 11; seq <= 2777; ++seq)
    tail.add(sized_event(seq, seq % 700 == 0 ? 300'000 : 50));
  CHECK(tail.oldest() == 11);
  for (std::uint64_t from : {11, 12, 510, 511, 1400, 2700, 2777}) {
    const auto seen = read_all(tail, from);
    REQUIRE(seen.size() == 2777 - from + 1);
    CHECK(seen.front() == from);
    CHECK(seen.back() == 2777);
  }
  CHECK(tail.newest().size() == event_tail::most_newest);
  CHECK(tail.newest().back().seq == 2777);
}

TEST_CASE("a tail forgets the oldest parts") {
  event_tail tail;
  std::mt19937 random{7};
  for (std::uint64_t seq = 1; seq <= 20'000; ++seq) {
    auto e = sized_event(seq, 0);
    for (int i = 0; i < 500; ++i) // What cannot be packed much.
      e.data.push_back(static_cast<char>('!' + random() % 90));
    tail.add(e);
  }
  const auto oldest = tail.oldest();
  CHECK(oldest > 10'000);
  CHECK(oldest < 19'600);
  CHECK(read_all(tail, oldest).size() == 20'000 - oldest + 1);
}

TEST_CASE("the events of a long day fit") {
  event_tail tail;
  for (std::uint64_t seq = 1; seq <= 100'000; ++seq)
    tail.add(sized_event(seq, 200));
  CHECK(tail.oldest() == 1);
}

TEST_CASE("changes reach from one to the next, and old ones go when they take too much room") {
  constexpr std::size_t phases = 2000;
  std::mt19937 random{3};
  change_tail tail{phases, 7};
  CHECK(tail.since() == 7);
  CHECK(tail.newest() == 0);
  std::uint64_t seq = 7;
  auto happen = [&] {
    for (phase_index i = 0; i < phases; ++i)
      if (random() % 2 == 0)
        tail.note(i, ++seq);
    const auto behind = std::max(tail.newest(), tail.since());
    const auto changed = tail.changed_behind(behind);
    run_change change;
    change.seq = seq;
    for (auto i : changed) {
      auto& row = change.phases.emplace_back();
      row.place = i;
      row.attempt = static_cast<std::uint32_t>(random()); // Not to be packed well.
      row.ended_us = static_cast<std::int64_t>(random());
    }
    tail.add(std::move(change), behind);
    return changed.size();
  };
  const auto first = happen();
  auto all = tail.from(7);
  REQUIRE(all.size() == 1);
  CHECK(all[0].phases.empty());
  event_page page;
  page.changes = all;
  REQUIRE(unpack(page, 8));
  CHECK(page.changes[0].phases.size() == first);
  while (tail.since() == 7)
    happen();
  CHECK(tail.from(seq).empty());
  // Page by page to the newest, without a gap.
  auto known = tail.since();
  std::size_t bytes = 0;
  while (known < seq) {
    auto some = tail.from(known);
    REQUIRE_FALSE(some.empty());
    for (const auto& change : some) {
      CHECK(change.seq > known);
      known = change.seq;
      bytes += change.packed.size();
    }
  }
  CHECK(bytes <= change_tail::most_bytes);
  CHECK(bytes > change_tail::page_bytes);
}

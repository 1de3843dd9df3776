#include "actors/archive.hpp"
#include "actors/feed.hpp"
#include "actors/io/packed.hpp"
#include "tests/fixtures/memory_store.hpp"
#include "tests/fixtures/mock_actors.hpp"

#include <caf/event_based_actor.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <random>

using namespace aeo;
using namespace aeo::testing;

namespace {

/// The feed with the archive behind it, over one event log.
struct feed_fixture : actor_fixture {
  std::shared_ptr<memory_disk> disk = std::make_shared<memory_disk>();
  std::shared_ptr<mock_state> store = std::make_shared<mock_state>();
  std::shared_ptr<core::execution_state> state = std::make_shared<core::execution_state>();
  std::map<std::string, std::string> files;
  archive_actor archive_;
  feed_actor uut;

  explicit feed_fixture(std::size_t stored_before = 0) {
    store->log = std::make_shared<transcript>();
    store->snapshot = state;
    state->phases.resize(1);
    auto context = make_context(make_plan(make_phase("0")));
    add(stored_before);
    archive_deps deps;
    deps.context = context;
    deps.open = [this]() -> caf::expected<std::unique_ptr<io::event_store>> {
      return std::unique_ptr<io::event_store>{std::make_unique<memory_store>(disk)};
    };
    deps.typical = [] { return phase_durations{7}; };
    deps.read = [this](const std::string& file, std::uint64_t& offset, std::size_t limit, bool) {
      auto part = files[file].substr(std::min<std::size_t>(offset, files[file].size()), limit);
      offset += part.size();
      return part;
    };
    archive_ = spawn(archive, deps);
    uut = spawn(feed, context, spawn(state_mock, store), archive_, std::uint64_t{stored_before});
    run();
  }

  /// Stored, and what the state actor would tell of it.
  event_batch add(std::size_t count, std::size_t bytes = 0) {
    event_batch batch;
    for (std::size_t i = 0; i < count; ++i) {
      auto e = make_event(event_kind::note, "0", std::string(bytes, 'x'));
      e.seq = disk->events.size() + 1;
      disk->events.push_back(e);
      batch.push_back(std::move(e));
    }
    return batch;
  }
  void happen(event_batch batch) {
    self->send(uut, atom::publish_v, std::move(batch));
    run();
  }
  /// Of the picture that who asks now is told.
  std::uint64_t seq_of_view() {
    std::uint64_t seq = 0;
    auto handle = self->request(uut, caf::infinite, atom::get_v, 0u);
    run();
    handle.receive([&](const run_view& view) { seq = view.seq; },
                   [](const caf::error& err) { FAIL(message_of(err)); });
    return seq;
  }
  event_page next(std::uint64_t from, std::uint32_t interval_ms = 0) {
    event_page page;
    auto handle = self->request(uut, caf::infinite, atom::next_v, from, interval_ms);
    run();
    for (auto waits = 0; self->mailbox().empty() && waits < 100; ++waits)
      pass(std::chrono::milliseconds{20}); // Its turn comes.
    handle.receive([&](event_page& x) { page = std::move(x); },
                   [](const caf::error& err) { FAIL(message_of(err)); });
    REQUIRE(io::unpack(page, from));
    return page;
  }
};

} // namespace

TEST_CASE("events come in order from the asked number on") {
  feed_fixture f;
  f.happen(f.add(5));
  auto page = f.next(3);
  REQUIRE(page.events.size() == 3);
  CHECK(page.events.front().seq == 3);
  CHECK(page.head == 5);
  CHECK_FALSE(page.ended);
}

TEST_CASE("who knows everything hears of the next event when it comes") {
  feed_fixture f;
  f.happen(f.add(2));
  auto handle = f.self->request(f.uut, caf::infinite, atom::next_v, std::uint64_t{3}, 0u);
  f.run();
  CHECK(f.self->mailbox().empty());
  f.happen(f.add(1));
  handle.receive([](const event_page& page) { CHECK(page.events.at(0).seq == 3); },
                 [](const caf::error&) { FAIL("an event was to come"); });
}

TEST_CASE(
    "who asks for parts that others had gets the same bytes, and events of no part as they are") {
  feed_fixture f;
  f.happen(f.add(io::event_tail::part_events + 3));
  auto raw = [&](std::uint64_t from) {
    event_page page;
    auto handle = f.self->request(f.uut, caf::infinite, atom::next_v, from, 0u);
    f.run();
    handle.receive([&](event_page& x) { page = std::move(x); },
                   [](const caf::error& err) { FAIL(message_of(err)); });
    return page;
  };
  const auto first = raw(1);
  REQUIRE(first.packed.size() == 1);
  CHECK(first.events.empty());
  CHECK(raw(77).packed == first.packed);
  const auto rest = raw(io::event_tail::part_events + 1);
  CHECK(rest.packed.empty());
  CHECK(rest.events.size() == 3);
}

TEST_CASE("who draws and is far behind gets no events, but hears that a new view is due") {
  constexpr std::uint64_t many = 6000;
  REQUIRE(is_far_behind(many, 1));
  feed_fixture f{many}; // What changed before this node is not known.
  const auto far = f.next(1, 1);
  CHECK(far.events.empty());
  CHECK(far.changes.empty());
  CHECK(far.head == many);
  CHECK_FALSE(f.next(many - 4999, 1).events.empty());
  CHECK_FALSE(f.next(1, 0).events.empty()); // Wants each of them.
}

TEST_CASE("who draws and lacks many events is told what changed instead") {
  using namespace std::chrono_literals;
  feed_fixture f;
  auto happen = [&f](std::size_t count) {
    for (; count > 0; --count)
      f.happen(f.add(1));
    auto later = std::make_shared<core::execution_state>(*f.state);
    later->last_seq = f.disk->events.size();
    auto row = later->phases[0];
    row.attempt = static_cast<std::uint32_t>(later->last_seq);
    later->phases[0] = row;
    f.store->snapshot = later;
  };
  happen(most_events_drawn);
  CHECK(f.next(1, 1).changes.empty());
  happen(1);
  const auto page = f.next(1, 1);
  REQUIRE(page.changes.size() == 1);
  CHECK(page.changes[0].seq == most_events_drawn + 1);
  REQUIRE(page.changes[0].phases.size() == 1);
  CHECK(page.changes[0].phases[0].attempt == most_events_drawn + 1);
  CHECK(page.events.size() == io::event_tail::most_newest); // The news.
  CHECK(page.events.back().seq == page.changes[0].seq);
  CHECK(f.next(1, 0).changes.empty()); // Wants each event.

  // A change serves all who ask soon after.
  happen(most_events_drawn + 1);
  const auto last = f.disk->events.size();
  CHECK(f.next(1, 1).changes.back().seq == most_events_drawn + 1);
  CHECK(f.next(100, 1).changes.size() == 1);
  const auto next = f.next(most_events_drawn + 2, 1); // Has it already: waits for the next one.
  REQUIRE(next.changes.size() == 1);
  CHECK(next.changes[0].seq == last);
  CHECK(f.next(1, 1).changes.size() == 2);
  f.pass(1s);
  CHECK(f.next(1, 1).changes.size() == 2); // Nothing has happened since.

  happen(most_events_drawn + 1);
  f.self->request(f.uut, caf::infinite, atom::finish_v);
  f.run();
  const auto end = f.next(last + 1, 1); // At once, and all.
  CHECK(end.ended);
  REQUIRE_FALSE(end.changes.empty());
  CHECK(end.changes.back().seq == end.head);
}

TEST_CASE("where the store does not tell what changed, who draws gets the events") {
  feed_fixture f;
  f.happen(f.add(most_events_drawn + 1));
  REQUIRE(f.store->snapshot->last_seq == 0);
  CHECK(f.next(1, 1).events.size() == most_events_drawn + 1);
}

TEST_CASE("at the end who is far behind is waited for a little longer, to ask for the last view") {
  using namespace std::chrono_literals;
  constexpr std::uint64_t many = 6000;
  feed_fixture f{many};
  f.happen(f.add(1));
  CHECK_FALSE(f.next(many + 1, 1).events.empty());
  bool has_left = false;
  f.spawn([&](caf::event_based_actor* self) {
    self->request(f.uut, caf::infinite, atom::finish_v).then([&] { has_left = true; });
  });
  f.run();
  const auto far = f.next(1, 1);
  CHECK(far.ended);
  CHECK(far.events.empty());
  f.pass(100ms);
  CHECK_FALSE(has_left);
  CHECK(f.next(many + 2, 1).ended);
  f.pass(100ms);
  CHECK(has_left);
}

TEST_CASE("who has gone is forgotten, with what he asked for") {
  feed_fixture f;
  auto client = f.spawn([&](caf::event_based_actor* self) {
    self->request(f.uut, caf::infinite, atom::next_v, std::uint64_t{1}, 0u)
        .then([](const event_page&) { FAIL("nothing has happened"); });
  });
  f.run();
  const auto* feed = dynamic_cast<feed_actor::stateful_pointer<feed_state>>(
      caf::actor_cast<caf::abstract_actor*>(f.uut));
  REQUIRE(feed);
  const auto& state = feed->state;
  REQUIRE(state.askers.size() == 1);
  REQUIRE(state.followers.size() == 1);
  f.self->send_exit(client, caf::exit_reason::kill);
  f.run();
  CHECK(state.askers.empty());
  CHECK(state.followers.empty());
}

TEST_CASE("however many ask, no more are answered than the run can spare, and all in turn") {
  using namespace std::chrono_literals;
  feed_fixture f;
  f.happen(f.add(1));
  constexpr std::size_t many = 300;
  std::vector<caf::actor> clients;
  std::vector<std::size_t> answered;
  for (std::size_t i = 0; i < many; ++i)
    f.spawn([&, i](caf::event_based_actor* self) {
      self->request(f.uut, caf::infinite, atom::next_v, std::uint64_t{1}, 0u)
          .then([&, i](const event_page&) { answered.push_back(i); });
    });
  f.run();
  CHECK(answered.size() == answers_at_once_us / answer_us);
  // The first one waits alone; of many, some are answered together.
  constexpr auto at_once = answers_at_once_us / answer_us;
  f.pass(20ms);
  CHECK(answered.size() == at_once + 1);
  f.pass(80ms);
  CHECK(answered.size() == at_once + 1);
  f.pass(20ms);
  CHECK(answered.size() == at_once + 120'000 / answer_us);
  for (std::size_t i = 0; i < many; ++i)
    f.pass(20ms);
  CHECK(answered.size() == many);
  CHECK(std::ranges::is_sorted(answered));
}

TEST_CASE(
    "an asker that wants a page now and then is not told more often, and of the end at once") {
  using namespace std::chrono_literals;
  feed_fixture f;
  f.happen(f.add(1));
  auto ask = [&](std::uint64_t from) {
    return f.self->request(f.uut, caf::infinite, atom::next_v, from, 250u);
  };
  auto told = [](std::uint64_t last) {
    return [last](const event_page& page) { CHECK(page.events.back().seq == last); };
  };
  auto unexpected = [](const caf::error& err) { FAIL(message_of(err)); };
  auto first = ask(1);
  f.run();
  first.receive(told(1), unexpected);
  auto second = ask(2);
  f.happen(f.add(1));
  f.pass(100ms);
  f.happen(f.add(1));
  CHECK(f.self->mailbox().empty());
  for (int i = 0; i < 9; ++i)
    f.pass(20ms);
  second.receive(told(3), unexpected);
  auto third = ask(4);
  f.happen(f.add(1));
  CHECK(f.self->mailbox().empty());
  auto end = f.self->request(f.uut, caf::infinite, atom::finish_v);
  f.run();
  third.receive(told(4), unexpected);
  f.pass(50ms);
  end.receive([] {}, unexpected);
}

TEST_CASE("each asker's interval is his own") {
  feed_fixture f;
  f.happen(f.add(1));
  caf::scoped_actor other{f.system, true};
  for (auto* asker : {&f.self, &other}) {
    auto handle = (*asker)->request(f.uut, caf::infinite, atom::next_v, std::uint64_t{1}, 250u);
    f.run();
    REQUIRE_FALSE((*asker)->mailbox().empty());
    handle.receive([](const event_page&) {}, [](const caf::error& err) { FAIL(message_of(err)); });
  }
}

TEST_CASE("a picture is as of now, but in a rush, where it is recent and knows what people did") {
  using namespace std::chrono_literals;
  feed_fixture f;
  std::uint64_t now_seq = 0;
  auto advance = [&] {
    auto later = std::make_shared<core::execution_state>(*f.state);
    later->last_seq = ++now_seq;
    f.store->snapshot = later;
  };
  std::int64_t fresh = 0;
  for (advance(); f.seq_of_view() == now_seq && fresh < 1000; ++fresh)
    advance();
  CHECK(fresh > pictures_at_once_us / picture_us);
  CHECK(fresh < 20);
  CHECK(f.seq_of_view() < now_seq);
  auto audit = make_event(event_kind::audit, "0");
  audit.seq = 1;
  f.happen({audit});
  CHECK(f.seq_of_view() == now_seq);
  advance();
  CHECK(f.seq_of_view() < now_seq);
  f.pass(1100ms);
  CHECK(f.seq_of_view() == now_seq);
}

TEST_CASE("after the end no picture is told that lacks it, however many ask") {
  feed_fixture f;
  for (int i = 0; i < 30; ++i)
    f.seq_of_view();
  f.happen(f.add(3));
  auto later = std::make_shared<core::execution_state>(*f.state);
  later->last_seq = 3;
  f.store->snapshot = later;
  CHECK(f.seq_of_view() == 0); // As old as may be.
  f.self->request(f.uut, caf::infinite, atom::finish_v);
  f.run();
  CHECK(f.seq_of_view() == 3);
}

TEST_CASE("who has waited for long gets what is history by then from the event log") {
  feed_fixture f;
  constexpr std::uint32_t never = 10'000;
  f.happen(f.add(1));
  f.next(1, never); // The next page is not due for ten seconds.
  auto handle = f.self->request(f.uut, caf::infinite, atom::next_v, std::uint64_t{2}, never);
  f.run();
  const auto* feed = dynamic_cast<feed_actor::stateful_pointer<feed_state>>(
      caf::actor_cast<caf::abstract_actor*>(f.uut));
  REQUIRE(feed);
  std::mt19937 random{1};
  while (feed->state.tail.oldest() <= 2) { // Few and large: it is not far behind.
    auto batch = f.add(100, 3000);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      for (auto& c : batch[i].data)
        c = static_cast<char>(random());
      f.disk->events[f.disk->events.size() - batch.size() + i] = batch[i];
    }
    f.happen(std::move(batch));
  }
  REQUIRE_FALSE(is_far_behind(feed->state.tail.head(), 1));
  f.self->request(f.uut, caf::infinite, atom::finish_v);
  f.run();
  handle.receive(
      [](event_page& page) {
        REQUIRE(io::unpack(page, 2));
        REQUIRE_FALSE(page.events.empty());
        CHECK(page.events.front().seq == 2);
      },
      [](const caf::error& err) { FAIL(message_of(err)); });
}

TEST_CASE("events from before this node come from the event log, without a gap") {
  feed_fixture f{7};
  f.happen(f.add(3));
  auto page = f.next(2);
  REQUIRE(page.events.size() == 9);
  for (std::size_t i = 0; i < page.events.size(); ++i)
    CHECK(page.events[i].seq == i + 2);
}

TEST_CASE("every event is seen once by who asks page by page, however many there are") {
  feed_fixture f{2000};
  f.happen(f.add(11'000, 100));
  f.happen(f.add(500, 20'000));
  std::uint64_t seen = 0;
  for (int pages = 0; seen < f.disk->events.size() && pages < 1000; ++pages) {
    auto page = f.next(seen + 1);
    REQUIRE_FALSE(page.events.empty());
    for (const auto& e : page.events)
      REQUIRE(e.seq == ++seen);
  }
  CHECK(seen == f.disk->events.size());
}

TEST_CASE("when the node leaves, who waits is told, and the node may go when all know") {
  using namespace std::chrono_literals;
  feed_fixture f;
  f.happen(f.add(1));
  f.next(1); // Follows, and is busy with what it heard.
  auto handle = f.self->request(f.uut, caf::infinite, atom::next_v, std::uint64_t{2}, 0u);
  auto end = f.self->request(f.uut, caf::infinite, atom::finish_v);
  f.run();
  handle.receive([](const event_page& page) { CHECK(page.ended); },
                 [](const caf::error&) { FAIL("it was to be told"); });
  CHECK(f.self->mailbox().empty());
  f.pass(50ms);
  end.receive([] {}, [](const caf::error& err) { FAIL(message_of(err)); });
  CHECK(f.next(2).ended);
}

TEST_CASE("a follower that does not ask again holds up the end only for a moment") {
  using namespace std::chrono_literals;
  feed_fixture f;
  f.happen(f.add(1));
  f.next(1);
  auto end = f.self->request(f.uut, caf::infinite, atom::finish_v);
  f.run();
  f.pass(200ms);
  CHECK(f.self->mailbox().empty());
  f.pass(200ms);
  end.receive([] {}, [](const caf::error& err) { FAIL(message_of(err)); });
}

TEST_CASE("the node stays until all who follow know of the end") {
  using namespace std::chrono_literals;
  feed_fixture f;
  f.happen(f.add(1));
  f.next(1); // Busy with what it heard.
  bool told = false;
  f.spawn([&](caf::event_based_actor* self) {
    self->request(f.uut, caf::infinite, atom::next_v, std::uint64_t{2}, 0u)
        .then([&](const event_page& page) { told = page.ended; });
  });
  f.run();
  auto end = f.self->request(f.uut, caf::infinite, atom::finish_v);
  f.pass(100ms);
  CHECK(told);
  CHECK(f.self->mailbox().empty());
  CHECK(f.next(2).ended);
  f.pass(50ms);
  end.receive([] {}, [](const caf::error& err) { FAIL(message_of(err)); });
}

TEST_CASE("where nobody follows, the end is not held up") {
  feed_fixture f;
  auto end = f.self->request(f.uut, caf::infinite, atom::finish_v);
  f.run();
  f.pass({});
  end.receive([] {}, [](const caf::error& err) { FAIL(message_of(err)); });
}

TEST_CASE("a view shows phases, their usual duration and the newest events") {
  feed_fixture f;
  f.happen(f.add(3));
  f.state->last_seq = 3;
  f.state->phases[0].status = phase_status::failed;
  f.state->phases[0].errors.push_back({1, "permanent", "exit 1\nmore", "T", 1});
  auto handle = f.self->request(f.uut, caf::infinite, atom::get_v, 0u);
  f.run();
  handle.receive(
      [](run_view& view) {
        REQUIRE(io::unpack(view));
        CHECK(view.seq == 3);
        CHECK(view.recent.size() == 3);
        CHECK(view.phases.at(0).status == phase_status::failed);
        CHECK(view.phases.at(0).reason == "exit 1");
        CHECK(view.phases.at(0).typical_ms == 7);
      },
      [](const caf::error&) { FAIL("a view was to come"); });
}

TEST_CASE("a task's log is read on from where it was read to, and said to be complete at its end") {
  feed_fixture f;
  auto started = make_event(event_kind::task_started, "0");
  started.task = "T0.1";
  started.seq = 1;
  f.disk->events.push_back(started);
  f.files["/workspace/consolidation/logs/0/T0.1.1.log"] = "one\ntwo\n";
  auto read = [&](std::uint64_t offset) {
    log_page page;
    auto handle =
        f.self->request(f.archive_, caf::infinite, atom::read_v, log_request{"0", {}, 0, offset});
    f.run();
    handle.receive([&](const log_page& x) { page = x; },
                   [](const caf::error& err) { FAIL(message_of(err)); });
    return page;
  };
  auto first = read(0);
  CHECK(first.task == "T0.1");
  CHECK(first.text == "one\ntwo\n");
  CHECK_FALSE(first.complete);
  CHECK_FALSE(read(first.next).complete); // It may write more.
  auto finished = started;
  finished.kind = event_kind::task_finished;
  finished.seq = 2;
  f.disk->events.push_back(finished);
  CHECK(read(first.next).complete);
}

TEST_CASE("a task's log is of its last attempt unless another one is asked for") {
  feed_fixture f;
  auto begins = [&](const std::string& task, std::uint32_t attempt) {
    auto e = make_event(event_kind::task_finished, "0");
    e.task = task;
    e.attempt = attempt;
    e.seq = f.disk->events.size() + 1;
    f.disk->events.push_back(e);
  };
  auto asked = [&](const std::string& task, std::uint32_t attempt) {
    std::string found = "none";
    auto handle = f.self->request(f.archive_, caf::infinite, atom::read_v,
                                  log_request{"0", task, attempt, 0});
    f.run();
    handle.receive([&](const log_page& x) { found = x.task + "." + std::to_string(x.attempt); },
                   [](const caf::error&) {});
    return found;
  };
  begins("T1", 1);
  begins("T2", 1);
  CHECK(asked("", 0) == "T2.1");
  begins("T1", 2); // Found although the log was looked at before.
  CHECK(asked("", 0) == "T1.2");
  CHECK(asked("T1", 0) == "T1.2");
  CHECK(asked("T1", 1) == "T1.1");
  CHECK(asked("T2", 0) == "T2.1");
  CHECK(asked("T3", 0) == "none");
}

TEST_CASE("asking for a phase or a log that is not there says so") {
  feed_fixture f;
  auto refused = [&](const std::string& phase) {
    std::string why;
    auto handle =
        f.self->request(f.archive_, caf::infinite, atom::read_v, log_request{phase, {}, 0, 0});
    f.run();
    handle.receive([](const log_page&) { FAIL("there is nothing"); },
                   [&](const caf::error& err) { why = message_of(err); });
    return why;
  };
  CHECK(refused("9") == "the plan has no phase 9");
  CHECK(refused("0")
        == "the event log has no task of phase 0 (it has not run, or its state was imported): look "
           "in consolidation/logs/0");
}

TEST_CASE("who asks for an attempt that there is none of hears which ones there are") {
  feed_fixture f;
  auto begins = [&](std::uint32_t attempt) {
    auto e = make_event(event_kind::task_started, "0");
    e.task = "T0.1";
    e.attempt = attempt;
    e.seq = f.disk->events.size() + 1;
    f.disk->events.push_back(e);
  };
  auto refused = [&] {
    std::string why;
    auto handle =
        f.self->request(f.archive_, caf::infinite, atom::read_v, log_request{"0", {}, 99, 0});
    f.run();
    handle.receive([](const log_page&) { FAIL("there is nothing"); },
                   [&](const caf::error& err) { why = message_of(err); });
    return why.substr(why.find("attempt", why.find(':')));
  };
  begins(1);
  CHECK(refused() == "attempt 1");
  begins(2);
  CHECK(refused() == "attempts 1 and 2");
  SECTION("in a row") {
    begins(3);
    CHECK(refused() == "attempts 1 to 3");
  }
  SECTION("with gaps") {
    begins(5);
    CHECK(refused() == "attempts 1, 2 and 5");
    for (std::uint32_t n = 10; n < 40; ++n)
      begins(n);
    CHECK(refused().ends_with(", 26 and 13 more"));
  }
}

TEST_CASE("why tells the events of one phase") {
  feed_fixture f;
  f.add(2);
  f.disk->events[1].phase = "other";
  auto handle =
      f.self->request(f.archive_, caf::infinite, atom::ask_v, std::string{"why"}, std::string{"0"});
  f.run();
  handle.receive(
      [](const std::string& text) {
        auto events = nlohmann::json::parse(text);
        REQUIRE(events.size() == 1);
        CHECK(events[0]["seq"] == 1);
      },
      [](const caf::error& err) { FAIL(message_of(err)); });
}

TEST_CASE("the rows of a large plan come some at a time, each once") {
  actor_fixture f;
  plan p;
  constexpr std::uint32_t rows = 12000;
  for (std::uint32_t i = 0; i < rows; ++i)
    p.phases.push_back(make_phase(std::to_string(i)));
  auto store = std::make_shared<mock_state>();
  auto state = std::make_shared<core::execution_state>();
  state->phases.resize(rows);
  state->last_seq = 9;
  store->snapshot = state;
  archive_deps none;
  none.context = f.make_context(std::move(p));
  auto uut = f.spawn(feed, none.context, f.spawn(state_mock, store), f.spawn(archive, none),
                     std::uint64_t{9});
  std::uint32_t have = 0;
  int views = 0;
  for (std::uint32_t total = 1; have < total; ++views) {
    auto handle = f.self->request(uut, caf::infinite, atom::get_v, have);
    f.run();
    handle.receive(
        [&](run_view& view) {
          CHECK(view.first == have);
          REQUIRE(io::unpack(view));
          REQUIRE_FALSE(view.phases.empty());
          CHECK(view.phases.size() < rows);
          CHECK(view.phases.front().id == std::to_string(have));
          CHECK(view.phases.front().seq == 9);
          have += static_cast<std::uint32_t>(view.phases.size());
          total = view.total;
        },
        [](const caf::error& err) { FAIL(message_of(err)); });
  }
  CHECK(have == rows);
  CHECK(views > 1);
}

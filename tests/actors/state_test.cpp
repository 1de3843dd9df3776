#include "actors/state.hpp"
#include "tests/fixtures/actor_fixture.hpp"
#include "tests/fixtures/contains.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::testing;
using namespace std::chrono_literals;

namespace {

/// Stores nothing; answers when the test says so.
struct mock_writer {
  std::vector<event_batch> batches;
  owed_answers<std::uint64_t, std::string> open;
  std::vector<snapshot_ptr> saved;
  caf::error save_error;
  std::uint64_t next = 1;

  void commit_one() {
    REQUIRE(!open.empty());
    auto first = next;
    next += batches[batches.size() - open.size()].size();
    open.answer(first, std::string(64, 'a'));
  }
};

writer_actor::behavior_type writer_mock(writer_actor::pointer self,
                                        std::shared_ptr<mock_writer> mock) {
  return {
      [=](atom::record, event_batch& batch) -> caf::result<std::uint64_t, std::string> {
        mock->batches.push_back(std::move(batch));
        return mock->open.owe(self);
      },
      [=](atom::save, const snapshot_ptr& s) -> caf::result<void> {
        mock->saved.push_back(s);
        if (mock->save_error)
          return mock->save_error;
        return caf::unit;
      },
  };
}

supervisor_actor::behavior_type boss_mock(supervisor_actor::pointer,
                                          std::shared_ptr<std::vector<std::string>> heard) {
  return {
      [](atom::run) { return 0; },
      [](atom::done, const run_outcome&) { FAIL("the state actor never says done"); },
      [](atom::interrupt, int) { FAIL("the state actor never interrupts"); },
      [=](atom::stalled, const std::string& text) { heard->push_back(text); },
      [=](atom::gone, const std::string& why) { heard->push_back("gone: " + why); },
  };
}

event_listener_actor::behavior_type event_listener_mock(event_listener_actor::pointer,
                                                        std::shared_ptr<event_batch> heard) {
  return {
      [=](atom::publish, const event_batch& batch) {
        heard->insert(heard->end(), batch.begin(), batch.end());
      },
  };
}

struct state_fixture : actor_fixture {
  std::shared_ptr<mock_writer> disk = std::make_shared<mock_writer>();
  std::shared_ptr<std::vector<std::string>> trouble = std::make_shared<std::vector<std::string>>();
  std::shared_ptr<event_batch> heard = std::make_shared<event_batch>();
  context_ptr context;
  state_actor uut;

  explicit state_fixture(std::chrono::microseconds commit_interval = {}, std::size_t phases = 2) {
    plan p;
    for (std::size_t i = 0; i < phases; ++i)
      p.phases.push_back(make_phase(std::to_string(i)));
    context = make_context(std::move(p));
    core::execution_state initial;
    initial.phases.resize(phases);
    auto writer = spawn(writer_mock, disk);
    auto boss = spawn(boss_mock, trouble);
    auto mask = [](std::string_view text) {
      std::string s{text};
      if (auto at = s.find("hunter2"); at != std::string::npos)
        s.replace(at, 7, "***");
      return s;
    };
    uut = spawn(state, context, writer, boss, initial, mask, commit_interval);
    self->send(uut, atom::subscribe_v, spawn(event_listener_mock, heard));
    run();
  }

  void record(event e) {
    self->send(uut, atom::record_v, event_batch{std::move(e)});
    run();
  }
};

} // namespace

TEST_CASE("listeners hear of an event only after its commit") {
  state_fixture f;
  f.record(make_event(event_kind::phase_started, "0"));
  CHECK(f.heard->empty());
  f.disk->commit_one();
  f.run();
  REQUIRE(f.heard->size() == 1);
  CHECK(f.heard->front().seq == 1);
}

TEST_CASE("events that come during a commit go together in the next one") {
  state_fixture f;
  f.record(make_event(event_kind::phase_started, "0"));
  f.record(make_event(event_kind::task_started, "0"));
  f.record(make_event(event_kind::phase_completed, "0"));
  REQUIRE(f.disk->batches.size() == 1);
  f.disk->commit_one();
  f.run();
  REQUIRE(f.disk->batches.size() == 2);
  CHECK(f.disk->batches[1].size() == 2);
  f.disk->commit_one();
  f.run();
  REQUIRE(f.heard->size() == 3);
  CHECK(f.heard->back().seq == 3);
}

namespace {

/// Commits of many events: 2 ms between the beginnings of two.
struct busy_fixture : state_fixture {
  busy_fixture() : state_fixture{2ms, 10} {
    event_batch many;
    for (int i = 0; i < 10; ++i)
      many.push_back(make_event(event_kind::phase_started, std::to_string(i)));
    self->send(uut, atom::record_v, std::move(many));
    run();
    REQUIRE(disk->batches.size() == 1);
    disk->commit_one();
    run();
  }
};

} // namespace

TEST_CASE("after a commit of many events not more than one is begun per interval") {
  busy_fixture f;
  f.record(make_event(event_kind::task_started, "0"));
  f.record(make_event(event_kind::task_finished, "0"));
  CHECK(f.disk->batches.size() == 1);
  f.pass(2ms);
  REQUIRE(f.disk->batches.size() == 2);
  CHECK(f.disk->batches[1].size() == 2);
}

TEST_CASE("after a commit of few events, or the interval, the next one is begun at once") {
  busy_fixture f;
  f.pass(2ms);
  f.record(make_event(event_kind::task_started, "0"));
  CHECK(f.disk->batches.size() == 2);
  f.record(make_event(event_kind::task_finished, "0"));
  CHECK(f.disk->batches.size() == 2);
  f.disk->commit_one();
  f.run();
  REQUIRE(f.disk->batches.size() == 3);
}

TEST_CASE("a clock that is set back holds up no commit") {
  busy_fixture f;
  f.set_clock(-std::chrono::hours{1});
  f.record(make_event(event_kind::task_started, "0"));
  f.pass(2ms);
  CHECK(f.disk->batches.size() == 2);
}

TEST_CASE("a clock that was set is told in the log, once, before what came after it") {
  state_fixture f;
  f.record(make_event(event_kind::phase_started, "0"));
  f.disk->commit_one();
  f.pass(std::chrono::hours{5});
  f.record(make_event(event_kind::task_started, "0"));
  f.disk->commit_one();
  f.run();
  CHECK(f.heard->size() == 2);
  f.set_clock(-std::chrono::hours{1});
  f.record(make_event(event_kind::task_finished, "0"));
  f.disk->commit_one();
  f.record(make_event(event_kind::phase_completed, "0"));
  f.disk->commit_one();
  f.run();
  REQUIRE(f.heard->size() == 5);
  CHECK((*f.heard)[2].kind == event_kind::note);
  CHECK(contains((*f.heard)[2].data, "set back by 1h00m"));
  CHECK((*f.heard)[3].kind == event_kind::task_finished);
  f.set_clock(std::chrono::minutes{90});
  f.record(make_event(event_kind::note, "0"));
  f.disk->commit_one();
  f.run();
  REQUIRE(f.heard->size() == 7);
  CHECK(contains((*f.heard)[5].data, "set forward by 1h30m, or it slept as long"));
}

TEST_CASE("a batch with an impossible step is refused as a whole") {
  state_fixture f;
  auto request = f.self->request(f.uut, caf::infinite, atom::record_v,
                                 event_batch{make_event(event_kind::phase_started, "0"),
                                             make_event(event_kind::phase_approved, "1")});
  f.run();
  request.receive([] { FAIL("accepted"); },
                  [](const caf::error& err) {
                    CHECK(err == ec::wrong_state);
                    CHECK(message_of(err) == "phase 1 is pending: it cannot become approved");
                  });
  CHECK(f.disk->batches.empty());
  // What was refused left no trace: the first step is still possible.
  f.record(make_event(event_kind::phase_started, "0"));
  CHECK(f.disk->batches.size() == 1);
}

TEST_CASE("what is about another attempt than the one that is under way is refused") {
  state_fixture f;
  const auto of_attempt = [](event_kind kind, std::uint32_t attempt) {
    auto e = make_event(kind, "0");
    e.attempt = attempt;
    return e;
  };
  f.record(of_attempt(event_kind::phase_started, 2));
  f.record(of_attempt(event_kind::phase_completed, 2));
  std::string why;
  for (std::uint32_t attempt : {1u, 2u}) {
    auto request = f.self->request(f.uut, caf::infinite, atom::record_v,
                                   event_batch{of_attempt(event_kind::phase_approved, attempt)});
    f.run();
    while (!f.disk->open.empty()) {
      f.disk->commit_one();
      f.run();
    }
    request.receive([&] { why += "taken"; }, [&](const caf::error& err) { why = message_of(err); });
  }
  CHECK(why == "phase 0 is at attempt 2: this was about attempt 1taken");
}

TEST_CASE("a phase that a person has decided upon is not given back by a node that stops") {
  state_fixture f;
  auto skipped = make_event(event_kind::phase_skipped, "0");
  skipped.attempt = 0;
  f.record(skipped);
  auto given_back = make_event(event_kind::phase_reset, "0");
  std::string heard;
  for (std::uint32_t attempt : {1u, 0u}) {
    given_back.attempt = attempt;
    auto request = f.self->request(f.uut, caf::infinite, atom::record_v, event_batch{given_back});
    f.run();
    while (!f.disk->open.empty()) {
      f.disk->commit_one();
      f.run();
    }
    request.receive([&] { heard += "taken"; },
                    [&](const caf::error& err) { heard = message_of(err) + "; "; });
  }
  CHECK(heard == "phase 0 is skipped: it cannot become pending; taken");
}

TEST_CASE("an asker is answered when its events are durable") {
  state_fixture f;
  auto request = f.self->request(f.uut, caf::infinite, atom::record_v,
                                 event_batch{make_event(event_kind::phase_started, "0")});
  f.run();
  CHECK(f.self->mailbox().empty());
  f.disk->commit_one();
  f.run();
  request.receive([] { SUCCEED(); }, [](const caf::error& err) { FAIL(message_of(err)); });
}

TEST_CASE("a failed commit is told, kept and tried again, and nothing is lost") {
  state_fixture f;
  f.record(make_event(event_kind::phase_started, "0"));
  f.disk->open.answer(caf::make_error(ec::storage_failed, "disk full"));
  f.run();
  CHECK(*f.trouble == std::vector<std::string>{"disk full"});
  CHECK(f.heard->empty());
  f.record(make_event(event_kind::phase_completed, "0"));
  CHECK(f.disk->batches.size() == 1);
  f.pass(std::chrono::seconds{1});
  REQUIRE(f.disk->batches.size() == 2);
  CHECK(f.disk->batches[1] == f.disk->batches[0]);
  f.disk->commit_one();
  f.run();
  CHECK(f.trouble->back().empty());
  f.disk->commit_one();
  f.run();
  CHECK(kinds(*f.heard, "0")
        == std::vector{event_kind::phase_started, event_kind::phase_completed});
}

TEST_CASE(
    "an event log that was taken away is told at once, and nothing is answered or tried again") {
  state_fixture f;
  auto asked = f.self->request(f.uut, caf::infinite, atom::record_v,
                               event_batch{make_event(event_kind::phase_started, "0")});
  f.run();
  f.disk->open.answer(caf::make_error(ec::wrong_state, "removed"));
  f.run();
  CHECK(*f.trouble == std::vector<std::string>{"gone: removed"});
  f.pass(std::chrono::seconds{10});
  CHECK(f.disk->batches.size() == 1);
  CHECK(f.self->mailbox().empty());
  CHECK(f.heard->empty());
}

TEST_CASE("a small plan's state file follows every commit") {
  state_fixture f;
  f.record(make_event(event_kind::phase_started, "0"));
  CHECK(f.disk->saved.empty());
  f.disk->commit_one();
  f.run();
  REQUIRE(f.disk->saved.size() == 1);
  CHECK(f.disk->saved[0]->phases[0].status == phase_status::in_progress);
}

TEST_CASE("a large plan's state file is not put off by a clock that is set") {
  state_fixture f{{}, state_state::small_plan + 1};
  f.record(make_event(event_kind::phase_started, "0"));
  f.disk->commit_one();
  f.run();
  REQUIRE(f.disk->saved.size() == 1);
  f.set_clock(-std::chrono::hours{1});
  f.record(make_event(event_kind::task_started, "0"));
  f.disk->commit_one();
  f.run();
  f.pass(std::chrono::seconds{2});
  CHECK(f.disk->saved.size() == 2);
}

TEST_CASE("a state file that cannot be written is told and written later") {
  state_fixture f;
  f.disk->save_error = caf::make_error(ec::storage_failed, "read-only");
  f.record(make_event(event_kind::phase_started, "0"));
  f.disk->commit_one();
  f.run();
  CHECK(*f.trouble == std::vector<std::string>{"read-only"});
  f.disk->save_error = {};
  f.pass(std::chrono::seconds{2});
  CHECK(f.disk->saved.size() == 2);
  CHECK(f.trouble->back().empty());
}

TEST_CASE("secrets are masked before an event is stored") {
  state_fixture f;
  f.record(make_event(event_kind::note, "", R"({"text":"password hunter2"})"));
  REQUIRE(f.disk->batches.size() == 1);
  CHECK(f.disk->batches[0][0].data == R"({"text":"password ***"})");
}

TEST_CASE("a snapshot shows the last commit and the head of the chain, and stays as it is") {
  state_fixture f;
  auto ask = [&f] {
    snapshot_ptr result;
    auto request = f.self->request(f.uut, caf::infinite, atom::get_v);
    f.run();
    request.receive([&result](const snapshot_ptr& s) { result = s; },
                    [](const caf::error& err) { FAIL(message_of(err)); });
    return result;
  };
  f.record(make_event(event_kind::phase_started, "0"));
  f.disk->commit_one();
  f.run();
  auto first = ask();
  CHECK(first->phases[0].status == phase_status::in_progress);
  CHECK(first->last_seq == 1);
  CHECK(first->chain_head == std::string(64, 'a'));
  f.record(make_event(event_kind::phase_completed, "0"));
  CHECK(ask() == first);
  f.disk->commit_one();
  f.run();
  CHECK(ask()->phases[0].status == phase_status::completed);
  CHECK(first->phases[0].status == phase_status::in_progress);
}

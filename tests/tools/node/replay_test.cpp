#include "tests/fixtures/memory_store.hpp"
#include "tools/node/replay.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::node;
using namespace aeo::testing;

namespace {

/// The plan has phase "0" only.
struct replay_fixture {
  plan the_plan;
  std::shared_ptr<memory_disk> disk = std::make_shared<memory_disk>();
  replay result;

  replay_fixture() { the_plan.phases.emplace_back().id = "0"; }

  void happened(event_kind kind, const std::string& phase, std::string data = "{}") {
    disk->events.push_back({.seq = disk->events.size() + 1,
                            .time_us = 1,
                            .kind = kind,
                            .phase = phase,
                            .task = {},
                            .attempt = 1,
                            .data = std::move(data)});
  }
  caf::error read() {
    memory_store store{disk};
    core::phase_lookup lookup{the_plan};
    result.state.phases.resize(1);
    return replay_events(store, lookup, result, nullptr);
  }
};

} // namespace

TEST_CASE("events of phases that the plan has no more are counted, not lost") {
  replay_fixture f;
  f.happened(event_kind::execution_started, "");
  f.happened(event_kind::phase_started, "0");
  f.happened(event_kind::phase_started, "gone");
  CHECK_FALSE(f.read());
  CHECK(f.result.unknown == 1);
  CHECK(f.result.state.last_seq == 3);
}

TEST_CASE("notes and audits of phases that the plan has no more change nothing") {
  replay_fixture f;
  f.happened(event_kind::execution_started, "");
  f.happened(event_kind::note, "gone");
  f.happened(event_kind::audit, "gone");
  CHECK_FALSE(f.read());
  CHECK(f.result.unknown == 0);
  CHECK(f.result.state.last_seq == 3);
}

TEST_CASE("a pause outlives nodes until somebody lets the run go on, or it is over") {
  replay_fixture f;
  f.happened(event_kind::execution_started, "");
  f.happened(event_kind::execution_paused, "");
  f.happened(event_kind::execution_ended, "", R"({"status":"interrupted"})");
  f.happened(event_kind::execution_resumed, "");
  f.happened(event_kind::execution_paused, "");
  CHECK_FALSE(f.read());
  REQUIRE(f.result.paused);
  CHECK(f.result.paused->seq == 2);

  SECTION("somebody did") {
    f.happened(event_kind::execution_continued, "");
  }
  SECTION("it is over") {
    f.happened(event_kind::execution_ended, "", R"({"status":"cancelled"})");
  }
  f.result = {};
  CHECK_FALSE(f.read());
  CHECK_FALSE(f.result.paused);
}

TEST_CASE("an execution whose node was killed before its first event has begun all the same") {
  replay_fixture f;
  f.result.row.started_us = 7;
  f.result.row.started_by = "alice@host";
  CHECK_FALSE(f.read());
  CHECK(f.result.state.started_us == 7);
  CHECK(f.result.state.started_by == "alice@host");
}

#include "actors/io/outbox.hpp"
#include "tests/fixtures/store_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::test;

namespace {

std::unique_ptr<io::outbox> open_outbox(const store_fixture& f) {
  auto result = io::open_outbox(f.file);
  INFO((result ? std::string{} : message_of(result.error())));
  REQUIRE(result);
  return std::move(*result);
}

const io::delivery some{"https://api.github.com/repos/o/r", 12, 34, true, false, 56};

} // namespace

TEST_CASE("what GitHub has of an execution comes back as it was noted, also after reopening") {
  store_fixture f;
  f.fill(5);
  {
    auto outbox = open_outbox(f);
    auto none = outbox->get("e1");
    REQUIRE(none);
    CHECK_FALSE(none->has_value());
    REQUIRE_FALSE(outbox->put("e1", {}));
    REQUIRE_FALSE(outbox->put("e1", some));
  }
  auto found = open_outbox(f)->get("e1");
  REQUIRE(found);
  REQUIRE(found->has_value());
  CHECK(**found == some);
}

TEST_CASE("nothing is noted of an execution that the log does not have") {
  store_fixture f;
  f.fill(5);
  CHECK(open_outbox(f)->put("e2", some) == ec::not_found);
}

TEST_CASE(
    "executions that GitHub lacks something of are found, oldest first, but the present one") {
  store_fixture f;
  f.fill(1);
  {
    auto store = f.open();
    for (const auto* id : {"e2", "e3", "e4"}) {
      auto row = first_execution;
      row.id = id;
      REQUIRE_FALSE(store->begin_execution(row));
    }
  }
  auto outbox = open_outbox(f);
  for (const auto* id : {"e4", "e3", "e1"}) // Of e2 GitHub was never to hear.
    REQUIRE_FALSE(outbox->put(id, some));
  auto settled = some;
  settled.settled = true;
  auto found = outbox->unsettled("e4");
  REQUIRE(found);
  REQUIRE(found->size() == 2);
  CHECK((*found)[0] == first_execution);
  CHECK((*found)[1].id == "e3");
  REQUIRE_FALSE(outbox->put("e1", settled));
  CHECK(outbox->unsettled("e4")->size() == 1);
}

TEST_CASE("events are read through the outbox while the log grows") {
  store_fixture f;
  f.fill(5);
  auto store = f.open();
  auto outbox = open_outbox(f);
  auto batch = make_events(3, 5);
  REQUIRE_FALSE(store->append("e1", batch));
  std::vector<std::uint64_t> seen;
  REQUIRE_FALSE(outbox->read("e1", 5, [&](event&& e) {
    seen.push_back(e.seq);
    return true;
  }));
  CHECK(seen == std::vector<std::uint64_t>{5, 6, 7, 8});
  CHECK(outbox->chain_tip() == std::pair{std::uint64_t{8}, store->head()});
}

TEST_CASE("the log takes events while the outbox is written, and the other way round") {
  store_fixture f;
  f.fill(5);
  auto store = f.open();
  auto outbox = open_outbox(f);
  for (std::uint64_t i = 0; i < 50; ++i) {
    auto batch = make_events(2, 5 + i * 2);
    REQUIRE_FALSE(store->append("e1", batch));
    auto next = some;
    next.delivered = i;
    REQUIRE_FALSE(outbox->put("e1", next));
  }
  CHECK((*outbox->get("e1"))->delivered == 49);
  auto fault = store->verify();
  REQUIRE(fault);
  CHECK_FALSE(*fault);
}

#include "tests/fixtures/store_fixture.hpp"

using namespace aeo;
using namespace aeo::test;

namespace {

// Fills a database, changes it and asks verify() and read().
io::chain_fault fault_after(const std::string& sql) {
  store_fixture f;
  f.fill(20);
  f.sql(sql);
  auto store = f.open();
  auto fault = store->verify();
  INFO(sql << (fault ? std::string{} : message_of(fault.error())));
  REQUIRE(fault);
  REQUIRE(*fault);
  const auto err = store->read("e1", 0, [](event&&) { return true; });
  CHECK(err == ec::corrupt_state);
  CHECK(message_of(err).find(f.file.string()) != std::string::npos);
  return **fault;
}

bool says(const io::chain_fault& fault, std::uint64_t seq, std::string_view word) {
  INFO(fault.seq << ": " << fault.what);
  CHECK(fault.seq == seq);
  CHECK(fault.what.find(word) != std::string::npos);
  return fault.seq == seq && fault.what.find(word) != std::string::npos;
}

} // namespace

TEST_CASE("an untouched chain verifies") {
  store_fixture f;
  f.fill(20);
  auto fault = f.open()->verify();
  REQUIRE(fault);
  CHECK_FALSE(*fault);
}

TEST_CASE("an edited event is named, whatever was edited") {
  for (const auto* change : {"data = '{}'", "phase = 'x'", "task = 'x'", "attempt = 9", "kind = 18",
                             "time_us = time_us + 1"}) {
    const auto edit = std::string("UPDATE events SET ") + change + " WHERE seq = ";
    CHECK(says(fault_after(edit + "1"), 1, "edited"));
    CHECK(says(fault_after(edit + "8"), 8, "edited"));
    CHECK(says(fault_after(edit + "20"), 20, "edited"));
  }
  CHECK(says(fault_after("UPDATE events SET before = zeroblob(32) WHERE seq = 8"), 8, "edited"));
}

TEST_CASE("an event moved to another execution shows as edited") {
  CHECK(says(fault_after("INSERT INTO executions VALUES (2,'e2',0,'','','',1,'');"
                         "UPDATE events SET execution = 2 WHERE seq = 8"),
             8, "edited"));
}

TEST_CASE("deleted events are named, also at either end") {
  CHECK(says(fault_after("DELETE FROM events WHERE seq = 8"), 8, "deleted"));
  CHECK(says(fault_after("DELETE FROM events WHERE seq BETWEEN 8 AND 10"), 8, "8 to 10"));
  CHECK(says(fault_after("DELETE FROM events WHERE seq <= 2"), 1, "deleted"));
  CHECK(says(fault_after("DELETE FROM events WHERE seq >= 19"), 19, "at the end"));
  CHECK(says(fault_after("DELETE FROM events"), 1, "1 to 20"));
}

TEST_CASE("deleted events show although the rest was renumbered") {
  CHECK(says(fault_after("DELETE FROM events WHERE seq = 8;"
                         "UPDATE events SET seq = -seq WHERE seq > 8;"
                         "UPDATE events SET seq = -seq - 1 WHERE seq < 0;"
                         "UPDATE chain SET seq = 19"),
             8, "moved up"));
}

TEST_CASE("reordered events are named") {
  const auto swap = [](int a, int b) {
    const auto x = std::to_string(a);
    const auto y = std::to_string(b);
    return "UPDATE events SET seq = 1000 WHERE seq = " + x + ";UPDATE events SET seq = " + x
           + " WHERE seq = " + y + ";UPDATE events SET seq = " + y + " WHERE seq = 1000";
  };
  CHECK(says(fault_after(swap(8, 9)), 8, "reordered"));
  CHECK(says(fault_after(swap(3, 15)), 3, "now stands at 15"));
}

TEST_CASE("added events are named") {
  CHECK(says(fault_after("INSERT INTO events SELECT 21, execution, time_us, kind, phase, task,"
                         " attempt, data, (SELECT head FROM chain) FROM events WHERE seq = 20"),
             21, "added"));
}

TEST_CASE("a chain without its record of the head is damaged") {
  store_fixture f;
  f.fill(5);
  f.sql("DELETE FROM chain");
  const auto result = io::open_store(f.file);
  REQUIRE_FALSE(result);
  CHECK(result.error() == ec::corrupt_state);
}

TEST_CASE("a changed record of an execution is damaged") {
  store_fixture f;
  f.fill(5);
  f.sql("UPDATE executions SET plan_hash = 'other'");
  auto store = f.open();
  CHECK(store->last_execution().error() == ec::corrupt_state);
}

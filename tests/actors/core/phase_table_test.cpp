#include "actors/core/phase_table.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <utility>

using namespace aeo;
using aeo::core::phase_table;

namespace {

phase_table numbered(std::uint32_t count) {
  phase_table result;
  for (std::uint32_t i = 0; i < count; ++i)
    result.emplace_back().attempt = i;
  return result;
}

const phase_state* place(const phase_table& table, std::size_t i) {
  return &table[i];
}

} // namespace

TEST_CASE("a table of phases holds what was put into it, in order") {
  const auto table = numbered(1000);
  REQUIRE(table.size() == 1000);
  std::uint32_t i = 0;
  for (const auto& p : table)
    CHECK(p.attempt == i++);
  CHECK(i == 1000);
}

TEST_CASE("a table of phases grows and shrinks") {
  auto table = numbered(130);
  table.resize(64);
  CHECK(table.size() == 64);
  CHECK(table == numbered(64));
  table.resize(65);
  CHECK(table[64] == phase_state{});
  table.resize(0);
  CHECK(table.empty());
}

TEST_CASE("a change in a table of phases does not show in its copy, nor the other way") {
  auto table = numbered(200);
  auto copy = table;
  CHECK(copy == table);
  table[7].status = phase_status::approved;
  CHECK(std::as_const(copy)[7].status == phase_status::pending);
  copy[8].detail = "{}";
  CHECK(std::as_const(table)[8].detail.empty());
  CHECK(copy != table);
  table.emplace_back();
  CHECK(copy.size() == 200);
}

TEST_CASE("copies of a table of phases share what neither has changed") {
  auto table = numbered(200);
  const auto copy = table;
  table[0].attempt = 9;
  CHECK(place(table, 0) != place(copy, 0));
  CHECK(place(table, 199) == place(copy, 199));
}

TEST_CASE("a table of phases that is not shared is changed in place") {
  auto table = numbered(200);
  const auto* before = place(table, 5);
  {
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
    [[maybe_unused]] const phase_table copy{table};
  }
  table[5].attempt = 9;
  CHECK(place(table, 5) == before);
}

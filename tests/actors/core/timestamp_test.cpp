#include "actors/core/timestamp.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <ctime>
#include <random>

using namespace aeo::core;

namespace {

// Runs with another local time zone than the machine's.
struct time_zone {
  explicit time_zone(const char* name) {
    setenv("TZ", name, 1);
    tzset();
  }
  ~time_zone() {
    unsetenv("TZ");
    tzset();
  }
};

} // namespace

TEST_CASE("a time is written in UTC with microseconds") {
  CHECK(format_time(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(format_time(1738326896789012) == "2025-01-31T12:34:56.789012Z");
  CHECK(format_time(-1) == "1969-12-31T23:59:59.999999Z");
}

TEST_CASE("every time comes back from its text") {
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::int64_t> any(-62'167'219'200'000'000, 253'402'300'799'999'999);
  for (int i = 0; i < 100'000; ++i) {
    const auto time = any(random);
    REQUIRE(parse_time(format_time(time)) == time);
  }
}

TEST_CASE("offsets, missing parts and other decimals are understood") {
  const std::int64_t noon = 1738324800000000;
  CHECK(parse_time("2025-01-31T12:00:00Z") == noon);
  CHECK(parse_time("2025-01-31T12:00Z") == noon);
  CHECK(parse_time("2025-01-31 14:00:00+02:00") == noon);
  CHECK(parse_time("2025-01-31T14:00:00+0200") == noon);
  CHECK(parse_time("2025-01-31T06:30:00-05:30") == noon);
  CHECK(parse_time("2025-01-31T12:00:00.5Z") == noon + 500'000);
  CHECK(parse_time("2025-01-31T12:00:00.123456789Z") == noon + 123'456);
}

TEST_CASE("a time without a zone is the local time") {
  {
    time_zone zone("UTC-3");
    CHECK(parse_time("2025-01-31T15:00:00") == 1738324800000000);
  }
  time_zone zone("UTC");
  CHECK(parse_time("2025-01-31T12:34:56.789012") == 1738326896789012);
}

TEST_CASE("what is no time is refused") {
  for (const auto* text :
       {"", "2025", "2025-01-31", "2025-02-30T00:00:00Z", "2025-13-01T00:00:00Z",
        "2025-01-31T24:00:00Z", "2025-01-31T12:60:00Z", "2025-01-31T12:00:00.Z",
        "2025-01-31T12:00:00+", "2025-01-31T12:00:00Zx", "2025-01-31T12:00:00+99:00",
        "yesterday at noon, sharp", "2025-01-31T12:00:00.1234567890Z"})
    CHECK_FALSE(parse_time(text));
}

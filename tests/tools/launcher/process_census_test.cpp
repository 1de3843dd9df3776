#include "tools/launcher/process_census.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo::launcher;

TEST_CASE("a machine with fewer threads than a task may have processes is never counted") {
  census_schedule schedule;
  CHECK_FALSE(schedule.due(90, 4096, 0));
  CHECK_FALSE(schedule.due(4096, 4096, 1'000'000'000));
}

TEST_CASE("a larger machine is counted once, then when a task may have used up its room") {
  census_schedule schedule;
  CHECK(schedule.due(5000, 4000, 0));
  schedule.counted(5000, 3999, 0, 1000);
  CHECK_FALSE(schedule.due(8999, 4000, 0));
  CHECK(schedule.due(9000, 4000, 0));
  schedule.counted(9000, 1000, 0, 1000);
  CHECK_FALSE(schedule.due(10'000, 4000, 0));
  CHECK(schedule.due(10'001, 4000, 0));
}

TEST_CASE("a task that starts with a smaller limit has no more room than that") {
  census_schedule schedule;
  schedule.counted(5000, 3999, 0, 1000);
  CHECK_FALSE(schedule.due(5101, 4000, 0));
  CHECK(schedule.due(5101, 100, 0));
}

TEST_CASE("growth begins at the lowest number seen, also below the limit") {
  census_schedule schedule;
  schedule.counted(5000, 2000, 0, 1000);
  CHECK_FALSE(schedule.due(3500, 4000, 0));
  CHECK_FALSE(schedule.due(5500, 4000, 0));
  CHECK(schedule.due(5501, 4000, 0));
}

TEST_CASE("a task that stays near its limit is not counted for every little growth") {
  census_schedule schedule;
  schedule.counted(5000, 3, 0, 1000);
  CHECK_FALSE(schedule.due(5500, 4000, 0));
  CHECK(schedule.due(5501, 4000, 0));
}

TEST_CASE("without growth counting costs a small part of the time") {
  census_schedule schedule;
  schedule.counted(5000, 3999, 100, 1000);
  CHECK_FALSE(schedule.due(5000, 4000, 4'000'099));
  CHECK(schedule.due(5000, 4000, 4'000'100));
  schedule.counted(5000, 3999, 0, 1);
  CHECK_FALSE(schedule.due(5000, 4000, 1'999'999));
  CHECK(schedule.due(5000, 4000, 2'000'000));
}

TEST_CASE("what grew slowly to more threads than the limit is counted soon") {
  census_schedule schedule;
  CHECK_FALSE(schedule.due(4000, 4000, 0));
  CHECK_FALSE(schedule.due(4100, 4000, 1'999'999));
  CHECK(schedule.due(4100, 4000, 2'000'000));
}

TEST_CASE("where the number of threads is unknown counting goes by time alone") {
  census_schedule schedule;
  CHECK(schedule.due(0, 4000, 0));
  schedule.counted(0, 3999, 0, 1000);
  CHECK_FALSE(schedule.due(0, 4000, 3'999'999));
  CHECK(schedule.due(0, 4000, 4'000'000));
}

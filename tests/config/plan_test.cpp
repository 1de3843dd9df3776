#include "config/plan.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace aeo;

TEST_CASE("ids are ordered as people count") {
  std::vector<std::string> ids = {"deploy-10", "10", "2", "deploy-2", "1.10",
                                  "1.9",       "01", "1", "a"};
  std::sort(ids.begin(), ids.end(), natural_less);
  CHECK(ids
        == std::vector<std::string>{"01", "1", "1.9", "1.10", "2", "10", "a", "deploy-2",
                                    "deploy-10"});
}

TEST_CASE("the natural order is a strict total order") {
  std::vector<std::string> ids = {"",    "0",   "00",  "000", "1",   "01", "1a", "01a", "a1", "a01",
                                  "a1b", "a-1", "a.1", "10",  "010", "9",  "a",  "A",   "_",  "1-"};
  for (const auto& a : ids) {
    CHECK_FALSE(natural_less(a, a));
    for (const auto& b : ids) {
      CHECK((a == b || natural_less(a, b) != natural_less(b, a)));
      for (const auto& c : ids)
        if (natural_less(a, b) && natural_less(b, c))
          CHECK(natural_less(a, c));
    }
  }
}

TEST_CASE("numbers longer than any integer type are compared too") {
  CHECK(natural_less("99999999999999999999999998", "99999999999999999999999999"));
  CHECK(natural_less("9", "10000000000000000000000000"));
}

TEST_CASE("a phase is found by its id, in a sorted plan and in one made by hand") {
  plan p;
  for (auto id : {"2", "10", "1"})
    p.phases.emplace_back().id = id;
  CHECK(p.find("1") == 2u);
  CHECK(p.find("10") == 1u);
  CHECK_FALSE(p.find("3"));
  std::sort(p.phases.begin(), p.phases.end(),
            [](const auto& a, const auto& b) { return natural_less(a.id, b.id); });
  CHECK(p.find("1") == 0u);
  CHECK(p.find("10") == 2u);
  CHECK_FALSE(p.find(""));
}

TEST_CASE("names of enums are read back") {
  for (auto x : {error_class::transient, error_class::permanent, error_class::dependency,
                 error_class::configuration})
    CHECK(error_class_from_string(to_string(x)) == x);
  for (auto x : {execution_mode::automated, execution_mode::manual, execution_mode::dry_run})
    CHECK(execution_mode_from_string(to_string(x)) == x);
  CHECK(to_string(execution_mode::dry_run) == "dry-run");
  CHECK(to_string(crash_policy::rerun) == "rerun");
  CHECK(to_string(check_type::metric_threshold) == "metric_threshold");
  CHECK_FALSE(error_class_from_string("Transient"));
  CHECK_FALSE(execution_mode_from_string(""));
}

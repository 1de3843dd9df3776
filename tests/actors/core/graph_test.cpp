#include "actors/core/graph.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>

using namespace aeo;
using namespace aeo::core;

namespace {

using indices = std::vector<phase_index>;

plan plan_of(const std::vector<indices>& dependencies) {
  plan p;
  p.phases.resize(dependencies.size());
  for (std::size_t i = 0; i < dependencies.size(); ++i)
    p.phases[i].dependencies = dependencies[i];
  return p;
}

/// 0 -> 1, 2; 1, 2 -> 3; 4 alone.
plan diamond_and_loner() {
  return plan_of({{}, {0}, {0}, {1, 2}, {}});
}

} // namespace

TEST_CASE("a phase becomes ready with the last of its dependencies, once") {
  ready_graph g{diamond_and_loner()};
  CHECK(g.initial() == indices{0, 4});
  CHECK(g.open(0) == indices{1, 2});
  CHECK(g.open(0).empty());
  CHECK(g.open(2).empty());
  CHECK_FALSE(g.is_ready(3));
  CHECK(g.open(1) == indices{3});
  CHECK(g.is_ready(3));
  CHECK(g.ready() == indices{3, 4});
  CHECK(g.open(3).empty());
  CHECK(g.ready() == indices{4});
}

TEST_CASE("a gate that shuts again holds its dependents back") {
  ready_graph g{diamond_and_loner()};
  g.open(0);
  g.open(1);
  g.open(2);
  g.shut(1);
  g.shut(1);
  CHECK_FALSE(g.is_ready(3));
  CHECK(g.is_ready(1));
  CHECK(g.open(1) == indices{3});
  SECTION("a dependent that is open itself is not ready again") {
    g.open(3);
    g.shut(2);
    CHECK(g.open(2).empty());
    CHECK(g.ready() == indices{4});
  }
}

TEST_CASE("downstream is all that depends on a phase, levels are what may run together") {
  ready_graph g{diamond_and_loner()};
  CHECK(g.downstream(0) == indices{1, 2, 3});
  CHECK(g.downstream(1) == indices{3});
  CHECK(g.downstream(4).empty());
  CHECK(g.levels() == std::vector<indices>{{0, 4}, {1, 2}, {3}});
  CHECK(ready_graph{plan{}}.levels().empty());
}

TEST_CASE("the critical path is the longest chain") {
  ready_graph g{diamond_and_loner()};
  auto path = g.critical_path([](phase_index p) { return duration{p == 2 ? 5 : 1}; });
  CHECK(path.phases == indices{0, 2, 3});
  CHECK(path.total == duration{7});
  path = g.critical_path([](phase_index p) { return duration{p == 4 ? 50 : 1}; });
  CHECK(path.phases == indices{4});
  path = g.critical_path([](phase_index) { return duration{1}; });
  CHECK(path.phases == indices{0, 1, 3});
  CHECK(ready_graph{plan{}}.critical_path([](phase_index) { return duration{1}; }).phases.empty());
}

TEST_CASE("every phase of a random plan becomes ready exactly once, after its dependencies") {
  std::mt19937 random{20261120};
  for (int round = 0; round < 50; ++round) {
    const std::size_t n = 1 + random() % 200;
    std::vector<indices> dependencies(n);
    for (phase_index i = 1; i < n; ++i)
      for (phase_index d = 0; d < i; ++d)
        if (random() % 20 == 0)
          dependencies[i].push_back(d);
    auto p = plan_of(dependencies);
    ready_graph g{p};
    auto waiting = g.initial();
    std::vector<int> seen(n);
    while (!waiting.empty()) {
      std::swap(waiting[random() % waiting.size()], waiting.back());
      auto next = waiting.back();
      waiting.pop_back();
      ++seen[next];
      for (auto d : dependencies[next])
        REQUIRE(g.is_open(d));
      auto more = g.open(next);
      REQUIRE(std::is_sorted(more.begin(), more.end()));
      waiting.insert(waiting.end(), more.begin(), more.end());
    }
    REQUIRE(std::all_of(seen.begin(), seen.end(), [](int x) { return x == 1; }));
    std::size_t total = 0;
    for (const auto& level : g.levels())
      total += level.size();
    REQUIRE(total == n);
  }
}

#include "actors/core/decisions.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::core;

TEST_CASE("who alone may let a failed phase pass is told without who may not") {
  approval_policy policy;
  CHECK(who_alone(policy, "mia@host") == "operator");
  policy.allow_self = false;
  CHECK(who_alone(policy, "mia@host") == "operator, but not mia who started the run");
  policy.from = {"operator", "mia", "bob"};
  CHECK(who_alone(policy, "mia@host") == "operator, bob, but not mia who started the run");
  policy.from = {"mia", "bob", "github:Mia"};
  CHECK(who_alone(policy, "mia@host") == "bob");
  CHECK(who_alone(policy, "alice@host") == "mia, bob, github:Mia");
  policy.from = {"mia"};
  CHECK(who_alone(policy, "mia@host").empty());
  policy.allow_self = true;
  CHECK(who_alone(policy, "mia@host") == "mia");
  policy.required = 2;
  CHECK(who_alone(policy, "bob@host").empty());
}

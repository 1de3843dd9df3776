#pragma once

// How the parts of a plan read: in the dry run's text and JSON alike, and on the console.

#include "config/plan.hpp"

#include <string>
#include <utility>
#include <vector>

namespace aeo::node {

/// "7 Build and test"; the id alone when there is no other name.
std::string title(const phase_def&);
/// "metric_threshold out/a.json#tests.passed >= 6".
std::string describe(const check_def&);
/// What the gate asks for: {type, text} of each output that must be written and of each check.
std::vector<std::pair<std::string, std::string>> criteria_of(const phase_def&);
/// "criteria decide", "criteria, then 2 of release-managers within 24h00m, else rejected".
std::string describe_approval(const plan&, const phase_def&);
/// "3 retries, after 1m00s times 2^n, at most 1h00m, jittered".
std::string describe(const retry_policy&);

} // namespace aeo::node

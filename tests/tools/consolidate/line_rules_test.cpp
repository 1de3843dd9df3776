#include "tools/consolidate/line_checks.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <string>

using namespace aeo::consolidate;

TEST_CASE("each shipped rule for lines, alone, finds what it is about and nothing else") {
  const auto shipped = load_security_rules(AEO_SOURCE_DIR "/config");
  std::map<std::string, line_checker> alone;
  for (const auto& check : shipped.checks) {
    security_rules only;
    only.checks = {check};
    alone.emplace(check.id, only);
  }
  std::set<std::string> found;
  std::string rule;
  std::string language;
  std::ifstream samples{AEO_SOURCE_DIR "/tests/tools/consolidate/line_rules.txt"};
  for (std::string line; std::getline(samples, line);) {
    if (line.starts_with("[")) {
      const auto space = line.find(' ');
      rule = line.substr(1, space - 1);
      language = line.substr(space + 1, line.size() - space - 2);
      REQUIRE(alone.contains(rule));
    } else if (line.starts_with("+ ") || line.starts_with("- ")) {
      INFO(rule << " on " << language << ": " << line);
      const auto hits = alone.at(rule).search("file", language, line.substr(2) + "\n");
      CHECK(hits.size() == (line.front() == '+' ? 1U : 0U));
      if (!hits.empty())
        found.insert(rule);
    }
  }
  for (const auto& check : shipped.checks) {
    INFO("no line is found by " << check.id);
    CHECK(found.contains(check.id));
  }
}

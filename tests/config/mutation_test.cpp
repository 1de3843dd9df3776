#include "tests/config/config_folder.hpp"

#include <array>
#include <random>

using namespace aeo;
using namespace aeo::config;
using namespace aeo::config::test;

namespace {

constexpr std::string_view good_phases = R"({"$schema": "x", "phases": {
  "0": {"name": "Ä", "timeout": 1.5, "retry": {"max_retries": 7, "jitter": "none"},
        "approval": {"mode": "manual", "required": 2, "from": ["operator"], "deadline": "24h"},
        "tasks": [{"id": "a", "command": ["x", "y"], "outputs": ["o/p"], "env": {"K": "V"}},
                  {"id": "b", "command": "x | y", "needs": ["a"], "cwd": "sub"}]},
  "1": {"dependencies": ["0"], "tasks": [{"id": "a", "command": "x"}]},
  "2": {"dependencies": ["1", "0"], "approval": "auto", "tasks": [{"id": "a", "command": "x"}]}}})";

constexpr std::string_view good_criteria =
    R"({"0": {"required_outputs": ["o/p"], "validation_checks": [
  {"type": "metric_threshold", "file": "f", "metric": "/a~1b", "min": -1e3, "exact": [1, {"a": null}]},
  {"type": "file_count", "glob": "*", "max": 3}, {"type": "max_age", "path": "p", "seconds": "1h30m"}]}})";

constexpr std::string_view good_settings =
    R"({"execution_mode": "manual", "backoff_multiplier": 2.5,
  "error_rules": [{"stderr": "^a[bc]+$", "class": "transient"}], "listen": {"host": "h", "port": 1},
  "github": {"token": null, "repo": "a/b"}})";

constexpr std::string_view good_dotenv = "# x\nexport A='b' # c\nB=\"x\\ny\"\nC = d\r\n";

/// A few bytes replaced, inserted, removed or doubled; JSON's own signs more often than others.
std::string mutate(std::string_view text, std::mt19937& random) {
  constexpr std::string_view signs{"{}[]\",:\\/0-.eE \n\xff\xc3\x00", 19};
  std::string result{text};
  auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  for (auto count = below(4) + 1; count > 0 && !result.empty(); --count) {
    auto at = below(result.size());
    char c = below(2) == 0 ? signs[below(signs.size())] : static_cast<char>(below(256));
    switch (below(5)) {
    case 0:
      result[at] = c;
      break;
    case 1:
      result.insert(at, 1, c);
      break;
    case 2:
      result.erase(at, below(8) + 1);
      break;
    case 3:
      result.insert(at, result.substr(below(result.size()), below(40)));
      break;
    default:
      result.resize(below(20) == 0 ? at : result.size());
    }
  }
  return result;
}

} // namespace

TEST_CASE("damaged files are loaded or reported, never a crash") {
  std::mt19937 random{20'240'229};
  const std::array<std::pair<std::string, std::string_view>, 4> files = {
      {{"phase_config.json", good_phases},
       {"success_criteria.json", good_criteria},
       {"orchestrator_config.json", good_settings},
       {".env", good_dotenv}}};
  config_folder folder;
  for (const auto& [name, text] : files)
    folder.write(name, text);
  folder.good();
  int refused = 0;
  int accepted = 0;
  for (int round = 0; round < 4'000; ++round) {
    const auto& [name, text] = files[static_cast<std::size_t>(round) % files.size()];
    auto mutated = mutate(text, random);
    folder.write(name, mutated);
    auto result = folder.load();
    if (auto* problems = std::get_if<1>(&result)) {
      ++refused;
      INFO(name << ": " << mutated);
      REQUIRE_FALSE(problems->empty());
      for (const auto& problem : *problems) {
        REQUIRE_FALSE(problem.what.empty());
        REQUIRE(to_string(problem).find('\n') == std::string::npos);
      }
    } else {
      ++accepted;
      const auto& plan = std::get<loaded>(result).value;
      REQUIRE(diff_plans(canonical_text(plan), canonical_text(plan)).empty());
    }
    folder.write(name, text);
  }
  // Both ways must have been walked, or the test shows nothing.
  CHECK(refused > 1'000);
  CHECK(accepted > 100);
}

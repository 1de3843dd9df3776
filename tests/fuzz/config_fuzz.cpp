// The JSON files of a config folder: which of them, then its text.

#include "config/config.hpp"
#include "tests/fixtures/temp_dir.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <array>
#include <filesystem>
#include <optional>
#include <variant>

using namespace aeo;
using fuzz::expect;

namespace {

constexpr std::array files = {"phase_config.json", "success_criteria.json",
                              "orchestrator_config.json", "github_config.json"};
constexpr std::string_view small_plan =
    R"({"phases": {"1": {"tasks": [{"id": "a", "command": "true"}]}}})";

void check_problems(const std::vector<config::problem>& problems) {
  expect(!problems.empty(), "who is refused is told why");
  for (const auto& x : problems) {
    const auto text = config::to_string(x);
    expect(!x.file.empty() && !x.what.empty(), "a mistake names its file and says what is wrong");
    expect(text.find_first_of("\n\r\x1b") == std::string::npos, "a mistake is one line");
  }
}

void check_plan(const plan& p) {
  const auto text = config::canonical_text(p);
  expect(config::plan_hash(p) == p.hash, "a plan's hash is that of its canonical text");
  expect(config::diff_plans(text, text).empty(), "a plan does not differ from itself");
  for (const auto& phase : p.phases)
    for (const auto i : phase.dependencies)
      expect(i < p.phases.size(), "a dependency is a phase");
}

} // namespace

void fuzz_one(std::string_view input) {
  static const test::temp_dir dir;
  const std::string name = files.at(fuzz::take_choice(input, files.size()));
  test::write_bytes(dir / files.front(), small_plan);
  test::write_bytes(dir / name, input);
  const auto result = config::load(
      {dir.path(), {}, [](const std::string&) -> std::optional<std::string> { return {}; }});
  if (const auto* problems = std::get_if<std::vector<config::problem>>(&result))
    check_problems(*problems);
  else
    check_plan(std::get<config::loaded>(result).value);
  std::filesystem::remove(dir / name);
}

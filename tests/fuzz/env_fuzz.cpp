// The text of a .env file.

#include "config/env_file.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <algorithm>

using aeo::fuzz::expect;

void fuzz_one(std::string_view input) {
  const auto result = aeo::config::parse_env(input);
  const auto lines = static_cast<std::size_t>(std::ranges::count(input, '\n')) + 1;
  for (const auto& problem : result.problems)
    expect(problem.line >= 1 && problem.line <= lines && !problem.what.empty(),
           "a problem names a line of the file");
  for (const auto& [name, value] : result.variables) {
    expect(!name.empty() && name.find_first_of("=\n \t") == std::string::npos,
           "a variable's name is a name");
    expect(std::ranges::count(result.variables, name, [](const auto& x) { return x.first; }) == 1,
           "a variable is there once");
  }
}

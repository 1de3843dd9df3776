// A manifest or another text that aeo-consolidate parses: which kind, then the text.

#include "tests/fuzz/fuzz.hpp"
#include "tools/consolidate/config_syntax.hpp"
#include "tools/consolidate/dockerfile.hpp"
#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/markdown.hpp"

#include <array>

using namespace aeo;
using fuzz::expect;

namespace {

constexpr std::array manifests = {"package.json",   "package-lock.json", "requirements.txt",
                                  "pyproject.toml", "Pipfile",           "go.mod",
                                  "Cargo.toml",     "pom.xml",           "CMakeLists.txt",
                                  "Dockerfile",     "compose.yaml"};
constexpr std::array formats = {"json", "jsonc", "yaml", "toml", "xml", "ini", "env"};

} // namespace

void fuzz_one(std::string_view input) {
  auto kind = fuzz::take_choice(input, manifests.size() + formats.size() + 2);
  const std::string text{input};
  if (kind < manifests.size()) {
    const auto result = consolidate::parse_manifest(manifests.at(kind), text);
    for (const auto& x : result.dependencies)
      expect(!x.name.empty(), "a dependency has a name");
    return;
  }
  kind -= manifests.size();
  if (kind < formats.size()) {
    const auto problem = consolidate::check_syntax(formats.at(kind), text);
    expect(!problem.message.empty() || problem.line == 0, "what parses has no place that does not");
    return;
  }
  if (kind == formats.size())
    consolidate::parse_docker(text);
  else
    consolidate::parse_markdown(text);
}

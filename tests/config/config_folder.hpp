#pragma once

#include "config/config.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace aeo::config::test {

inline const std::string plan_file = "phase_config.json";

/// A plan that is as small as a plan can be.
constexpr std::string_view one_phase =
    R"({"phases": {"1": {"tasks": [{"id": "a", "command": "true"}]}}})";

/// A config folder with the files of one test; gone afterwards. The real environment is empty but
/// for `variables`.
class config_folder {
public:
  config_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "aeo-config-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    dir = name;
  }
  config_folder(const config_folder&) = delete;
  config_folder& operator=(const config_folder&) = delete;
  ~config_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(dir, ignored);
  }

  config_folder& write(const std::string& name, std::string_view text) {
    // A new file: ext4 flushes one that is truncated and written again to the disk.
    std::filesystem::remove(dir / name);
    std::ofstream{dir / name, std::ios::binary} << text;
    return *this;
  }

  auto load() const {
    return config::load({dir, workspace, [this](const std::string& name) {
                           auto found = variables.find(name);
                           return found == variables.end() ? std::nullopt
                                                           : std::optional{found->second};
                         }});
  }

  /// The configuration, which must be good.
  loaded good() const {
    auto result = load();
    if (auto* problems = std::get_if<1>(&result)) {
      for (const auto& problem : *problems)
        UNSCOPED_INFO(to_string(problem));
      REQUIRE(problems->empty());
    }
    return std::move(std::get<loaded>(result));
  }

  /// Its mistakes, with file names relative to the folder; there must be some.
  std::vector<problem> bad() const {
    auto result = load();
    REQUIRE(std::holds_alternative<std::vector<problem>>(result));
    auto problems = std::get<std::vector<problem>>(std::move(result));
    for (auto& problem : problems)
      if (problem.file.starts_with(dir.string() + "/"))
        problem.file.erase(0, dir.string().size() + 1);
    return problems;
  }

  std::filesystem::path dir;
  std::filesystem::path workspace;
  std::map<std::string, std::string> variables;
};

/// Whether exactly these mistakes were found, in any order; `what` need only be contained.
inline void require_problems(const std::vector<problem>& found,
                             const std::vector<problem>& wanted) {
  for (const auto& problem : found)
    UNSCOPED_INFO("found: " << to_string(problem));
  for (const auto& want : wanted) {
    bool there = false;
    for (const auto& problem : found)
      there = there
              || (problem.file == want.file && problem.pointer == want.pointer
                  && problem.what.find(want.what) != std::string::npos);
    if (!there)
      FAIL("wanted: " << to_string(want));
  }
  REQUIRE(found.size() == wanted.size());
}

} // namespace aeo::config::test

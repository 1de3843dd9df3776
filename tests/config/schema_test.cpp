// What an editor accepts with the JSON Schemas and what the reader accepts must be the same, but
// for what a schema cannot say ("reader_only": references, regular expressions, comparisons). The
// corpus is tests/data/config/*.json.

#include "actors/core/schema_check.hpp"
#include "tests/config/config_folder.hpp"

#include <nlohmann/json.hpp>

#include <fstream>

using namespace aeo::config;
using namespace aeo::config::test;
using nlohmann::json;

namespace {

const std::filesystem::path source = AEO_SOURCE_DIR;

json read(const std::filesystem::path& path) {
  INFO(path.string());
  std::ifstream in{path};
  REQUIRE(in);
  return json::parse(in);
}

class schema {
public:
  explicit schema(const std::string& name)
      : text_{read(source / "config" / "schemas" / (name + ".schema.json")).dump()} {}
  bool accepts(const json& document) const {
    auto verdict = aeo::core::check_schema(document.dump(), text_);
    INFO(verdict.text);
    REQUIRE(verdict.measured);
    return verdict.passed;
  }

private:
  std::string text_;
};

/// Whether the reader finds no mistake in the file `name` with this document.
bool reader_accepts(const std::string& name, const json& document) {
  config_folder folder;
  folder.write("phase_config.json", one_phase).write(name + ".json", document.dump());
  auto result = folder.load();
  if (auto* problems = std::get_if<1>(&result)) {
    for (const auto& problem : *problems)
      UNSCOPED_INFO(to_string(problem));
    return false;
  }
  return true;
}

void compare(const std::string& name) {
  auto corpus = read(source / "tests" / "data" / "config" / (name + ".json"));
  schema rules{name};
  auto check = [&](const char* kind, bool by_schema, bool by_reader) {
    for (const auto& document : corpus.at(kind)) {
      INFO(kind << ": " << document.dump());
      CHECK(rules.accepts(document) == by_schema);
      CHECK(reader_accepts(name, document) == by_reader);
    }
  };
  check("good", true, true);
  check("bad", false, false);
  check("reader_only", true, false);
}

} // namespace

TEST_CASE("schema and reader agree on phases") {
  compare("phase_config");
}

TEST_CASE("schema and reader agree on success criteria") {
  compare("success_criteria");
}

TEST_CASE("schema and reader agree on settings") {
  compare("orchestrator_config");
}

TEST_CASE("schema and reader agree on GitHub's settings") {
  compare("github_config");
}

TEST_CASE("the shipped files fit their schemas and load") {
  config_folder folder;
  folder.write("phase_config.json", one_phase);
  for (std::string name :
       {"phase_config", "success_criteria", "orchestrator_config", "github_config"}) {
    auto path = source / "config" / (name + ".json");
    if (!std::filesystem::exists(path))
      continue;
    INFO(path.string());
    auto document = read(path);
    CHECK(schema{name}.accepts(document));
    CHECK(document.at("$schema") == "schemas/" + name + ".schema.json");
    folder.write(name + ".json", document.dump());
  }
  folder.good();
}

TEST_CASE("every key in the schemas is explained to an editor") {
  auto explained = [](const auto& self, const json& value, const std::string& where) -> void {
    if (value.is_object() && value.contains("properties"))
      for (const auto& [key, member] : value.at("properties").items()) {
        INFO(where << "/" << key);
        CHECK((member.contains("description") || member.contains("$ref")));
      }
    if (value.is_structured())
      for (const auto& [key, member] : value.items())
        self(self, member, std::string{where}.append("/").append(key));
  };
  for (std::string name :
       {"phase_config", "success_criteria", "orchestrator_config", "github_config"})
    explained(explained, read(source / "config" / "schemas" / (name + ".schema.json")), name);
}

#include "tests/config/config_folder.hpp"

#include <sys/stat.h>

using namespace aeo;
using namespace aeo::config;
using namespace aeo::config::test;

namespace {

/// The only mistake of a folder whose phase_config.json has this text.
std::string mistake(std::string_view text) {
  auto problems = config_folder{}.write(plan_file, text).bad();
  for (const auto& problem : problems)
    UNSCOPED_INFO(to_string(problem));
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].file == plan_file);
  CHECK(problems[0].pointer.empty());
  return problems[0].what;
}

bool has(const std::string& text, std::string_view part) {
  UNSCOPED_INFO(text);
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a problem reads: file, pointer, what") {
  CHECK(to_string(problem{"a.json", "/b/0", "is wrong"}) == "a.json: /b/0: is wrong");
  CHECK(to_string(problem{"a.json", "", "is wrong"}) == "a.json: is wrong");
}

TEST_CASE("a missing config folder is one mistake") {
  auto result = load({"/nonexistent/config", {}, process_environment});
  const auto& problems = std::get<std::vector<problem>>(result);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].file == "/nonexistent/config");
  CHECK(has(problems[0].what, "does not exist"));
}

TEST_CASE("files that are no files are refused") {
  config_folder folder;
  SECTION("missing") {
    require_problems(folder.bad(), {{plan_file, "", "does not exist; it is required"}});
  }
  SECTION("a directory") {
    std::filesystem::create_directory(folder.dir / plan_file);
    require_problems(folder.bad(), {{plan_file, "", "is a directory"}});
  }
  SECTION("a FIFO, which must not block") {
    REQUIRE(::mkfifo((folder.dir / plan_file).c_str(), 0600) == 0);
    require_problems(folder.bad(), {{plan_file, "", "not a regular file"}});
  }
  SECTION("a link to nothing, also for an optional file") {
    std::filesystem::create_symlink("nowhere", folder.dir / plan_file);
    std::filesystem::create_symlink("nowhere", folder.dir / "github_config.json");
    std::filesystem::create_symlink("nowhere", folder.dir / ".env");
    require_problems(folder.bad(), {{plan_file, "", "points to nothing"},
                                    {"github_config.json", "", "points to nothing"},
                                    {".env", "", "points to nothing"}});
  }
}

TEST_CASE("an empty file is refused") {
  CHECK(has(mistake(""), "the file is empty"));
  CHECK(has(mistake(" \n\t\r\n"), "the file is empty"));
}

TEST_CASE("a byte-order mark is refused") {
  CHECK(has(mistake("\xef\xbb\xbf{}"), "byte-order mark"));
  CHECK(has(mistake("\xff\xfe{"), "UTF-16"));
}

TEST_CASE("invalid UTF-8 is refused at its place") {
  auto what = mistake("{\n  \"a\xff\": 1}");
  CHECK(has(what, "line 2, column "));
  CHECK(has(what, "invalid UTF-8"));
}

TEST_CASE("a syntax error names line, column, what was expected, and the line") {
  auto what = mistake("{\n  \"phases\" {}\n}");
  CHECK(has(what, "line 2, column 12: "));
  CHECK(has(what, "expected ':'"));
  CHECK(has(what, "the line is: \"phases\" {}"));
}

TEST_CASE("columns count characters, not bytes") {
  CHECK(has(mistake("{\"äöü\" 1}"), "line 1, column 8: "));
}

TEST_CASE("the usual slips are explained") {
  CHECK(has(mistake("{\n  // phases\n  \"phases\": {}}"), "comments are not allowed in JSON"));
  CHECK(has(mistake("{\"phases\": {} /* x */}"), "comments are not allowed in JSON"));
  CHECK(has(mistake("{\"phases\": {},}"), "a comma too many"));
  CHECK(has(mistake("{'phases': {}}"), "double quotes"));
  CHECK(has(mistake("{\"$schema\": \"x\"\n \"phases\": {}}"), "is a comma missing before it?"));
  CHECK(has(mistake("{\"phases\": {\"1"), "closing quote"));
  CHECK(has(mistake("{\"phases\": {\"1\": \"a\n\"}}"), "closing quote is missing"));
  CHECK(has(mistake("{\"phases\": {"), "the file ends too early"));
  CHECK(has(mistake("{\"phases\": 1e999}"), "too large"));
  CHECK(has(mistake("{} {}"), "after the end"));
}

TEST_CASE("a long line is cut around the mistake") {
  auto what =
      mistake("{\"" + std::string(5'000, 'a') + "\": tru, \"" + std::string(5'000, 'b') + "\": 1}");
  CHECK(what.size() < 400);
  CHECK(has(what, "tru, "));
}

TEST_CASE("a syntax error in a line with a secret does not show the line") {
  auto problems = config_folder{}
                      .write(plan_file, one_phase)
                      .write("orchestrator_config.json", "{\"github\": {\"token\": \"hunter2}}\n")
                      .bad();
  REQUIRE(problems.size() == 1);
  CHECK(has(problems[0].what, "closing quote"));
  CHECK_FALSE(has(problems[0].what, "hunter2"));
}

TEST_CASE("deep nesting is refused, not followed") {
  std::string text = "{\"phases\": " + std::string(100'000, '[');
  auto problems = config_folder{}.write(plan_file, text).bad();
  REQUIRE(problems.size() == 1);
  CHECK(has(problems[0].what, "nested deeper than 64 levels"));
}

TEST_CASE("mistakes before a syntax error are reported with it") {
  auto problems =
      config_folder{}
          .write(plan_file,
                 R"({"phases": {"1": {"tasks": [], "dependencies": ["9"]}, "2": {"tasks": [})")
          .bad();
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].pointer == "/phases/1/tasks");
  CHECK(has(problems[1].what, "line 1, column "));
}

TEST_CASE("all mistakes of all files are reported in one go") {
  config_folder folder;
  folder
      .write(plan_file, R"({"phases": {"1": {"timout": 1, "tasks": [{"id": "a", "command": ""}]},
                                "2": {"dependencies": ["2", "7"], "tasks": [{"id": "a", "command": "x"}]}}})")
      .write("success_criteria.json",
             R"({"7": {}, "1": {"validation_checks": [{"type": "max_age"}]}})")
      .write("orchestrator_config.json", R"({"jitter": 1})")
      .write("github_config.json", R"({"enabled": true, )")
      .write(".env", "?\n");
  folder.variables = {{"EXECUTION_MODE", "x"}, {"GITHUB_TOKEN", "t"}, {"GITHUB_REPO", "o/r"}};
  require_problems(folder.bad(),
                   {{plan_file, "/phases/1/timout", "did you mean"},
                    {plan_file, "/phases/1/tasks/0/command", "empty"},
                    {plan_file, "/phases/2/dependencies/0", "itself"},
                    {plan_file, "/phases/2/dependencies/1", "there is no phase"},
                    {"success_criteria.json", "/7", "there is no phase"},
                    {"success_criteria.json", "/1/validation_checks/0", "\"path\" is missing"},
                    {"success_criteria.json", "/1/validation_checks/0", "\"seconds\" is missing"},
                    {"orchestrator_config.json", "/jitter", "expected"},
                    {"github_config.json", "", "line 1"},
                    {".env", "", "line 1"},
                    {"environment variable EXECUTION_MODE", "", "found"}});
}

TEST_CASE("a key with control characters does not garble the message") {
  auto problems = config_folder{}.write(plan_file, R"({"phases": {"1\u001b[2J\n": {}}})").bad();
  REQUIRE(problems.size() == 2);
  for (const auto& problem : problems) {
    auto text = to_string(problem);
    CHECK(has(text, R"(/phases/1\u001b[2J\u000a)"));
    CHECK(text.find('\x1b') == std::string::npos);
  }
}

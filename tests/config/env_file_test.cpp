#include "config/env_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <iterator>

using namespace aeo;
using namespace aeo::config;

namespace {

std::string value_of(std::string_view text) {
  auto file = parse_env(text);
  REQUIRE(file.problems.empty());
  REQUIRE(file.variables.size() == 1);
  CHECK(file.variables.front().first == "K");
  return file.variables.front().second;
}

std::string problem_of(std::string_view text, std::size_t line) {
  auto file = parse_env(text);
  REQUIRE(file.problems.size() == 1);
  CHECK(file.problems.front().line == line);
  return file.problems.front().what;
}

} // namespace

TEST_CASE("plain values are trimmed and end at a comment") {
  CHECK(value_of("K=v") == "v");
  CHECK(value_of("K = v w \n") == "v w");
  CHECK(value_of("  export K=v # comment") == "v");
  CHECK(value_of("K=v#w") == "v#w");
  CHECK(value_of("K=a=b") == "a=b");
  CHECK(value_of("K=").empty());
  CHECK(value_of("K= # comment").empty());
  CHECK(value_of("# comment\n\n   # another\nK=v\n") == "v");
}

TEST_CASE("CRLF line ends and a byte-order mark are accepted") {
  CHECK(value_of("K=v\r\n\r\n") == "v");
  CHECK(value_of("K=\"v\"\r\n") == "v");
  CHECK(value_of("\xef\xbb\xbfK=v") == "v");
}

TEST_CASE("single quotes are literal, double quotes have escapes") {
  CHECK(value_of(R"(K='a\n$b "c" # d')") == R"(a\n$b "c" # d)");
  CHECK(value_of(R"(K="a\n\t\"b\" \\ \$c" # comment)") == "a\n\t\"b\" \\ $c");
  CHECK(value_of(R"(K="a\qb")") == R"(a\qb)");
  CHECK(value_of("K=\"two\nlines\"") == "two\nlines");
  CHECK(value_of("K=''").empty());
}

TEST_CASE("the last definition wins") {
  auto file = parse_env("A=1\nB=2\nA=3\n");
  CHECK(file.variables == env_list{{"A", "3"}, {"B", "2"}});
}

TEST_CASE("mistakes name the line, never the value, and do not stop the reading") {
  CHECK(problem_of("A=1\nhunter2\n", 2).find("KEY=value") != std::string::npos);
  CHECK(problem_of("A=1\nhunter2\n", 2).find("hunter2") == std::string::npos);
  CHECK(problem_of("1A=x", 1).find("digit") != std::string::npos);
  CHECK(problem_of("=x", 1).find("name") != std::string::npos);
  CHECK(problem_of("A-B=x", 1).find("KEY=value") != std::string::npos);
  CHECK(problem_of("\nA='x", 2).find("closing '") != std::string::npos);
  CHECK(problem_of("A=\"x\" y", 1).find("after the closing quote") != std::string::npos);
  CHECK(parse_env("A='x\nB=2\n").variables == env_list{{"B", "2"}});
  CHECK(parse_env(std::string_view{"A=x\0y", 5}).problems.size() == 1);
}

TEST_CASE("names that promise secrets are known in any case") {
  for (auto name : {"GITHUB_TOKEN", "token", "DB_Password", "ClientSecret", "api_key", "KEYS"})
    CHECK(is_secret_name(name));
  for (auto name : {"", "GITHUB_REPO", "PASS", "KE_Y", "USER"})
    CHECK_FALSE(is_secret_name(name));
}

TEST_CASE("the shipped example is a good file that sets nothing") {
  std::ifstream in{AEO_SOURCE_DIR "/config/.env.example"};
  REQUIRE(in);
  auto file = parse_env(std::string{std::istreambuf_iterator<char>{in}, {}});
  CHECK(file.problems.empty());
  CHECK(file.variables.size() == 5);
  for (const auto& [name, value] : file.variables)
    CHECK(value.empty());
}

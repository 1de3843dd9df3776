#include "tools/consolidate/dockerfile.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>

using namespace aeo::consolidate;

namespace {

/// `LINE: message` of all problems.
std::string problems_of(const std::string& text) {
  std::string out;
  for (const auto& item : parse_docker(text).problems)
    out += std::to_string(item.line) + ": " + item.message + "\n";
  return out;
}

const docker_instruction& at(const dockerfile& file, std::size_t stage, std::size_t index) {
  return file.stages.at(stage).instructions.at(index);
}

} // namespace

TEST_CASE("continued lines are one instruction, comments and blanks in between do not count") {
  const auto file = parse_docker("# note\nFROM a:1\n\nRUN one \\\n  # why\n\n  two \\  \n  three\n"
                                 "cmd [\"x\", \"y\"]\n");
  REQUIRE(file.problems.empty());
  CHECK(at(file, 0, 0).arguments == "one   two   three");
  CHECK(at(file, 0, 0).line == 4);
  CHECK(at(parse_docker("FROM a\nRUN one \\\ntwo\n"), 0, 0).arguments == "one two");
  CHECK(at(file, 0, 1).keyword == "CMD");
  CHECK(at(file, 0, 1).line == 9);
  CHECK(at(file, 0, 1).exec == std::vector<std::string>{"x", "y"});
}

TEST_CASE("the escape directive counts only at the very top") {
  const auto file = parse_docker("# escape=`\r\nFROM a:1\r\nRUN dir `\r\n C:\\\r\nUSER app\r\n");
  REQUIRE(file.problems.empty());
  CHECK(at(file, 0, 0).arguments == "dir  C:\\");
  CHECK(at(file, 0, 1).arguments == "app");
  CHECK(parse_docker("# a note\n# escape=`\nFROM a:1\n").escape == '\\');
  CHECK(problems_of("# escape=x\nFROM a:1\n") == "1: escape directive is x, expected \\ or `\n");
}

TEST_CASE("a heredoc's body is no instruction, whatever stands in it") {
  const auto file = parse_docker("FROM a:1\nRUN <<EOF\nWORKDRI /x\nFROM b\nEOF\n"
                                 "COPY <<-'A' <<B /dest/\n\tone\n\tA\ntwo\nB\nUSER app\n");
  REQUIRE(file.problems.empty());
  REQUIRE(file.stages.size() == 1);
  CHECK(at(file, 0, 0).heredocs == std::vector<std::string>{"WORKDRI /x\nFROM b\n"});
  CHECK(at(file, 0, 1).heredocs == std::vector<std::string>{"one\n", "two\n"});
  CHECK(at(file, 0, 2).keyword == "USER");
  CHECK(parse_docker("FROM a:1\nRUN cat <<< x\nRUN echo '<<EOF'\nUSER app\n").problems.empty());
  CHECK(problems_of("FROM a:1\nRUN <<EOF\nx\n").find("2: heredoc EOF does not end") == 0);
}

TEST_CASE("stages know what they build on, and what is in force comes from there") {
  const auto file =
      parse_docker("ARG V=3.12\nFROM python:${V}-slim AS base\nUSER app\nEXPOSE 80/tcp "
                   "53/udp 8081\nFROM golang:1 AS build\nUSER root\nFROM base\n"
                   "COPY --from=build /x /x\n");
  REQUIRE(file.problems.empty());
  CHECK(file.stages[0].resolved == "python:3.12-slim");
  CHECK(file.stages[2].parent == 0);
  REQUIRE(file.in_force("USER") != nullptr);
  CHECK(file.in_force("USER")->arguments == "app");
  CHECK(file.in_force("HEALTHCHECK") == nullptr);
  CHECK(file.ports() == std::vector<std::uint16_t>{80, 8081});
  CHECK(parse_docker("ARG V\nFROM a:$V\n").stages[0].unresolved);
  CHECK(parse_docker("FROM a:${V:-2}\n").stages[0].resolved == "a:2");
}

TEST_CASE("what Docker refuses is a problem with its line") {
  CHECK(problems_of("FROM a:1\nWORKDRI /app\n").find("2: unknown instruction WORKDRI") == 0);
  CHECK(problems_of("").find("1: has no FROM") == 0);
  CHECK(problems_of("RUN x\nFROM a\n").find("1: RUN stands before the first FROM") == 0);
  CHECK(problems_of("FROM a b\n").find("1: FROM has 2 arguments") == 0);
  CHECK(problems_of("FROM a AS x\nFROM b AS X\n").find("2: FROM uses the name x") == 0);
  CHECK(problems_of("FROM a\nCOPY x\n").find("2: COPY has 1 arguments") == 0);
  CHECK(problems_of("FROM a\nCOPY --from=1 x y\n").find("2: COPY --from=1 names a stage") == 0);
  CHECK(problems_of("FROM a\nENV A=1 B\n").find("2: ENV has a word") == 0);
  CHECK(problems_of("FROM a\nEXPOSE http\n").find("2: EXPOSE has http") == 0);
  CHECK(problems_of("FROM a\nUSER a b\n").find("2: USER has 2 arguments") == 0);
  CHECK(problems_of("FROM a\nSHELL sh\n").find("2: SHELL is not a list") == 0);
  CHECK(problems_of("FROM a\nHEALTHCHECK curl x\n").find("2: HEALTHCHECK has curl x") == 0);
  CHECK(problems_of("FROM a\nRUN\n").find("2: RUN has no arguments") == 0);
}

TEST_CASE("what Docker takes is none") {
  for (const char* text :
       {"FROM --platform=$BUILDPLATFORM a AS b\nENV A 1 2 3\nENV A=\"x y\" B='z'\n",
        "FROM scratch\nADD --chown=1:1 [\"a b\", \"/c\"]\nONBUILD RUN x\nCMD\n",
        "FROM a\nENV A='b\\'c'\nRUN --mount=type=cache,target=/x make\nHEALTHCHECK NONE\n",
        "FROM a\nLABEL a=b \"c d\"=e\n",
        "FROM a\nHEALTHCHECK --interval=5s CMD [\"x\"]\nEXPOSE $PORT 1-2/udp\nSTOPSIGNAL 9\n",
        "\xEF\xBB\xBF# syntax=docker/dockerfile:1\nfrom a\nrun [ -f x ] && y\nVOLUME [\"/d\"]\n"})
    CHECK(problems_of(text).empty());
}

TEST_CASE("any text is read to its end, and every problem names a line of it") {
  std::mt19937 random(5);
  const char* const words[] = {"FROM ", "RUN ",    "a:1 ", "AS ", "\\\n", "\n",    "<<E ",
                               "E\n",   "# x\n",   "\"",   "[",   "]",    "${A:-", "}",
                               "COPY ", "--from=", "ENV ", "=",   "\t",   "\r\n"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (unsigned i = random() % 30; i > 0; --i)
      text += words[random() % std::size(words)];
    std::uint32_t lines = 1;
    for (const char c : text)
      lines += c == '\n' ? 1 : 0;
    const auto file = parse_docker(text);
    for (const auto& item : file.problems)
      CHECK((item.line >= 1 && item.line <= lines));
    if (file.problems.empty())
      CHECK_FALSE(file.stages.empty());
  }
}

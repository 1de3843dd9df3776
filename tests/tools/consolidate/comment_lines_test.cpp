#include "tools/consolidate/comment_lines.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace aeo::consolidate;

namespace {

/// A letter for each line: c, a comment and nothing else.
std::string shape_of(const std::string& text, const char* language) {
  std::string result;
  for (const bool is_comment : comment_lines(text, language_by_name(language)))
    result += is_comment ? 'c' : '.';
  return result;
}

} // namespace

TEST_CASE("comments over several lines are comments, and what follows them is code") {
  CHECK(shape_of("/* a\n b\n */\nf();\n", "C") == "ccc.");
  CHECK(shape_of("  /**\n   * @see f()\n   */\n  f();", "JavaScript") == "ccc.");
  CHECK(shape_of("/* a */\n/* b */ f();\n/* c\n d */ f();\n", "JavaScript") == "c.c.");
  CHECK(shape_of("<!-- a\n<b>\n-->\n<c>\n", "HTML") == "ccc.");
  CHECK(shape_of("--[[ a\nb\n]]\n-- c\nd()\n", "Lua") == "cccc.");
  CHECK(shape_of("=begin\nf\n=end\nf\n", "Ruby") == "ccc.");
  CHECK(shape_of("// a\n\nf();\n", "Go") == "c..");
}

TEST_CASE("what opens no comment, or is closed by nothing, hides no code") {
  CHECK(shape_of("glob('src/**/*.js');\nf();\n/* a */\n", "JavaScript") == "..c");
  CHECK(shape_of("x.replace(/\\/*$/, '');\nf();\n/* a */\n", "JavaScript") == "..c");
  CHECK(shape_of("f(); /* a\n b */ g();\n", "C") == "..");
  CHECK(shape_of("/* a\nf();\ng();\n", "C") == "c..");
  CHECK(shape_of("/* a\n */\n# b\n", "no language") == "...");
  CHECK(shape_of("", "C").empty());
}

TEST_CASE("triple quotes document where something begins, and are values elsewhere") {
  CHECK(shape_of("#!/usr/bin/python3\n\"\"\"a\nb\n\"\"\"\nf()\n", "Python") == "cccc.");
  CHECK(shape_of("class A:\n  '''a\n  b'''\n  f()\n", "Python") == ".cc.");
  CHECK(shape_of("def f(a,\n      b):\n\n  # c\n  r\"\"\"d\n  e\"\"\"\n", "Python") == "...ccc");
  CHECK(shape_of("async def f() -> list[int]:\n  \"\"\"a\"\"\"\n  g()\n", "Python") == ".c.");
  CHECK(shape_of("import os\n\"\"\"a\nf()\n\"\"\"\n", "Python") == "....");
  CHECK(shape_of("x = {\"q\":\n\"\"\"a\nb\"\"\"}\n", "Python") == "...");
  CHECK(shape_of("q = \"\"\"\na\n\"\"\"\n", "Python") == "...");
  CHECK(shape_of("\"\"\"a\n\"\"\"\n\"\"\"b\n\"\"\"\n", "Python") == "cc..");
  CHECK(shape_of("def f():\n  \"\"\"a\n  b\n", "Python") == "...");
}

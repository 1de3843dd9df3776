#include "tools/consolidate/language.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/rewrite.hpp"
#include "tools/consolidate/semver.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>
#include <string>

using namespace aeo::consolidate;

TEST_CASE("any bytes survive encoding a path and decoding it") {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string raw;
    for (unsigned i = random() % 12; i > 0; --i)
      raw += static_cast<char>(random() % 255 + 1);
    CHECK(decode_path(encode_path(raw)) == raw);
  }
  CHECK(encode_path("docs/\xC3\xA9.md") == "docs/\xC3\xA9.md");
  CHECK(encode_path("bad\xFF") == "bad\\xff");
}

TEST_CASE("a star stays within a component and two stars cross them") {
  CHECK(glob_matches("src/*.py", "src/a.py"));
  CHECK_FALSE(glob_matches("src/*.py", "src/b/a.py"));
  CHECK(glob_matches("src/**/*.py", "src/a.py"));
  CHECK(glob_matches("src/**/*.py", "src/b/c/a.py"));
  CHECK(glob_matches("**/tests/**", "tests/a"));
  CHECK(glob_matches("**/tests/**", "x/tests/a/b"));
  CHECK_FALSE(glob_matches("**/tests/**", "x/mytests/a"));
  CHECK(glob_matches("Dockerfile", "deep/down/Dockerfile"));
  CHECK(glob_matches("*.y[a]*ml", "x/compose.yaml"));
  CHECK_FALSE(whole_glob_matches(".github", "sub/.github"));
}

TEST_CASE("a path survives the quoting that fast-import reads") {
  for (const std::string path : {"plain", "\"quoted\"", "new\nline", "back\\slash", "\"\n\\"})
    CHECK(unquote_path(quote_path(path)) == path);
  CHECK(unquote_path(R"("tab\there\303\251")") == "tab\there\xC3\xA9");
}

TEST_CASE("an identity that fast-import would refuse is repaired, a good one untouched") {
  bool repaired = false;
  CHECK(repaired_identity("A B <a@b> 1700000000 +0100", repaired) == "A B <a@b> 1700000000 +0100");
  CHECK_FALSE(repaired);
  CHECK(repaired_identity("A B<a@b> 17 +0100", repaired) == "A B <a@b> 17 +0100");
  CHECK(repaired);
  CHECK(repaired_identity("nobody", repaired) == "nobody <> 0 +0000");
  CHECK(repaired_identity("X <<x@y>> 5 -0300", repaired) == "X <x@y> 5 -0300");
}

TEST_CASE("ranges without a common version do not intersect, others do") {
  const auto meets = [](const char* ecosystem, const char* a, const char* b) {
    const auto x = parse_range(ecosystem, a);
    const auto y = parse_range(ecosystem, b);
    REQUIRE(x);
    REQUIRE(y);
    CHECK(intersect(*x, *y).empty() == intersect(*y, *x).empty());
    return !intersect(*x, *y).empty();
  };
  CHECK_FALSE(meets("npm", "^8.12.0", "^6.12.6"));
  CHECK(meets("npm", "^1.2.0", "~1.4.1"));
  CHECK(meets("npm", "1.x || >=3", "^3.1.0"));
  CHECK_FALSE(meets("npm", "^0.2.3", "^0.3.0"));
  CHECK(meets("npm", "1.2 - 2.3", "2.3.9"));
  CHECK_FALSE(meets("npm", "1.2.3 - 2.3.4", ">2.3.4"));
  CHECK(meets("npm", "", "^99"));
  CHECK_FALSE(meets("pypi", ">=0.27,<0.28", ">=0.23,<0.25"));
  CHECK(meets("pypi", "~=1.4.2", "==1.4.*"));
  CHECK_FALSE(meets("pypi", "==1.0", "!=1.0"));
  CHECK_FALSE(meets("cargo", "1.2", "2"));
  CHECK(meets("cargo", "1.2", "1.9.3"));
  CHECK(meets("go", "v1.2.3", "v1.9.0"));
  CHECK_FALSE(meets("maven", "[1.0,2.0)", "[2.0,3.0)"));
  CHECK(meets("maven", "1.0", "2.0"));
  CHECK(meets("composer", "~1.2", "1.9.0"));
  CHECK_FALSE(meets("composer", "^7.2 || ^8.0", ">=9, <10"));
  CHECK(meets("composer", "^7.2 || ^8.0", ">=8 <10"));
  CHECK(meets("composer", ">=1.0,<2.0", "1.9.0"));
  CHECK_FALSE(meets("composer", ">=1.0,<2.0", "> 2.0 , < 3.0"));
}

TEST_CASE("what is not a range of versions is not guessed at") {
  for (const char* text : {"git+https://example.com/x.git", "file:../x", "latest", "workspace:*"})
    CHECK_FALSE(parse_range("npm", text));
  CHECK_FALSE(parse_range("docker", "16-alpine"));
}

TEST_CASE("every line is code, comment or blank") {
  const auto* python = language_by_name("Python");
  const auto counts =
      count_lines("# note\n\nx = 1  # end\n\"\"\"doc\nmore\n\"\"\"\ny = '#'\n", python);
  CHECK(counts.code == 2);
  CHECK(counts.comment == 4);
  CHECK(counts.blank == 1);
  const auto cpp = count_lines("/* a\n b */ int x;\n// c\nauto u = \"http://x\";\n/* d */\n",
                               language_by_name("C++"));
  CHECK(cpp.code == 2);
  CHECK(cpp.comment == 3);
  CHECK(cpp.blank == 0);
}

TEST_CASE("the three line counts add up to the lines of any text in any language") {
  std::mt19937 random(11);
  const std::string alphabet = "ab #/*\"'\\\n\n-<!>`{}";
  for (const char* name : {"C++", "Python", "JavaScript", "HTML", "Shell", "SQL", "Rust", "Text"}) {
    const auto* lang = language_by_name(name);
    REQUIRE(lang != nullptr);
    for (int round = 0; round < 200; ++round) {
      std::string text;
      for (unsigned i = random() % 200; i > 0; --i)
        text += alphabet[random() % alphabet.size()];
      std::size_t lines = 0;
      for (const char c : text)
        lines += c == '\n' ? 1 : 0;
      lines += !text.empty() && text.back() != '\n' ? 1 : 0;
      CHECK(count_lines(text, lang).total() == lines);
    }
  }
}

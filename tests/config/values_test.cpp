#include "config/values.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>

using namespace aeo;
using namespace aeo::config;
using std::chrono::milliseconds;

TEST_CASE("durations are numbers with units") {
  CHECK(parse_duration("90s") == milliseconds{90'000});
  CHECK(parse_duration("15m") == milliseconds{900'000});
  CHECK(parse_duration("24h") == milliseconds{86'400'000});
  CHECK(parse_duration("2d") == milliseconds{172'800'000});
  CHECK(parse_duration("500ms") == milliseconds{500});
  CHECK(parse_duration("1.5h") == milliseconds{5'400'000});
  CHECK(parse_duration("1h30m") == milliseconds{5'400'000});
  CHECK(parse_duration("0s") == milliseconds{0});
}

TEST_CASE("other texts are no durations") {
  for (auto text : {"", "s", "90", "-1s", "+1s", "1 s", " 1s", "1s ", "1S", "1.s", ".5s", "1e3s",
                    "1w", "1s1", "nan", "99999999d"})
    CHECK_FALSE(parse_duration(text));
}

TEST_CASE("a duration that is not zero never becomes zero") {
  CHECK(seconds_to_duration(0.00001) == milliseconds{1});
  CHECK(seconds_to_duration(0) == milliseconds{0});
  CHECK(seconds_to_duration(2.5) == milliseconds{2'500});
  CHECK_FALSE(seconds_to_duration(-0.1));
  CHECK_FALSE(seconds_to_duration(1e300));
}

TEST_CASE("durations are written in the largest unit that fits and read back") {
  CHECK(format_duration(milliseconds{90'000}) == "90s");
  CHECK(format_duration(milliseconds{3'600'000}) == "1h");
  CHECK(format_duration(milliseconds{86'400'000}) == "1d");
  CHECK(format_duration(milliseconds{0}) == "0s");
  for (std::int64_t count : {0, 1, 999, 1'000, 60'000, 61'000, 5'400'000, 172'800'000})
    CHECK(parse_duration(format_duration(milliseconds{count})) == milliseconds{count});
}

TEST_CASE("ids must fit into file names and command lines") {
  for (auto id : {"0", "T0.1", "deploy-eu", "_x", "A_b-c.d"})
    CHECK(check_id(id).empty());
  CHECK(check_id(std::string(64, 'a')).empty());
  for (auto id : {"", ".", "..", ".x", "-x", "a/b", "a b", "ä", "a\n", "a:b", "$x"})
    CHECK_FALSE(check_id(id).empty());
  CHECK_FALSE(check_id(std::string(65, 'a')).empty());
}

TEST_CASE("paths must stay inside the workspace") {
  for (auto path : {"a", "a/b.json", ".", "./a", "a..b", "..a/b", "a/..b", "a b"})
    CHECK(check_path(path).empty());
  for (auto path : {"", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", "a\nb", "a\x1b[1mb"})
    CHECK_FALSE(check_path(path).empty());
}

TEST_CASE("the nearest known name is suggested, a far one is not") {
  constexpr std::array<std::string_view, 3> names = {"timeout", "tasks", "name"};
  CHECK(nearest("timout", names) == "timeout");
  CHECK(nearest("taks", names) == "tasks");
  CHECK(nearest("nmae", names) == "name");
  CHECK(nearest("colour", names).empty());
  CHECK(nearest(std::string(100'000, 'x'), names).empty());
}

TEST_CASE("terminal escapes are control characters, letters with accents are not") {
  CHECK(has_control_character("a\x1b[2J"));
  CHECK(has_control_character("a\xc2\x9b"
                              "2J"));
  CHECK(has_control_character("a\x7f"));
  CHECK_FALSE(has_control_character("Prüfung → fertig é"));
}

TEST_CASE("a text is never cut inside a character") {
  CHECK(shortened("äöü", 3) == "ä…");
  CHECK(shortened("abc", 3) == "abc");
}

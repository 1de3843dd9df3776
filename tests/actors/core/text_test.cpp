#include "actors/core/text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::core;

TEST_CASE("durations keep two units and never a wrong one") {
  CHECK(format_duration(duration{0}) == "0 ms");
  CHECK(format_duration(duration{99}) == "99 ms");
  CHECK(format_duration(duration{100}) == "0.1 s");
  CHECK(format_duration(duration{449}) == "0.4 s");
  CHECK(format_duration(duration{9'999}) == "9.9 s");
  CHECK(format_duration(duration{59'999}) == "59 s");
  CHECK(format_duration(duration{60'000}) == "1m00s");
  CHECK(format_duration(duration{3'599'999}) == "59m59s");
  CHECK(format_duration(duration{3'600'000}) == "1h00m");
  CHECK(format_duration(duration{90'000'000}) == "1d01h");
  CHECK(format_duration(duration{-5}) == "0 ms");
}

TEST_CASE("bytes and counts read as people write them") {
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1536) == "1.5 KiB");
  CHECK(format_bytes(std::uint64_t{20} << 20) == "20.0 MiB");
  CHECK(format_count(999) == "999");
  CHECK(format_count(100'000) == "100,000");
  CHECK(format_count(1'000'000) == "1,000,000");
}

TEST_CASE("times are UTC and nothing stands for no time") {
  CHECK(short_time(1'000'000) == "1970-01-01T00:00:01Z");
  CHECK(short_time(0).empty());
}

TEST_CASE("a shell reads a quoted command back as the same words") {
  CHECK(shell_quote("plain-word_1.txt") == "plain-word_1.txt");
  CHECK(shell_quote("") == "''");
  CHECK(shell_quote("two words") == "'two words'");
  CHECK(shell_quote("it's") == "'it'\\''s'");
  CHECK(shell_quote("$(reboot)") == "'$(reboot)'");
  CHECK(shell_quote("~root") == "'~root'");
  CHECK(shell_join({"echo", "a b", "c"}) == "echo 'a b' c");
  CHECK(shell_join({"/bin/sh", "-c", "make && make test"}) == "make && make test");
}

TEST_CASE("cutting never splits a character and never exceeds the width") {
  CHECK(cut_to_width("short", 5) == "short");
  CHECK(cut_to_width("longer", 5) == "long…");
  CHECK(cut_to_width("longer", 5, false) == "long~");
  CHECK(cut_to_width("äöüß", 3) == "äö…");
  CHECK(display_width("日本語") == 6);
  CHECK(cut_to_width("日本語", 5) == "日本…");
  CHECK(cut_to_width("日本語", 4) == "日…");
  CHECK(cut_to_width("anything", 0).empty());
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("\xff\xfe") == 2);
  for (std::size_t width = 0; width < 12; ++width)
    CHECK(display_width(cut_to_width("a日ä\u0301b🚀c\xffxyz", width)) <= width);
  CHECK(pad_to_width("日", 4) == "日  ");
}

TEST_CASE("no control character reaches the terminal") {
  CHECK(plain_line("a\x1b[2Jb") == "a?[2Jb");
  CHECK(plain_line("two\nlines\there\r") == "two lines here ");
  CHECK(plain_line("\xc2\x9b"
                   "31m")
        == "?31m");
  CHECK(plain_line("safe\u202Eevil") == "safe?evil");
  CHECK(plain_line("bad \xff\xc3") == "bad ??");
  CHECK(plain_line("日本 ä") == "日本 ä");
}

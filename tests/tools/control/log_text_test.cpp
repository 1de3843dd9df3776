#include "tools/attach/log_text.hpp"

#include <catch2/catch_test_macros.hpp>

using aeo::attach::terminal_text;

TEST_CASE("a task's output reaches a terminal without what would steer it") {
  CHECK(terminal_text("a\tb\r\nc\n") == "a\tb\r\nc\n");
  CHECK(terminal_text("\033[1;31mred\033[0m für\n") == "\033[1;31mred\033[0m für\n");
  CHECK(terminal_text("\033]0;title\007x") == "?]0;title?x");
  CHECK(terminal_text("\033[2J\033[6n") == "?[2J?[6n");
  CHECK(terminal_text("\xC2\x9B"
                      "2J \x7F\b")
        == "?2J ??");
  CHECK(terminal_text("cut \033[1") == "cut ?[1");
  CHECK(terminal_text("cut \xC2") == "cut \xC2");
}

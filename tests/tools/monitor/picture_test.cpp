#include "actors/core/text.hpp"
#include "tests/fixtures/contains.hpp"
#include "tests/fixtures/sample_board.hpp"
#include "tools/monitor/picture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace aeo;
using namespace aeo::monitor;
using namespace aeo::testing;

namespace {

board drawn_board(run_view v) {
  board b;
  b.begin(std::move(v), board_t0);
  return b;
}

view_options options_for(std::size_t width, std::size_t height) {
  view_options o;
  o.width = width;
  o.height = height;
  o.local_us = board_t0;
  o.link = {link_state::attached,
            "node7:7731",
            "alice",
            access_role::viewer,
            board_t0 - 100 * one_second,
            ""};
  return o;
}

std::vector<std::string> texts(const std::vector<styled_line>& picture) {
  std::vector<std::string> result;
  result.reserve(picture.size());
  for (const auto& l : picture)
    result.push_back(text_of(l));
  return result;
}

std::string whole(const std::vector<styled_line>& picture) {
  std::string result;
  for (const auto& text : texts(picture))
    result += text + "\n";
  return result;
}

std::string picture_of(const board& b, const view_options& o) {
  return whole(draw(b, o));
}

/// The first line with that part; empty: none.
std::string line_with(const std::string& picture, std::string_view part) {
  auto at = picture.find(part);
  if (at == std::string::npos)
    return {};
  auto begin = picture.rfind('\n', at) + 1; // npos + 1 is 0.
  return picture.substr(begin, picture.find('\n', at) - begin);
}

/// Whether the terminal could be harmed by it.
bool is_harmless(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; })
         && core::plain_line(text) == text;
}

bool fits(const std::vector<styled_line>& picture, const view_options& o) {
  return picture.size() <= o.height
         && std::all_of(picture.begin(), picture.end(), [&o](const styled_line& l) {
              auto text = text_of(l);
              return core::display_width(text) <= o.width && is_harmless(text);
            });
}

/// All that people write into plans to break terminals.
run_view nasty_run() {
  auto v = night_run();
  v.workspace = "/srv/\x1b]0;owned\x07/日本語のとても長いワークスペース/и/так/далее";
  v.phases[3].name = "\x1b[31mred\x1b[2J";
  v.phases[4].name = "日本語の名前がとても長いので切られる";
  v.phases[5].name = "e\u0301e\u0301e\u0301 a\u0308 combined \u202Eesrever";
  v.phases[6].name = std::string(300, 'x');
  v.phases[7].name = "\xff\xfe broken \xc3";
  v.phases[8].reason = "line one\nline two\r\n\x1b[1;1H\x9b" + std::string(5000, 'y');
  v.phases[9].id = std::string(70, '9');
  v.phases[10].name = "";
  v.phases[11].tasks = 4'000'000'000;
  v.phases[11].done = 3'999'999'999;
  v.phases[11].attempt = 4'000'000'000;
  v.phases[12].id = "\x07";
  page_maker m{9};
  m.on(event_kind::note, "", R"({"text":"bell \u0007 and \u001b[2J"})");
  v.recent = m.page.events;
  return v;
}

} // namespace

TEST_CASE("no line is wider than the terminal, whatever its size") {
  auto plain = drawn_board(night_run());
  auto nasty = drawn_board(nasty_run());
  auto many = drawn_board(many_phases(1000));
  auto none = drawn_board(many_phases(0));
  board unknown;
  for (std::size_t width = 20; width <= 200; width += width < 44 ? 1 : 7)
    for (std::size_t height = 5; height <= 60; height += height < 16 ? 1 : 5)
      for (const auto* b : {&plain, &nasty, &many, &none, &unknown})
        for (auto variant = 0; variant < 4; ++variant) {
          auto o = options_for(width, height);
          o.utf8 = variant != 1;
          if (variant == 2)
            o.selected = 12;
          if (variant == 3)
            o.link = {link_state::lost,           "\x1b[2Jevil:1",   "", access_role::viewer,
                      board_t0 - 12 * one_second, "no route to host"};
          o.help = variant == 3 && height % 2 == 0;
          auto picture = draw(*b, o);
          if (!fits(picture, o) || picture.size() != height)
            FAIL(width << "x" << height << " variant " << variant << "\n" << whole(picture));
        }
}

TEST_CASE("a terminal that is too small is told so") {
  auto b = drawn_board(night_run());
  for (std::size_t width = 0; width <= 25; ++width)
    for (std::size_t height = 0; height <= 5; ++height)
      CHECK(fits(draw(b, options_for(width, height)), options_for(width, height)));
  CHECK(contains(picture_of(b, options_for(60, 4)), "too small: at least 20x5"));
  CHECK(contains(picture_of(b, options_for(19, 40)), "19x40 is too"));
}

TEST_CASE("at 80x24 sixteen phases, the bar and the hints are all visible") {
  auto v = night_run();
  page_maker m{8};
  m.on(event_kind::phase_approved, "6", R"({"by":"alice"})");
  v.recent = m.page.events;
  auto b = drawn_board(v);
  for (auto utf8 : {true, false}) {
    auto o = options_for(80, 24);
    o.utf8 = utf8;
    auto text = picture_of(b, o);
    for (const auto& p : b.phases())
      CHECK(contains(text, " " + p.id + std::string(2 - p.id.size(), ' ') + " " + p.name + " "));
    CHECK(contains(text, utf8 ? "\u2588\u2588\u2588" : "###"));
    CHECK(contains(text, "6/16 (37.5 %)"));
    CHECK(contains(text, "1 failed  1 waiting  2 running"));
    CHECK(contains(text, "phase 6 approved by alice"));
    CHECK(contains(text, "q quit"));
    CHECK(contains(text, "RUNNING 1h00m"));
  }
}

TEST_CASE("a plan that fits is in its order, a larger one by urgency") {
  auto lines = texts(draw(drawn_board(night_run()), options_for(80, 24)));
  CHECK(contains(lines[3], "Inventory"));
  CHECK(contains(lines[18], "Close out"));
  lines = texts(draw(drawn_board(night_run()), options_for(80, 14)));
  CHECK(contains(lines[3], "Flash images"));
  CHECK(contains(lines[4], "Firmware signing"));
  CHECK(contains(lines[5], "Unit tests"));
  CHECK(contains(lines.back(), "of 16, urgent first"));
}

TEST_CASE("a failed phase is visible without scrolling among 10,000") {
  auto v = many_phases(10'000);
  put(v, 9'877, phase_status::failed, "task T exited with 2");
  for (std::size_t i = 0; i < 5'000; ++i)
    put(v, i, i < 2'000 ? phase_status::in_progress : phase_status::waiting_approval);
  auto b = drawn_board(v);
  for (std::size_t height : {5U, 10U, 24U, 50U}) {
    auto text = picture_of(b, options_for(80, height));
    CHECK(contains(line_with(text, "Phase 9877"), "FAILED"));
  }
}

TEST_CASE("what waits for whom is named") {
  auto b = drawn_board(night_run());
  auto o = options_for(110, 24);
  auto text = picture_of(b, o);
  CHECK(contains(line_with(text, "12 Package"), "after 7, 10"));
  CHECK(contains(line_with(text, "10 Firmware"), "for a person: two signatures are needed"));
  CHECK(contains(line_with(text, " 2  Licence"), "again in 1m: the licence server"));
  CHECK(contains(line_with(text, "15 Close out"), "behind 8"));
  o.selected = 12;
  CHECK(contains(picture_of(b, o), "phase 12 Package waits for 7 Unit tests (running), 10 "
                                   "Firmware signing (WAITING)"));
  o.selected = 14;
  CHECK(contains(picture_of(b, o),
                 "phase 14 Production rollout is blocked behind 8 Flash images (FAILED)"));
}

TEST_CASE("what needs a person most is told in full, or that nobody is waited for") {
  auto text = picture_of(drawn_board(night_run()), options_for(80, 24));
  CHECK(contains(text, "2 need a person: phase 8 Flash images FAILED 1m ago: task T8.3 exited"));
  CHECK(contains(picture_of(drawn_board(many_phases(3)), options_for(80, 24)),
                 "nobody is waited for"));
}

TEST_CASE("a long list of dependencies is cut with its number") {
  auto v = many_phases(101);
  for (std::uint32_t i = 0; i < 100; ++i)
    v.phases[100].dependencies.push_back(i);
  auto o = options_for(200, 24);
  o.selected = 100;
  auto text = picture_of(drawn_board(v), o);
  CHECK(contains(text, "after 0, 1, 2, 3, 4, 5 and 94 more"));
  CHECK(contains(text, "4 Phase 4 (pending) and 95 more"));
}

TEST_CASE("the connection is said, and that a link was lost before all else") {
  auto b = drawn_board(night_run());
  auto o = options_for(120, 24);
  CHECK(contains(picture_of(b, o), "attached to node7:7731 as alice (viewer)"));
  o.link.role = access_role::operator_;
  CHECK(contains(picture_of(b, options_for(80, 24)), "node7:7731 as alice (viewer)"));
  CHECK(contains(picture_of(b, o), "as alice (operator)"));
  o.link = {link_state::lost,           "node7:7731",      "alice", access_role::viewer,
            board_t0 - 12 * one_second, "connection reset"};
  CHECK(contains(picture_of(b, o), "link lost 12 s ago, trying again: connection reset"));
  o.width = 40;
  CHECK(contains(picture_of(b, o), "link lost 12 s ago"));
  o.link.state = link_state::connecting;
  CHECK(contains(picture_of(b, o), "connecting"));
}

TEST_CASE("times stand still while nothing is heard") {
  auto b = drawn_board(night_run());
  auto o = options_for(120, 24);
  o.local_us = board_t0 + 3600 * one_second;
  CHECK(contains(line_with(picture_of(b, o), "Unit tests"), "1h10m"));
  o.link.state = link_state::lost;
  o.link.since_us = board_t0;
  CHECK(contains(line_with(picture_of(b, o), "Unit tests"), "10m00s"));
  CHECK(contains(picture_of(b, o), "link lost 1h00m ago"));
}

TEST_CASE("an ended node and run are said") {
  auto b = drawn_board(many_phases(1));
  page_maker m{10};
  m.on(event_kind::phase_started, "0").on(event_kind::phase_approved, "0");
  m.on(event_kind::execution_ended, "", R"({"status":"completed"})");
  m.page.ended = true;
  REQUIRE(b.apply(m.page, board_t0));
  auto o = options_for(120, 24);
  o.link.address = "host:1";
  CHECK(contains(picture_of(b, o), "the node has ended (host:1)"));
  o.link.address.clear();
  auto text = picture_of(b, o);
  CHECK(contains(text, "COMPLETED 1h00m"));
  CHECK(contains(text, "the node has ended"));
  CHECK_FALSE(contains(text, "()"));
  CHECK(contains(text, "1/1 (100 %)"));
}

TEST_CASE("before anything is known the connection is shown") {
  board b;
  auto o = options_for(80, 24);
  o.link = {link_state::connecting, "node7:7731", "", access_role::viewer, 0, "connection refused"};
  auto text = picture_of(b, o);
  CHECK(contains(text, "connecting to node7:7731"));
  CHECK(contains(text, "connection refused"));
  CHECK(contains(text, "q quit"));
}

TEST_CASE("an escape sequence in a name is not drawn") {
  auto b = drawn_board(nasty_run());
  auto o = options_for(200, 50);
  auto text = picture_of(b, o);
  CHECK_FALSE(contains(text, "\x1b"));
  CHECK_FALSE(contains(text, "\x07"));
  CHECK(contains(text, "?[31mred?[2J"));
  CHECK(contains(text, "bell ? and ?[2J"));
  o.selected = 8;
  CHECK(contains(picture_of(b, o), "line one line two  ?[1;1H?"));
}

TEST_CASE("without UTF-8 nothing but ASCII is drawn") {
  auto b = drawn_board(nasty_run());
  for (auto help : {false, true}) {
    auto o = options_for(100, 30);
    o.utf8 = false;
    o.help = help;
    auto text = picture_of(b, o);
    CHECK(std::all_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  }
}

TEST_CASE("every status is told by a word, not by its colour alone") {
  auto v = many_phases(11);
  for (std::size_t i = 0; i < 11; ++i)
    put(v, i, static_cast<phase_status>(i));
  auto text = picture_of(drawn_board(v), options_for(80, 24));
  for (auto word : {"pending", "running", "checking", "WAITING", "approved", "REJECTED", "retry",
                    "FAILED", "blocked", "skipped", "cancelled"})
    CHECK(contains(text, word));
}

TEST_CASE("a running phase tells its task and how long it will take, or how late it is") {
  auto v = many_phases(2);
  put(v, 0, phase_status::in_progress);
  put(v, 1, phase_status::in_progress);
  v.phases[0].typical_ms = 900'000;
  v.phases[1].typical_ms = 300'000;
  auto b = drawn_board(v);
  page_maker m{10};
  m.on(event_kind::task_started, "0", "{}", "T0.2");
  REQUIRE(b.apply(m.page, board_t0));
  auto text = picture_of(b, options_for(100, 24));
  CHECK(contains(line_with(text, "Phase 0"), "5m left, T0.2"));
  CHECK(contains(line_with(text, "Phase 1"), "5m late (usual: 5m)"));
}

TEST_CASE("the remaining time is of the rest where a failure keeps the run from completing") {
  auto v = many_phases(2);
  v.phases[1].typical_ms = 600'000;
  v.phases[0].typical_ms = 600'000;
  put(v, 0, phase_status::in_progress);
  CHECK(contains(picture_of(drawn_board(v), options_for(100, 24)), "ETA 10m"));
  put(v, 0, phase_status::failed);
  CHECK(contains(picture_of(drawn_board(v), options_for(100, 24)), "rest in 10m"));
}

TEST_CASE("a paused run says so, and that nobody but a person can go on") {
  auto v = many_phases(2);
  v.paused = true;
  auto text = picture_of(drawn_board(v), options_for(100, 24));
  CHECK(contains(text, "PAUSED"));
  CHECK(contains(text, "ready; the run is paused"));
  v = many_phases(2);
  put(v, 0, phase_status::waiting_approval);
  CHECK(contains(picture_of(drawn_board(v), options_for(100, 24)), " WAITING 1h00m"));
}

TEST_CASE("the bar is full only when everything is done, and shows a single failure") {
  auto v = many_phases(1000);
  for (std::size_t i = 0; i < 999; ++i)
    put(v, i, phase_status::approved);
  auto o = options_for(100, 24);
  o.utf8 = false;
  CHECK(contains(texts(draw(drawn_board(v), o))[1], "#. 999/1,000 (99.9 %)"));
  put(v, 999, phase_status::failed);
  CHECK(contains(texts(draw(drawn_board(v), o))[1], "#x 999/1,000"));
  put(v, 999, phase_status::approved);
  CHECK(contains(texts(draw(drawn_board(v), o))[1], "## 1,000/1,000 (100 %)"));
}

TEST_CASE("the selection is kept in the window and is marked in words and tones") {
  auto b = drawn_board(many_phases(1000));
  for (place chosen : {0U, 5U, 500U, 993U, 999U}) {
    auto o = options_for(80, 24);
    o.selected = chosen;
    auto picture = draw(b, o);
    auto marked = std::count_if(picture.begin(), picture.end(),
                                [](const styled_line& l) { return l.selected; });
    CHECK(marked == 1);
    auto row = std::find_if(picture.begin(), picture.end(),
                            [](const styled_line& l) { return l.selected; });
    CHECK(text_of(*row).starts_with(">"));
    CHECK(contains(text_of(*row), "Phase " + std::to_string(chosen) + " "));
  }
  auto o = options_for(80, 24);
  o.selected = 4'000'000;
  CHECK(fits(draw(b, o), o));
}

TEST_CASE("keys move the selection through all rows and stop at the ends") {
  auto v = many_phases(100);
  put(v, 50, phase_status::failed);
  auto b = drawn_board(v);
  auto o = options_for(80, 24);
  std::vector<place> visited;
  for (int i = 0; i < 100; ++i) {
    o.selected = moved(b, o, motion::down);
    visited.push_back(o.selected.value());
  }
  CHECK(visited.front() == 50);
  CHECK(visited[1] == 0);
  CHECK(visited.back() == 99);
  std::sort(visited.begin(), visited.end());
  CHECK(std::adjacent_find(visited.begin(), visited.end()) == visited.end());
  CHECK(moved(b, o, motion::down) == 99);
  CHECK(moved(b, o, motion::page_down) == 99);
  CHECK(moved(b, o, motion::first) == 50);
  o.selected = moved(b, o, motion::first);
  CHECK(moved(b, o, motion::up) == 50);
  o.selected = moved(b, o, motion::page_down);
  CHECK(o.selected.value() > 5);
  CHECK(moved(b, o, motion::page_up) == 50);
  CHECK(moved(drawn_board(many_phases(0)), o, motion::down) == std::nullopt);
}

TEST_CASE("a phase stays selected while rows move") {
  auto b = drawn_board(many_phases(100));
  auto o = options_for(80, 24);
  o.selected = 70;
  page_maker m{10};
  m.on(event_kind::phase_started, "70").on(event_kind::phase_failed, "70");
  REQUIRE(b.apply(m.page, board_t0));
  auto lines = texts(draw(b, o));
  CHECK(lines[3].starts_with(">"));
  CHECK(contains(lines[3], "Phase 70"));
}

TEST_CASE("help names the keys in place of the table") {
  auto o = options_for(80, 24);
  o.help = true;
  auto text = picture_of(drawn_board(night_run()), o);
  CHECK(contains(text, "follow the phase's log"));
  CHECK(contains(text, "quit; the run goes on"));
  CHECK(contains(text, "Esc back"));
  CHECK_FALSE(contains(text, "Inventory"));
}

TEST_CASE("a log is shown from its end, long lines broken, nothing harmful in it") {
  auto b = drawn_board(night_run());
  log_view l{.phase = "7", .task = "T7.3", .attempt = 2, .text = "", .complete = false};
  for (int i = 0; i < 100; ++i)
    l.text += "line " + std::to_string(i) + " \x1b[31mred\n";
  l.text += std::string(120, 'z') + "\nlast";
  auto o = options_for(80, 24);
  auto lines = texts(draw_log(b, o, l));
  CHECK(lines.size() == 24);
  CHECK(contains(lines[2], "log of phase 7, task T7.3, attempt 2"));
  CHECK(lines[22] == "last");
  CHECK(lines[21] == std::string(40, 'z'));
  CHECK(lines[20] == std::string(80, 'z'));
  CHECK(lines[19] == "line 99 ?[31mred");
  l.text += "\xff\x9b" + std::string(5'000, '\x01') + "日本";
  for (std::size_t width = 20; width <= 200; width += 15)
    for (std::size_t height = 5; height <= 60; height += 5)
      CHECK(fits(draw_log(b, options_for(width, height), l), options_for(width, height)));
}

#include "actors/core/event_json.hpp"
#include "tests/fixtures/contains.hpp"
#include "tests/fixtures/sample_run.hpp"
#include "tools/node/console.hpp"
#include "tools/node/console_text.hpp"
#include "tools/node/output.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <sstream>

using namespace aeo;
using namespace aeo::node;
using namespace aeo::testing;
using nlohmann::json;

namespace {

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++n;
  return n;
}

std::string hide(std::string_view text) {
  std::string result{text};
  for (std::size_t at = 0; (at = result.find("s3cr3t", at)) != std::string::npos;)
    result.replace(at, 6, "***");
  return result;
}

/// A pipe that is large enough for what a test writes.
struct pipe_pair {
  std::array<int, 2> fds{-1, -1};
  pipe_pair() {
    std::signal(SIGPIPE, SIG_IGN);
    REQUIRE(pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK) == 0);
  }
  ~pipe_pair() {
    close_reader();
    ::close(fds[1]);
  }
  pipe_pair(const pipe_pair&) = delete;
  void close_reader() {
    if (fds[0] >= 0)
      ::close(std::exchange(fds[0], -1));
  }
  std::string read_all() const {
    std::string result;
    std::array<char, 4096> buffer{};
    for (;;) {
      auto n = ::read(fds[0], buffer.data(), buffer.size());
      if (n <= 0)
        return result;
      result.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }
};

/// A console of a plan whose output is read back.
struct screen {
  pipe_pair pipe;
  std::shared_ptr<const plan> the_plan;
  std::unique_ptr<console> view;
  std::uint64_t seq = 0;

  screen(plan p, console_mode mode, bool color = false, std::size_t columns = 80)
      : the_plan(std::make_shared<plan>(std::move(p))) {
    console_options o;
    o.mode = mode;
    o.fd = pipe.fds[1];
    o.color = color;
    o.size = [columns] { return terminal_size{columns, 24}; };
    o.mask = hide;
    o.workspace = "/srv/w";
    view = std::make_unique<console>(the_plan, o);
  }
  screen& on(std::int64_t at, event_kind kind, std::string phase = {}, std::string data = {},
             std::string task = {}, std::uint32_t attempt = 1) {
    view->on_event({++seq, t0 + at * second, kind, std::move(phase), std::move(task), attempt,
                    std::move(data)});
    return *this;
  }
  screen& tick(std::int64_t at) {
    view->tick(t0 + at * second);
    return *this;
  }
  std::string text() const { return pipe.read_all(); }
};

constexpr const char* failure = R"({"class":"permanent","message":"T1 exited with 2",)"
                                R"("exit_code":2,"log":"consolidation/logs/1/T1.1.log",)"
                                R"("tail":"one\ntwo s3cr3t\n"})";

/// Sets a variable for one test.
struct scoped_env {
  const char* name;
  std::string before;
  bool was_set;
  scoped_env(const char* n, const char* value) : name(n) {
    const char* old = std::getenv(name);
    was_set = old != nullptr;
    before = was_set ? old : "";
    ::setenv(name, value, 1);
  }
  ~scoped_env() {
    if (was_set)
      ::setenv(name, before.c_str(), 1);
    else
      ::unsetenv(name);
  }
  scoped_env(const scoped_env&) = delete;
};

int open_terminal() {
  auto fd = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(fd >= 0);
  REQUIRE(::grantpt(fd) == 0);
  REQUIRE(::unlockpt(fd) == 0);
  return fd;
}

} // namespace

TEST_CASE("a pipe gets one line per transition and no control sequence") {
  screen s{diamond(), console_mode::plain};
  s.on(0, event_kind::execution_started).on(1, event_kind::phase_started, "0");
  s.on(1, event_kind::task_started, "0", "{}", "T0");
  s.on(2, event_kind::task_finished, "0", R"({"ok":true})", "T0");
  s.on(3, event_kind::phase_completed, "0");
  s.on(3, event_kind::phase_approved, "0",
       R"({"by":"criteria","criteria":[{"passed":true},{"passed":true}]})");
  auto text = s.tick(4).text();
  CHECK(count(text, "\n") == 3);
  CHECK(contains(text, "  0 Phase | 0: started\n"));
  CHECK(contains(text, "  0 Phase | 0: approved in 2.0 s, 2/2 checks\n"));
  CHECK_FALSE(contains(text, "\x1b"));
  CHECK(text[2] == ':');
}

TEST_CASE("an approval tells how long the attempts took together") {
  screen s{diamond(), console_mode::plain};
  s.on(0, event_kind::phase_started, "0").on(1, event_kind::phase_failed, "0", failure);
  s.on(500, event_kind::phase_reset, "0").on(500, event_kind::phase_started, "0", {}, {}, 2);
  s.on(502, event_kind::phase_completed, "0").on(502, event_kind::phase_approved, "0");
  CHECK(contains(s.text(), "0 Phase | 0: approved in 3.0 s\n"));
}

TEST_CASE("that a task left processes behind, or a part of its output, is told") {
  screen s{diamond(), console_mode::plain};
  s.on(2, event_kind::task_finished, "0", R"({"ok":true,"kind":"exited","leftovers":2})", "T0");
  s.on(2, event_kind::task_finished, "1",
       R"({"ok":true,"kind":"exited","leftovers":1,"detail":"the log is cut"})", "T1");
  s.on(2, event_kind::task_finished, "2", R"({"ok":false,"kind":"cancelled","leftovers":1})", "T2");
  auto text = s.text();
  CHECK(contains(text, "task T0: 2 processes that it left running were ended\n"));
  CHECK(contains(text, "task T1: 1 process that it left running was ended, the log is cut\n"));
  CHECK(count(text, "\n") == 2);
}

TEST_CASE("large plans on a pipe are summed up each second, failures one by one") {
  screen s{wide_plan(1000), console_mode::plain};
  for (int i = 0; i < 500; ++i) {
    auto id = std::to_string(i);
    s.on(i / 100, event_kind::phase_started, id);
    s.on(i / 100, event_kind::phase_completed, id);
    if (i == 250)
      s.on(i / 100, event_kind::phase_failed, id, failure);
    else
      s.on(i / 100, event_kind::phase_approved, id, R"({"by":"criteria"})");
    s.tick(i / 100);
  }
  auto text = s.text();
  CHECK(count(text, "\n") == 6);
  CHECK(contains(text,
                 "250: FAILED: permanent, T1 exited with 2; log consolidation/logs/1/T1.1.log"));
  CHECK(contains(text, "1 failed"));
  CHECK(contains(text, "/1,000 ("));
}

TEST_CASE("a terminal shows running phases with bars and keeps every line within its width") {
  auto p = diamond();
  p.phases[0].name = "Überprüfung der 日本語 Firmware und noch viel mehr Text dahinter";
  p.phases[0].tasks.push_back(simple_task("T0b"));
  progress_model m{std::make_shared<plan>(std::move(p)), {}};
  for (auto id : {"0", "1"})
    m.apply({1, t0, event_kind::phase_started, id, "", 2, ""});
  m.apply({1, t0, event_kind::task_finished, "0", "T0", 2, R"({"ok":true})"});
  for (std::size_t columns : {19U, 40U, 79U, 199U}) {
    auto lines = live_lines(m, t0 + 65 * second, 10, {columns, true, {}});
    REQUIRE(lines.size() == 3);
    for (const auto& l : lines)
      CHECK(core::display_width(l.text) <= columns);
  }
  auto lines = live_lines(m, t0 + 65 * second, 10, {99, true, {}});
  CHECK(contains(lines[0].text, "█████░░░░░ 1/2   1m05s  attempt 2"));
  CHECK(contains(lines[2].text, "0/4 (0 %)"));
  CHECK(contains(lines[2].text, "2 running"));
  auto ascii = live_lines(m, t0 + 65 * second, 10, {99, false, {}});
  CHECK(contains(ascii[0].text, "#####----- 1/2"));
}

TEST_CASE("more running phases than lines are counted in the last one") {
  progress_model m{std::make_shared<plan>(wide_plan(30)), {}};
  for (int i = 0; i < 16; ++i)
    m.apply({1, t0, event_kind::phase_started, std::to_string(i), "", 1, ""});
  auto lines = live_lines(m, t0, 5, {79, true, {}});
  REQUIRE(lines.size() == 6);
  CHECK(lines[4].text == " … and 12 more running");
}

TEST_CASE("the live part is redrawn in place and finished phases stay above") {
  screen s{diamond(), console_mode::live};
  s.on(0, event_kind::execution_started).on(0, event_kind::phase_started, "0").tick(1).text();
  s.tick(2);
  auto redraw = s.text();
  CHECK(contains(redraw, "\x1b[2A\r"));
  s.on(3, event_kind::phase_completed, "0");
  s.on(3, event_kind::phase_approved, "0", R"({"by":"criteria"})");
  auto done = s.text();
  CHECK(contains(done, "\x1b[2A\r\x1b[J"));
  CHECK(contains(done, "0 Phase | 0: approved in 3.0 s\n"));
  s.tick(3);
  CHECK_FALSE(contains(s.text(), "A\r"));
}

TEST_CASE("lines that wrapped on a narrowed terminal are erased too") {
  pipe_pair pipe;
  std::size_t columns = 80;
  console_options o;
  o.mode = console_mode::live;
  o.fd = pipe.fds[1];
  o.size = [&columns] { return terminal_size{columns, 24}; };
  console view{std::make_shared<plan>(diamond()), o};
  view.on_event({1, t0, event_kind::phase_started, "0", "", 1, ""});
  view.tick(t0 + second);
  pipe.read_all();
  columns = 20;
  view.tick(t0 + 2 * second);
  auto text = pipe.read_all();
  auto rows = std::stoi(text.substr(text.find('[') + 1));
  CHECK(rows > 2);
}

TEST_CASE("quiet shows failures and calls for a person only") {
  screen s{diamond(), console_mode::quiet};
  s.on(0, event_kind::execution_started).on(1, event_kind::phase_started, "0");
  s.on(2, event_kind::phase_completed, "0");
  s.on(2, event_kind::phase_approved, "0", R"({"by":"criteria"})").tick(3);
  CHECK(s.text().empty());
  s.on(3, event_kind::phase_started, "1").on(4, event_kind::phase_failed, "1", failure);
  CHECK(contains(s.text(), "1 Phase | 1: FAILED: permanent"));
}

TEST_CASE("json prints one event per line with all members") {
  screen s{diamond(), console_mode::json};
  s.on(1, event_kind::phase_started, "0").on(2, event_kind::phase_failed, "0", failure);
  s.view->say("listening s3cr3t");
  std::istringstream lines{s.text()};
  std::vector<json> all;
  for (std::string l; std::getline(lines, l);)
    all.push_back(json::parse(l));
  REQUIRE(all.size() == 3);
  CHECK(all[0]["seq"] == 1);
  CHECK(all[0]["time"] == "2023-11-14T22:13:21.000000Z");
  CHECK(all[0]["event"] == "phase_started");
  CHECK(all[0]["task"].is_null());
  CHECK(all[0]["data"].is_object());
  CHECK(all[1]["data"]["tail"] == "one\ntwo ***\n");
  CHECK(all[2]["event"] == "message");
  CHECK(all[2]["data"]["text"] == "listening ***");
}

TEST_CASE("json events read the same with and without secrets to mask") {
  for (const char* data :
       {"", "{}", R"({"a":[1,{"b":"x\ny"}]})", "{\"a\":\n1}", "[1]", "{broken"}) {
    event e{3, t0, event_kind::phase_started, "0", "", 1, data};
    auto plain = core::json_line(e, {});
    CHECK(plain == core::json_line(e, hide));
    CHECK(std::count(plain.begin(), plain.end(), '\n') == 1);
    CHECK(json::parse(plain)["data"].is_object());
  }
}

TEST_CASE("no mode lets a secret through, not even half of one") {
  auto p = diamond();
  p.phases[1].name = "key s3cr3t";
  p.phases[1].tasks[0].name = "use s3cr3t";
  for (auto mode :
       {console_mode::live, console_mode::plain, console_mode::json, console_mode::quiet})
    for (std::size_t columns : {20U, 24U, 28U, 33U, 38U, 80U}) {
      plan copy;
      copy = diamond();
      copy.phases[1].name = p.phases[1].name;
      copy.phases[1].tasks[0].name = p.phases[1].tasks[0].name;
      screen s{std::move(copy), mode, true, columns};
      s.on(1, event_kind::phase_started, "1").on(1, event_kind::task_started, "1", "{}", "T1");
      s.tick(2).on(3, event_kind::phase_failed, "1", failure).tick(4);
      s.view->say("s3cr3t");
      CHECK_FALSE(contains(s.text(), "s3c"));
    }
}

TEST_CASE("the end shows each failure with evidence and the command that continues") {
  sample_run r{diamond()};
  r.pass("0", 1, 4).on(4, event_kind::phase_started, "1", 1);
  r.on(6, event_kind::phase_failed, "1", 1,
       R"({"class":"permanent","message":"T1 exited with 2","exit_code":2,"task":"T1",)"
       R"("log":"consolidation/logs/1/T1.1.log","tail":"one\ntwo s3cr3t\n","criteria":)"
       R"([{"check":"file_exists x","passed":false,"expected":"exists","actual":"missing"}]})");
  r.on(6, event_kind::phase_blocked, "3", 0, R"({"by":"1","reason":"dependency failed"})");
  r.state.overall = overall_status::failed;
  auto in = r.input(1);
  in.workspace = "/srv/w";
  in.mask = hide;
  std::string text;
  for (const auto& l :
       final_lines(in, "/srv/w/consolidation/reports/final_report.md", false, {100, true, {}}))
    text += l.text + "\n";
  CHECK(contains(text, "FAILED phase 1 Phase | 1, task T1"));
  CHECK(contains(text, "class: permanent"));
  CHECK(contains(text, "exit code: 2"));
  CHECK(contains(text, "not met: file_exists x: expected exists, actual missing"));
  CHECK(contains(text, "log: consolidation/logs/1/T1.1.log"));
  CHECK(contains(text, "│ two ***"));
  CHECK(contains(text, "to continue: aeo-node --workspace /srv/w --resume"));
  CHECK(contains(text, "1/1 checks"));
  CHECK(contains(text, "behind phase 1"));
  CHECK(contains(
      text, "Failed after 6.0 s: 1 of 4 phases approved; 1 failed, 1 blocked, 1 not started."));
  CHECK(contains(text, "The final report is /srv/w/consolidation/reports/final_report.md"));
}

TEST_CASE("the table of a large plan leaves out what is approved but no failure") {
  sample_run r{wide_plan(10'000)};
  for (auto& s : r.state.phases)
    s.status = phase_status::blocked;
  r.state.phases[3].status = phase_status::approved;
  r.state.phases[9'999].status = phase_status::failed;
  r.state.phases[9'999].detail = failure;
  auto lines = final_lines(r.input(1), "", false, {100, true, {}});
  CHECK(lines.size() < 80);
  std::string text;
  for (const auto& l : lines)
    text += l.text + "\n";
  CHECK(contains(text, " 9999"));
  CHECK(contains(text, "9,949 more that are not approved"));
  CHECK(contains(text, "The final report could not be written."));
}

TEST_CASE("a reader that left makes the console go quiet and nothing else") {
  screen s{diamond(), console_mode::plain};
  s.pipe.close_reader();
  s.on(1, event_kind::phase_started, "0").on(2, event_kind::phase_failed, "0", failure).tick(3);
  CHECK(s.view->is_mute());
}

TEST_CASE("a reader that stops does not stop the run, and hears what it missed") {
  pipe_pair pipe;
  REQUIRE(::fcntl(pipe.fds[1], F_SETPIPE_SZ, 4096) >= 0);
  output out{pipe.fds[1], 8192};
  std::string line(99, 'x');
  line += '\n';
  for (int i = 0; i < 200; ++i)
    out.write(line);
  CHECK_FALSE(out.idle());
  CHECK_FALSE(out.mute());
  auto dropped = out.take_dropped();
  CHECK(dropped > 50);
  std::size_t bytes = 0;
  for (std::string part = pipe.read_all(); !part.empty(); part = pipe.read_all()) {
    bytes += part.size();
    out.flush();
  }
  CHECK(out.idle());
  CHECK(bytes == (200 - dropped) * line.size());
}

TEST_CASE("a blocking pipe that nobody reads does not block either") {
  pipe_pair pipe;
  REQUIRE(::fcntl(pipe.fds[1], F_SETFL, 0) == 0);
  output out{pipe.fds[1], 1 << 20};
  for (int i = 0; i < 2000; ++i)
    out.write(std::string(99, 'x') + "\n");
  CHECK_FALSE(out.idle());
}

TEST_CASE("TERM=dumb and NO_COLOR are obeyed") {
  auto fd = open_terminal();
  {
    scoped_env term{"TERM", "xterm"};
    scoped_env none{"NO_COLOR", ""};
    auto o = console_options_for(fd, false, false);
    CHECK(o.mode == console_mode::live);
    CHECK(o.color);
    CHECK(console_options_for(fd, true, false).mode == console_mode::json);
    CHECK(console_options_for(fd, false, true).mode == console_mode::quiet);
  }
  {
    scoped_env term{"TERM", "xterm"};
    scoped_env none{"NO_COLOR", "1"};
    CHECK_FALSE(console_options_for(fd, false, false).color);
  }
  {
    scoped_env term{"TERM", "dumb"};
    auto o = console_options_for(fd, false, false);
    CHECK(o.mode == console_mode::plain);
    CHECK_FALSE(o.color);
  }
  ::close(fd);
}

TEST_CASE("without color nothing but cursor movement is sent") {
  screen s{diamond(), console_mode::live, false};
  s.on(0, event_kind::phase_started, "0").on(1, event_kind::phase_failed, "0", failure).tick(2);
  CHECK_FALSE(contains(s.text(), "\x1b[0m"));
  screen colored{diamond(), console_mode::live, true};
  colored.on(0, event_kind::phase_started, "0").on(1, event_kind::phase_failed, "0", failure);
  CHECK(contains(colored.text(), "\x1b[31m"));
}

TEST_CASE("the ETA comes from history, else from the pace, else there is none") {
  auto p = std::make_shared<plan>(diamond());
  progress_model known{p, {duration{1000}, duration{2000}, duration{5000}, duration{1000}}};
  CHECK(known.eta(t0) == duration{7000});
  known.apply({1, t0, event_kind::phase_started, "0", "", 1, ""});
  CHECK(known.eta(t0 + second / 2) == duration{6500});
  progress_model unknown{p, {}};
  CHECK_FALSE(unknown.eta(t0 + second));
  progress_model wide{std::make_shared<plan>(wide_plan(20)), {}};
  wide.apply({1, t0, event_kind::execution_started, "", "", 0, ""});
  for (int i = 0; i < 10; ++i) {
    wide.apply({1, t0, event_kind::phase_started, std::to_string(i), "", 1, ""});
    wide.apply({1, t0, event_kind::phase_approved, std::to_string(i), "", 1, ""});
  }
  CHECK(wide.eta(t0 + 10 * second) == duration{10'000});
  wide.apply({1, t0, event_kind::phase_waiting, "11", "", 1, ""});
  CHECK_FALSE(wide.eta(t0 + 10 * second));
}

TEST_CASE("a resumed execution begins with what is known") {
  sample_run r{diamond()};
  r.pass("0", 1, 4).on(4, event_kind::phase_started, "1", 1);
  progress_model m{std::make_shared<plan>(diamond()), {}};
  m.begin(r.state);
  CHECK(m.counts().done() == 1);
  CHECK(m.running().size() == 1);
  m.apply({1, t0 + 9 * second, event_kind::phase_started, "1", "", 2, ""});
  CHECK(m.running().size() == 1);
  m.apply({1, t0 + 9 * second, event_kind::phase_completed, "1", "", 2, ""});
  CHECK(m.running().empty());
}

TEST_CASE("an approval tells the time of the attempts, not of who was waited for") {
  screen s{diamond(), console_mode::plain};
  s.on(1, event_kind::phase_started, "0").on(4, event_kind::phase_completed, "0");
  s.on(4, event_kind::phase_waiting, "0")
      .on(500, event_kind::phase_approved, "0", R"({"by":"mia"})");
  CHECK(contains(s.text(), "approved in 3.0 s, by mia"));
}

TEST_CASE("a pause and its end are told, with who, why and how to go on") {
  screen s{diamond(), console_mode::plain};
  s.on(1, event_kind::execution_paused, {}, R"({"by":"mia","reason":"lunch"})");
  s.on(2, event_kind::execution_continued, {}, R"({"by":"ada","reason":""})");
  const auto text = s.text();
  INFO(text);
  CHECK(contains(text, "the run is paused by mia: lunch; nothing more is started until aeo-control "
                       "--workspace /srv/w resume"));
  CHECK(contains(text, "the run goes on, says ada"));
}

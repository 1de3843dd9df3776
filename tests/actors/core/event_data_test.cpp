#include "actors/core/event_data.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <string>

using namespace aeo;
using namespace aeo::core;
using nlohmann::json;

namespace {

task_exit an_exit() {
  task_exit x;
  x.key = {"9", "T9.2", 3};
  x.kind = exit_kind::exited;
  x.code = 2;
  x.pid = 100;
  x.started_us = 1'700'000'000'000'000;
  x.ended_us = 1'700'000'001'500'000;
  x.cpu_us = 250'000;
  x.peak_rss_kb = 4096;
  x.log_bytes = 12;
  return x;
}

event finished(const task_exit& x) {
  return {.kind = event_kind::task_finished,
          .phase = x.key.phase,
          .task = x.key.task,
          .attempt = x.key.attempt,
          .data = finished_data(x)};
}

gate_result a_gate() {
  gate_result gate;
  gate.passed = true;
  gate.checks = {{"file_exists a.json", true, "exists", "exists"}};
  gate.outputs = {{"a.json", 2, std::string(64, 'b')}};
  gate.digest = std::string(64, 'd');
  return gate;
}

std::string numbered_lines(int count) {
  std::string text;
  for (int i = 1; i <= count; ++i)
    text += "line " + std::to_string(i) + "\n";
  return text;
}

} // namespace

TEST_CASE("the exit that an event tells is the exit that happened") {
  auto x = an_exit();
  CHECK(exit_from_data(finished(x)) == x);
}

TEST_CASE("an exit of any kind comes back, with what was left over and why") {
  for (auto kind :
       {exit_kind::exited, exit_kind::signalled, exit_kind::timed_out, exit_kind::cancelled,
        exit_kind::not_started, exit_kind::lost, exit_kind::over_limit}) {
    auto x = an_exit();
    x.kind = kind;
    x.leftovers = 2;
    x.detail = "a \"quoted\" line\nand \\ another";
    CHECK(exit_from_data(finished(x)) == x);
  }
}

TEST_CASE("whether a task ended well comes first, where the state looks for it") {
  auto x = an_exit();
  CHECK(finished_data(x).starts_with(R"({"ok":false,)"));
  x.code = 0;
  CHECK(finished_data(x).starts_with(R"({"ok":true,)"));
  x.kind = exit_kind::cancelled;
  CHECK(finished_data(x).starts_with(R"({"ok":false,)"));
}

TEST_CASE("times in an event are milliseconds where the name says so") {
  auto data = json::parse(finished_data(an_exit()));
  CHECK(data["ms"] == 1500);
  CHECK(data["cpu_ms"] == 250);
  CHECK_FALSE(data.contains("leftovers"));
  CHECK_FALSE(data.contains("detail"));
}

TEST_CASE("what a process wrote need not be UTF-8 for its event to be JSON") {
  auto x = an_exit();
  x.detail = "caf\xe9";
  CHECK(json::parse(finished_data(x))["detail"] == "caf\xef\xbf\xbd");
  failure_text text{.cls = "permanent", .message = "m", .why = "w", .log = "l", .tail = "\xff\xfe"};
  CHECK(json::accept(failure_data(text, x)));
}

TEST_CASE("data that nobody here wrote gives no exit") {
  event e;
  for (const auto* data : {"", "{", "[]", "null", "{}", R"({"kind":"vanished"})"}) {
    e.data = data;
    CHECK_FALSE(exit_from_data(e));
  }
}

TEST_CASE("values of another type give no exit, and no exception") {
  event e;
  for (const auto* data :
       {R"({"kind":1})", R"({"kind":null})", R"({"kind":"exited","detail":7})"}) {
    e.data = data;
    CHECK_NOTHROW(exit_from_data(e));
  }
}

TEST_CASE("a process is named by its pid and its start") {
  auto data = json::parse(started_data({{"0", "T0.1", 1}, 100, 123'456, 1}));
  CHECK(data == json{{"pid", 100}, {"start_ticks", 123'456}});
}

TEST_CASE("of a log the last 20 lines are kept") {
  auto text = last_lines(numbered_lines(30));
  CHECK(text.starts_with("line 11\n"));
  CHECK(text.ends_with("\nline 30"));
}

TEST_CASE("a short log is kept as it is, without its last line's end") {
  CHECK(last_lines("a\nb\n") == "a\nb");
  CHECK(last_lines("a\nb") == "a\nb");
  CHECK(last_lines("one").size() == 3);
  CHECK(last_lines("").empty());
  CHECK(last_lines("\n\r\n").empty());
}

TEST_CASE("empty lines count and stay") {
  CHECK(last_lines("a\n\nb\n") == "a\n\nb");
}

TEST_CASE("of long lines at most 4 KiB are kept, and no line is cut if one fits") {
  auto text = last_lines(std::string(3000, 'x') + "\n" + std::string(3000, 'y') + "\n");
  CHECK(text == std::string(3000, 'y'));
}

TEST_CASE("of one endless line the end is kept") {
  auto text = last_lines(std::string(10'000, 'x') + "the end");
  CHECK(text.size() == 4096);
  CHECK(text.ends_with("the end"));
}

TEST_CASE("a failure says its class first, where the trigger looks for it") {
  failure_text text{.cls = "configuration", .message = "m", .why = "w", .log = {}, .tail = {}};
  CHECK(failure_data(text, an_exit()).starts_with(R"({"class":"configuration",)"));
  auto data = json::parse(failure_data(text, an_exit()));
  CHECK(data["exit_code"] == 2);
  CHECK_FALSE(data.contains("signal"));
  CHECK_FALSE(data.contains("log"));
  CHECK_FALSE(data.contains("tail"));
}

TEST_CASE("a failure by a signal names the signal, not an exit code") {
  auto x = an_exit();
  x.kind = exit_kind::signalled;
  x.code = 9;
  auto data = json::parse(failure_data({}, x));
  CHECK(data["signal"] == 9);
  CHECK_FALSE(data.contains("exit_code"));
}

TEST_CASE("a retry says when, after how long, and whether it counts") {
  auto data =
      json::parse(retry_data({"transient", "m", "w", {}, {}}, an_exit(), 123, 60'000, false));
  CHECK(data["class"] == "transient");
  CHECK(data["at"] == 123);
  CHECK(data["delay_ms"] == 60'000);
  CHECK(data["counted"] == false);
}

TEST_CASE("a gate's evidence goes with what followed from it") {
  auto gate = a_gate();
  for (const auto& text :
       {approved_data(gate), waiting_data("r", gate), criteria_failed_data("m", gate)}) {
    auto data = json::parse(text);
    CHECK(data["criteria"][0]["check"] == "file_exists a.json");
    CHECK(data["outputs"][0]["sha256"] == std::string(64, 'b'));
    CHECK(data["digest"] == gate.digest);
    auto read = gate_result_from_json(text);
    REQUIRE(read);
    CHECK(read->checks == gate.checks);
    CHECK(read->outputs == gate.outputs);
  }
  CHECK(json::parse(approved_data(gate))["by"] == "criteria");
  CHECK(json::parse(waiting_data("r", gate))["reason"] == "r");
  CHECK(json::parse(criteria_failed_data("m", gate))["class"] == "permanent");
}

TEST_CASE("a gate without checks leaves no evidence behind") {
  CHECK(approved_data({}) == R"({"by":"criteria"})");
}

TEST_CASE("a decision says who and why") {
  CHECK(decision_data("alice", "it is late") == R"({"by":"alice","reason":"it is late"})");
}

TEST_CASE("a question about a lost outcome is told from a gate that waits") {
  CHECK(is_ask(ask_data("what became of T0.1?")));
  CHECK_FALSE(is_ask(waiting_data("manual", a_gate())));
  CHECK_FALSE(is_ask(waiting_data(R"({"ask":true)", {})));
  CHECK_FALSE(is_ask(""));
}

#include "messages/actors.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/byte_buffer.hpp>
#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace aeo;

namespace {

void init_once() {
  static const bool once = [] {
    init_messages();
    return true;
  }();
  (void)once;
}

template <class T>
caf::byte_buffer bytes_of(const T& x) {
  init_once();
  caf::byte_buffer buffer;
  caf::binary_serializer sink{nullptr, buffer};
  REQUIRE(sink.apply(x));
  return buffer;
}

template <class T>
bool read_back(const caf::byte_buffer& buffer, T& x) {
  caf::binary_deserializer source{nullptr, buffer};
  return source.apply(x) && source.remaining() == 0;
}

/// What arrives serializes to the same bytes as what was sent.
template <class T>
T round_trip(const T& x) {
  auto sent = bytes_of(x);
  T arrived{};
  REQUIRE(read_back(sent, arrived));
  CHECK(bytes_of(arrived) == sent);
  return arrived;
}

template <class T>
void check_cut_is_refused(const T& x) {
  auto whole = bytes_of(x);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto part = whole;
    part.resize(size);
    T arrived{};
    if (read_back(part, arrived))
      FAIL_CHECK(size << " of " << whole.size() << " bytes were taken for the whole");
  }
}

/// The value with its enum's byte set to `number`; `twin` differs from `x` in nothing but the enum.
template <class T>
bool arrives_with(const T& x, const T& twin, std::uint8_t number) {
  auto bytes = bytes_of(x);
  auto others = bytes_of(twin);
  REQUIRE(bytes.size() == others.size());
  std::size_t at = 0;
  while (bytes[at] == others[at])
    ++at;
  bytes[at] = static_cast<caf::byte>(number);
  T arrived{};
  return read_back(bytes, arrived);
}

const task_key a_key{"deploy-eu", "T0.1", 3};

event an_event() {
  return {.seq = 7,
          .time_us = 1'700'000'000'000'001,
          .kind = event_kind::phase_failed,
          .phase = "9",
          .task = "T9.2",
          .attempt = 2,
          .data = R"({"class":"permanent"})"};
}

http_reply a_reply() {
  return {.fault = http_fault::redirect,
          .problem = "another server",
          .status = 301,
          .headers = {{"etag", "\"x\""}, {"link", ""}},
          .body = "{\"a\":\"b\"}",
          .moved_to = "https://api.github.com/repositories/1"};
}

task_exit an_exit() {
  task_exit x;
  x.key = a_key;
  x.kind = exit_kind::signalled;
  x.code = -9;
  x.pid = 4'000'000'000;
  x.started_us = 1;
  x.ended_us = 2;
  x.cpu_us = 3;
  x.peak_rss_kb = 4;
  x.log_bytes = 5;
  x.leftovers = 6;
  x.detail = "the \"detail\"\n";
  return x;
}

task_start a_start() {
  return {a_key, 100, 18'446'744'073'709'551'615u, -1};
}

task_spec a_spec() {
  return {.key = a_key,
          .argv = {"make", "", "all"},
          .env = {{"K", "V"}, {"EMPTY", ""}},
          .cwd = "/workspace",
          .log = "/workspace/a.log",
          .timeout_ms = 5,
          .grace_ms = 6,
          .max_processes = 7};
}

phase_state a_state() {
  phase_state s;
  s.status = phase_status::retry_wait;
  s.attempt = 4;
  s.retry_count = 3;
  s.started_us = 1;
  s.attempt_us = 2;
  s.ended_us = 3;
  s.retry_at_us = 4;
  s.worked_us = 6;
  s.criteria_met = true;
  s.errors = {{5, "transient", "timed out", "T0.1", 3}};
  s.detail = "{}";
  s.before = R"({"a":"b"})";
  s.done = {"T0.1", "T0.2"};
  s.metadata = R"({"m":1})";
  return s;
}

} // namespace

TEST_CASE("an event arrives as it was sent") {
  CHECK(round_trip(an_event()) == an_event());
  CHECK(round_trip(event{}) == event{});
}

TEST_CASE("a batch of events arrives in order") {
  event_batch batch{an_event(), event{}, an_event()};
  CHECK(round_trip(batch) == batch);
  CHECK(round_trip(event_batch{}).empty());
}

TEST_CASE("a phase's state arrives as it was sent") {
  CHECK(round_trip(a_state()) == a_state());
  CHECK(round_trip(a_state().errors[0]) == a_state().errors[0]);
}

TEST_CASE("task messages arrive as they were sent") {
  CHECK(round_trip(a_key) == a_key);
  CHECK(round_trip(a_spec()) == a_spec());
  CHECK(round_trip(a_start()) == a_start());
  CHECK(round_trip(an_exit()) == an_exit());
}

TEST_CASE("lists of task messages arrive as they were sent") {
  CHECK(round_trip(task_keys{a_key, {}}) == task_keys{a_key, {}});
  CHECK(round_trip(task_starts{a_start()}) == task_starts{a_start()});
  CHECK(round_trip(task_exits{an_exit(), {}}) == task_exits{an_exit(), {}});
}

TEST_CASE("a launcher's inventory arrives as it was sent") {
  auto x = round_trip(launcher_inventory{true, {a_start()}, {an_exit(), an_exit()}});
  CHECK(x.found);
  CHECK(x.running == task_starts{a_start()});
  CHECK(x.ended == task_exits{an_exit(), an_exit()});
}

TEST_CASE("a failed attempt arrives as it was sent") {
  auto x = round_trip(attempt_failure{5, an_exit(), "tail\n", 1, 2, 60'000});
  CHECK(x.phase == 5);
  CHECK(x.exit == an_exit());
  CHECK(x.tail == "tail\n");
  CHECK(x.retries == 1);
  CHECK(x.losses == 2);
  CHECK(x.elapsed_ms == 60'000);
}

TEST_CASE("a decision about a retry arrives as it was sent") {
  auto x = round_trip(retry_decision{true, 30'000, false, "transient", "repeat 1 of 10"});
  CHECK(x.retry);
  CHECK(x.delay_ms == 30'000);
  CHECK_FALSE(x.counted);
  CHECK(x.cls == "transient");
  CHECK(x.why == "repeat 1 of 10");
}

TEST_CASE("a request for a review arrives as it was sent") {
  auto x = round_trip(review_request{3, 2, {{"a.json", "written:1"}, {"b", ""}}, "{}"});
  CHECK(x.phase == 3);
  CHECK(x.attempt == 2);
  CHECK(x.before.size() == 2);
  CHECK(x.before[0].second == "written:1");
  CHECK(x.waited == "{}");
}

TEST_CASE("what remote nodes say arrives as it was sent") {
  run_view view;
  view.execution = "e-1";
  view.seq = 7;
  view.paused = true;
  view.pause = {8, "mia", "lunch"};
  view.phases.push_back({.id = "1",
                         .name = "One",
                         .dependencies = {0, 2},
                         .tasks = 3,
                         .done = 1,
                         .status = phase_status::waiting_approval,
                         .attempt = 2,
                         .started_us = 1,
                         .attempt_us = 2,
                         .ended_us = 3,
                         .retry_at_us = 4,
                         .typical_ms = 5,
                         .worked_us = 6,
                         .reason = "waits",
                         .outcome_unknown = true,
                         .overrider = "operator"});
  view.recent.push_back(
      {.seq = 7, .kind = event_kind::audit, .phase = "1", .task = {}, .data = "{}"});
  auto x = round_trip(view);
  CHECK(x.execution == "e-1");
  CHECK(x.seq == 7);
  CHECK(x.paused);
  CHECK(x.pause == pause_state{8, "mia", "lunch"});
  REQUIRE(x.phases.size() == 1);
  CHECK(x.phases[0].dependencies == std::vector<std::uint32_t>{0, 2});
  CHECK(x.phases[0].status == phase_status::waiting_approval);
  CHECK(x.phases[0].typical_ms == 5);
  CHECK(x.phases[0].reason == "waits");
  CHECK(x.recent == view.recent);

  control_request asked;
  asked.token = "t";
  asked.command = control_command::retry;
  asked.phase = "1";
  asked.reason = "mended";
  asked.digest = "abc";
  asked.override_criteria = asked.downstream = asked.force = true;
  auto decision = round_trip(operator_decision{asked, "alice", access_role::operator_, "host:1"});
  CHECK(decision.request.command == control_command::retry);
  CHECK(decision.request.reason == "mended");
  CHECK(decision.request.override_criteria);
  CHECK(decision.request.downstream);
  CHECK(decision.request.force);
  CHECK(decision.by == "alice");
  CHECK(decision.role == access_role::operator_);
  CHECK(decision.from == "host:1");

  const run_change changed{5, overall_status::paused, true, "rows", {view.phases.front()}};
  auto page =
      round_trip(event_page{{"ab", std::string{"\0c", 2}}, view.recent, {changed}, 9, 10, true});
  CHECK(page.packed == std::vector<std::string>{"ab", std::string{"\0c", 2}});
  CHECK(page.events == view.recent);
  REQUIRE(page.changes.size() == 1);
  CHECK(page.changes[0].seq == 5);
  CHECK(page.changes[0].overall == overall_status::paused);
  CHECK(page.changes[0].paused);
  CHECK(page.changes[0].packed == "rows");
  CHECK(page.changes[0].phases == view.phases);
  CHECK(page.head == 9);
  CHECK(page.ended);

  auto welcome =
      round_trip(remote_welcome{"bob", access_role::viewer, "aeo-node 1", "e-1", "/workspace"});
  CHECK(welcome.name == "bob");
  CHECK(welcome.role == access_role::viewer);
  CHECK(welcome.workspace == "/workspace");

  auto log = round_trip(log_page{"T1", 2, "text", 4, true});
  CHECK(log.text == "text");
  CHECK(log.next == 4);
  CHECK(log.complete);
  CHECK(round_trip(log_request{"1", "T1", 2, 3}).offset == 3);
}

TEST_CASE("a verdict arrives as it was sent") {
  auto x = round_trip(verdict{verdict_kind::waiting, "{}", "waits for 1 of: alice"});
  CHECK(x.kind == verdict_kind::waiting);
  CHECK(x.detail == "{}");
  CHECK(x.summary == "waits for 1 of: alice");
}

TEST_CASE("an outcome arrives as it was sent, each part by itself") {
  auto check = [](run_outcome sent) {
    auto x = round_trip(sent);
    CHECK(x.waiting == sent.waiting);
    CHECK(x.configuration == sent.configuration);
    CHECK(x.interrupted == sent.interrupted);
    CHECK(x.stuck == sent.stuck);
  };
  check({});
  check({.waiting = true});
  check({.configuration = true});
  check({.interrupted = true});
  check({.stuck = true});
}

TEST_CASE("error codes arrive as they were sent") {
  CHECK(round_trip(ec::workspace_locked) == ec::workspace_locked);
}

TEST_CASE("a message that was cut off is refused") {
  check_cut_is_refused(an_event());
  check_cut_is_refused(a_state());
  check_cut_is_refused(an_exit());
  check_cut_is_refused(a_spec());
  check_cut_is_refused(verdict{verdict_kind::failed, "{}", "x"});
}

TEST_CASE("an event of a kind that does not exist is refused") {
  auto x = an_event();
  auto twin = x;
  twin.kind = event_kind::note;
  CHECK(arrives_with(x, twin, static_cast<std::uint8_t>(event_kind::execution_continued)));
  CHECK_FALSE(
      arrives_with(x, twin, static_cast<std::uint8_t>(event_kind::execution_continued) + 1));
  CHECK_FALSE(arrives_with(x, twin, 255));
}

TEST_CASE("a state of a phase that does not exist is refused") {
  auto x = a_state();
  auto twin = x;
  twin.status = phase_status::pending;
  CHECK(arrives_with(x, twin, static_cast<std::uint8_t>(phase_status::cancelled)));
  CHECK_FALSE(arrives_with(x, twin, static_cast<std::uint8_t>(phase_status::cancelled) + 1));
  CHECK_FALSE(arrives_with(x, twin, 255));
}

TEST_CASE("an HTTP reply arrives as it was sent, and only whole") {
  const auto x = round_trip(a_reply());
  CHECK(x.fault == http_fault::redirect);
  CHECK(x.problem == "another server");
  CHECK(x.status == 301);
  CHECK(x.headers == a_reply().headers);
  CHECK(x.body == a_reply().body);
  CHECK(x.moved_to == a_reply().moved_to);
  check_cut_is_refused(a_reply());
}

TEST_CASE("an HTTP fault that does not exist is refused") {
  auto x = a_reply();
  auto twin = x;
  twin.fault = http_fault::none;
  CHECK(arrives_with(x, twin, static_cast<std::uint8_t>(http_fault::unusable)));
  CHECK_FALSE(arrives_with(x, twin, static_cast<std::uint8_t>(http_fault::handshake) + 1));
}

TEST_CASE("an exit of a kind that does not exist is refused") {
  auto x = an_exit();
  auto twin = x;
  twin.kind = exit_kind::exited;
  CHECK(arrives_with(x, twin, static_cast<std::uint8_t>(exit_kind::over_limit)));
  CHECK_FALSE(arrives_with(x, twin, static_cast<std::uint8_t>(exit_kind::over_limit) + 1));
  CHECK_FALSE(arrives_with(x, twin, 255));
}

TEST_CASE("a verdict of a kind that does not exist is refused") {
  verdict x{verdict_kind::failed, "{}", {}};
  verdict twin{verdict_kind::approved, "{}", {}};
  CHECK(arrives_with(x, twin, static_cast<std::uint8_t>(verdict_kind::failed)));
  CHECK_FALSE(arrives_with(x, twin, static_cast<std::uint8_t>(verdict_kind::failed) + 1));
  CHECK_FALSE(arrives_with(x, twin, 255));
}

TEST_CASE("an error code that does not exist is refused") {
  CHECK(arrives_with(ec::none, ec::untrusted, static_cast<std::uint8_t>(ec::other_workspace)));
  CHECK_FALSE(
      arrives_with(ec::none, ec::untrusted, static_cast<std::uint8_t>(ec::other_workspace) + 1));
  CHECK_FALSE(arrives_with(ec::none, ec::internal, 255));
}

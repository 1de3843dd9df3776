#include "messages/actors.hpp"
#include "messages/error.hpp"
#include "messages/execution.hpp"
#include "messages/run.hpp"
#include "messages/task.hpp"

#include <caf/error.hpp>
#include <caf/sec.hpp>
#include <catch2/catch_test_macros.hpp>

#include <map>
#include <string>

using namespace aeo;

namespace {

template <class Enum>
using names = std::map<int, std::pair<Enum, std::string>>;

/// What is persisted: the numbers and names below never change; new ones are added.
const names<phase_status> phase_statuses = {
    {0, {phase_status::pending, "pending"}},
    {1, {phase_status::in_progress, "in_progress"}},
    {2, {phase_status::completed, "completed"}},
    {3, {phase_status::waiting_approval, "waiting_approval"}},
    {4, {phase_status::approved, "approved"}},
    {5, {phase_status::rejected, "rejected"}},
    {6, {phase_status::retry_wait, "retry_wait"}},
    {7, {phase_status::failed, "failed"}},
    {8, {phase_status::blocked, "blocked"}},
    {9, {phase_status::skipped, "skipped"}},
    {10, {phase_status::cancelled, "cancelled"}}};

const names<overall_status> overall_statuses = {
    {0, {overall_status::pending, "pending"}},
    {1, {overall_status::in_progress, "in_progress"}},
    {2, {overall_status::paused, "paused"}},
    {3, {overall_status::waiting_approval, "waiting_approval"}},
    {4, {overall_status::completed, "completed"}},
    {5, {overall_status::failed, "failed"}},
    {6, {overall_status::interrupted, "interrupted"}},
    {7, {overall_status::cancelled, "cancelled"}}};

const names<event_kind> event_kinds = {
    {0, {event_kind::execution_started, "execution_started"}},
    {1, {event_kind::execution_resumed, "execution_resumed"}},
    {2, {event_kind::execution_ended, "execution_ended"}},
    {3, {event_kind::phase_started, "phase_started"}},
    {4, {event_kind::task_started, "task_started"}},
    {5, {event_kind::task_finished, "task_finished"}},
    {6, {event_kind::phase_completed, "phase_completed"}},
    {7, {event_kind::phase_waiting, "phase_waiting"}},
    {8, {event_kind::phase_approved, "phase_approved"}},
    {9, {event_kind::phase_rejected, "phase_rejected"}},
    {10, {event_kind::phase_retry_wait, "phase_retry_wait"}},
    {11, {event_kind::phase_failed, "phase_failed"}},
    {12, {event_kind::phase_blocked, "phase_blocked"}},
    {13, {event_kind::phase_unblocked, "phase_unblocked"}},
    {14, {event_kind::phase_skipped, "phase_skipped"}},
    {15, {event_kind::phase_cancelled, "phase_cancelled"}},
    {16, {event_kind::phase_reset, "phase_reset"}},
    {17, {event_kind::state_imported, "state_imported"}},
    {18, {event_kind::note, "note"}},
    {19, {event_kind::audit, "audit"}},
    {20, {event_kind::execution_paused, "execution_paused"}},
    {21, {event_kind::execution_continued, "execution_continued"}}};

const names<exit_kind> exit_kinds = {
    {0, {exit_kind::exited, "exited"}},           {1, {exit_kind::signalled, "signalled"}},
    {2, {exit_kind::timed_out, "timed_out"}},     {3, {exit_kind::cancelled, "cancelled"}},
    {4, {exit_kind::not_started, "not_started"}}, {5, {exit_kind::lost, "lost"}},
    {6, {exit_kind::over_limit, "over_limit"}}};

template <class Enum, class Parse>
void check_names(const names<Enum>& expected, Parse parse) {
  for (const auto& [number, entry] : expected) {
    const auto& [value, name] = entry;
    CHECK(static_cast<int>(value) == number);
    CHECK(to_string(value) == name);
    CHECK(parse(name) == value);
  }
  for (const auto* wrong : {"", "Pending", "no_such_name", "pending ", "NOTE"})
    CHECK_FALSE(parse(wrong).has_value());
}

} // namespace

TEST_CASE("the states of a phase keep their numbers and names") {
  check_names(phase_statuses, phase_status_from_string);
}

TEST_CASE("the states of an execution keep their numbers and names") {
  check_names(overall_statuses, overall_status_from_string);
}

TEST_CASE("the kinds of events keep their numbers and names") {
  check_names(event_kinds, event_kind_from_string);
}

TEST_CASE("the kinds of exits keep their numbers and names") {
  check_names(exit_kinds, exit_kind_from_string);
}

TEST_CASE("every state of a phase is open, shut or neither, and ended when it is one of both") {
  for (const auto& [number, entry] : phase_statuses) {
    auto s = entry.first;
    auto open = s == phase_status::approved || s == phase_status::skipped;
    auto shut = s == phase_status::failed || s == phase_status::rejected
                || s == phase_status::blocked || s == phase_status::cancelled;
    INFO(entry.second);
    CHECK(is_open(s) == open);
    CHECK(is_shut(s) == shut);
    CHECK(is_terminal(s) == (open || shut));
    CHECK(is_active(s) == (s == phase_status::in_progress));
  }
}

TEST_CASE("error codes and their names are inverse") {
  std::map<std::string, int> seen;
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(ec::other_workspace); ++i) {
    ec code{};
    REQUIRE(from_integer(i, code));
    auto name = to_string(code);
    ++seen[name];
    ec back{};
    CHECK(from_string(name, back));
    CHECK(back == code);
  }
  CHECK(seen.size() == static_cast<std::size_t>(ec::other_workspace) + 1);
  CHECK(seen["storage_failed"] == 1);
}

TEST_CASE("error codes that do not exist are refused") {
  ec code{};
  CHECK_FALSE(from_integer(static_cast<std::uint8_t>(ec::other_workspace) + 1, code));
  CHECK_FALSE(from_integer(255, code));
  CHECK_FALSE(from_string("no_such_error", code));
  CHECK_FALSE(from_string("", code));
}

TEST_CASE("an error's text is what it was made with, or the name of its code") {
  init_messages();
  CHECK(message_of(caf::make_error(ec::storage_failed, "disk full")) == "disk full");
  CHECK(message_of(caf::make_error(ec::storage_failed)) == "storage_failed");
  CHECK(message_of(caf::make_error(caf::sec::request_timeout)) == "no answer in time");
}

#include "messages/execution.hpp"

#include <array>

namespace aeo {

namespace {

constexpr std::array<std::string_view, 11> phase_names = {
    "pending",    "in_progress", "completed", "waiting_approval", "approved", "rejected",
    "retry_wait", "failed",      "blocked",   "skipped",          "cancelled"};

constexpr std::array<std::string_view, 8> overall_names = {
    "pending",   "in_progress", "paused",      "waiting_approval",
    "completed", "failed",      "interrupted", "cancelled"};

constexpr std::array<std::string_view, 22> event_names = {"execution_started",
                                                          "execution_resumed",
                                                          "execution_ended",
                                                          "phase_started",
                                                          "task_started",
                                                          "task_finished",
                                                          "phase_completed",
                                                          "phase_waiting",
                                                          "phase_approved",
                                                          "phase_rejected",
                                                          "phase_retry_wait",
                                                          "phase_failed",
                                                          "phase_blocked",
                                                          "phase_unblocked",
                                                          "phase_skipped",
                                                          "phase_cancelled",
                                                          "phase_reset",
                                                          "state_imported",
                                                          "note",
                                                          "audit",
                                                          "execution_paused",
                                                          "execution_continued"};

template <class Enum, std::size_t N>
std::optional<Enum> find_name(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == text)
      return static_cast<Enum>(i);
  return std::nullopt;
}

} // namespace

std::string_view to_string(phase_status x) {
  return phase_names.at(static_cast<std::size_t>(x));
}

std::string_view to_string(overall_status x) {
  return overall_names.at(static_cast<std::size_t>(x));
}

std::string_view to_string(event_kind x) {
  return event_names.at(static_cast<std::size_t>(x));
}

std::optional<phase_status> phase_status_from_string(std::string_view text) {
  return find_name<phase_status>(phase_names, text);
}

std::optional<overall_status> overall_status_from_string(std::string_view text) {
  return find_name<overall_status>(overall_names, text);
}

std::optional<event_kind> event_kind_from_string(std::string_view text) {
  return find_name<event_kind>(event_names, text);
}

bool is_terminal(phase_status x) {
  return is_open(x) || is_shut(x);
}

bool is_open(phase_status x) {
  return x == phase_status::approved || x == phase_status::skipped;
}

bool is_shut(phase_status x) {
  return x == phase_status::failed || x == phase_status::rejected || x == phase_status::blocked
         || x == phase_status::cancelled;
}

bool is_active(phase_status x) {
  return x == phase_status::in_progress;
}

} // namespace aeo

#pragma once

// What people read on GitHub about an execution: its issue and the comments there. Pure texts in
// GitHub's markdown; what tasks and people wrote into them is neither markup nor a mention there.
//
//   issue    ... <!-- aeo:execution UUID -->       at the body's end
//   comment  ... <!-- aeo:event UUID SEQ -->       at the end; tells of events up to SEQ
//
// The markers do not show, and find again what was sent when nobody knows whether it arrived.

#include "actors/core/report.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::core {

/// GitHub takes no longer body, of an issue or of a comment. Here in bytes, which are never fewer.
inline constexpr std::size_t longest_github_text = 65'536;

std::string execution_marker(std::string_view execution);
std::string event_marker(std::string_view execution, std::uint64_t seq);
bool has_execution_marker(std::string_view body, std::string_view execution);
/// The event up to which the comment tells; nullopt: it is none of ours about this execution.
std::optional<std::uint64_t> find_event_marker(std::string_view body, std::string_view execution);

/// What the texts say beside the report's facts.
struct issue_notes {
  std::string chain_head;        ///< Of the event log, hex; empty: not known.
  std::uint64_t chain_seq = 0;   ///< The event that it is of.
  bool chatops = false;          ///< Commands are taken from comments.
  std::string superseded;        ///< The execution that was begun instead (--fresh); empty: none.
  std::size_t list_phases = 200; ///< Of larger plans approved and pending phases are only counted.
};

std::string issue_title(const report_input&);
/// Facts, progress, what needs a person, and the table of phases, cut to GitHub's limit.
std::string issue_body(const report_input&, const issue_notes&);

/// About one event: a phase's start, completion, approval (with its checks), error; the end.
std::string event_comment(const report_input&, const issue_notes&, const event&);
/// Counts of many events, and those that people should see, one line each; `events` in order.
std::string digest_comment(const report_input&, const issue_notes&, const std::vector<event>&);
/// The answer to a command; `event` is its audit.
std::string reply_comment(const report_input&, const event&);
/// Where the run stands, in a few lines: the answer to /status.
std::string run_status(const report_input&);

/// A comment is worth making about it in its own right: failures, waits for people, their
/// decisions, the end.
bool is_noteworthy(event_kind);

} // namespace aeo::core

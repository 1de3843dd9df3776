// The comments of issue_text.hpp.

#include "actors/core/decisions.hpp"
#include "actors/core/github_markdown.hpp"
#include "actors/core/issue_text.hpp"
#include "actors/core/lenient_json.hpp"
#include "config/values.hpp"

#include <map>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t marker_space = 512; ///< Of a comment's limit.
constexpr std::size_t most_end_steps = 10;
constexpr std::string_view phase_word = "phase_";

std::string bold_title(const report_input& in, const event& e) {
  auto result = "**Phase " + github_cell(in, e.phase);
  if (const auto i = in.definition.find(e.phase)) {
    const auto& p = in.definition.phases[*i];
    if (p.label() != p.id)
      result += ": " + github_cell(in, p.label(), 100);
  }
  return result + "**";
}

std::string attempt_part(const event& e) {
  return e.attempt > 1 ? " (attempt " + std::to_string(e.attempt) + ")" : "";
}

std::string checks_part(const report_input& in, const ordered_json& data) {
  constexpr std::size_t most = 100;
  const auto& checks = lenient::array(data, "criteria");
  if (checks.empty())
    return {};
  std::string rows;
  std::size_t passed = 0;
  std::size_t shown = 0;
  // Failed ones first: the cut, if any, hits those that passed.
  for (const auto wanted : {false, true})
    for (const auto& c : checks) {
      if (lenient::flag(c, "passed") != wanted)
        continue;
      passed += wanted ? 1 : 0;
      if (shown++ < most)
        rows += "| " + std::string{wanted ? "✅ passed" : "❌ **failed**"} + " | "
                + github_cell(in, lenient::text(c, "check"), 200) + " | "
                + github_cell(in, lenient::text(c, "expected"), 100) + " | "
                + github_cell(in, lenient::text(c, "actual"), 100) + " |\n";
    }
  auto result = "\n\n" + std::to_string(passed) + " of " + std::to_string(checks.size())
                + " checks passed.\n\n| | Check | Expected | Actual |\n|---|---|---|---|\n" + rows;
  if (shown > most)
    result += "\nAnd " + std::to_string(shown - most) + " more.\n";
  return result;
}

std::string by_part(const report_input& in, const ordered_json& data) {
  const auto by = lenient::text(data, "by");
  const auto comment = lenient::text(data, "comment");
  const auto reason = lenient::text(data, "reason");
  std::string result;
  if (is_person(by))
    result += " by " + github_cell(in, by);
  else if (by == "criteria")
    result += " by its criteria";
  else if (!by.empty())
    result += " (" + github_cell(in, by) + ")";
  if (!reason.empty())
    result += ": " + github_cell(in, reason);
  if (!comment.empty())
    result += ": " + github_cell(in, comment);
  return result;
}

std::string failure_part(const report_input& in, const ordered_json& data) {
  auto result = ": " + github_cell(in, lenient::text(data, "message"), 600);
  const auto cls = lenient::text(data, "class");
  const auto why = lenient::text(data, "why");
  result += "\n\nClass: " + github_cell(in, cls.empty() ? "unknown" : cls);
  if (!why.empty())
    result += " (" + github_cell(in, why) + ")";
  result += ".";
  if (const auto log = lenient::text(data, "log"); !log.empty())
    result += " Log: " + github_code(in, log) + ".";
  result += checks_part(in, data);
  if (const auto tail = lenient::text(data, "tail"); !tail.empty())
    result += "\n\n" + github_block(in, tail, 8000);
  return result;
}

std::string waiting_part(const report_input& in, const issue_notes& notes, const event& e,
                         const ordered_json& data) {
  auto result = ": " + github_cell(in, lenient::text(data, "reason"), 600) + ".";
  for (const auto& vote : lenient::array(data, "votes"))
    result += "\n- approved by " + github_cell(in, lenient::text(vote, "by"));
  if (const auto until = lenient::number(data, "deadline_us"))
    result += "\n\nDeadline: " + short_time(*until) + ".";
  result += checks_part(in, data);
  if (const auto digest = lenient::text(data, "digest"); !digest.empty())
    result += "\n\nDigest of what is to be reviewed: " + github_code(in, digest) + ".";
  if (lenient::flag(data, "ask"))
    return result;
  const auto id = shell_quote(e.phase);
  return result + "\n\nTo decide: "
         + (notes.chatops ? "comment " + github_code(in, "/approve " + e.phase + " [text]") + " or "
                                + github_code(in, "/reject " + e.phase + " reason") + " here, or "
                          : "")
         + github_code(in, "aeo-control approve " + id) + ".";
}

std::string end_part(const report_input& in, const issue_notes& notes, const ordered_json& data) {
  auto result = "## " + github_cell(in, outcome_sentence(in), 600) + "\n\n"
                + "The node ended with exit code " + lenient::text(data, "exit_code") + " ("
                + status_words(lenient::text(data, "status"))
                + "): " + github_cell(in, lenient::text(data, "reason"), 600) + ".\n";
  const auto steps = next_steps(in, most_end_steps);
  if (!steps.empty())
    result += "\n### What a person has to do\n\n";
  for (const auto& step : steps)
    result += "- " + github_cell(in, step.text, 600)
              + (step.command.empty() ? "" : " " + github_code(in, step.command)) + "\n";
  if (!notes.chain_head.empty())
    result += "\nHead of the event log: " + github_code(in, notes.chain_head) + " at event "
              + std::to_string(notes.chain_seq) + ".\n";
  return result;
}

std::string plain_comment(const report_input& in, const issue_notes& notes, const event& e) {
  const auto data = lenient::object(e.data);
  const auto title = bold_title(in, e);
  switch (e.kind) {
  case event_kind::phase_started:
    return "▶️ " + title + " started" + attempt_part(e) + ".";
  case event_kind::phase_completed:
    return "🏁 " + title + ": all its tasks are done" + attempt_part(e)
           + "; its criteria are judged now.";
  case event_kind::phase_waiting:
    return "✋ " + title + (lenient::flag(data, "ask") ? " asks" : " waits for approval")
           + waiting_part(in, notes, e, data);
  case event_kind::phase_approved:
    return "✅ " + title + " is approved"
           + (lenient::flag(data, "override") ? " **although criteria failed**" : "")
           + by_part(in, data) + "." + checks_part(in, data);
  case event_kind::phase_rejected:
    return "❌ " + title + " is rejected" + by_part(in, data) + ".";
  case event_kind::phase_skipped:
    return "⏭️ " + title + " is skipped" + by_part(in, data) + ".";
  case event_kind::phase_cancelled:
    return "⛔ " + title + " is cancelled" + by_part(in, data) + ".";
  case event_kind::phase_failed:
    return "❌ " + title + " failed" + attempt_part(e) + failure_part(in, data);
  case event_kind::phase_retry_wait:
    return "🔁 " + title + " will be tried again"
           + (lenient::number(data, "at") ? " at " + short_time(*lenient::number(data, "at")) : "")
           + attempt_part(e) + failure_part(in, data);
  case event_kind::execution_ended:
    return end_part(in, notes, data);
  default:
    return title + ": " + status_words(to_string(e.kind)) + ".";
  }
}

/// With its marker, which no cut removes.
std::string with_marker(std::string text, const report_input& in, std::uint64_t seq) {
  text = config::shortened(text, longest_github_text - marker_space);
  while (text.ends_with('\n'))
    text.pop_back();
  return text + "\n\n" + event_marker(in.state.id, seq);
}

/// One line of a digest.
std::string digest_line(const report_input& in, const event& e) {
  const auto data = lenient::object(e.data);
  auto line =
      "- " + bold_title(in, e) + " " + status_words(to_string(e.kind).substr(phase_word.size()));
  if (const auto text = lenient::text(data, "message"); !text.empty())
    line += ": " + github_cell(in, text, 200);
  else
    line += by_part(in, data);
  if (e.kind == event_kind::phase_waiting)
    if (const auto digest = lenient::text(data, "digest"); !digest.empty())
      line += " (digest " + github_code(in, digest) + ")";
  return line + "\n";
}

} // namespace

bool is_noteworthy(event_kind kind) {
  switch (kind) {
  case event_kind::phase_failed:
  case event_kind::phase_waiting:
  case event_kind::phase_rejected:
  case event_kind::phase_cancelled:
  case event_kind::execution_ended:
    return true;
  default:
    return false;
  }
}

std::string event_comment(const report_input& in, const issue_notes& notes, const event& e) {
  return with_marker(plain_comment(in, notes, e), in, e.seq);
}

std::string digest_comment(const report_input& in, const issue_notes& notes,
                           const std::vector<event>& events) {
  std::map<event_kind, std::size_t> counts;
  limited_text lines{longest_github_text / 2};
  std::string end;
  std::size_t left_out = 0;
  for (const auto& e : events) {
    ++counts[e.kind];
    if (e.kind == event_kind::execution_ended)
      end = plain_comment(in, notes, e) + "\n\n";
    else if (is_noteworthy(e.kind) && !lines.add(digest_line(in, e)))
      ++left_out;
  }
  std::string text;
  for (const auto& [kind, count] : counts)
    if (const auto name = to_string(kind); name.starts_with(phase_word))
      text += (text.empty() ? "" : ", ") + format_count(count) + " "
              + status_words(name.substr(phase_word.size()));
  const auto now = count_phases(in.state);
  text = end + "**Phases since the last comment:** " + text + ". Now " + format_count(now.done())
         + " of " + format_count(now.total) + " are done.\n\n" + lines.take();
  if (left_out > 0)
    text += "- and " + format_count(left_out) + " more\n";
  return with_marker(std::move(text), in, events.empty() ? 0 : events.back().seq);
}

std::string reply_comment(const report_input& in, const event& e) {
  const auto data = lenient::object(e.data);
  const auto done = lenient::flag(data, "done");
  const auto outcome = lenient::text(data, "outcome");
  auto text =
      lenient::text(data, "command") == "status"
          ? run_status(in)
          : std::string{done ? "✅ Done: " : "🚫 Refused: "} + github_cell(in, outcome, 2000) + ".";
  auto by = lenient::text(data, "by");
  if (by.starts_with(github_prefix))
    by.erase(0, github_prefix.size());
  return with_marker("In answer to " + github_cell(in, by) + "'s `/"
                         + github_cell(in, lenient::text(data, "command"), 20) + "`"
                         + (e.phase.empty() ? "" : " for phase " + github_cell(in, e.phase))
                         + ":\n\n" + text,
                     in, e.seq);
}

std::string run_status(const report_input& in) {
  limited_text out{longest_github_text / 4};
  out.add(github_cell(in, outcome_sentence(in), 600) + "\n\n");
  out.add(status_counts(count_phases(in.state)) + "\n\n");
  for (phase_index i = 0; i < in.state.phases.size(); ++i) {
    const auto s = in.state.phases[i].status;
    if (s != phase_status::pending && !is_open(s))
      out.add("- " + std::string{icon_of(s)} + "phase "
              + github_cell(in, in.definition.phases[i].id) + ": " + status_words(to_string(s))
              + " " + took_words(in, i) + " " + github_cell(in, evidence_text(in, i), 200) + "\n");
  }
  return out.take();
}

} // namespace aeo::core

#include "actors/core/issue_text.hpp"

#include "actors/core/lenient_json.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <charconv>

namespace aeo::core {

namespace {

constexpr std::size_t kept_free = 512; ///< Of a text's limit, for the marker and a closing line.
constexpr std::size_t most_steps = 10;
constexpr std::string_view event_marker_prefix = "<!-- aeo:event ";

/// Lines until the limit, then none; says whether all fitted.
class limited_text {
public:
  explicit limited_text(std::size_t limit) : limit_(limit) {}
  bool add(std::string_view text) {
    if (full_ || text_.size() + text.size() > limit_) {
      full_ = true;
      return false;
    }
    text_ += text;
    return true;
  }
  std::string take() { return std::move(text_); }

private:
  std::string text_;
  std::size_t limit_;
  bool full_ = false;
};

std::string status_words(std::string_view name) {
  std::string result{name};
  std::ranges::replace(result, '_', ' ');
  return result;
}

std::string_view icon_of(phase_status s) {
  switch (s) {
  case phase_status::approved:
    return "✅ ";
  case phase_status::skipped:
    return "⏭️ ";
  case phase_status::failed:
  case phase_status::rejected:
    return "❌ ";
  case phase_status::in_progress:
  case phase_status::completed:
    return "▶️ ";
  case phase_status::waiting_approval:
    return "✋ ";
  case phase_status::retry_wait:
    return "🔁 ";
  case phase_status::blocked:
  case phase_status::cancelled:
    return "⛔ ";
  default:
    return "";
  }
}

std::string progress_bar(const progress_counts& counts) {
  constexpr std::size_t width = 20;
  const auto full = counts.total == 0 ? 0 : counts.done() * width / counts.total;
  std::string result;
  for (std::size_t i = 0; i < width; ++i)
    result += i < full ? "█" : "░";
  return result;
}

std::string code_span(const report_input& in, std::string_view text) {
  const auto shown =
      config::shortened(plain_line(in.mask ? in.mask(text) : std::string{text}), 400);
  return shown.find('`') == shown.npos ? "`" + shown + "`" : github_cell(in, shown);
}

std::string code_block(const report_input& in, std::string_view text, std::size_t limit) {
  auto shown = in.mask ? in.mask(text) : std::string{text};
  std::string fence = "```";
  while (shown.find(fence) != shown.npos)
    fence += '`';
  std::string result = fence + "text\n";
  for (std::size_t from = 0; from < shown.size();) {
    const auto end = std::min(shown.find('\n', from), shown.size());
    auto line = plain_line(std::string_view{shown}.substr(from, end - from)) + "\n";
    if (result.size() + line.size() > limit) {
      result += "…\n";
      break;
    }
    result += line;
    from = end + 1;
  }
  return result + fence + "\n";
}

std::string took_part(const report_input& in, phase_index i) {
  const auto& s = in.state.phases[i];
  if (is_active(s.status))
    return "since " + short_time(s.attempt_us);
  const auto measured = worked(in, i);
  return measured ? format_duration(*measured) : s.started_us == 0 ? "" : "not measured";
}

std::string phase_table_row(const report_input& in, phase_index i) {
  const auto& p = in.definition.phases[i];
  const auto& s = in.state.phases[i];
  return "| " + github_cell(in, p.id) + " | " + github_cell(in, p.label(), 100) + " | "
         + std::string{icon_of(s.status)} + status_words(to_string(s.status)) + " | "
         + (s.attempt > 0 ? std::to_string(s.attempt) : "") + " | " + took_part(in, i) + " | "
         + github_cell(in, evidence_text(in, i), 200) + " |\n";
}

void add_fact_table(limited_text& out, const report_input& in, const issue_notes& notes) {
  const auto& s = in.state;
  auto row = [&](const char* name, const std::string& value) {
    if (!value.empty())
      out.add("| " + std::string{name} + " | " + value + " |\n");
  };
  out.add("| | |\n|---|---|\n");
  row("Execution", code_span(in, s.id));
  row("Status", "**" + status_words(to_string(s.overall)) + "**");
  row("Started", short_time(s.started_us)
                     + (s.started_by.empty() ? "" : " by " + github_cell(in, s.started_by)));
  row(in.exit_code < 0 ? "Last change" : "Ended", short_time(s.updated_us));
  row("Workspace", in.workspace.empty() ? "" : code_span(in, in.workspace));
  row("Plan", in.definition.hash.empty() ? "" : code_span(in, in.definition.hash));
  row("Event log", notes.chain_head.empty() ? ""
                                            : "head " + code_span(in, notes.chain_head)
                                                  + " at event " + std::to_string(notes.chain_seq));
  out.add("\n");
}

void add_step_list(limited_text& out, const report_input& in, const issue_notes& notes) {
  const auto steps = next_steps(in, most_steps);
  if (steps.empty() || !notes.superseded.empty())
    return;
  out.add("### What a person has to do\n\n");
  for (const auto& step : steps)
    out.add("- " + github_cell(in, step.text, 600)
            + (step.command.empty() ? "" : " " + code_span(in, step.command)) + "\n");
  if (notes.chatops && in.exit_code < 0)
    out.add("\nPeople who may write to this repository can also comment `/approve ID [text]`, "
            "`/reject ID reason`, `/retry ID`, `/skip ID reason` or `/status`.\n");
  out.add("\n");
}

void add_status_counts(limited_text& out, const progress_counts& counts) {
  std::string line;
  for (std::size_t k = 0; k < counts.by_status.size(); ++k)
    if (counts.by_status.at(k) > 0)
      line += (line.empty() ? "" : ", ") + format_count(counts.by_status.at(k)) + " "
              + status_words(to_string(static_cast<phase_status>(k)));
  out.add(line + "\n\n");
}

/// Of a large plan what runs, waits or failed; the rest is in the counts.
void add_phase_table(limited_text& out, const report_input& in, const issue_notes& notes) {
  const auto& phases = in.state.phases;
  const auto all = phases.size() <= notes.list_phases;
  out.add("| Phase | Name | Status | Attempts | Took | Evidence |\n|---|---|---|---|---|---|\n");
  std::size_t left_out = 0;
  auto add_those = [&](auto wanted) {
    for (phase_index i = 0; i < phases.size(); ++i)
      if (wanted(phases[i].status) && !out.add(phase_table_row(in, i)))
        ++left_out;
  };
  if (all) {
    add_those([](phase_status) { return true; });
  } else {
    // What needs somebody first: a cut at the limit hits the others.
    auto urgent = [](phase_status s) {
      return is_shut(s) || s == phase_status::waiting_approval || s == phase_status::retry_wait;
    };
    add_those(urgent);
    add_those([urgent](phase_status s) {
      return !urgent(s) && !is_open(s) && s != phase_status::pending;
    });
  }
  if (left_out > 0 || !all)
    out.add("\n"); // May not fit; the lines below do.
}

std::string closing_lines(const report_input& in, const issue_notes& notes, bool cut) {
  std::string result;
  if (in.state.phases.size() > notes.list_phases)
    result += "\nApproved and pending phases are only counted here.";
  if (cut)
    result += "\nThe table is cut: GitHub takes no longer text.";
  if (!result.empty())
    result += " The reports below `consolidation/reports/` have every phase.\n";
  return result + "\n<sub>Kept by aeo-node; what is edited here is overwritten.</sub>\n";
}

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
    result += " Log: " + code_span(in, log) + ".";
  result += checks_part(in, data);
  if (const auto tail = lenient::text(data, "tail"); !tail.empty())
    result += "\n\n" + code_block(in, tail, 8000);
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
    result += "\n\nDigest of what is to be reviewed: " + code_span(in, digest) + ".";
  if (lenient::flag(data, "ask"))
    return result;
  const auto id = shell_quote(e.phase);
  return result + "\n\nTo decide: "
         + (notes.chatops ? "comment " + code_span(in, "/approve " + e.phase + " [text]") + " or "
                                + code_span(in, "/reject " + e.phase + " reason") + " here, or "
                          : "")
         + code_span(in, "aeo-control approve " + id) + ".";
}

std::string end_part(const report_input& in, const issue_notes& notes, const ordered_json& data) {
  auto result = "## " + github_cell(in, outcome_sentence(in), 600) + "\n\n"
                + "The node ended with exit code " + lenient::text(data, "exit_code") + " ("
                + status_words(lenient::text(data, "status"))
                + "): " + github_cell(in, lenient::text(data, "reason"), 600) + ".\n";
  const auto steps = next_steps(in, most_steps);
  if (!steps.empty())
    result += "\n### What a person has to do\n\n";
  for (const auto& step : steps)
    result += "- " + github_cell(in, step.text, 600)
              + (step.command.empty() ? "" : " " + code_span(in, step.command)) + "\n";
  if (!notes.chain_head.empty())
    result += "\nHead of the event log: " + code_span(in, notes.chain_head) + " at event "
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
  text = config::shortened(text, longest_github_text - kept_free);
  while (text.ends_with('\n'))
    text.pop_back();
  return text + "\n\n" + event_marker(in.state.id, seq);
}

/// One line of a digest.
std::string digest_line(const report_input& in, const event& e) {
  const auto data = lenient::object(e.data);
  auto line = "- " + bold_title(in, e) + " " + status_words(to_string(e.kind).substr(6));
  if (const auto text = lenient::text(data, "message"); !text.empty())
    line += ": " + github_cell(in, text, 200);
  else
    line += by_part(in, data);
  if (e.kind == event_kind::phase_waiting)
    if (const auto digest = lenient::text(data, "digest"); !digest.empty())
      line += " (digest " + code_span(in, digest) + ")";
  return line + "\n";
}

} // namespace

std::string execution_marker(std::string_view execution) {
  return "<!-- aeo:execution " + std::string{execution} + " -->";
}

std::string event_marker(std::string_view execution, std::uint64_t seq) {
  return std::string{event_marker_prefix} + std::string{execution} + " " + std::to_string(seq)
         + " -->";
}

bool has_execution_marker(std::string_view body, std::string_view execution) {
  return body.find(execution_marker(execution)) != body.npos;
}

std::optional<std::uint64_t> find_event_marker(std::string_view body, std::string_view execution) {
  // The last one: what stands before it may be a quotation.
  const auto prefix = std::string{event_marker_prefix} + std::string{execution} + " ";
  const auto at = body.rfind(prefix);
  if (at == body.npos)
    return std::nullopt;
  const auto digits = body.substr(at + prefix.size());
  std::uint64_t seq = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), seq);
  if (read.ec != std::errc{}
      || !std::string_view{read.ptr, digits.data() + digits.size()}.starts_with(" -->"))
    return std::nullopt;
  return seq;
}

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

std::string github_cell(const report_input& in, std::string_view text, std::size_t limit) {
  const auto masked = in.mask ? in.mask(text) : std::string{text};
  std::string result;
  for (const auto c : config::shortened(plain_line(masked), limit)) {
    if (c == '<')
      result += "&lt;";
    else if (c == '&')
      result += "&amp;";
    else if (c == '@')
      result += "@&#8203;"; // Nobody is to be notified by a task's output.
    else if (c == '#')
      result += "\\#&#8203;"; // No reference to another issue.
    else {
      if (std::string_view{"\\`*_[]|~"}.find(c) != std::string_view::npos)
        result += '\\';
      result += c;
    }
  }
  return result;
}

std::string issue_title(const report_input& in) {
  auto where = in.workspace;
  while (where.size() > 1 && where.back() == '/')
    where.pop_back();
  where = where.substr(where.rfind('/') + 1);
  const auto count = in.definition.phases.size();
  auto text = "Execution " + in.state.id.substr(0, 8) + " of " + format_count(count)
              + (count == 1 ? " phase" : " phases");
  if (!where.empty() && where != ".")
    text += " in " + where;
  return config::shortened(plain_line(in.mask ? in.mask(text) : text), 200);
}

std::string issue_body(const report_input& in, const issue_notes& notes) {
  limited_text out{longest_github_text - 2 * kept_free};
  const auto counts = count_phases(in.state);
  if (!notes.superseded.empty())
    out.add("**Given up: execution " + code_span(in, notes.superseded)
            + " was begun instead (--fresh).**\n\n");
  out.add("**" + github_cell(in, outcome_sentence(in), 600) + "**\n\n`" + progress_bar(counts)
          + "` " + format_count(counts.done()) + " of " + format_count(counts.total) + " phases ("
          + lenient::dump(ordered_json(counts.percent())) + " %)\n\n");
  add_fact_table(out, in, notes);
  add_step_list(out, in, notes);
  out.add("### Phases\n\n");
  add_status_counts(out, counts);
  add_phase_table(out, in, notes);
  const auto cut = !out.add("\n");
  return out.take() + closing_lines(in, notes, cut) + "\n" + execution_marker(in.state.id) + "\n";
}

std::string event_comment(const report_input& in, const issue_notes& notes, const event& e) {
  return with_marker(plain_comment(in, notes, e), in, e.seq);
}

std::string digest_comment(const report_input& in, const issue_notes& notes,
                           const std::vector<event>& events) {
  std::array<std::size_t, 32> counts{};
  limited_text lines{longest_github_text / 2};
  std::string end;
  std::size_t left_out = 0;
  for (const auto& e : events) {
    ++counts.at(static_cast<std::size_t>(e.kind));
    if (e.kind == event_kind::execution_ended)
      end = plain_comment(in, notes, e) + "\n\n";
    else if (is_noteworthy(e.kind) && !lines.add(digest_line(in, e)))
      ++left_out;
  }
  std::string text;
  for (std::size_t k = 0; k < counts.size(); ++k)
    if (const auto name = to_string(static_cast<event_kind>(k));
        counts.at(k) > 0 && name.starts_with("phase_"))
      text += (text.empty() ? "" : ", ") + format_count(counts.at(k)) + " "
              + status_words(name.substr(6));
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
  if (by.starts_with("github:"))
    by.erase(0, 7);
  return with_marker("In answer to " + github_cell(in, by) + "'s `/"
                         + github_cell(in, lenient::text(data, "command"), 20) + "`"
                         + (e.phase.empty() ? "" : " for phase " + github_cell(in, e.phase))
                         + ":\n\n" + text,
                     in, e.seq);
}

std::string run_status(const report_input& in) {
  limited_text out{longest_github_text / 4};
  out.add(github_cell(in, outcome_sentence(in), 600) + "\n\n");
  add_status_counts(out, count_phases(in.state));
  for (phase_index i = 0; i < in.state.phases.size(); ++i) {
    const auto s = in.state.phases[i].status;
    if (s != phase_status::pending && !is_open(s))
      out.add("- " + std::string{icon_of(s)} + "phase "
              + github_cell(in, in.definition.phases[i].id) + ": " + status_words(to_string(s))
              + " " + took_part(in, i) + " " + github_cell(in, evidence_text(in, i), 200) + "\n");
  }
  return out.take();
}

} // namespace aeo::core

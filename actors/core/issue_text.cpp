#include "actors/core/issue_text.hpp"

#include "actors/core/github_markdown.hpp"
#include "actors/core/lenient_json.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <charconv>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t kept_free = 512; ///< Of a text's limit, for the marker and a closing line.
constexpr std::size_t most_steps = 10;
constexpr std::string_view event_marker_prefix = "<!-- aeo:event ";

std::string progress_bar(const progress_counts& counts) {
  constexpr std::size_t width = 20;
  const auto full = counts.total == 0 ? 0 : counts.done() * width / counts.total;
  std::string result;
  for (std::size_t i = 0; i < width; ++i)
    result += i < full ? "█" : "░";
  return result;
}

std::string phase_table_row(const report_input& in, phase_index i) {
  const auto& p = in.definition.phases[i];
  const auto& s = in.state.phases[i];
  return "| " + github_cell(in, p.id) + " | " + github_cell(in, p.label(), 100) + " | "
         + std::string{icon_of(s.status)} + status_words(to_string(s.status)) + " | "
         + (s.attempt > 0 ? std::to_string(s.attempt) : "") + " | " + took_words(in, i) + " | "
         + github_cell(in, evidence_text(in, i), 200) + " |\n";
}

void add_fact_table(limited_text& out, const report_input& in, const issue_notes& notes) {
  const auto& s = in.state;
  auto row = [&](const char* name, const std::string& value) {
    if (!value.empty())
      out.add("| " + std::string{name} + " | " + value + " |\n");
  };
  out.add("| | |\n|---|---|\n");
  row("Execution", github_code(in, s.id));
  row("Status", "**" + status_words(to_string(called(s.overall, count_phases(s)))) + "**");
  row("Started", short_time(s.started_us)
                     + (s.started_by.empty() ? "" : " by " + github_cell(in, s.started_by)));
  row(in.exit_code < 0 ? "Last change" : "Ended",
      short_time(in.exit_code < 0 ? s.updated_us : end_of_run(in)));
  row("Workspace", in.workspace.empty() ? "" : github_code(in, in.workspace));
  row("Plan", in.definition.hash.empty() ? "" : github_code(in, in.definition.hash));
  row("Event log", notes.chain_head.empty() ? ""
                                            : "head " + github_code(in, notes.chain_head)
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
            + (step.command.empty() ? "" : " " + github_code(in, step.command)) + "\n");
  if (notes.chatops && in.exit_code < 0)
    out.add("\nPeople who may write to this repository can also comment `/approve ID [text]`, "
            "`/reject ID reason`, `/retry ID`, `/skip ID reason` or `/status`.\n");
  out.add("\n");
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
    out.add("**Given up: execution " + github_code(in, notes.superseded)
            + " was begun instead (--fresh).**\n\n");
  out.add("**" + github_cell(in, outcome_sentence(in), 600) + "**\n\n`" + progress_bar(counts)
          + "` " + format_count(counts.done()) + " of " + format_count(counts.total) + " phases ("
          + lenient::dump(ordered_json(counts.percent())) + " %)\n\n");
  add_fact_table(out, in, notes);
  add_step_list(out, in, notes);
  out.add("### Phases\n\n");
  out.add(status_counts(counts) + "\n\n");
  add_phase_table(out, in, notes);
  const auto cut = !out.add("\n");
  return out.take() + closing_lines(in, notes, cut) + "\n" + execution_marker(in.state.id) + "\n";
}

} // namespace aeo::core

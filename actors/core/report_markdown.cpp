// final_report.md: what the one who takes over reads first, then the evidence.

#include "actors/core/lenient_json.hpp"
#include "actors/core/markdown_text.hpp"
#include "actors/core/report.hpp"
#include "actors/core/report_words.hpp"

#include <algorithm>
#include <map>
#include <ostream>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t markdown_lists_all_up_to = 200;
constexpr std::size_t rows_limit = 1000;

void write_block(std::ostream& out, const report_input& in, std::string_view text) {
  auto masked = in.mask ? in.mask(text) : std::string{text};
  std::string fence = "```";
  while (masked.find(fence) != std::string::npos)
    fence += '`';
  out << fence << "text\n";
  for (std::size_t from = 0; from < masked.size();) {
    auto end = std::min(masked.find('\n', from), masked.size());
    out << plain_line(std::string_view{masked}.substr(from, end - from)) << "\n";
    from = end + 1;
  }
  out << fence << "\n\n";
}

std::string took(std::int64_t from_us, std::int64_t to_us) {
  return from_us > 0 && to_us >= from_us ? format_duration(duration{(to_us - from_us) / 1000})
                                         : std::string{"not measured"};
}

bool imported(const report_input& in, phase_index i) {
  return in.history && in.history->imported(i);
}

std::string status_text(std::string_view name) {
  std::string result{name};
  std::replace(result.begin(), result.end(), '_', ' ');
  return result;
}

std::string status_word(phase_status s) {
  return status_text(to_string(s));
}

void write_facts(std::ostream& out, const report_input& in) {
  const auto& s = in.state;
  auto counts = count_phases(s);
  auto row = [&out](const char* name, const std::string& value) {
    if (!value.empty())
      out << "| " << name << " | " << value << " |\n";
  };
  out << "| | |\n|---|---|\n";
  row("Execution", code_cell(in, s.id));
  row("Result", status_text(to_string(s.overall)));
  row("Progress", format_count(counts.done()) + " of " + format_count(counts.total) + " phases ("
                      + lenient::dump(ordered_json(counts.percent())) + " %)");
  row("Started",
      short_time(s.started_us) + (s.started_by.empty() ? "" : " by " + cell(in, s.started_by)));
  row(in.exit_code < 0 ? "Report made" : "Ended", short_time(end_of_run(in)));
  row("Took", took(s.started_us, end_of_run(in)));
  if (in.history) {
    row("Mode", cell(in, in.history->mode()));
    row("Program", cell(in, in.history->program()));
  }
  row("Plan", in.definition.hash.empty() ? "" : code_cell(in, in.definition.hash));
  row("Event log", std::to_string(s.last_seq) + " events"
                       + (in.chain_head.empty() ? "" : ", head " + code_cell(in, in.chain_head)));
  out << "\n";
}

std::string open_gates_text(const execution_state& state) {
  const auto overridden = count_overridden(state);
  return "Nothing holds the plan up: every gate is open"
         + (overridden == 0 ? std::string{}
                            : ", " + format_count(overridden)
                                  + " of them because a person overrode what had failed")
         + ".";
}

void write_steps(std::ostream& out, const report_input& in) {
  out << "## What to do next\n\n";
  auto steps = next_steps(in);
  if (steps.empty())
    out << (in.exit_code < 0 ? "Nothing. The execution goes on." : open_gates_text(in.state))
        << "\n\n";
  for (std::size_t i = 0; i < steps.size(); ++i) {
    out << i + 1 << ". " << cell(in, steps[i].text) << "\n";
    auto last_of_its_kind = i + 1 == steps.size() || steps[i + 1].command != steps[i].command;
    if (!steps[i].command.empty() && last_of_its_kind)
      out << "\n   ```sh\n   " << plain_line(steps[i].command) << "\n   ```\n\n";
  }
  out << "\n";
}

void write_phase_table(std::ostream& out, const report_input& in) {
  const auto& phases = in.state.phases;
  auto all = phases.size() <= markdown_lists_all_up_to;
  out << "## Phases\n\n";
  if (!all)
    out << "Approved phases are only counted here; final_report.json has them all.\n\n";
  auto counts = count_phases(in.state);
  for (std::size_t k = 0; k < counts.by_status.size(); ++k)
    if (counts.by_status.at(k) > 0)
      out << "- " << format_count(counts.by_status.at(k)) << " "
          << status_word(static_cast<phase_status>(k)) << "\n";
  out << "\n| Phase | Name | Status | Attempts | Took | Evidence |\n|---|---|---|---|---|---|\n";
  std::size_t rows = 0;
  std::size_t left_out = 0;
  for (phase_index i = 0; i < phases.size(); ++i) {
    if (!all && phases[i].status == phase_status::approved)
      continue;
    if (rows++ >= rows_limit) {
      ++left_out;
      continue;
    }
    const auto& p = in.definition.phases[i];
    const auto& s = phases[i];
    auto measured = worked(in, i);
    out << "| " << cell(in, p.id) << " | " << cell(in, p.label()) << " | " << status_word(s.status)
        << " | " << s.attempt << " | "
        << (measured            ? format_duration(*measured)
            : s.started_us == 0 ? "did not run"
                                : "not measured")
        << " | " << cell(in, evidence_text(in, i)) << " |\n";
  }
  if (left_out > 0)
    out << "\n" << format_count(left_out) << " more are in final_report.json.\n";
  out << "\n";
}

void write_checks(std::ostream& out, const report_input& in, const ordered_json& checks) {
  if (checks.empty())
    return;
  out << "| | Criterion | Expected | Actual |\n|---|---|---|---|\n";
  for (const auto& c : checks)
    out << "| " << (lenient::flag(c, "passed") ? "passed" : "**FAILED**") << " | "
        << cell(in, lenient::text(c, "check")) << " | " << cell(in, lenient::text(c, "expected"))
        << " | " << cell(in, lenient::text(c, "actual")) << " |\n";
  out << "\n";
}

void write_outputs(std::ostream& out, const report_input& in, const ordered_json& outputs) {
  if (outputs.empty())
    return;
  out << "| Output | Size | SHA-256 |\n|---|---|---|\n";
  for (const auto& o : outputs) {
    auto bytes = lenient::number(o, "bytes");
    out << "| " << code_cell(in, lenient::text(o, "path")) << " | "
        << (bytes ? format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(*bytes, 0)))
                  : std::string{"not measured"})
        << " | " << code_cell(in, lenient::text(o, "sha256")) << " |\n";
  }
  out << "\n";
}

void write_tasks(std::ostream& out, const report_input& in, phase_index i) {
  if (!in.history)
    return;
  if (const auto before = in.history->attempts_before(i); before.count > 0)
    out << "- " << format_count(before.count) << " earlier attempts, "
        << (before.unmeasured > 0
                ? "not all of them measured"
                : format_duration(duration{before.worked_us / 1000}) + " of work together")
        << ": the event log has them\n";
  for (const auto& a : in.history->attempts(i)) {
    out << "- attempt " << a.attempt << ", " << short_time(a.started_us) << ", ";
    if (a.outcome == event_kind::phase_started)
      out << "its end was not recorded";
    else
      out << status_word(*status_after(a.outcome)) << " after " << took(a.started_us, a.ended_us);
    out << "\n";
    for (const auto& t : in.history->tasks(i, a.attempt)) {
      out << "  - " << cell(in, in.definition.phases[i].tasks[t.task].id) << ": ";
      if (!t.finished)
        out << "its end was not recorded\n";
      else
        out << to_string(t.kind) << " " << t.code << " after " << took(t.started_us, t.ended_us)
            << ", "
            << format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(t.peak_rss_kb, 0))
                            * 1024)
            << " peak memory\n";
    }
  }
  out << "\n";
}

void write_phase(std::ostream& out, const report_input& in, phase_index i) {
  const auto& p = in.definition.phases[i];
  const auto& s = in.state.phases[i];
  auto detail = lenient::object(s.detail);
  out << "### Phase " << cell(in, p.id) << ": " << cell(in, p.label()) << " ("
      << status_word(s.status) << ")\n\n";
  if (imported(in, i))
    out << "Its state was imported from execution_state.json; nothing of it was measured by "
           "us.\n\n";
  auto why = cell(in, evidence_text(in, i));
  if (!why.empty())
    out << why << ".";
  if (auto comment = lenient::text(detail, "comment"); !comment.empty())
    out << " Comment: " << cell(in, comment) << ".";
  if (is_terminal(s.status) && s.ended_us > 0)
    out << " (" << short_time(s.ended_us) << ")";
  out << "\n\n";
  write_tasks(out, in, i);
  write_checks(out, in, lenient::array(detail, "criteria"));
  write_outputs(out, in, lenient::array(detail, "outputs"));
  if (s.earlier_errors > 0)
    out << "- " << format_count(s.earlier_errors) << " earlier errors: the event log has them\n";
  for (const auto& e : s.errors)
    out << "- error at " << short_time(e.time_us) << ", attempt " << e.attempt << ", "
        << cell(in, e.cls) << ": " << cell(in, e.message) << "\n";
  if (!s.errors.empty())
    out << "\n";
  if (auto log = lenient::text(detail, "log"); !log.empty())
    out << "Log: " << code(in, log) << "\n\n";
  if (auto tail = lenient::text(detail, "tail"); !tail.empty())
    write_block(out, in, tail);
}

void write_phases(std::ostream& out, const report_input& in) {
  auto all = in.state.phases.size() <= markdown_lists_all_up_to;
  out << "## Evidence\n\n";
  std::size_t written = 0;
  for (phase_index i = 0; i < in.state.phases.size(); ++i) {
    const auto& s = in.state.phases[i];
    auto telling = s.started_us > 0 || s.status == phase_status::skipped || imported(in, i);
    if (telling
        && (all || (s.status != phase_status::approved && written < markdown_lists_all_up_to))) {
      write_phase(out, in, i);
      ++written;
    }
  }
  if (written == 0)
    out << (all ? "No phase has begun.\n\n"
                : "final_report.json has the evidence of every phase.\n\n");
}

void write_people(std::ostream& out, const report_input& in) {
  if (!in.history)
    return;
  const auto& list = in.history->interventions();
  if (!list.empty())
    out << "## Decisions of people\n\n| When | Who | What | Phase | Why |\n|---|---|---|---|---|\n";
  for (const auto& x : list)
    out << "| " << short_time(x.time_us) << " | " << cell(in, x.by) << " | "
        << cell(in, to_string(x.kind)) << " | " << cell(in, x.phase)
        << (x.others > 0 ? " and " + format_count(x.others) + " more" : "") << " | "
        << cell(in, x.reason) << " |\n";
  if (const auto before = in.history->interventions_before(); before > 0)
    out << "\n" << format_count(before) << " came before these: the event log has them.\n";
  if (!list.empty())
    out << "\n";
}

void write_errors(std::ostream& out, const report_input& in) {
  std::map<std::string, std::pair<std::size_t, std::size_t>> classes; // errors, phases
  for (const auto& p : in.state.phases) {
    std::map<std::string, std::size_t> here;
    for (const auto& e : p.errors)
      ++here[e.cls.empty() ? "unknown" : e.cls];
    for (const auto& [cls, n] : here) {
      classes[cls].first += n;
      ++classes[cls].second;
    }
  }
  out << "## Errors by class\n\n";
  if (classes.empty())
    out << "None were recorded.\n";
  else
    out << "| Class | Errors | Phases |\n|---|---|---|\n";
  for (const auto& [cls, n] : classes)
    out << "| " << cell(in, cls) << " | " << format_count(n.first) << " | "
        << format_count(n.second) << " |\n";
  if (const auto before = count_earlier_errors(in.state); before > 0)
    out << "\n"
        << format_count(before)
        << " earlier errors are not counted here: the event log has them.\n";
  out << "\n";
}

void write_path(std::ostream& out, const report_input& in) {
  auto path = taken_path(in);
  out << "## Critical path, as measured\n\n";
  if (path.empty()) {
    out << "Nothing was measured.\n\n";
    return;
  }
  out << "These phases decided how long it took: "
      << took(path.front().started_us, path.back().ended_us) << ".\n\n"
      << "| Phase | Name | Waited before | Took |\n|---|---|---|---|\n";
  for (std::size_t k = 0; k < path.size(); ++k) {
    if (path.size() > markdown_lists_all_up_to && k >= markdown_lists_all_up_to / 2
        && k < path.size() - markdown_lists_all_up_to / 2)
      continue;
    const auto& p = in.definition.phases[path[k].phase];
    out << "| " << cell(in, p.id) << " | " << cell(in, p.label()) << " | "
        << format_duration(duration{path[k].waited_us / 1000}) << " | "
        << took(path[k].started_us, path[k].ended_us) << " |\n";
  }
  if (path.size() > markdown_lists_all_up_to)
    out << "\nThe middle of its " << format_count(path.size())
        << " phases is left out here; final_report.json has them all.\n";
  out << "\n";
}

void write_sessions(std::ostream& out, const report_input& in) {
  if (!in.history || (in.history->sessions().size() < 2 && in.history->warnings().empty()))
    return;
  out << "## Runs of the node\n\n| From | To | By | Ended | Remarks |\n|---|---|---|---|---|\n";
  const auto& sessions = in.history->sessions();
  for (std::size_t k = 0; k < sessions.size(); ++k) {
    const auto& s = sessions[k];
    auto last = k + 1 == sessions.size();
    out << "| " << short_time(s.started_us) << " | "
        << (s.ended_us > 0 ? short_time(s.ended_us)
            : last         ? ""
                           : "not recorded")
        << " | " << cell(in, s.user) << " | "
        << (!s.status.empty() ? cell(in, s.status)
            : last            ? ""
                              : "without a word (crash or kill)")
        << " | " << (s.plan_changed ? "plan change accepted " : "")
        << (s.imported ? "state imported " : "") << cell(in, s.reason) << " |\n";
  }
  out << "\n";
  for (const auto& w : in.history->warnings())
    out << "- " << short_time(w.time_us) << " " << cell(in, w.by) << ": " << cell(in, w.reason)
        << "\n";
  out << "\n";
}

} // namespace

void write_final_markdown(std::ostream& out, const report_input& in) {
  out << "# " << cell(in, outcome_sentence(in)) << "\n\n";
  write_facts(out, in);
  write_steps(out, in);
  write_output_words(out, in);
  write_phase_table(out, in);
  write_people(out, in);
  write_errors(out, in);
  write_path(out, in);
  write_sessions(out, in);
  write_phases(out, in);
  out << "## How to check this report\n\n"
      << "Each event in the log (execution.db) carries the SHA-256 of the one before it; a resume "
         "reads and compares them all. "
      << (in.chain_head.empty() ? "The head of the log was not known when this report was made.\n"
                                : "The head of the log when this report was made is given above; "
                                  "a log rewritten as a whole has another one.\n");
}

} // namespace aeo::core

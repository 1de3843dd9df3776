#pragma once

// The reports on an execution: final_report.json, final_report.md and status_report JSON, written
// piecewise so that 100,000 phases never exist as one document in memory. A report claims nothing
// that was not measured: what is unknown is null in JSON and said in words in the text.

#include "actors/core/execution_state.hpp"
#include "actors/core/run_history.hpp"
#include "actors/core/text.hpp"

#include <array>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace aeo::core {

class file_access;

/// Everything a report is made from; refers to the caller's values.
struct report_input {
  const plan& definition;
  const execution_state& state;
  const run_history* history = nullptr; ///< Null: attempts, tasks and sessions are unknown.
  std::string chain_head;               ///< event_store::head(); empty: not known.
  std::int64_t now_us = 0;              ///< When the report is made.
  int exit_code = -1;                   ///< The node's; -1: it still runs.
  std::string workspace;        ///< As the operator would type it; empty: the current folder.
  mask_function mask;           ///< Applied to each text before it is written.
  file_access* files = nullptr; ///< Reads outputs, for what they say; null: they are not read.
};

/// How many phases are in which state.
struct progress_counts {
  std::array<std::size_t, 11> by_status{}; ///< Index: phase_status.
  std::size_t total = 0;
  std::size_t operator[](phase_status s) const { return by_status[static_cast<std::size_t>(s)]; }
  /// Phases whose gate is open (approved or skipped).
  std::size_t done() const;
  /// Of the phases, rounded down: 100 only when all are done.
  double percent() const;
};
progress_counts count_phases(const execution_state&);
/// Approved by a person although they had failed.
std::size_t count_overridden(const execution_state&);
/// What a run is to be called that has not ended: cancelled when that is what people did with what
/// was left to do. `overall`: as its events have it.
overall_status called(overall_status overall, const progress_counts&);

/// When the run ended; while it goes on: now. A resume that found nothing to do is no part of it.
std::int64_t end_of_run(const report_input&);

/// Errors of all phases that are in the event log only.
std::size_t count_earlier_errors(const execution_state&);

/// How long the phase's attempts took together: without waits between them or for a person. An
/// attempt that a later node took up counts until that node saw its end. Nullopt: it did not run,
/// or nobody here measured it.
std::optional<duration> worked(const report_input&, phase_index);

/// One step of the critical path as measured.
struct path_step {
  phase_index phase = 0;
  std::int64_t started_us = 0;
  std::int64_t ended_us = 0;
  std::int64_t waited_us = 0; ///< Between the end of the step before and this start.
};
/// The chain of phases that decided how long it took: from the phase that ended last, back to the
/// dependency that ended last, and so on. Phases without measured times (imported, skipped before
/// they ran) end it.
std::vector<path_step> taken_path(const report_input&);

/// Something a person has to do.
struct next_step {
  std::string text;
  std::string command; ///< As it is to be typed; empty: none helps.
};
/// What has to be done now, the most urgent first, at most `limit` phases one by one (then a line
/// that says how many more). Empty: nothing.
std::vector<next_step> next_steps(const report_input&, std::size_t limit = 20);
/// The step for one phase; empty when it needs nobody.
next_step step_of(const report_input&, phase_index);
/// "text\n    command\n" for each step; a command that several in a row share comes once, after
/// them.
std::string to_text(const std::vector<next_step>&);

/// "5/5 checks; by alice": why the phase is where it is, in one short line.
std::string evidence_text(const report_input&, phase_index);
/// One sentence: what became of the execution.
std::string outcome_sentence(const report_input&);

/// The whole execution, every phase with its evidence.
void write_final_json(std::ostream&, const report_input&);
/// The same as a hand-over for people; plans of more than 200 phases: approved phases only counted.
void write_final_markdown(std::ostream&, const report_input&);
/// Where the execution stands: all phases up to 1,000, beyond that only the counts and those that
/// run, wait or failed.
void write_status_json(std::ostream&, const report_input&);
/// "status_report_YYYYMMDD_HHMMSS.json" (UTC).
std::string status_report_name(std::int64_t time_us);

} // namespace aeo::core

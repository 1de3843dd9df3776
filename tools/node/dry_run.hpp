#pragma once

// `--mode dry-run`: what an execution would do, without doing it. Reads nothing and writes only to
// the stream that it is given; what has to be asked of the machine comes through functions.

#include "actors/core/execution_state.hpp"
#include "actors/core/text.hpp"
#include "config/plan.hpp"

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::node {

struct dry_run_input {
  const plan& definition;
  /// An unfinished execution that --resume would continue; null: a fresh start.
  const core::execution_state* state = nullptr;
  /// False for phases that --from or --only leave out; empty: all run.
  std::vector<bool> selected;
  /// What a phase took in an earlier execution; nullopt: no history.
  std::function<std::optional<duration>(phase_index)> history;
  /// The file that would be executed, or nullopt when there is none. `path` is the PATH that the
  /// task would have (empty: the default), `cwd` the task's folder relative to the workspace.
  std::function<std::optional<std::string>(const std::string& argv0, const std::string& path,
                                           const std::string& cwd)>
      find_command;
  std::string workspace;        ///< As the operator would type it.
  std::uint32_t processors = 1; ///< What max_parallel 0 means.
  core::mask_function mask;
};

enum class planned_action : std::uint8_t {
  run,  ///< At once.
  wait, ///< Runs when its dependencies are approved.
  skip, ///< Does not run: approved or skipped already, or left out.
  stuck ///< Would not run without a person: failed, rejected, cancelled, or behind such a phase.
};

std::string_view to_string(planned_action);

/// What would become of one phase.
struct planned_phase {
  planned_action action = planned_action::run;
  std::uint32_t level = 0;
  std::string why;
};

/// A reason for which the execution would end with 78.
struct dry_run_problem {
  phase_index phase = 0;
  std::string task; ///< Its id; "criteria.N" for a criterion's command.
  std::string text;
};

struct dry_run_result {
  std::vector<planned_phase> phases;
  std::vector<std::vector<phase_index>> levels;
  std::vector<phase_index> critical_path; ///< By durations; without any history by their number.
  duration critical_total{0};             ///< Of those with history.
  std::size_t without_history = 0;        ///< Phases of the path without a known duration.
  std::vector<dry_run_problem> problems;
  int exit_code() const { return problems.empty() ? 0 : 78; }
};

/// Looks at the plan; each command is looked up once per folder and PATH.
dry_run_result examine(const dry_run_input&);

/// The value of PATH; empty when there is none.
std::string path_of(const env_list&);

/// For people; above 50 phases one line each, above 200 levels with examples.
void write_text(std::ostream&, const dry_run_input&, const dry_run_result&);
/// The same, complete, as one JSON object with the plan's hash.
void write_json(std::ostream&, const dry_run_input&, const dry_run_result&);

} // namespace aeo::node

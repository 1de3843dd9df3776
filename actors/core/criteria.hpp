#pragma once

// Success criteria: evidence in, verdict out. Evaluation reads files through file_access and starts
// no process: the results of `command` checks come with the call.

#include "actors/core/file_access.hpp"
#include "actors/core/result.hpp"
#include "config/plan.hpp"
#include "messages/task.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aeo::core {

/// One criterion as an operator reads it.
struct check_result {
  std::string check; ///< "required_output a/b.json", "metric_threshold a.json#x.y", ...
  bool passed = false;
  std::string expected; ///< ">= 6"
  std::string actual;   ///< "4", "not_measured (there is no such file)"
  bool operator==(const check_result&) const = default;
};

/// An output as it was when the criteria were evaluated.
struct output_evidence {
  std::string path;
  std::uint64_t bytes = 0;
  std::string sha256;
  bool operator==(const output_evidence&) const = default;
};

/// How the process of a `command` check ended. The executor runs it under the task id
/// "criteria.N", N = check_index.
struct command_result {
  std::size_t check_index = 0; ///< Position in criteria_def::checks.
  task_exit exit;
  std::string tail; ///< The last lines of its log.
};

/// The verdict with the evidence behind it.
struct gate_result {
  bool passed = false; ///< Every check passed.
  std::vector<check_result> checks;
  std::vector<output_evidence> outputs; ///< Of those gate_outputs() that could be read.
  /// What an approval names: SHA-256 over the phase's definition, the outputs and the check
  /// results. The same again as long as nothing of these changes: the age of a file and the time of
  /// day are left out.
  std::string digest;
  bool operator==(const gate_result&) const = default;
};

/// What a gate does with an output.
enum class output_role : std::uint8_t {
  required, ///< Of required_outputs: must be fresh.
  promised, ///< Declared by a task that must succeed: must be fresh.
  recorded  ///< Declared by tasks with continue_on_error only: evidence when it is there.
};
struct gate_output {
  std::string path;
  output_role role = output_role::required;
  bool operator==(const gate_output&) const = default;
};
/// "required_output", "task_output".
std::string_view to_string(output_role);

/// What the gate looks at: required_outputs, then every task's outputs, each once.
std::vector<gate_output> gate_outputs(const phase_def&);

/// Nothing is to be read or run to judge the phase: no outputs, no checks.
bool has_empty_gate(const phase_def&);

/// It has to be known after any crash whether the task may have run.
bool is_strict(const task_def&);

/// The phase's attempt is its one process, and nothing has to be durable before that starts: no
/// output as it was before, no question whether the task may run again after a crash.
bool begins_with_its_task(const phase_def&);

/// In the order of gate_outputs(). To be called before an attempt's first task starts, and kept
/// (phase_started) until its gate. May wait some milliseconds (file_access::settle).
fingerprints take_fingerprints(const phase_def&, file_access&);

/// Evaluates everything, the rest too when something failed.
/// - A required output must be fresh: absent before and there now, or written since; one that is
///   not listed in `before` cannot be shown to be fresh and fails.
/// - So must the outputs that tasks declare (check "task_output"), except those of tasks with
///   continue_on_error, which are only recorded as evidence.
/// - A metric whose value is "not_measured" or {"not_measured": reason} fails with that reason.
/// - A `command` check without a command_result fails as not measured.
/// Reads files of up to 256 MiB (json_schema: 16 MiB), of at most 512 nested levels.
gate_result evaluate(const phase_def&, const fingerprints& before,
                     const std::vector<command_result>&, file_access&);

/// SHA-256 (hex) of what a phase does and asks for: tasks, criteria, approval policy; without
/// dependencies and names, which change nothing that is reviewed.
std::string definition_digest(const phase_def&);

/// {"passed", "criteria": [{check, passed, expected, actual}], "outputs": [{path, bytes, sha256}],
/// "digest"}: fits into the data of phase_waiting, phase_approved and phase_failed.
std::string to_json(const gate_result&);
/// Reads the above back out of any JSON object with these keys; others are ignored.
result<gate_result> gate_result_from_json(std::string_view);

/// {path: fingerprint}: phase_state::before.
std::string to_json(const fingerprints&);
result<fingerprints> fingerprints_from_json(std::string_view);

} // namespace aeo::core

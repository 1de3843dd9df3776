#pragma once

#include "tools/consolidate/settings.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace aeo::consolidate {

/// Keys keep the order in which they are written: outputs are read by people too.
using ordered = nlohmann::ordered_json;

/// Reports `LABEL: done/total` on standard error, at most ten times a second and at the end.
/// Calls may come from several threads.
using progress_function =
    std::function<void(std::string_view label, std::size_t done, std::size_t total)>;

class secret_scanner;

/// What a step is given. Sources are read only; everything a step writes is below
/// `consolidation()`.
struct step_context {
  std::string workspace; ///< absolute, without symbolic links
  settings config;
  std::shared_ptr<const secret_scanner> secrets; ///< of `config`, for what is written
  progress_function progress;

  std::string consolidation() const { return workspace + "/consolidation"; }
};

/// What a step hands back: the document for `--out` and one line for standard output.
struct step_result {
  ordered document;
  std::string summary;
};

struct step {
  std::string_view name;
  std::string_view phase;
  std::string_view description;
  step_result (*run)(const step_context&);
};

/// Every step of every phase, in order.
std::span<const step> all_steps();

/// Writes to a temporary file beside `file`, syncs, renames, syncs the directory. Directories are
/// made as needed.
void write_durably(const std::string& file, std::string_view content);
/// The absolute path of `--out`; refuses (configuration) one outside WORKSPACE/consolidation.
std::string checked_output(const std::string& workspace, const std::string& out);
/// Reads an output of an earlier step; a missing one says which step makes it (no input).
ordered read_output(const step_context& context, const std::string& relative,
                    std::string_view made_by);

/// `not_measured` with the reason: the only stand-in for a number that could not be had.
ordered not_measured(const std::string& reason);

progress_function stderr_progress();

/// Adds up the parts into `--out`: name of the step, schema version, summary, document, and under
/// `not_measured` whatever of it says so (unless the document has that list itself). The report of
/// the node quotes `summary`, `decisions`, `not_measured`, `findings` and `problems`, see
/// actors/core/output_words.hpp. Returns the summary.
std::string run_step(const step& chosen, const step_context& context, const std::string& out);

} // namespace aeo::consolidate

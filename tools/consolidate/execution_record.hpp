#pragma once

#include "tools/consolidate/step.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// A phase as consolidation/execution_state.json has it on record.
struct phase_record {
  std::string id;
  std::string status;
  std::string completed_at;
  ordered outputs;  ///< [{path bytes sha256}], paths relative to the workspace
  ordered criteria; ///< [{check expected actual passed}]
  ordered detail;   ///< the words of the approval: by, reason, comment, override, votes, digest
  ordered errors;

  bool approved() const { return status == "approved"; }
  /// True if a person decided against or instead of the criteria.
  bool waived() const;
  /// Who opened the gate: a name, or "criteria".
  std::string by() const;
};

struct execution_record {
  std::string execution_id;
  std::string started_at;
  std::vector<phase_record> phases; ///< in the order of the file, our own phase left out
};

/// Reads the file; `own_phase` is left out. Throws `failure`: there is none (no input), or it is
/// not what the node writes (bad data).
execution_record read_execution(const step_context& context, const std::string& own_phase);

/// The phase that runs this step: AEO_PHASE, else `otherwise`.
std::string running_phase(const std::string& otherwise);

} // namespace aeo::consolidate

#pragma once

#include "actors/core/report.hpp"

#include <nlohmann/json_fwd.hpp>

#include <iosfwd>

namespace aeo::core {

/// What the outputs of all phases say: done and found, to be decided, not measured, findings. Empty
/// where no output says anything, and for plans of more than 200 phases.
void write_output_words(std::ostream&, const report_input&);
/// `[{path, summary, decisions[], not_measured[], findings{severity: count}}]` for one phase.
nlohmann::ordered_json output_words_json(const report_input&, phase_index);

} // namespace aeo::core

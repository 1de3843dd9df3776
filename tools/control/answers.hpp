#pragma once

// What a node answered, as an operator reads it.

#include "messages/remote.hpp"

#include <string>

namespace aeo::control {

/// Every phase as a table, then what waits for whom. `control`: how to call aeo-control for it.
std::string status_text(const run_view&, const std::string& control);
/// One JSON object.
std::string status_json(const run_view&);
/// The plan with its states; `format`: dot, mermaid or json.
std::string graph_text(const run_view&, const std::string& format);
/// From a phase's events (a JSON array), one line for each and what follows from them. `control`:
/// as above.
std::string why_text(const run_view&, const std::string& phase, const std::string& events,
                     const std::string& control);
/// From the executions (a JSON array), one line for each.
std::string history_text(const std::string& executions);
/// From {"ok", "head", "seq", "what"}.
std::string verify_text(const std::string& answer, bool& ok);

} // namespace aeo::control

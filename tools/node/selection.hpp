#pragma once

// --from and --only: which phases this node runs.

#include "config/plan.hpp"
#include "tools/node/options.hpp"

#include <caf/expected.hpp>

#include <string>
#include <vector>

namespace aeo::node {

/// The phases that --from and --only choose; empty: all. ec::bad_configuration names what is not in
/// the plan.
caf::expected<std::vector<bool>> select_phases(const options&, const plan&);

/// The option as it was typed: "--from 3", "--only 2,5"; empty: none was.
std::string selection_text(const options&);

} // namespace aeo::node

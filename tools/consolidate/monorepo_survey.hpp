#pragma once

#include "tools/consolidate/scan.hpp"

namespace aeo::consolidate {

/// The context in which the monorepo of phase 4 is the only source, without the rules of phase 9,
/// which searches the sources themselves and their history. No monorepo: `failure` (no input).
step_context monorepo_context(const step_context& context);

/// The monorepo read in one parallel pass that the phases after 4 share through a cache of its own;
/// paths are those in the monorepo. `within` comes from `monorepo_context`, `rules` from its
/// configuration.
survey scan_monorepo(const step_context& within, const rule_set& rules);

} // namespace aeo::consolidate

#include "tools/consolidate/monorepo_survey.hpp"

#include "tools/consolidate/failure.hpp"

namespace aeo::consolidate {

step_context monorepo_context(const step_context& context) {
  const auto directory = context.consolidation() + "/monorepo";
  if (!git::is_repository(directory))
    throw failure(exit_status::no_input,
                  directory + ": is missing (run `aeo-consolidate conflict-resolution` first)");
  auto within = context;
  within.config.repositories = {{"monorepo", "consolidation/monorepo", ""}};
  within.config.security = {};
  return within;
}

survey scan_monorepo(const step_context& within, const rule_set& rules) {
  return scan(within, rules, "/.cache/monorepo");
}

} // namespace aeo::consolidate

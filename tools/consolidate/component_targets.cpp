#include "tools/consolidate/component_targets.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"

namespace aeo::consolidate {

component_targets::component_targets(const step_context& context) {
  const auto document = read_output(context, "reports/component_mapping.json", "component-mapping");
  try {
    for (const auto& item : document.at("components"))
      components_.push_back(
          {item.at("name"), item.at("kind"), decode_path(item.at("target").get<std::string>())});
  } catch (const ordered::exception& error) {
    throw failure(exit_status::bad_data, context.consolidation()
                                             + "/reports/component_mapping.json: " + error.what()
                                             + " (run `aeo-consolidate component-mapping` again)");
  }
}

const placed_component* component_targets::owner(std::string_view path) const {
  const placed_component* best = nullptr;
  for (const auto& item : components_) {
    if (is_below(path, item.target)
        && (best == nullptr || item.target.size() > best->target.size()))
      best = &item;
  }
  return best;
}

} // namespace aeo::consolidate

#pragma once

#include "tools/consolidate/step.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// A component as component_mapping.json places it in the monorepo.
struct placed_component {
  std::string name;
  std::string kind;
  std::string target;
};

/// Who owns a path of the monorepo: the component with the longest target that holds it.
class component_targets {
public:
  explicit component_targets(const step_context& context);

  /// nullptr: none does.
  const placed_component* owner(std::string_view path) const;
  const std::vector<placed_component>& all() const { return components_; }

private:
  std::vector<placed_component> components_;
};

} // namespace aeo::consolidate

#pragma once

#include "tools/consolidate/rules.hpp"
#include "tools/consolidate/scan.hpp"
#include "tools/consolidate/service_plan.hpp"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace aeo::consolidate {

/// Lines of a service's code that a rule of `observability.signals` matches; tests and examples
/// (`observability.exclude`) and vendored files left out.
class service_signals {
public:
  service_signals(const step_context& within, const survey& all, const rule_set& rules);

  std::vector<file_line> find(const std::string& id, const std::string& area) const;
  /// Fills in the paths of its health and metrics endpoints and where they stand.
  void find_endpoints(planned_service& service) const;
  /// Names that environment files below `area` declare, sorted.
  std::vector<std::string> declared_variables(const std::string& area) const;

private:
  std::string endpoint_at(const file_line& place, const std::string& word) const;

  const step_context& within_;
  const survey& all_;
  const rule_set& rules_;
  std::unordered_map<std::string_view, const scanned_file*> files_; ///< by path
};

/// The path of the first URL of this host among the words of a command; empty: there is none.
std::string endpoint_in(const std::vector<std::string>& words);

} // namespace aeo::consolidate

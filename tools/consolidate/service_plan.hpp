#pragma once

#include "tools/consolidate/iac_files.hpp"
#include "tools/consolidate/rules.hpp"
#include "tools/consolidate/scan.hpp"
#include "tools/consolidate/yaml_text.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// A place in the monorepo.
struct file_line {
  std::string path;
  std::uint32_t line = 0;
};

/// A service that the whole product runs: from a compose file of one of its parts, or from a
/// Dockerfile that no compose file uses.
struct planned_service {
  std::string name;      ///< unique, a DNS label: others reach it under this name
  std::string component; ///< of component_mapping.json
  file_line origin;
  YAML::Node definition;   ///< for a compose file at the top of the monorepo; complete
  std::string area;        ///< directory of its code; meaningful if `own`
  bool own = false;        ///< it runs code of the monorepo, not only somebody's image
  std::string image;       ///< that it runs or is built on
  std::uint16_t port = 0;  ///< in its network; 0: it listens to none that we know
  std::string health_path; ///< empty: none is known
  file_line health_place;
  std::string metrics_path; ///< empty: it tells no metrics that we know
  file_line metrics_place;
};

/// Something that was decided, or left out, with its reason.
struct plan_note {
  std::string subject;
  std::string reason;
};

struct service_plan {
  std::vector<planned_service> services; ///< sorted by name
  YAML::Node shared; ///< networks, volumes, configs and secrets of the compose files
  std::vector<plan_note> decisions;
  std::vector<plan_note> masked;   ///< a secret stood there, which nothing can ask for
  std::vector<plan_note> left_out; ///< components of kind service and compose files without a part
};

/// Reads component_mapping.json for who owns what. Services ask for their secrets from the
/// environment.
service_plan plan_services(const step_context& within, const survey& all, const rule_set& rules,
                           const iac_files& infrastructure);

/// The compose file of all services, ready to be committed at the top of the monorepo.
std::string compose_text(const service_plan& plan);

} // namespace aeo::consolidate

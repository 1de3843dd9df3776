#pragma once

#include "tools/consolidate/yaml_text.hpp"

#include <map>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// Moves what a compose file says to a compose file at the top of the monorepo: relative paths are
/// those from there, and names that are taken there change wherever they are used.
class compose_mover {
public:
  explicit compose_mover(std::string directory) : directory_(std::move(directory)) {}

  /// A copy of a service with its paths moved; renames come later.
  YAML::Node moved(const YAML::Node& service) const;
  /// A copy of an item of networks, volumes, configs or secrets.
  YAML::Node moved_shared(const YAML::Node& item) const;

  void rename_service(const std::string& from, const std::string& to) { services_[from] = to; }
  void rename_shared(const std::string& section, const std::string& from, const std::string& to) {
    shared_[section][from] = to;
  }
  /// Applies all renames to a moved service.
  void apply_renames(YAML::Node& service) const;

private:
  std::string moved_path(const std::string& path) const;
  std::string moved_mount(const std::string& mount) const;
  void move_files(YAML::Node& service) const;

  std::string directory_;
  std::map<std::string, std::string> services_;
  std::map<std::string, std::map<std::string, std::string>> shared_;
};

/// Paths of the monorepo that a moved service mounts.
std::vector<std::string> bind_sources(const YAML::Node& service);

} // namespace aeo::consolidate

#pragma once

#include "tools/consolidate/dockerfile.hpp"
#include "tools/consolidate/scan.hpp"
#include "tools/consolidate/yaml_text.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

enum class iac_kind { dockerfile, compose, kubernetes, terraform };
std::string_view to_string(iac_kind kind);

/// One file of infrastructure as code, parsed.
struct iac_file {
  iac_kind kind = iac_kind::dockerfile;
  std::string path;                   ///< in the monorepo
  std::vector<yaml_problem> problems; ///< why it does not parse; empty: it does
  std::string not_measured;           ///< why it could not even be tried
  bool unformatted = false;           ///< Terraform only
  dockerfile docker;
  std::vector<YAML::Node> documents; ///< compose: one; Kubernetes: those that are objects
};

/// A file that becomes infrastructure only when something fills it in, so that it is no file of its
/// language yet.
struct iac_template {
  std::string path;
  std::string what;
};

struct iac_files {
  std::vector<iac_file> files; ///< sorted by path
  std::vector<iac_template> templates;
};

/// Finds and parses every Dockerfile, compose file, Kubernetes manifest and Terraform file;
/// vendored ones are left out. Terraform's syntax is judged by `terraform fmt` where it is
/// installed.
iac_files read_iac_files(const step_context& within, const survey& all);

} // namespace aeo::consolidate

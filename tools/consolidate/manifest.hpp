#pragma once

#include "tools/consolidate/scan.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// A direct dependency as a manifest states it.
struct dependency {
  std::string ecosystem;  ///< npm, pypi, go, cargo, maven, composer, cmake, docker
  std::string name;       ///< as the ecosystem compares it (PyPI: lower case, dashes)
  std::string constraint; ///< as written; empty: any version
  std::string scope;      ///< runtime, development, optional, build, image
  std::uint32_t line = 0; ///< in the manifest, from 1; 0 if it could not be told
};

struct manifest {
  std::size_t source = 0;
  std::string path; ///< relative to the source
  std::string type; ///< e.g. `package.json`
  std::string name; ///< of the package it declares, if any
  std::string version;
  bool lock = false; ///< states resolved versions, not constraints
  bool workspace_root = false;
  std::string error; ///< why it could not be parsed; empty: parsed
  std::vector<dependency> dependencies;
  std::size_t resolved = 0;              ///< packages in a lock file
  std::vector<std::uint16_t> ports;      ///< EXPOSE and compose ports
  std::vector<std::string> scripts;      ///< package.json scripts, by name
  std::vector<std::string> entry_points; ///< programs that it installs or starts
  std::vector<std::string> includes;     ///< manifests that it names, relative to the source
};

/// The type of manifest that this path names; empty if none.
std::string_view manifest_type(std::string_view path);

/// The same of a manifest that no parser here reads.
std::string_view unread_manifest_type(std::string_view path);

/// Parses one. Never throws on bad content: `error` says what is wrong and where.
manifest parse_manifest(std::string_view path, const std::string& text);

/// Every manifest among the scanned files (vendored ones left out), parsed, and those that it
/// includes.
std::vector<manifest> read_manifests(const step_context& context, const survey& all);
/// Every other one, which `error` says; `type` tells what it is.
std::vector<manifest> list_unread_manifests(const step_context& context, const survey& all);

/// The parsers by group; each fills `out` and may throw a parser's exception.
void parse_package_json(const std::string& text, manifest& out);
void parse_package_lock(const std::string& text, manifest& out);
void parse_composer(const std::string& text, manifest& out);
void parse_requirements(const std::string& text, manifest& out);
void parse_pyproject(const std::string& text, manifest& out);
void parse_pipfile(const std::string& text, manifest& out);
void parse_go_mod(const std::string& text, manifest& out);
void parse_cargo(const std::string& text, manifest& out);
void parse_pom(const std::string& text, manifest& out);
void parse_cmake(const std::string& text, manifest& out);
void parse_dockerfile(const std::string& text, manifest& out);
void parse_compose(const std::string& text, manifest& out);

/// One PEP 508 requirement, `name[extra]>=1,<2; marker`; false if it is not one.
bool parse_requirement(std::string_view text, dependency& out);
/// A Docker image reference as name and tag or digest; throws if it names none.
dependency image_dependency(std::string_view reference, std::uint32_t line);
/// Line (from 1) of the first `needle` at or after byte `from`; 0 if there is none.
std::uint32_t line_of(std::string_view text, std::string_view needle, std::size_t from = 0);

} // namespace aeo::consolidate

#pragma once

#include "tools/consolidate/scan.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// Where a variable is used, declared or set.
struct variable_place {
  std::size_t file = 0; ///< index in survey::files
  std::uint32_t line = 0;
  std::string_view how; ///< code, compose, Dockerfile, example file, environment file
  bool required = false;
  bool production = true; ///< false: tests, examples, documentation
};

/// Everything that a workspace says of one environment variable.
struct variable_facts {
  std::vector<variable_place> used;
  std::vector<variable_place> declared; ///< in .env.example and the like
  std::vector<variable_place> set;      ///< given a value by compose, a Dockerfile, an env file
  bool provided = false;                ///< by the system, the shell or the build

  /// A production use without a default, of a variable that nobody provides or sets.
  bool required() const;
  bool test_only() const;
};

using variable_table = std::map<std::string, variable_facts, std::less<>>;

struct variable_report {
  variable_table variables;
  std::vector<variable_place> dynamic; ///< uses whose name is not written there
};

/// From the facts of the scan, the compose files and the Dockerfiles; third-party code left out.
variable_report collect_variables(const step_context& context, const survey& all);

/// True for tests, examples, documentation and the like.
bool is_production(const step_context& context, std::string_view path);
/// True if the file can be read as text: neither link nor submodule, binary, too large, unreadable.
bool is_readable_text(const survey& all, const scanned_file& file);
/// `{repository, path, line}`
ordered place_json(const survey& all, std::size_t file, std::uint32_t line);

/// `NAME=value` lines of an environment file, quotes removed.
std::map<std::string, std::string, std::less<>> read_env_values(std::string_view text);

} // namespace aeo::consolidate

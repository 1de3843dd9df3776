#pragma once

// orchestrator_config.json, github_config.json and the environment.

#include "config/json_stream.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace aeo::config {

/// orchestrator_config.json; absent: the defaults stay. The token goes nowhere but into `token`.
void read_settings(const std::filesystem::path&, document&, settings&, github_settings&,
                   std::string& token);

/// Reads one `retry` object, or the same keys of orchestrator_config.json.
void read_retry_keys(const object_reader&, retry_policy&);

/// github_config.json; absent: the defaults stay.
void read_github(const std::filesystem::path&, document&, github_settings&);

/// Reads a .env file into `out`; what is there already stays. Absent: nothing.
void read_env_file(const std::filesystem::path&, document&, env_list& out);

/// Lets the five variables that the orchestrator knows win over the files, then checks that what
/// GitHub needs is there if it is enabled; `github_file` is named if not.
void apply_environment(const environment&, const std::string& github_file, loaded&,
                       std::vector<problem>&);

} // namespace aeo::config

#pragma once

#include "tools/consolidate/configuration_rules.hpp"
#include "tools/consolidate/infra_settings.hpp"
#include "tools/consolidate/run_settings.hpp"
#include "tools/consolidate/security_rules.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// What counts as evidence: a file whose path matches `paths` and (if `content` is given) has a
/// line that matches one of the RE2 expressions; or a variable of `env` that is used or declared.
struct evidence_rule {
  std::string id;
  std::string title;
  std::vector<std::string> paths;   ///< globs; empty = every text file
  std::vector<std::string> content; ///< RE2 expressions, case-insensitive, one line at a time
  std::vector<std::string> env;     ///< names of environment variables
};

struct component_rule : evidence_rule {
  bool required = true;
};

struct integration_rule : evidence_rule {
  std::optional<std::string> health_url; ///< asked with GET when given
};

struct severity_rule : evidence_rule {
  std::string severity = "medium"; ///< critical, high, medium or low
  std::string advice;
};

/// A requirement is met by evidence (or, with `absent`, by its absence) in each repository or
/// anywhere in the workspace.
struct requirement_rule : severity_rule {
  bool each_repository = false;
  bool absent = false;
};

struct assessment_rule {
  std::string id;
  std::string title;
  std::vector<severity_rule> checks;
};

struct repository_setting {
  std::string name;
  std::string path;   ///< relative to the workspace
  std::string target; ///< directory in the monorepo; empty: derived from the kind
};

/// Decides kind and target of directories; the first rule that matches wins.
struct mapping_rule {
  std::string name;
  std::string repository = "*"; ///< glob on the repository's name
  std::string directory;        ///< glob on the directory's path inside the repository
  std::string kind;
  std::string target; ///< may use {repository}, {directory}, {name}; empty stays in place
};

/// What to do with a path collision; the first rule that matches the target path wins.
struct strategy_rule {
  std::vector<std::string> match;
  std::string strategy; ///< rename, keep_newest, or keep_repository
  std::string repository;
  std::string reason;
};

struct settings {
  std::string file; ///< where it was read from, for messages
  std::vector<repository_setting> repositories;
  std::uint64_t max_text_bytes = 8U << 20;   ///< larger files are not read as text
  std::uint64_t large_file_bytes = 1U << 20; ///< listed as large from here on
  std::vector<std::string> vendored;         ///< globs of third-party code
  std::string domain_name;
  std::int64_t minimum_components = 0;
  std::vector<component_rule> components;
  std::vector<integration_rule> integrations;
  std::vector<assessment_rule> assessments;
  std::vector<requirement_rule> requirements;
  std::vector<mapping_rule> mapping;
  std::vector<strategy_rule> strategies;
  std::vector<severity_rule> signals; ///< of services: health, metrics, logging, ...
  infrastructure_settings infrastructure;
  observability_settings observability;
  std::vector<readiness_check> readiness;
  run_settings run; ///< suites, syntax checks, load, pipeline; commands that a user gives
  configuration_rules configuration; ///< from configuration_rules.json
  security_rules security;           ///< from security_rules.json
  std::string fingerprint_key;       ///< of secrets; needed where there are rules for them
  nlohmann::json raw;                ///< the whole document, for the steps of the later phases
};

/// Reads and checks a document. Every mistake is collected as `file: /json/pointer: what is wrong,
/// what was expected`; if there is one, throws `failure` (configuration) with all of them.
settings parse_settings(const std::string& text, const std::string& file);
/// Reads the file; a missing one is a configuration failure too.
/// Files of rules are those of the folder `rules_first` that it has, else those beside the file.
settings load_settings(const std::string& file, const std::string& rules_first = {});

} // namespace aeo::consolidate

#pragma once

// The plan as the engine knows it: plain values, no JSON, no CAF, no I/O. config/config.cpp makes
// them from the files that a user edits; nobody changes them afterwards (shared as
// `std::shared_ptr<const plan>`). Kept small: a plan may have 100,000 phases.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace aeo {

using duration = std::chrono::milliseconds;
using phase_index = std::uint32_t; ///< Position in plan::phases.
using task_index = std::uint32_t;  ///< Position in phase_def::tasks.

/// What to do with a task that ran when the node died and whose outcome cannot be known.
enum class crash_policy : std::uint8_t { adopt, rerun, ask, fail };

/// The error classes of a failed attempt. Persisted by name.
enum class error_class : std::uint8_t { transient, permanent, dependency, configuration };

enum class execution_mode : std::uint8_t { automated, manual, dry_run };

std::string_view to_string(crash_policy);
std::string_view to_string(error_class);
std::string_view to_string(execution_mode);
std::optional<error_class> error_class_from_string(std::string_view);
std::optional<execution_mode> execution_mode_from_string(std::string_view);

using env_list = std::vector<std::pair<std::string, std::string>>;

/// One command inside a phase.
struct task_def {
  std::string id;
  std::string name;                 ///< Empty: same as the id.
  std::vector<std::string> command; ///< argv; a string in the file becomes {"/bin/sh", "-c", text}.
  std::vector<std::string> outputs; ///< Paths relative to the workspace that this task writes.
  std::vector<task_index> needs;    ///< Resolved: `needs` absent = the task listed before.
  env_list env;                     ///< Added to the environment.
  std::string cwd;                  ///< Relative to the workspace; empty = the workspace.
  duration timeout{0};              ///< 0: only the phase's timeout.
  crash_policy on_crash = crash_policy::adopt;
  bool continue_on_error = false;             ///< A failure is recorded, the phase goes on.
  std::optional<std::uint32_t> max_processes; ///< At once; 0: any number; absent: the settings'.

  std::string_view label() const { return name.empty() ? id : name; }
};

enum class approval_mode : std::uint8_t {
  automatic, ///< "auto": the criteria decide.
  manual     ///< The criteria, then a person.
};
enum class deadline_action : std::uint8_t { reject, keep_waiting };

/// How a phase's gate opens.
struct approval_policy {
  approval_mode mode = approval_mode::automatic;
  std::uint32_t required = 1; ///< Distinct people (k of n).
  std::vector<std::string> from = {"operator"};
  bool allow_self = true;
  duration deadline{0}; ///< 0: none.
  deadline_action on_deadline = deadline_action::reject;
};

struct retry_policy {
  std::uint32_t max_retries = 3;
  duration retry_delay{60'000};
  double backoff_multiplier = 2;
  duration max_retry_delay{3'600'000};
  bool full_jitter = true;
};

enum class check_type : std::uint8_t {
  file_exists,
  json_valid,
  metric_threshold,
  json_schema,
  command,
  file_count,
  max_age
};
std::string_view to_string(check_type);

/// One validation check; which members count depends on `type`.
struct check_def {
  check_type type = check_type::file_exists;
  std::string path;   ///< path, file or glob, relative to the workspace.
  std::string metric; ///< metric_threshold: dotted path, or JSON pointer when it starts with '/'.
  std::string schema; ///< json_schema: path of the schema, relative to the workspace.
  std::optional<double> min;
  std::optional<double> max;
  std::string exact; ///< metric_threshold: the expected value as JSON text; empty = not asked.
  std::vector<std::string> command; ///< command: as in task_def.
  int expect_exit = 0;
  duration age{0}; ///< max_age.
};

struct criteria_def {
  std::vector<std::string> required_outputs;
  std::vector<check_def> checks;
  bool empty() const { return required_outputs.empty() && checks.empty(); }
};

/// A node of the plan. Rare parts sit behind pointers; null means the default.
struct phase_def {
  std::string id;
  std::string name; ///< Empty: same as the id.
  std::vector<phase_index> dependencies;
  std::vector<task_def> tasks;
  duration timeout{0};       ///< Per attempt; 0: settings::phase_timeout.
  duration total_timeout{0}; ///< For all attempts with the waits between; 0: none.
  std::unique_ptr<approval_policy> approval;
  std::unique_ptr<retry_policy> retry;
  std::unique_ptr<criteria_def> criteria;

  std::string_view label() const { return name.empty() ? id : name; }
};

/// A user's rule: the first that matches decides the error class.
struct error_rule {
  std::optional<int> exit_code;
  std::string output; ///< POSIX extended regular expression on the log's lines ("stderr" key).
  error_class cls = error_class::transient;
};

/// orchestrator_config.json without what belongs to a phase.
struct settings {
  execution_mode mode = execution_mode::automated;
  std::uint32_t max_parallel = 0; ///< 0: number of processors.
  duration phase_timeout{3'600'000};
  duration kill_grace{10'000};
  std::uint32_t max_processes = 4096; ///< Of one task at once; 0: any number.
  retry_policy retry;
  std::vector<error_rule> error_rules;
  std::string log_level = "info";
  std::string listen_host = "127.0.0.1";
  std::uint16_t listen_port = 0;
};

/// github_config.json, and the `github` object of orchestrator_config.json.
struct github_settings {
  bool enabled = false;
  bool create_issues = true;
  bool update_on_phase_start = true;
  bool update_on_phase_complete = true;
  bool update_on_approval = true;
  bool update_on_error = true;
  std::vector<std::string> labels;
  bool chatops = false;
  duration poll_interval{30'000};
  duration drain_time{30'000}; ///< At the end: how long GitHub is told the rest.
  bool commit_statuses = false;
  std::string repo;
  std::string owner;
};

/// Everything that one execution runs by.
struct plan {
  settings options;
  github_settings github;
  std::vector<phase_def> phases;
  /// SHA-256 (hex) of the canonical form of phases and criteria: what a resume compares.
  std::string hash;

  std::optional<phase_index> find(std::string_view id) const;
  const retry_policy& retry_of(const phase_def& p) const {
    return p.retry ? *p.retry : options.retry;
  }
  duration timeout_of(const phase_def& p) const {
    return p.timeout.count() > 0 ? p.timeout : options.phase_timeout;
  }
  std::uint32_t processes_of(const task_def& t) const {
    return t.max_processes.value_or(options.max_processes);
  }
};

/// Orders phase ids as people do: "2" before "10", "deploy-2" before "deploy-10".
bool natural_less(std::string_view a, std::string_view b);

} // namespace aeo

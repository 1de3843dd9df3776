#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace aeo::consolidate {

class cursor;

/// A number that must stay within limits; a metric that was not measured is outside.
struct metric_limit {
  std::string metric;
  std::optional<double> min;
  std::optional<double> max;
};

/// A command of the user, run in a scratch copy of the monorepo.
struct command_setting {
  std::string name;              ///< as given, else the command itself
  std::vector<std::string> argv; ///< a string becomes `/bin/sh -c STRING`
  std::string cwd;               ///< relative to the monorepo; empty: its top
  std::int64_t timeout = 0;      ///< seconds; 0: the default of the step
  std::map<std::string, std::string> env;
  std::vector<metric_limit> thresholds;
  /// How its numbers are read: JUnit files (glob, relative to `cwd`), or one expression per metric
  /// (RE2, one group, every match in the output is added). Neither: the known runners' summaries.
  std::string junit;
  std::map<std::string, std::string> summary;
  /// `load` only. With a URL the command is a service: it is started, its URL is loaded, it is
  /// ended. `{port}` in URL, argv and env is a free loopback port.
  std::string url;
};

/// A parser for one language that is not built in: it is given file names and exits with 0 if they
/// all parse.
struct syntax_checker {
  std::string language;
  std::vector<std::string> argv;
};

struct load_limits {
  std::int64_t requests = 2000;    ///< at most
  std::int64_t concurrency = 8;    ///< at the same time
  std::int64_t duration = 20;      ///< seconds, at most
  std::int64_t start_timeout = 30; ///< seconds until a service listens
  std::vector<metric_limit> thresholds;
};

struct pipeline_settings {
  std::string runs_on = "ubuntu-24.04";
  /// What the steps of a job use, as OWNER/NAME@REF.
  std::map<std::string, std::string> actions{
      {"checkout", "actions/checkout@v6"}, {"python", "actions/setup-python@v6"},
      {"node", "actions/setup-node@v6"},   {"go", "actions/setup-go@v6"},
      {"java", "actions/setup-java@v5"},   {"cache", "actions/cache@v4"}};
  std::vector<std::string> events; ///< that GitHub added since this program was written
};

/// What the steps that run things read from the configuration.
struct run_settings {
  std::vector<command_setting> tests;       ///< replace the suites that are detected
  std::vector<command_setting> integration; ///< run besides syntax and references
  std::vector<command_setting> load;        ///< replace the services that are detected
  std::vector<command_setting> deploy;
  std::vector<command_setting> post_deploy; ///< look at what was deployed
  std::vector<command_setting> backup;
  std::int64_t suite_timeout = 900;  ///< seconds
  std::vector<std::string> writable; ///< directories outside the scratch copy that suites may write
  std::vector<std::string> syntax_exclude; ///< globs of files that are meant not to parse
  std::vector<syntax_checker> syntax_checkers;
  load_limits performance;
  pipeline_settings pipeline;
};

/// Reads the sections `tests testing syntax integration load performance cicd deploy backup`.
void read_run_settings(const cursor& root, run_settings& out);

} // namespace aeo::consolidate

#pragma once

// Reads the files of a config folder into a plan; the only code that knows their JSON keys.
//
// | file                     |          | becomes                                   |
// |--------------------------|----------|-------------------------------------------|
// | phase_config.json        | required | plan::phases                              |
// | success_criteria.json    | optional | phase_def::criteria                       |
// | orchestrator_config.json | optional | plan::options, github_token               |
// | github_config.json       | optional | plan::github                              |
// | .env                     | optional | environment overrides, loaded::variables  |
//
// Nothing is half read: either the whole configuration is good or every mistake of every file is
// returned. No JSON document is held in memory as a whole: a phase is converted, then dropped.

#include "config/plan.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace aeo::config {

/// One mistake of a user's, in words that say what to do.
struct problem {
  std::string file;    ///< Path of the file, or "environment variable NAME".
  std::string pointer; ///< JSON pointer (RFC 6901); empty: the file as a whole.
  std::string what;    ///< What is wrong and what was expected; one line.
  friend bool operator==(const problem&, const problem&) = default;
};

/// "file: /json/pointer: what is wrong, what was expected"; one line, control characters escaped.
std::string to_string(const problem&);

/// Answers with the value of a variable of the real environment.
using environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The environment of this process.
std::optional<std::string> process_environment(const std::string& name);

/// Where the configuration comes from.
struct sources {
  std::filesystem::path dir;       ///< The config folder.
  std::filesystem::path workspace; ///< Its .env is read before the one of `dir`; may be empty.
  environment variable = process_environment; ///< Wins over both .env files.
};

/// A good configuration.
struct loaded {
  plan value;               ///< Phases in natural order of their ids; hash filled.
  std::string github_token; ///< Secret. From GITHUB_TOKEN, else from orchestrator_config.json.
  std::string github_api_url =
      "https://api.github.com"; ///< GITHUB_API_URL, without a slash at the end.
  /// What the .env files define and the real environment does not; may hold secrets.
  env_list variables;
  std::vector<std::string> warnings; ///< "file: /pointer: text": worth a line, not a refusal.
};

/// Blocking file I/O; throws only std::bad_alloc. Safe to call from several threads.
std::variant<loaded, std::vector<problem>> load(const sources&);

// -- the canonical form of a plan ---------------------------------------------------------------
//
// What a resume compares: JSON, one phase per line, in natural order of the ids:
//
//   {"aeo_plan":1,"phases":[
//   {"id":"0","tasks":[{"id":"T0.1","command":["true"]}]},
//   {"id":"1","dependencies":["0"],"tasks":[…],"criteria":{…}}
//   ]}
//
// It holds what decides the work: ids, dependencies, tasks, timeouts, retry and approval rules, and
// success criteria. It does not hold names (display only) nor the settings of
// orchestrator_config.json and github_config.json, which an operator may tune between two runs; a
// phase's retry rules appear as far as they differ from the settings. Default values are left out,
// so that a later version's new keys do not change an old plan's hash. Values of environment
// variables with secret names are "(secret)": a rotated token is not another plan.

/// Receives the text piece by piece.
using text_sink = std::function<void(std::string_view)>;

void write_canonical(const plan&, const text_sink&);
std::string canonical_text(const plan&);

/// The line of one phase, e.g. for the digest that an approval names.
std::string canonical_phase(const plan&, const phase_def&);

/// SHA-256 (lowercase hex) of the canonical form, streamed; fills plan::hash in load().
std::string plan_hash(const plan&);

/// What changed between two canonical texts, as lines for people: "phase 3: task T3.1: command
/// changed: ["a"] → ["b"]", "phase 7 added". Empty: the same plan. A text that is not canonical
/// gives one line that says so.
std::vector<std::string> diff_plans(std::string_view old_text, std::string_view new_text);
/// Ids of the phases that both have and that are not the same; none where one cannot be read.
std::vector<std::string> redefined_phases(std::string_view old_text, std::string_view new_text);

} // namespace aeo::config

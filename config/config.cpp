#include "config/config.hpp"

#include "config/phases.hpp"
#include "config/settings.hpp"
#include "config/values.hpp"

#include <cstdlib>
#include <system_error>

namespace aeo::config {

std::string to_string(const problem& x) {
  auto result = x.file + ": ";
  if (!x.pointer.empty())
    result += x.pointer + ": ";
  return escape_controls(result + x.what);
}

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>{value} : std::nullopt;
}

namespace {

/// Leaves only what the real environment does not define.
void drop_hidden_variables(const environment& real, env_list& variables) {
  std::erase_if(variables, [&](const auto& x) { return real(x.first).has_value(); });
}

} // namespace

std::variant<loaded, std::vector<problem>> load(const sources& from) {
  std::vector<problem> problems;
  loaded result;
  auto file = [&](const std::filesystem::path& path) {
    return document{path.string(), problems, result.warnings};
  };
  std::error_code ignored;
  if (!std::filesystem::is_directory(from.dir, ignored)) {
    file(from.dir).fail({}, "the config folder does not exist or is no folder");
    return problems;
  }
  auto orchestrator = file(from.dir / "orchestrator_config.json");
  auto github = file(from.dir / "github_config.json");
  auto phases = file(from.dir / "phase_config.json");
  auto criteria = file(from.dir / "success_criteria.json");
  auto& [options, github_options, table_of_phases, hash] = result.value;
  read_settings(orchestrator.file, orchestrator, options, github_options, result.github_token);
  read_github(github.file, github, github_options);
  {
    phase_table table;
    read_phases(phases.file, phases, options.retry, table);
    resolve_dependencies(table, phases);
    read_criteria(criteria.file, criteria, table);
    table_of_phases = std::move(table.phases);
  }
  auto read_env = [&](const std::filesystem::path& dir) {
    auto env = file(dir / ".env");
    read_env_file(env.file, env, result.variables);
  };
  if (!from.workspace.empty() && from.workspace != from.dir)
    read_env(from.workspace);
  read_env(from.dir);
  drop_hidden_variables(from.variable, result.variables);
  apply_environment(from.variable, github.file, result, problems);
  if (!problems.empty())
    return problems;
  hash = plan_hash(result.value);
  return result;
}

} // namespace aeo::config

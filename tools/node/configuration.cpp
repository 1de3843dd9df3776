#include "actors/core/text.hpp"
#include "tools/node/session.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace aeo::node {

namespace {

void set(env_list& environment, const std::string& name, std::string value) {
  for (auto& [known, old] : environment)
    if (known == name) {
      old = std::move(value);
      return;
    }
  environment.emplace_back(name, std::move(value));
}

/// This process's variables, those of the .env files, and the programs' own folder first in PATH.
env_list task_environment(const env_list& variables) {
  env_list result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text{*entry};
    auto equals = text.find('=');
    if (equals != std::string_view::npos)
      result.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const auto& [name, value] : variables)
    set(result, name, value);
  const char* path = std::getenv("PATH");
  set(result, "PATH",
      program_folder().string() + ":" + (path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin"));
  return result;
}

} // namespace

std::variant<configuration, refusal> read_configuration(const options& o) {
  auto read = config::load({.dir = config_folder(o), .workspace = o.workspace});
  if (auto* problems = std::get_if<std::vector<config::problem>>(&read)) {
    std::string text;
    for (const auto& p : *problems)
      text += config::to_string(p) + "\n";
    text += std::to_string(problems->size()) + (problems->size() == 1 ? " mistake" : " mistakes")
            + " in the configuration; nothing was run";
    return refusal{78, std::move(text)};
  }
  auto& good = std::get<config::loaded>(read);
  if (o.mode)
    good.value.options.mode = *o.mode;
  configuration result;
  result.environment = task_environment(good.variables);
  auto secrets = result.environment;
  if (!good.github_token.empty())
    secrets.emplace_back("GITHUB_TOKEN", good.github_token);
  result.mask = core::secret_mask{secrets};
  result.warnings = std::move(good.warnings);
  result.github_token = std::move(good.github_token);
  result.github_api_url = std::move(good.github_api_url);
  result.the_plan = std::make_shared<const plan>(std::move(good.value));
  return result;
}

} // namespace aeo::node

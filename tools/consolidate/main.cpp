#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/rule_files.hpp"
#include "tools/consolidate/secrets.hpp"
#include "tools/consolidate/step.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>

namespace {

namespace fs = std::filesystem;
using namespace aeo::consolidate;

struct arguments {
  std::string workspace;
  std::string out;
  std::string config;
};

std::string real_workspace(const std::string& given) {
  const char* variable = std::getenv("AEO_WORKSPACE");
  const std::string chosen = !given.empty()                             ? given
                             : variable != nullptr && *variable != '\0' ? variable
                                                                        : ".";
  std::error_code ec;
  const auto real = fs::canonical(chosen, ec);
  if (ec || !fs::is_directory(real))
    throw failure(exit_status::no_input, chosen + ": is not a directory (see --workspace)");
  return real.string();
}

/// The folder that the orchestrator has its configuration from; empty: it has told none.
std::string orchestrators_folder() {
  const char* folder = std::getenv("AEO_CONFIG_DIR");
  return folder == nullptr || *folder == '\0' ? std::string{} : fs::absolute(folder).string();
}

/// The orchestrator's file, else the workspace's own, else the shipped one.
std::string config_file(const std::string& given, const std::string& workspace) {
  if (!given.empty())
    return fs::absolute(given).string();
  const auto told = fs::path(orchestrators_folder()) / "consolidation_config.json";
  if (told.has_parent_path() && fs::exists(told))
    return told.string();
  const auto directory = fs::path(workspace) / "config";
  auto found = find_configuration(directory.string(), "consolidation_config.json");
  if (found.empty())
    throw failure(exit_status::configuration,
                  directory.string()
                      + "/consolidation_config.json: is missing, and the shipped one was not found "
                        "near the program (name one with --config)");
  return found;
}

int run(const step& chosen, const arguments& given) {
  step_context context;
  context.workspace = real_workspace(given.workspace);
  const auto out = checked_output(context.workspace, given.out);
  context.config = load_settings(config_file(given.config, context.workspace),
                                 given.config.empty() ? orchestrators_folder() : std::string{});
  context.config.fingerprint_key =
      fingerprint_key(context.consolidation() + "/.cache/fingerprint.key");
  context.secrets = std::make_shared<const secret_scanner>(context.config.security.secrets,
                                                           context.config.fingerprint_key);
  context.progress = stderr_progress();
  const auto summary = run_step(chosen, context, out);
  std::cout << chosen.name << ": " << summary << '\n';
  return static_cast<int>(exit_status::ok);
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Consolidates repositories into one, step by step; every number is measured"};
  app.set_version_flag("--version", "aeo-consolidate " AEO_VERSION);
  app.require_subcommand(1);
  arguments given;
  const step* chosen = nullptr;
  for (const auto& item : all_steps()) {
    auto* command =
        app.add_subcommand(std::string(item.name), "phase " + std::string(item.phase) + ": "
                                                       + std::string(item.description));
    command->add_option("--workspace", given.workspace,
                        "holds the repositories (default: AEO_WORKSPACE, else the current folder)");
    command->add_option("--out", given.out, "output, below WORKSPACE/consolidation")->required();
    command->add_option(
        "--config", given.config,
        "default: consolidation_config.json of AEO_CONFIG_DIR, of WORKSPACE/config, or as shipped");
    command->callback([&chosen, &item] { chosen = &item; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : static_cast<int>(exit_status::configuration);
  }
  try {
    return run(*chosen, given);
  } catch (const failure& error) {
    std::cerr << "aeo-consolidate " << chosen->name << ": " << error.what() << '\n';
    return static_cast<int>(error.status());
  } catch (const std::exception& error) {
    std::cerr << "aeo-consolidate " << chosen->name << ": unexpected: " << error.what() << '\n';
    return static_cast<int>(exit_status::internal);
  }
}

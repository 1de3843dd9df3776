#include "tools/node/options.hpp"

#include "messages/exit_code.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdlib>
#include <map>
#include <system_error>

namespace aeo::node {

namespace {

std::string absolute_folder(const std::string& text) {
  std::error_code error;
  if (!std::filesystem::is_directory(text, error))
    return "there is no folder " + text;
  return {};
}

std::string read_address(const std::string& text, options& o) {
  const auto colon = text.rfind(':');
  const auto digits = text.substr(colon == text.npos ? text.size() : colon + 1);
  const auto* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, o.listen_port);
  if (colon == 0 || digits.empty() || read.ptr != end || read.ec != std::errc{})
    return "expected HOST:PORT (port 0: any free one), got " + text;
  o.listen_host = text.substr(0, colon);
  if (o.listen_host.starts_with('[') && o.listen_host.ends_with(']'))
    o.listen_host = o.listen_host.substr(1, o.listen_host.size() - 2);
  return {};
}

void add_options(CLI::App& app, options& o, std::string& config, std::string& mode) {
  app.add_option("--workspace", o.workspace_as_typed,
                 "Folder in which the tasks run; state and reports go below its consolidation/")
      ->default_val(".")
      ->check(absolute_folder);
  app.add_option("--config", config,
                 "Folder with phase_config.json and the other configuration files (default: "
                 "WORKSPACE/config where it exists, else the shipped plan)")
      ->check(absolute_folder);
  app.add_option("--mode", mode, "Overrides execution_mode of the configuration")
      ->check(CLI::IsMember({"automated", "manual", "dry-run"}));
  auto* resume = app.add_flag("--resume", o.resume,
                              "Continue the unfinished execution; failed phases are tried again");
  app.add_flag("--fresh", o.fresh, "Begin a new execution although one is unfinished")
      ->excludes(resume);
  app.add_flag("--accept-plan-change", o.accept_plan_change,
               "Resume although the plan has changed since (recorded)");
  auto* from = app.add_option("--from", o.from,
                              "Run this phase and all that depend on it (again, with --resume)")
                   ->type_name("ID");
  app.add_option("--only", o.only, "Run only these phases (again, with --resume)")
      ->delimiter(',')
      ->type_name("ID,...")
      ->excludes(from);
  app.add_option("--max-parallel", o.max_parallel,
                 "Phases and processes at once (default: the configuration's max_parallel)")
      ->check(CLI::Range(1, 100000));
  app.add_flag("--detach-on-stop", o.detach_on_stop,
               "On SIGINT or SIGTERM leave running tasks to the launcher; --resume adopts them");
  app.add_option_function<std::string>(
         "--listen",
         [&o](const std::string& text) {
           if (auto why = read_address(text, o); !why.empty())
             throw CLI::ValidationError("--listen", why);
         },
         "Where monitors and control tools attach, through mutual TLS (default: the "
         "configuration's, else a free port of 127.0.0.1)")
      ->type_name("HOST:PORT");
  app.add_flag("--wait", o.wait,
               "When nothing goes on without a person, wait for one instead of ending");
  app.add_flag("--check-github", o.check_github,
               "With --mode dry-run: ask GitHub, without changing anything there, whether the "
               "token, the repository and the permissions are good");
  auto* json = app.add_flag("--json", o.json, "Print one event per line as JSON");
  app.add_flag("--quiet", o.quiet, "Print only failures and the outcome")->excludes(json);
  app.set_version_flag("--version", "aeo-node " AEO_VERSION);
}

} // namespace

std::variant<options, int> parse_options(int argc, char** argv) {
  options o;
  std::string config;
  std::string mode;
  CLI::App app{"Executes a plan of phases in a workspace, event by event."};
  app.footer(
      "Exit codes: 0 all approved, 1 a phase failed or was rejected, 2 usage, 3 waits for a\n"
      "person, 70 internal error, 75 another node holds the workspace, 78 configuration,\n"
      "130 interrupted.");
  add_options(app, o, config, mode);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_code::usage;
  }
  o.config = config;
  if (!mode.empty())
    o.mode = mode == "dry-run" ? execution_mode::dry_run : execution_mode_from_string(mode);
  std::error_code error;
  o.workspace = std::filesystem::canonical(o.workspace_as_typed, error);
  if (error) {
    std::fprintf(stderr, "aeo-node: %s: %s\n", o.workspace_as_typed.c_str(),
                 error.message().c_str());
    return exit_code::usage;
  }
  return o;
}

std::filesystem::path program_folder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

std::filesystem::path config_folder(const options& o) {
  if (!o.config.empty())
    return o.config;
  std::error_code error;
  if (auto own = o.workspace / "config"; std::filesystem::is_directory(own, error))
    return own;
  // In the build tree (build/bin) and where it is installed (bin, share/aeo/config).
  auto folder = program_folder();
  auto installed = folder.parent_path() / "share" / "aeo" / "config";
  if (std::filesystem::is_directory(installed, error))
    return installed;
  return folder.parent_path().parent_path() / "config";
}

} // namespace aeo::node

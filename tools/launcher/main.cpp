#include "actors/io/scheduling.hpp"
#include "tools/launcher/server.hpp"

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <cstdio>
#include <string>

using namespace aeo::launcher;

int main(int argc, char** argv) {
  CLI::App app{"Starts and watches the tasks of one workspace for aeo-node, which starts it.",
               "aeo-launcher"};
  app.set_version_flag("--version", "aeo-launcher " AEO_VERSION);
  std::string workspace;
  std::string execution;
  int ready_fd = -1;
  bool detach = false;
  app.add_option("--workspace", workspace, "The directory in which the tasks run (absolute)")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--execution", execution, "The execution's UUID")->required();
  app.add_option("--ready-fd", ready_fd, "Where to write one line when it serves, or why not");
  app.add_flag("--detach", detach, "Leave the caller's process and session");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  prepare_process(detach, ready_fd);
  launcher_log log{workspace};
  premises own;
  const auto problem = take_premises(workspace, execution, own);
  std::string line = "ready\n";
  if (problem.exit_code == exit_busy)
    line = "busy " + problem.text + "\n";
  else if (problem.exit_code != 0)
    line = "error " + problem.text + "\n";
  if (ready_fd >= 0) {
    [[maybe_unused]] const auto written = ::write(ready_fd, line.data(), line.size());
    ::close(ready_fd);
  } else if (problem.exit_code != 0) {
    std::fprintf(stderr, "aeo-launcher: %s\n", problem.text.c_str());
  }
  if (problem.exit_code != 0) {
    if (problem.exit_code != exit_busy)
      log.note(problem.text);
    return problem.exit_code;
  }
  aeo::io::prefer_short_waits_alone();
  server{std::move(own), workspace, execution, log}.run();
  return 0;
}

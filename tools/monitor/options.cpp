#include "tools/monitor/options.hpp"

#include <cstdlib>

namespace aeo::monitor {

std::optional<options> parse_options(int argc, char** argv, int& exit_code) {
  options o;
  CLI::App app{"Watches a running aeo-node, from this machine or another one."};
  attach::add_options(app, o.target);
  app.add_flag("--once", o.once, "Print the run as it is now, and end");
  auto* json =
      app.add_flag("--json", o.json, "Print one event per line as JSON until the run ends");
  app.add_option("--since", o.since, "The first event's number, to go on where you were")
      ->needs(json)
      ->capture_default_str();
  app.add_option("--follow", o.follow, "Print what the phase's tasks write, until it ends")
      ->type_name("PHASE")
      ->excludes(json);
  app.set_version_flag("--version", "aeo-monitor " AEO_VERSION);
  app.footer("A lost link is said and made anew; no event is missed. In the live view: arrows\n"
             "select, Enter shows a log, ? explains, q ends.\n"
             "Exit codes: 0 done, 1 the plan has no such phase, 2 usage, 69 no node to talk to,\n"
             "70 internal error, 77 not permitted, 78 a file is damaged.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? 0 : exit_code::usage;
    return std::nullopt;
  }
  const char* no_color = std::getenv("NO_COLOR");
  o.color = no_color == nullptr || *no_color == '\0';
  return o;
}

} // namespace aeo::monitor

// aeo-node: executes a plan of phases in a workspace.

#include "actors/io/own_memory.hpp"
#include "actors/io/remote_door.hpp"
#include "messages/exit_code.hpp"
#include "tools/node/github.hpp"
#include "tools/node/init.hpp"
#include "tools/node/run.hpp"

#include <csignal>
#include <cstdio>

using namespace aeo;
using namespace aeo::node;

namespace {

int say(const refusal& why) {
  std::fprintf(stderr, "aeo-node: %s\n", why.text.c_str());
  return why.exit_code;
}

int run(const options& o) {
  auto read = read_configuration(o);
  if (auto* why = std::get_if<refusal>(&read))
    return say(*why);
  const auto& c = std::get<configuration>(read);
  for (const auto& warning : c.warnings)
    std::fprintf(stderr, "aeo-node: %s\n", c.mask.mask(warning).c_str());
  if (c.the_plan->options.mode == execution_mode::dry_run) {
    const auto code = dry_run(o, c);
    if (!o.check_github || code == exit_code::internal)
      return code;
    const auto github = check_github(o, c);
    return code != exit_code::ok ? code : github;
  }
  if (o.check_github)
    return say({exit_code::usage, "--check-github goes with --mode dry-run"});
  auto opened = open_session(o, c);
  if (auto* why = std::get_if<refusal>(&opened))
    return say(*why);
  auto& s = std::get<session>(opened);
  for (const auto& note : s.notes)
    std::fprintf(stderr, "aeo-node: %s\n", c.mask.mask(note).c_str());
  return run_session(o, c, std::move(s));
}

} // namespace

int main(int argc, char** argv) {
  io::keep_memory_private();
  std::signal(SIGXFSZ, SIG_IGN); // A file at its size limit is an error of write(), not our end.
  go_on_below_init();
  init_messages(); // Errors are messages too: before anything can fail.
  io::init_remote();
  auto parsed = parse_options(argc, argv);
  if (auto* code = std::get_if<int>(&parsed))
    return *code;
  return run(std::get<options>(parsed));
}

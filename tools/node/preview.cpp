// `--mode dry-run`: asks the machine and the stored history what dry_run.hpp wants to know.

#include "actors/io/standard_output.hpp"
#include "actors/io/store.hpp"
#include "tools/node/dry_run.hpp"
#include "tools/node/replay.hpp"
#include "tools/node/run.hpp"
#include "tools/node/selection.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <iostream>
#include <system_error>
#include <thread>

namespace aeo::node {

namespace {

namespace fs = std::filesystem;

bool is_program(const fs::path& file) {
  struct stat info {};
  return stat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) && access(file.c_str(), X_OK) == 0;
}

/// As the launcher looks commands up.
std::optional<std::string> find_command(const std::string& argv0, const std::string& path,
                                        const fs::path& cwd) {
  if (argv0.find('/') != std::string::npos) {
    auto file = cwd / argv0;
    return is_program(file) ? std::optional{file.string()} : std::nullopt;
  }
  std::size_t begin = 0;
  while (begin <= path.size()) {
    auto end = std::min(path.find(':', begin), path.size());
    auto file = cwd / path.substr(begin, end - begin) / argv0;
    if (is_program(file))
      return file.string();
    begin = end + 1;
  }
  return std::nullopt;
}

} // namespace

int dry_run(const options& o, const configuration& c) {
  const auto& p = *c.the_plan;
  auto selected = select_phases(o, p);
  if (!selected) {
    std::fprintf(stderr, "aeo-node: %s\n", message_of(selected.error()).c_str());
    return 78;
  }
  auto state = peek_state(o, p);
  if (!state) {
    std::fprintf(stderr, "aeo-node: %s\n", message_of(state.error()).c_str());
    return 78;
  }
  auto durations = io::typical_durations(o.workspace / "consolidation" / "execution.db");
  if (!durations) {
    std::fprintf(stderr, "aeo-node: %s\n", message_of(durations.error()).c_str());
    return 78;
  }
  auto base_path = path_of(c.environment);
  dry_run_input input{
      .definition = p,
      .state = o.fresh ? nullptr : state->get(),
      .selected = std::move(*selected),
      .history = [&](phase_index i) -> std::optional<duration> {
        auto found = durations->find(p.phases[i].id);
        return found == durations->end() ? std::nullopt : std::optional{duration{found->second}};
      },
      .find_command =
          [&](const std::string& argv0, const std::string& path, const std::string& cwd) {
            return find_command(argv0, path.empty() ? base_path : path, o.workspace / cwd);
          },
      .workspace = o.workspace_as_typed,
      .processors = std::max(1u, std::thread::hardware_concurrency()),
      .mask = c.mask.empty() ? core::mask_function{}
                             : [&c](std::string_view text) { return c.mask.mask(text); }};
  auto result = examine(input);
  if (o.json)
    write_json(std::cout, input, result);
  else
    write_text(std::cout, input, result);
  return io::end_output("aeo-node", result.exit_code());
}

} // namespace aeo::node

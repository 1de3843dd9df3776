#pragma once

#include "actors/io/launcher_folder.hpp"
#include "actors/io/process_table.hpp"
#include "tests/fixtures/launcher_rig.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <poll.h>

#include <fstream>
#include <sstream>

namespace aeo::fixtures {

inline std::string content(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream{file}.rdbuf();
  return text.str();
}

inline bool is_gone(pid_t pid) {
  const auto info = io::find_process(pid);
  return !info || info->ended();
}

/// Waits for the end of this very process.
inline bool ends(const io::unique_fd& process) {
  pollfd end{process.get(), POLLIN, 0};
  return ::poll(&end, 1, static_cast<int>(std::chrono::milliseconds{patience}.count())) == 1;
}

/// The launcher that serves the workspace; empty when none does.
inline io::unique_fd launcher_process(const std::filesystem::path& workspace) {
  std::string why;
  const auto folder = io::open_launcher_folder(workspace, why);
  const auto info = io::find_process(io::launcher_lock{folder.get()}.holder());
  return info ? io::open_process(*info) : io::unique_fd{};
}

/// A launcher that is connected.
struct connected {
  explicit connected(const std::string& below = {}) : workspace{below} {
    auto made = io::connect_launcher(launcher_of(workspace.path()), said.callbacks());
    if (!made)
      FAIL(message_of(made.error()));
    link = std::move(*made);
  }
  task_exit run(const task_spec& spec) {
    REQUIRE_FALSE(link.client->start({spec}));
    return said.exit_of(spec.key);
  }
  task_spec script(const std::string& name, const std::string& text) const {
    return make_script(workspace.path(), name, text);
  }
  scratch_folder workspace;
  heard said;
  io::launcher_link link;
};

} // namespace aeo::fixtures

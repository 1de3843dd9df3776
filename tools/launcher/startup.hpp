#pragma once

#include "actors/io/launcher_folder.hpp"
#include "actors/io/launcher_records.hpp"
#include "tools/launcher/launcher_log.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace aeo::launcher {

/// The exit codes that this program uses.
inline constexpr int exit_unavailable = 70;
inline constexpr int exit_busy = 75;

/// What a launcher has before it serves.
struct premises {
  io::unique_fd folder;
  std::unique_ptr<io::launcher_lock> lock;
  io::unique_fd listener;
  std::unique_ptr<io::record_file> records;
  std::vector<std::string> notes; ///< What was found and done; for the node that comes.
};

struct startup_problem {
  int exit_code = 0; ///< 0: none.
  std::string text;
};

/// Takes the workspace's lock, ends what an earlier launcher that was killed left running, takes
/// over its exits and opens the socket. In this order: nothing of a live launcher is touched, and
/// no node can start a task beside an older copy of it.
startup_problem take_premises(const std::filesystem::path& workspace, const std::string& execution,
                              premises&);

/// Signals blocked (for a signalfd) or at their defaults, no foreign descriptors, own reaper; fds 0
/// to 2 on /dev/null when `detach`, which also leaves the caller's session and process.
void prepare_process(bool detach, int keep_fd);

} // namespace aeo::launcher

#include "actors/io/launcher_start.hpp"

#include "actors/io/launcher_folder.hpp"
#include "actors/io/launcher_survivors.hpp"
#include "actors/io/process_table.hpp"
#include "messages/type_ids.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

namespace aeo::io {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Longer than the launcher needs to end a stubborn predecessor and its tasks.
constexpr milliseconds start_patience{90000};
constexpr milliseconds survivor_grace{10000};

std::string error_text(int number) {
  return std::strerror(number);
}

/// Spawns it with `ready` as descriptor 3. It leaves our process and session by itself at once, so
/// that only a moment of waiting is needed here.
caf::error spawn_detached(const launcher_options& options, int folder, int ready) {
  constexpr int ready_fd = 3;
  const auto program = options.program.string();
  const auto workspace = options.workspace.string();
  const auto ready_text = std::to_string(ready_fd);
  std::vector<const char*> arguments = {program.c_str(),
                                        "--workspace",
                                        workspace.c_str(),
                                        "--execution",
                                        options.execution.c_str(),
                                        "--ready-fd",
                                        ready_text.c_str(),
                                        "--detach",
                                        nullptr};
  const auto marker = std::string{launcher_marker} + "=" + folder_id(folder);
  std::vector<const char*> environment;
  for (const auto& entry : options.env)
    environment.push_back(entry.c_str());
  environment.push_back(marker.c_str());
  environment.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ready, ready_fd);
  pid_t pid = 0;
  // posix_spawn writes to neither list.
  const int error =
      ::posix_spawn(&pid, program.c_str(), &actions, nullptr, const_cast<char**>(arguments.data()),
                    const_cast<char**>(environment.data()));
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return launcher_error("cannot start " + program + ": " + error_text(error)
                          + "; is the installation complete?");
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  return {};
}

/// The line that the launcher writes when it serves, or why it does not; empty when it ended
/// without a word or takes too long.
std::string read_line(int fd) {
  std::string line;
  const auto deadline = clock::now() + start_patience;
  while (line.empty() || line.back() != '\n') {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - clock::now()).count();
    pollfd waiting{fd, POLLIN, 0};
    const int n = left > 0 ? ::poll(&waiting, 1, static_cast<int>(left)) : 0;
    if (n < 0 && errno == EINTR)
      continue;
    char text[1024];
    const auto got = n > 0 ? ::read(fd, text, sizeof text) : 0;
    if (got <= 0)
      return {};
    line.append(text, static_cast<std::size_t>(got));
  }
  line.pop_back();
  return line;
}

/// Ends the launcher that holds the lock: it ends its tasks first.
caf::error end_launcher(launcher_lock& lock, const std::string& execution) {
  const auto pid = lock.holder();
  const auto info = pid != 0 ? find_process(pid) : std::nullopt;
  const auto process = info ? open_process(*info) : unique_fd{};
  if (!process || lock.holder() != pid)
    return {}; // It is gone.
  if (const auto other = lock.execution(); other != execution)
    return caf::make_error(ec::wrong_state, "the launcher with pid " + std::to_string(pid)
                                                + " serves another execution: " + other);
  const auto wait_for_end = [&process](milliseconds time) {
    pollfd end{process.get(), POLLIN, 0};
    return ::poll(&end, 1, static_cast<int>(time.count())) == 1;
  };
  signal_process(process, SIGTERM);
  if (wait_for_end(start_patience))
    return {};
  signal_process(process, SIGKILL); // What it leaves running is ended next.
  if (wait_for_end(survivor_grace))
    return {};
  return launcher_error("the launcher with pid " + std::to_string(pid)
                        + " does not end, even on SIGKILL");
}

} // namespace

caf::error launcher_error(std::string text) {
  return caf::make_error(ec::launcher_failed, std::move(text));
}

caf::expected<start_outcome> start_launcher(const launcher_options& options, int folder) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return launcher_error("cannot make a pipe to start the launcher: " + error_text(errno));
  unique_fd in{ends[0]};
  unique_fd out{ends[1]};
  if (out.get() == 3) // dup2 onto itself would leave it close-on-exec.
    out.reset(::fcntl(out.get(), F_DUPFD_CLOEXEC, 4));
  if (auto error = spawn_detached(options, folder, out.get()))
    return error;
  out.reset();
  const auto line = read_line(in.get());
  if (line == "ready")
    return start_outcome::ready;
  if (line.starts_with("busy"))
    return start_outcome::busy;
  if (line.starts_with("error "))
    return launcher_error("the launcher cannot start: " + line.substr(6));
  return launcher_error("the launcher ended or hung at its start without a word: run "
                        + options.program.string() + " --workspace " + options.workspace.string()
                        + " --execution " + options.execution + " by hand to see why");
}

caf::expected<survivors> end_survivors(const std::filesystem::path& workspace,
                                       const std::string& execution) {
  std::string why;
  const auto folder = open_launcher_folder(workspace, why);
  if (!folder)
    return launcher_error(why);
  launcher_lock lock{folder.get()};
  for (int error = lock.try_take(); error != 0; error = lock.try_take()) {
    if (error != EAGAIN)
      return launcher_error("cannot lock consolidation/.aeo/launcher.lock in " + workspace.string()
                            + ": " + error_text(error));
    if (auto not_ended = end_launcher(lock, execution))
      return not_ended;
  }
  const auto records = read_records(folder.get());
  survivors result;
  if (!records.found || records.header.execution != execution)
    return result;
  const auto ended = end_survivors(folder.get(), records, survivor_grace);
  if (!ended.error.empty())
    return launcher_error(ended.error);
  result.processes = ended.processes;
  for (const auto& [key, exit] : records.ended)
    result.ended.push_back(exit);
  for (const auto& [key, start] : records.running)
    result.lost.push_back(key);
  return result;
}

} // namespace aeo::io

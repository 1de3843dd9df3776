#include "tools/launcher/startup.hpp"

#include "actors/io/launcher_survivors.hpp"
#include "actors/io/process_table.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace aeo::launcher {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds survivor_grace{10000};
constexpr milliseconds predecessor_patience{30000};

/// Waits for a predecessor that is on its way out. EAGAIN: one that lives holds the workspace.
int take_lock(int folder, io::launcher_lock& lock, pid_t& holder) {
  const auto give_up = clock::now() + predecessor_patience;
  for (;;) {
    const int error = lock.try_take();
    if (error != EAGAIN)
      return error;
    holder = lock.holder();
    if (holder == 0 && clock::now() < give_up)
      continue; // It ended between the two questions.
    const auto info = io::find_process(holder);
    const auto process = info ? io::open_process(*info) : io::unique_fd{};
    if (io::connect_in(folder) || clock::now() >= give_up)
      return EAGAIN;
    // It neither serves nor is gone: it starts or ends. Its end wakes us, its start does not.
    constexpr int look_again_ms = 100;
    pollfd end{process.get(), POLLIN, 0};
    ::poll(&end, 1, look_again_ms);
  }
}

io::records_header own_header(const std::filesystem::path& workspace, const std::string& execution,
                              int folder) {
  const auto self = io::find_process(::getpid());
  return {execution,     workspace.string(), io::folder_id(folder),
          io::boot_id(), ::getpid(),         self ? self->start_ticks : 0};
}

} // namespace

startup_problem take_premises(const std::filesystem::path& workspace, const std::string& execution,
                              premises& to) {
  std::string why;
  to.folder = io::open_launcher_folder(workspace, why);
  if (!to.folder)
    return {exit_unavailable, why};
  to.lock = std::make_unique<io::launcher_lock>(to.folder.get());
  pid_t holder = 0;
  const int error = take_lock(to.folder.get(), *to.lock, holder);
  if (error != 0 && error != EAGAIN)
    return {exit_unavailable, "cannot lock consolidation/.aeo/launcher.lock in "
                                  + workspace.string() + ": " + std::strerror(error)};
  if (error == EAGAIN)
    return {exit_busy,
            "another launcher serves " + workspace.string() + ": pid " + std::to_string(holder)};
  to.lock->write_execution(execution);
  auto earlier = io::read_records(to.folder.get());
  if (!earlier.note.empty())
    to.notes.push_back(earlier.note);
  const auto survivors = io::end_survivors(to.folder.get(), earlier, survivor_grace);
  if (!survivors.error.empty())
    return {exit_unavailable, survivors.error};
  if (survivors.processes > 0)
    to.notes.push_back("a launcher had been killed: " + std::to_string(survivors.processes)
                       + " processes of its tasks were ended");
  if (earlier.header.execution != execution && !earlier.ended.empty()) {
    to.notes.push_back(std::to_string(earlier.ended.size()) + " exits of the earlier execution "
                       + earlier.header.execution + " were dropped");
    earlier.ended.clear();
  }
  to.records = std::make_unique<io::record_file>(
      to.folder.get(), own_header(workspace, execution, to.folder.get()), std::move(earlier.ended));
  // What the earlier file says runs is gone now; it must not be looked for again.
  if (earlier.found && !to.records->finish())
    return {exit_unavailable, to.records->error()};
  to.listener = io::listen_in(to.folder.get());
  if (!to.listener)
    return {exit_unavailable, "cannot listen in " + workspace.string()
                                  + "/consolidation/.aeo: " + std::strerror(errno)};
  return {};
}

void prepare_process(bool detach, int keep_fd) {
  if (detach) {
    const auto child = ::fork();
    if (child > 0)
      ::_exit(0);
    ::setsid();
    [[maybe_unused]] const int moved = ::chdir("/"); // Keeps no file system busy.
  }
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
    if (detach || ::fcntl(fd, F_GETFD) < 0)
      ::dup2(null, fd);
  // Whoever started us may have left descriptors open that tasks must not get.
  if (keep_fd > STDERR_FILENO) {
    ::close_range(STDERR_FILENO + 1, static_cast<unsigned>(keep_fd) - 1, 0);
    ::close_range(static_cast<unsigned>(keep_fd) + 1, ~0U, 0);
    ::fcntl(keep_fd, F_SETFD, FD_CLOEXEC);
  } else {
    ::close_range(STDERR_FILENO + 1, ~0U, 0);
  }
  // Also the two that glibc keeps for itself, which posix_spawn leaves ignored in its child.
  const std::array<unsigned long, 4> default_action{};
  for (int number = 1; number < NSIG; ++number)
    ::syscall(SYS_rt_sigaction, number, default_action.data(), nullptr, NSIG / 8);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN); // A log at the file size limit is an error of write(), not our end.
  sigset_t handled;
  sigemptyset(&handled);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP})
    sigaddset(&handled, number);
  ::sigprocmask(SIG_SETMASK, &handled, nullptr);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

} // namespace aeo::launcher

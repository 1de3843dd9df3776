#include "tools/consolidate/supervised.hpp"

#include "tools/consolidate/confine.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

namespace aeo::consolidate {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds stop_grace{5000};
constexpr milliseconds leftover_grace{1000};

/// The rest of a child's life before exec; only calls that are safe after fork().
void become(char* const* argv, char* const* environment, const supervision& rules,
            const write_confinement& confinement, int parent, int log, int report, int guardian) {
  ::setpgid(0, 0);
  const int self = ::getpid();
  [[maybe_unused]] const auto told = ::write(guardian, &self, sizeof self);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL); // the last resort: we were killed ourselves
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE})
    ::signal(signal, SIG_DFL);
  const int null = ::open("/dev/null", O_RDONLY);
  const bool ready = ::getppid() == parent && ::chdir(rules.directory.c_str()) == 0
                     && ::dup2(null, 0) == 0 && ::dup2(log, 1) == 1 && ::dup2(log, 2) == 2
                     && confinement.enter();
  if (ready)
    ::execvpe(argv[0], argv, environment);
  const int problem = errno;
  [[maybe_unused]] const auto ignored = ::write(report, &problem, sizeof problem);
  ::_exit(127);
}

struct process_line {
  int parent = 0;
  bool alive = false; ///< not a zombie
};

/// `PID (NAME) STATE PPID ...`; the name may hold anything, so the last `)` counts.
std::map<int, process_line> process_table() {
  std::map<int, process_line> table;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator("/proc", ec)) {
    const auto name = entry.path().filename().string();
    int pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr
        != name.data() + name.size())
      continue;
    std::ifstream in(entry.path() / "stat");
    std::string line;
    std::getline(in, line);
    const auto end = line.rfind(')');
    if (end == std::string::npos || end + 4 >= line.size())
      continue;
    process_line item;
    item.alive = line[end + 2] != 'Z' && line[end + 2] != 'X';
    std::from_chars(line.data() + end + 4, line.data() + line.size(), item.parent);
    table[pid] = item;
  }
  return table;
}

/// Descendants of this process that are alive: what a program left behind comes to us, because we
/// are its subreaper.
std::vector<int> descendants(int guardian) {
  const auto table = process_table();
  std::vector<int> found;
  std::vector<int> open{static_cast<int>(::getpid())};
  while (!open.empty()) {
    const int parent = open.back();
    open.pop_back();
    for (const auto& [pid, item] : table) {
      if (item.parent != parent || pid == guardian)
        continue;
      open.push_back(pid);
      if (item.alive)
        found.push_back(pid);
    }
  }
  return found;
}

void wait_until_ended(const std::vector<int>& pids, milliseconds limit) {
  const auto deadline = steady_clock::now() + limit;
  for (const int pid : pids) {
    const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0)
      continue; // gone already
    pollfd item{fd, POLLIN, 0};
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
    ::poll(&item, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    ::close(fd);
  }
}

void reap_orphans() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

} // namespace

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos)
    return ::access(name.c_str(), X_OK) == 0 ? name : std::string{};
  const char* path = std::getenv("PATH");
  for (const auto directory : split(path != nullptr ? path : "/usr/bin:/bin", ':')) {
    auto file = std::string(directory.empty() ? "." : directory) + "/" + name;
    std::error_code ec;
    if (fs::is_regular_file(file, ec) && ::access(file.c_str(), X_OK) == 0)
      return file;
  }
  return {};
}

supervised_process::supervised_process(const std::vector<std::string>& argv,
                                       const supervision& rules)
    : rules_(rules), start_(steady_clock::now()) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  auto texts = argv;
  auto environment = child_environment(rules.environment);
  const auto args = pointers(texts);
  const auto env = pointers(environment);
  const write_confinement confinement(rules.writable);
  const int log = ::open(rules.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  std::array<int, 2> report{-1, -1};
  int problem = log < 0 || ::pipe2(report.data(), O_CLOEXEC) != 0 ? errno : 0;
  const int parent = static_cast<int>(::getpid());
  start_guardian();
  if (problem == 0) {
    pid_ = ::fork();
    if (pid_ == 0)
      become(args.data(), env.data(), rules_, confinement, parent, log, report[1], guardian_fd_);
    problem = pid_ < 0 ? errno : 0;
    ::close(report[1]);
    if (pid_ > 0 && ::read(report[0], &problem, sizeof problem) == sizeof problem)
      ::waitpid(pid_, nullptr, 0);
    ::close(report[0]);
  }
  ::close(log);
  if (problem != 0) {
    dismiss_guardian();
    throw failure(exit_status::try_again, "cannot start " + argv.front() + " in " + rules.directory
                                              + ": " + std::strerror(problem));
  }
  pid_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
}

/// Nobody else can end the group when SIGKILL ends us: the kernel only does that to its leader.
/// Made before the program, which may be what kills us.
void supervised_process::start_guardian() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return; // the leader still ends with us
  guardian_ = ::fork();
  if (guardian_ == 0) {
    ::setsid();
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
      ::signal(signal, SIG_IGN);
    ::dup2(ends[0], 0);
    ::syscall(SYS_close_range, 1U, ~0U, 0U);
    int group = 0; // the child tells its own before it becomes the program; then only our end
    int more = 0;
    if (::read(0, &group, sizeof group) == sizeof group && ::read(0, &more, sizeof more) == 0)
      ::kill(-group, SIGKILL);
    ::_exit(0);
  }
  ::close(ends[0]);
  guardian_fd_ = ends[1];
}

void supervised_process::dismiss_guardian() {
  if (guardian_ > 0) {
    ::kill(guardian_, SIGKILL); // before the pipe closes: the group is not its business any more
    while (::waitpid(guardian_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (guardian_fd_ >= 0)
    ::close(guardian_fd_);
  guardian_ = -1;
  guardian_fd_ = -1;
}

supervised_process::~supervised_process() {
  if (!ended_)
    stop();
}

bool supervised_process::ended_within(milliseconds limit) {
  std::array<pollfd, 2> items{{{pid_fd_, POLLIN, 0}, {interrupt_guard::fd(), POLLIN, 0}}};
  const auto deadline = steady_clock::now() + limit;
  while (!ended_) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    const int ready = ::poll(items.data(), items.size(),
                             static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30)));
    if ((items[0].revents & POLLIN) != 0)
      return true;
    interrupt_guard::check(); // the destructor ends what runs
    if (ready == 0 && steady_clock::now() >= deadline)
      return false;
  }
  return true;
}

supervised_end supervised_process::wait() {
  if (!ended_within(rules_.timeout)) {
    end_.timed_out = true;
    end_group(stop_grace);
  }
  finish();
  return end_;
}

supervised_end supervised_process::stop() {
  if (!ended_) {
    end_group(stop_grace);
    finish();
  }
  return end_;
}

std::vector<int> supervised_process::processes() const {
  return descendants(guardian_);
}

void supervised_process::end_group(milliseconds grace) {
  ::kill(-pid_, SIGTERM);
  wait_until_ended({pid_}, grace);
  ::kill(-pid_, SIGKILL);
  wait_until_ended({pid_}, stop_grace);
}

void supervised_process::finish() {
  if (ended_)
    return;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
  end_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  end_.seconds = std::chrono::duration<double>(steady_clock::now() - start_).count();
  ::close(pid_fd_);
  reap_orphans();
  auto rest = descendants(guardian_);
  end_.ended = rest.size();
  for (int round = 0; !rest.empty() && round < 10; ++round) {
    for (const int pid : rest)
      ::kill(pid, round == 0 ? SIGTERM : SIGKILL);
    wait_until_ended(rest, leftover_grace);
    reap_orphans();
    rest = descendants(guardian_);
  }
  dismiss_guardian();
  reap_orphans(); // what ended meanwhile
}

supervised_end run_supervised(const std::vector<std::string>& argv, const supervision& rules) {
  supervised_process process(argv, rules);
  return process.wait();
}

} // namespace aeo::consolidate

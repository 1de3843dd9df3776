#include "tools/launcher/spawner.hpp"

#include "actors/io/process_table.hpp"
#include "actors/io/scheduling.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

namespace aeo::launcher {

namespace {

/// What execvp uses where there is no PATH.
constexpr std::string_view default_path = "/bin:/usr/bin";

std::int64_t nanoseconds(clockid_t which) {
  timespec t{};
  ::clock_gettime(which, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// Field 22 of /proc/PID/stat is the boot time of the fork in USER_HZ ticks, which are 10 ms: when
/// one tick was current from before the fork till after it, that is it, without reading /proc.
std::uint64_t boot_ticks() {
  constexpr std::int64_t tick_ns = 10'000'000;
  return static_cast<std::uint64_t>(nanoseconds(CLOCK_BOOTTIME) / tick_ns);
}

bool is_program(const std::string& path) {
  struct stat info {};
  return ::access(path.c_str(), X_OK) == 0 && ::stat(path.c_str(), &info) == 0
         && S_ISREG(info.st_mode);
}

/// "#!/usr/bin/foo" names foo; empty when the file is no script.
std::string interpreter_of(const std::string& path) {
  io::unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  std::array<char, 256> head{};
  const auto n = fd ? ::read(fd.get(), head.data(), head.size()) : 0;
  std::string_view text{head.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
  if (!text.starts_with("#!"))
    return {};
  text.remove_prefix(std::min(text.find_first_not_of(" \t", 2), text.size()));
  return std::string{text.substr(0, text.find_first_of(" \t\n"))};
}

struct child_setup {
  const char* program;
  const char* cwd;
  char* const* arguments;
  char* const* environment;
  int output;
  bool resets_waits;
};

/// What posix_spawn does, without what this process does not need: it has no signal handlers (so
/// nothing of ours can run in the child), ignores just two signals, and lends the child its stack.
/// Saves 70 system calls, a mapping and its TLB flush per task. Returns 0 or the errno of the
/// child, which shares our memory until it executes or ends, and we wait for that.
// NOLINTBEGIN(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork): see above
[[gnu::noinline]] int start_process(const child_setup& setup, pid_t& pid) {
  volatile int error = 0;
  const pid_t child = ::vfork();
  if (child == 0) {
    // Only system calls from here on.
    sigset_t none;
    ::sigemptyset(&none);
    if (setup.resets_waits)
      io::prefer_usual_waits();
    if (::setpgid(0, 0) == 0 && ::signal(SIGPIPE, SIG_DFL) != SIG_ERR
        && ::signal(SIGXFSZ, SIG_DFL) != SIG_ERR && ::chdir(setup.cwd) == 0
        && ::dup2(setup.output, STDOUT_FILENO) >= 0 && ::dup2(setup.output, STDERR_FILENO) >= 0
        && ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0)
      ::execve(setup.program, setup.arguments, setup.environment);
    error = errno;
    ::_exit(127);
  }
  if (child < 0)
    return errno;
  pid = child;
  if (error != 0)
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR)
      ;
  return error;
}
// NOLINTEND(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork)

std::string problem_in(const task_spec& spec) {
  const auto has_nul = [](const std::string& x) { return x.find('\0') != std::string::npos; };
  if (spec.argv.empty() || spec.argv.front().empty())
    return "the command is empty";
  if (std::any_of(spec.argv.begin(), spec.argv.end(), has_nul))
    return "the command " + spec.argv.front() + " has a NUL byte in an argument";
  for (const auto& [name, value] : spec.env)
    if (name.empty() || name.find('=') != std::string::npos || has_nul(name) || has_nul(value))
      return "the environment variable \"" + name + "\" has no usable name or a NUL byte in it";
  if (!spec.cwd.starts_with('/') || has_nul(spec.cwd))
    return "the working directory is no absolute path: " + spec.cwd;
  if (!spec.log.starts_with('/') || has_nul(spec.log))
    return "the log is no absolute path: " + spec.log;
  return {};
}

} // namespace

std::int64_t boot_us() {
  return nanoseconds(CLOCK_BOOTTIME) / 1000;
}

std::int64_t now_us() {
  return nanoseconds(CLOCK_REALTIME) / 1000;
}

spawner::spawner(io::run_names run)
    : run_{std::move(run)}, resets_waits_{io::hands_on_short_waits()} {}

void spawner::set_environment(std::vector<std::string> base) {
  index_.clear();
  base_ = std::move(base);
  std::erase_if(base_, [](const std::string& entry) {
    return entry.find('=') == std::string::npos || entry.starts_with('=')
           || entry.find('\0') != std::string::npos;
  });
  for (std::size_t i = 0; i < base_.size(); ++i)
    index_[std::string_view{base_[i]}.substr(0, base_[i].find('='))] = i;
}

void spawner::set_variable(std::string_view name, std::string_view value) {
  auto& entry = added_.emplace_back();
  entry.reserve(name.size() + value.size() + 1);
  entry.append(name).append(1, '=').append(value);
  if (const auto at = index_.find(name); at != index_.end()) {
    environment_[at->second] = entry.data();
    return;
  }
  const auto same = [&entry, size = name.size() + 1](const char* other) {
    return std::strncmp(other, entry.data(), size) == 0;
  };
  const auto first = environment_.begin() + static_cast<std::ptrdiff_t>(base_.size());
  if (const auto at = std::find_if(first, environment_.end(), same); at != environment_.end())
    *at = entry.data();
  else
    environment_.push_back(entry.data());
}

void spawner::build_environment(const task_spec& spec) {
  added_.clear();
  added_.reserve(spec.env.size() + 5); // Never moved: environment_ points into it.
  environment_.clear();
  for (auto& entry : base_)
    environment_.push_back(entry.data());
  for (const auto& [name, value] : spec.env)
    set_variable(name, value);
  // What survivors are recognised by is not left to the sender.
  set_variable("AEO_EXECUTION_ID", run_.execution);
  set_variable("AEO_WORKSPACE", run_.workspace);
  set_variable("AEO_PHASE", spec.key.phase);
  set_variable("AEO_TASK", spec.key.task);
  set_variable("AEO_ATTEMPT", std::to_string(spec.key.attempt));
  environment_.push_back(nullptr);
}

std::string_view spawner::task_path() const {
  constexpr std::string_view name = "PATH=";
  for (const auto* entry : environment_)
    if (entry != nullptr && std::string_view{entry}.starts_with(name))
      return std::string_view{entry}.substr(name.size());
  return default_path;
}

/// The file to execute; empty when no folder of the task's PATH has it. Not cached: a task may
/// install what the next one calls, and the look costs a hundredth of the start.
std::string spawner::find_program(const task_spec& spec) const {
  const auto& name = spec.argv.front();
  if (name.find('/') != std::string::npos)
    return name.starts_with('/') ? name : spec.cwd + '/' + name;
  auto path = task_path();
  std::string candidate;
  for (bool more = true; more;) {
    const auto end = path.find(':');
    const auto folder = path.substr(0, end);
    more = end != std::string_view::npos;
    path.remove_prefix(more ? end + 1 : path.size());
    candidate.clear();
    if (!folder.starts_with('/'))
      candidate.append(spec.cwd).append(1, '/'); // Also the empty entry, which is the cwd.
    candidate.append(folder).append(1, '/').append(name);
    if (is_program(candidate))
      return candidate;
  }
  return {};
}

std::string spawner::diagnose(const task_spec& spec, const std::string& program, int error) const {
  struct stat info {};
  if (::stat(spec.cwd.c_str(), &info) != 0)
    return (errno == ENOENT ? "working directory missing: " : "working directory not usable: ")
           + spec.cwd + " (" + std::strerror(errno) + ")";
  if (!S_ISDIR(info.st_mode))
    return "working directory is not a directory: " + spec.cwd;
  if (::access(spec.cwd.c_str(), X_OK) != 0)
    return "working directory not permitted: " + spec.cwd;
  if (program.empty())
    return "command not found: " + spec.argv.front() + " (PATH=" + std::string{task_path()} + ")";
  if (error == ENOENT || error == ENOTDIR || error == EACCES) {
    if (::stat(program.c_str(), &info) != 0)
      return "command not found: " + program + " (" + std::strerror(errno) + ")";
    if (S_ISDIR(info.st_mode))
      return "not executable: " + program + " is a directory";
    if (::access(program.c_str(), X_OK) != 0)
      return "not executable: " + program + " (chmod +x is missing, or noexec)";
    if (const auto interpreter = interpreter_of(program); !interpreter.empty())
      return "interpreter missing: " + program + " starts with #!" + interpreter;
  }
  if (error == ENOEXEC)
    return "not executable: " + program + " is neither a program nor starts with #!";
  if (error == E2BIG)
    return "arguments and environment are too large for " + program;
  return "cannot start " + program + ": " + std::strerror(error);
}

spawned spawner::spawn(const task_spec& spec, int output) {
  spawned result;
  if (auto problem = problem_in(spec); !problem.empty()) {
    result.error = EINVAL;
    result.detail = std::move(problem);
    return result;
  }
  build_environment(spec);
  arguments_.clear();
  for (const auto& argument : spec.argv)
    arguments_.push_back(const_cast<char*>(argument.c_str())); // execve does not write there.
  arguments_.push_back(nullptr);
  const auto program = find_program(spec);
  if (program.empty()) {
    result.error = ENOENT;
    result.detail = diagnose(spec, program, ENOENT);
    return result;
  }
  result.started_us = now_us();
  result.boot_us = boot_us();
  const auto before = boot_ticks();
  result.error = start_process({program.c_str(), spec.cwd.c_str(), arguments_.data(),
                                environment_.data(), output, resets_waits_},
                               result.pid);
  if (result.error != 0) {
    result.detail = diagnose(spec, program, result.error);
    return result;
  }
  result.start_ticks = boot_ticks();
  if (result.start_ticks != before) {
    const auto info = io::find_process(result.pid);
    result.start_ticks = info ? info->start_ticks : before;
  }
  return result;
}

} // namespace aeo::launcher

#include "tools/consolidate/process.hpp"

#include "tools/consolidate/confine.hpp"
#include "tools/consolidate/failure.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <utility>

namespace aeo::consolidate {

std::vector<std::string> child_environment(const std::vector<std::string>& changes) {
  std::map<std::string, std::string> values;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string text = *entry;
    values[text.substr(0, text.find('='))] = text;
  }
  for (const auto& change : changes) {
    const auto name = change.substr(0, change.find('='));
    if (name.size() == change.size())
      values.erase(name);
    else
      values[name] = change;
  }
  std::vector<std::string> result;
  result.reserve(values.size());
  for (auto& [name, text] : values)
    result.push_back(std::move(text));
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (auto& text : texts)
    result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

namespace {

/// A start that fails is reported through a close-on-exec pipe, so that the caller learns errno.
int spawn(std::vector<std::string> argv, const process_options& options, int in, int out, int err) {
  auto environment = child_environment(options.environment);
  const auto args = pointers(argv);
  const auto env = pointers(environment);
  std::array<int, 2> report{};
  if (::pipe2(report.data(), O_CLOEXEC) != 0)
    throw failure(exit_status::try_again, "cannot start " + argv[0] + ": " + std::strerror(errno));
  const write_confinement confinement(options.writable);
  const int pid = ::fork();
  if (pid == 0) {
    const bool ready = (options.directory.empty() || ::chdir(options.directory.c_str()) == 0)
                       && ::dup2(in, 0) == 0 && ::dup2(out, 1) == 1 && ::dup2(err, 2) == 2
                       && confinement.enter();
    if (ready) {
      ::signal(SIGPIPE, SIG_DFL);
      ::execvpe(args[0], args.data(), env.data());
    }
    const int problem = errno;
    [[maybe_unused]] const auto ignored = ::write(report[1], &problem, sizeof problem);
    ::_exit(127);
  }
  ::close(report[1]);
  int problem = pid < 0 ? errno : 0;
  if (pid > 0 && ::read(report[0], &problem, sizeof problem) == sizeof problem)
    ::waitpid(pid, nullptr, 0);
  ::close(report[0]);
  if (problem != 0)
    throw failure(exit_status::try_again,
                  "cannot start " + argv[0] + " in "
                      + (options.directory.empty() ? "." : options.directory) + ": "
                      + std::strerror(problem));
  return pid;
}

int wait_for(int pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string read_memory_file(int fd) {
  std::string text;
  std::array<char, 65536> buffer{};
  ::lseek(fd, 0, SEEK_SET);
  for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(n));
  return text;
}

int memory_file(std::string_view content) {
  const int fd = ::memfd_create("aeo-consolidate", MFD_CLOEXEC);
  if (fd < 0)
    throw failure(exit_status::try_again, std::string("memfd_create: ") + std::strerror(errno));
  while (!content.empty()) {
    const auto n = ::write(fd, content.data(), content.size());
    if (n <= 0)
      throw failure(exit_status::try_again, std::string("memfd write: ") + std::strerror(errno));
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

} // namespace

process_result run_process(const std::vector<std::string>& argv, const process_options& options) {
  // Input and both outputs are memory files: nothing to interleave, nothing to dead-lock on.
  const int in = memory_file(options.input);
  const int out = memory_file({});
  const int err = memory_file({});
  process_result result;
  try {
    result.exit_code = wait_for(spawn(argv, options, in, out, err));
    result.out = read_memory_file(out);
    result.err = read_memory_file(err);
  } catch (const failure&) {
    for (const int fd : {in, out, err})
      ::close(fd);
    throw;
  }
  for (const int fd : {in, out, err})
    ::close(fd);
  return result;
}

piped_process::piped_process(const std::vector<std::string>& argv, const process_options& options,
                             direction d) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw failure(exit_status::try_again, std::string("pipe: ") + std::strerror(errno));
  const bool reading = d == direction::read_from_child;
  err_fd_ = memory_file({});
  const int other = reading ? memory_file(options.input) : memory_file({});
  try {
    pid_ = reading ? spawn(argv, options, other, ends[1], err_fd_)
                   : spawn(argv, options, ends[0], other, err_fd_);
  } catch (const failure&) {
    for (const int fd : {ends[0], ends[1], other, err_fd_})
      ::close(fd);
    throw;
  }
  ::close(other);
  ::close(reading ? ends[1] : ends[0]);
  fd_ = reading ? ends[0] : ends[1];
}

piped_process::~piped_process() {
  if (pid_ > 0)
    finish();
}

process_result piped_process::finish() {
  process_result result;
  if (fd_ >= 0)
    ::close(std::exchange(fd_, -1));
  result.exit_code = wait_for(std::exchange(pid_, -1));
  result.err = read_memory_file(err_fd_);
  ::close(std::exchange(err_fd_, -1));
  return result;
}

} // namespace aeo::consolidate

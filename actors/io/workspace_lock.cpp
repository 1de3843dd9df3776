#include "actors/io/workspace_lock.hpp"

#include "actors/core/timestamp.hpp"
#include "actors/io/files.hpp"
#include "actors/io/host.hpp"
#include "messages/type_ids.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace aeo::io {

namespace {

using json = nlohmann::ordered_json;

constexpr auto node_lock_name = "node.lock";

// The file is {"pid": N, "program": "aeo-node", "since": "ISO 8601"}. Between locking and writing,
// or after a disk full, it may say nothing or rubbish.
workspace_holder read_holder(int fd) {
  std::array<char, 4096> text{};
  workspace_holder result;
  const auto size = ::pread(fd, text.data(), text.size(), 0);
  if (size <= 0)
    return result;
  const auto object = json::parse(text.data(), text.data() + size, nullptr, false);
  if (!object.is_object())
    return result;
  if (auto pid = object.find("pid"); pid != object.end() && pid->is_number_integer())
    result.pid = pid->get<std::int64_t>();
  if (auto program = object.find("program"); program != object.end() && program->is_string())
    result.program = program->get<std::string>();
  if (auto since = object.find("since"); since != object.end() && since->is_string())
    result.since_us = core::parse_time(since->get<std::string>()).value_or(0);
  return result;
}

void write_holder(int fd, const std::string& program) {
  const json object = {
      {"pid", ::getpid()}, {"program", program}, {"since", core::format_time(now_us())}};
  const auto text = object.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
  // Only for the reader's comfort: the lock does not depend on it.
  if (::ftruncate(fd, 0) == 0)
    (void)!::pwrite(fd, text.data(), text.size(), 0);
}

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// 0 or an errno. A holder that was killed while it started a child leaves the lock with that child
/// until the child executes its program: a moment that is waited for, not reported.
int lock_file(int fd, struct flock& request) {
  constexpr int tries = 500;
  constexpr timespec pause{0, 10'000'000};
  for (int i = 0; ::fcntl(fd, F_OFD_SETLK, &request) != 0; ++i) {
    auto error = errno;
    auto pid = static_cast<pid_t>(read_holder(fd).pid);
    auto holder_is_dead = pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
    if ((error != EAGAIN && error != EACCES) || !holder_is_dead || i == tries)
      return error;
    ::nanosleep(&pause, nullptr);
  }
  return 0;
}

caf::error already_held(const std::filesystem::path& workspace, const workspace_holder& holder) {
  std::string text = "the workspace " + workspace.string() + " is held by ";
  text += holder.program.empty() ? std::string("another process") : holder.program;
  if (holder.pid != 0)
    text += " (pid " + std::to_string(holder.pid) + ')';
  if (holder.since_us != 0)
    text += " since " + core::format_time(holder.since_us);
  text += "; wait for it, or stop it with SIGTERM";
  return caf::make_error(ec::workspace_locked, std::move(text));
}

// False: the file was replaced between opening and locking, so that the lock means nothing.
bool is_still(int fd, const std::filesystem::path& file) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(fd, &opened) == 0 && ::stat(file.c_str(), &named) == 0
         && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

} // namespace

caf::expected<workspace_lock> workspace_lock::acquire(const std::filesystem::path& workspace,
                                                      const std::string& program) {
  const auto dir = make_private_directory(workspace);
  if (!dir)
    return dir.error();
  const auto file = *dir / node_lock_name;
  constexpr int tries = 10;
  for (int i = 0; i < tries; ++i) {
    workspace_lock result(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (result.fd_ < 0)
      return file_error("open", file, errno);
    auto request = whole_file(F_WRLCK);
    if (auto error = lock_file(result.fd_, request)) {
      if (error == EAGAIN || error == EACCES)
        return already_held(workspace, read_holder(result.fd_));
      return file_error("lock", file, error);
    }
    if (!is_still(result.fd_, file))
      continue;
    write_holder(result.fd_, program);
    return result;
  }
  return caf::make_error(ec::storage_failed, file.string() + " is being replaced all the time");
}

workspace_lock::workspace_lock(workspace_lock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

workspace_lock& workspace_lock::operator=(workspace_lock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

workspace_lock::~workspace_lock() {
  if (fd_ >= 0)
    ::close(fd_);
}

std::optional<workspace_holder> find_holder(const std::filesystem::path& workspace) {
  const auto file = workspace / "consolidation" / ".aeo" / node_lock_name;
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return std::nullopt;
  std::optional<workspace_holder> result;
  auto request = whole_file(F_RDLCK);
  if (::fcntl(fd, F_OFD_GETLK, &request) == 0 && request.l_type != F_UNLCK)
    result = read_holder(fd);
  ::close(fd);
  return result;
}

} // namespace aeo::io

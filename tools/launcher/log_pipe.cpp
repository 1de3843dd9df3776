#include "tools/launcher/log_pipe.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace aeo::launcher {

namespace {

constexpr std::size_t share = 4 * 1024 * 1024; ///< Moved at most before other tasks have a turn.
constexpr std::size_t default_width = 64 * 1024;
constexpr int wide_pipe = 1024 * 1024;

} // namespace

bool log_pipe::open(std::string log) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return false;
  in_.reset(ends[0]);
  keep_.reset(ends[1]);
  path_ = std::move(log);
  return true;
}

bool log_pipe::open_log() {
  if (out_)
    return true;
  constexpr int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;
  int fd = ::open(path_.c_str(), flags, S_IRUSR | S_IWUSR);
  if (fd < 0 && errno == ENOENT) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path{path_}.parent_path(), error);
    if (error) {
      errno = error.value();
      return false;
    }
    fd = ::open(path_.c_str(), flags, S_IRUSR | S_IWUSR);
  }
  if (fd < 0)
    return false;
  out_.reset(fd);
  // Not O_APPEND, which splice refuses; nobody else writes here.
  ::lseek(fd, 0, SEEK_END);
  return true;
}

std::size_t log_pipe::waiting() const {
  int n = 0;
  return ::ioctl(in_.get(), FIONREAD, &n) == 0 && n > 0 ? static_cast<std::size_t>(n) : 0;
}

/// Moves up to `limit` bytes; 0 when there are none.
std::size_t log_pipe::move(std::size_t limit) {
  if (can_splice_ && open_log()) {
    const auto n = ::splice(in_.get(), nullptr, out_.get(), nullptr, limit, SPLICE_F_NONBLOCK);
    if (n >= 0) {
      bytes_ += n;
      return static_cast<std::size_t>(n);
    }
    if (errno == EAGAIN)
      return 0;
    if (errno == EINVAL || errno == ENOSYS)
      can_splice_ = false;
  }
  return copy(limit);
}

/// The way without splice, and with a log that takes nothing.
std::size_t log_pipe::copy(std::size_t limit) {
  static std::array<char, default_width> buffer;
  limit =
      std::min({limit, buffer.size(), waiting()}); // What is there can be read without blocking.
  if (limit == 0)
    return 0;
  const auto got = ::read(in_.get(), buffer.data(), limit);
  if (got <= 0)
    return 0;
  std::size_t written = 0;
  const auto size = static_cast<std::size_t>(got);
  while (written < size && open_log()) {
    const auto n = ::write(out_.get(), buffer.data() + written, size - written);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      break;
    written += static_cast<std::size_t>(n);
  }
  if (written < size && error_ == 0)
    error_ = errno;
  bytes_ += static_cast<std::int64_t>(written);
  lost_ += static_cast<std::int64_t>(size - written);
  return size;
}

void log_pipe::drain() {
  for (std::size_t moved = 0; moved < share;) {
    const auto n = move(share - moved);
    if (n == 0)
      return;
    moved += n;
    // One who fills the pipe gets a larger one: fewer turns for the same bytes.
    if (n >= default_width && !wide_) {
      ::fcntl(in_.get(), F_SETPIPE_SZ, wide_pipe);
      wide_ = true;
    }
  }
}

void log_pipe::finish() {
  // Bounded by what is there now: a stranger that kept the pipe may write on for ever.
  for (auto left = waiting(); left > 0;) {
    const auto n = move(left);
    if (n == 0)
      break;
    left -= std::min(left, n);
  }
  in_.reset();
  keep_.reset();
  out_.reset();
}

std::string log_pipe::problem() const {
  if (lost_ == 0)
    return {};
  return "the log lacks " + std::to_string(lost_) + " bytes of output: " + path_ + ": "
         + std::strerror(error_);
}

} // namespace aeo::launcher

#include "actors/io/file_access.hpp"

#include "actors/core/sha256.hpp"
#include "actors/io/glob.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <system_error>

namespace aeo::io {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_entries = 1'000'000; ///< Of one folder that is an output.
constexpr std::size_t chunk = 256 * 1024;

std::string reason(int error) {
  if (error == ENOENT || error == ENOTDIR)
    return "there is no such file";
  return std::generic_category().message(error);
}

std::int64_t nanoseconds(const statx_timestamp& t) {
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

std::int64_t nanoseconds(const timespec& t) {
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

/// 0 or an errno.
int status_of(const fs::path& file, bool follow, struct statx& st) {
  const int flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
  return ::statx(AT_FDCWD, file.c_str(), flags, STATX_BASIC_STATS, &st) == 0 ? 0 : errno;
}

std::string stamp(const struct statx& st) {
  return std::to_string(nanoseconds(st.stx_mtime)) + ":" + std::to_string(nanoseconds(st.stx_ctime))
         + ":" + std::to_string(st.stx_ino) + ":" + std::to_string(st.stx_size);
}

/// An open regular file; nothing else is opened, so that no pipe or device blocks.
class regular_file {
public:
  explicit regular_file(const fs::path& file) {
    struct statx st {};
    if (int error = status_of(file, true, st)) {
      error_ = reason(error);
    } else if (!S_ISREG(st.stx_mode)) {
      error_ = S_ISDIR(st.stx_mode) ? "it is a folder" : "it is not a regular file";
    } else {
      size_ = st.stx_size;
      fd_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
      if (fd_ < 0)
        error_ = reason(errno);
    }
  }
  ~regular_file() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  regular_file(const regular_file&) = delete;
  regular_file& operator=(const regular_file&) = delete;

  const std::string& error() const { return error_; }
  std::uint64_t size() const { return size_; } ///< When it was opened; it may grow.

  /// Bytes read, 0 at the end or after an error.
  std::size_t read(char* buffer, std::size_t size) {
    for (;;) {
      auto n = ::read(fd_, buffer, size);
      if (n >= 0)
        return static_cast<std::size_t>(n);
      if (errno != EINTR) {
        error_ = reason(errno);
        return 0;
      }
    }
  }

private:
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::string error_;
};

core::result<core::file_digest> digest_file(const fs::path& file) {
  using failed = core::result<core::file_digest>;
  regular_file in{file};
  if (!in.error().empty())
    return failed::failed(in.error());
  std::vector<char> buffer(std::min<std::uint64_t>(chunk, in.size() + 1));
  core::sha256 sum;
  core::file_digest found;
  while (auto n = in.read(buffer.data(), buffer.size())) {
    sum.update({buffer.data(), n});
    found.bytes += n;
  }
  if (!in.error().empty())
    return failed::failed(in.error());
  found.sha256 = sum.hex();
  return found;
}

/// The paths of all that is in the folder, relative to it, sorted.
core::result<std::vector<fs::path>> tree(const fs::path& folder) {
  using failed = core::result<std::vector<fs::path>>;
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::recursive_directory_iterator it{folder, error}, end; !error && it != end;
       it.increment(error)) {
    found.push_back(it->path().lexically_relative(folder));
    if (found.size() > max_entries)
      return failed::failed("more than " + std::to_string(max_entries) + " files in the folder");
  }
  if (error)
    return failed::failed(error.message());
  std::sort(found.begin(), found.end());
  return found;
}

core::result<core::file_digest> digest_folder(const fs::path& folder) {
  using failed = core::result<core::file_digest>;
  auto entries = tree(folder);
  if (!entries)
    return failed::failed(entries.error);
  core::sha256 sum;
  core::file_digest found;
  for (const auto& entry : *entries) {
    struct statx st {};
    if (int error = status_of(folder / entry, false, st))
      return failed::failed(entry.string() + ": " + reason(error));
    sum.field(entry.native());
    if (S_ISREG(st.stx_mode)) {
      auto file = digest_file(folder / entry);
      if (!file)
        return failed::failed(entry.string() + ": " + file.error);
      found.bytes += file->bytes;
      sum.field("file").field(file->sha256);
    } else if (S_ISLNK(st.stx_mode)) {
      std::error_code error;
      sum.field("link").field(fs::read_symlink(folder / entry, error).native());
    } else {
      sum.field(S_ISDIR(st.stx_mode) ? "folder" : "other");
    }
  }
  found.sha256 = sum.hex();
  return found;
}

/// Calls `f(relative path, status)` for the folder itself ("") and all that is in it; an errno when
/// something vanished or cannot be read.
template <class F>
int each_status(const fs::path& folder, const struct statx& self, F f) {
  f(fs::path{}, self);
  auto entries = tree(folder);
  if (!entries)
    return EACCES;
  for (const auto& entry : *entries) {
    struct statx st {};
    if (int error = status_of(folder / entry, false, st))
      return error;
    f(entry, st);
  }
  return 0;
}

} // namespace

workspace_files::workspace_files(fs::path root) : root_(std::move(root)) {}

std::string workspace_files::fingerprint(const std::string& path) {
  const auto file = root_ / path;
  struct statx st {};
  if (int error = status_of(file, true, st)) {
    const bool absent = error == ENOENT || error == ENOTDIR || error == ELOOP;
    return absent ? "" : "?" + std::to_string(error);
  }
  if (!S_ISDIR(st.stx_mode))
    return stamp(st);
  std::int64_t newest = 0;
  core::sha256 sum;
  int error = each_status(file, st, [&](const fs::path& entry, const struct statx& each) {
    newest = std::max(newest, nanoseconds(each.stx_ctime));
    sum.field(entry.native()).field(stamp(each));
  });
  if (error)
    return "?" + std::to_string(error);
  return "dir:" + std::to_string(newest) + ":" + sum.hex();
}

void workspace_files::settle(const core::fingerprints& taken) {
  std::int64_t newest = 0;
  for (const auto& [path, text] : taken) {
    std::int64_t changed = 0;
    if (auto colon = text.find(':'); colon != std::string::npos)
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), changed);
    newest = std::max(newest, changed);
  }
  // The kernel stamps with the coarse clock. A stamp far ahead of it (a clock set back, a file
  // server's own clock) is not waited for.
  constexpr std::int64_t tick = 1'000'000;
  for (int tries = 0; tries < 20; ++tries) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (nanoseconds(now) > newest || newest - nanoseconds(now) > 20 * tick)
      return;
    timespec pause{0, tick};
    ::nanosleep(&pause, nullptr);
  }
}

core::result<core::file_digest> workspace_files::digest(const std::string& path) {
  const auto file = root_ / path;
  struct statx st {};
  if (status_of(file, true, st) == 0 && S_ISDIR(st.stx_mode))
    return digest_folder(file);
  return digest_file(file);
}

core::result<std::string> workspace_files::read(const std::string& path, std::uint64_t max_bytes) {
  using failed = core::result<std::string>;
  regular_file in{root_ / path};
  if (!in.error().empty())
    return failed::failed(in.error());
  std::string text;
  text.reserve(std::min(in.size(), max_bytes));
  // Its own count, not its size: files of /proc have none and others grow meanwhile.
  std::array<char, 64 * 1024> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init)
  while (auto n = in.read(buffer.data(), buffer.size())) {
    if (text.size() + n > max_bytes)
      return failed::failed("it has more than " + std::to_string(max_bytes) + " bytes");
    text.append(buffer.data(), n);
  }
  if (!in.error().empty())
    return failed::failed(in.error());
  return text;
}

core::result<std::vector<std::string>> workspace_files::glob(const std::string& pattern) {
  return io::glob(root_, pattern);
}

core::result<core::file_age> workspace_files::age(const std::string& path) {
  using failed = core::result<core::file_age>;
  const auto file = root_ / path;
  struct statx st {};
  int error = status_of(file, true, st);
  auto written = nanoseconds(st.stx_mtime);
  if (!error && S_ISDIR(st.stx_mode))
    error = each_status(file, st, [&written](const fs::path&, const struct statx& each) {
      written = std::max(written, nanoseconds(each.stx_mtime));
    });
  if (error)
    return failed::failed(reason(error));
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return core::file_age{written / 1000, duration{(nanoseconds(now) - written) / 1'000'000}};
}

} // namespace aeo::io

#include "tools/consolidate/archive.hpp"

#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/failure.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace aeo::consolidate {

namespace {

constexpr std::int64_t ns_per_second = 1'000'000'000;

/// Opens a regular file and fills in what the archive's header says of it. -1: see `problem`.
int open_content(archived_entry& entry, std::string& problem) {
  const int fd = ::open(entry.source.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat st {};
  if (fd < 0 || ::fstat(fd, &st) != 0) {
    problem = std::strerror(errno);
  } else if (!S_ISREG(st.st_mode)) {
    problem = "is no longer a regular file";
  } else {
    entry.size = static_cast<std::uint64_t>(st.st_size);
    entry.mode = st.st_mode & 07777;
    entry.mtime = st.st_mtim.tv_sec * ns_per_second + st.st_mtim.tv_nsec;
    entry.inode = st.st_ino;
    return fd;
  }
  if (fd >= 0)
    ::close(fd);
  return -1;
}

} // namespace

archive_writer::archive_writer(const std::string& file) : file_(file) {
  fd_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd_ < 0)
    throw failure(exit_status::try_again, file + ": cannot be written: " + std::strerror(errno)
                                              + " (free space or fix permissions, then run again)");
  archive_ = archive_write_new();
  check(archive_write_add_filter_gzip(archive_));
  check(archive_write_set_filter_option(archive_, "gzip", "compression-level", "1"));
  check(archive_write_set_filter_option(archive_, "gzip", "timestamp", nullptr));
  check(archive_write_set_format_pax(archive_));
  check(archive_write_open_fd(archive_, fd_));
}

archive_writer::~archive_writer() {
  archive_write_free(archive_);
  if (fd_ >= 0)
    ::close(fd_);
}

void archive_writer::check(int code) const {
  if (code < ARCHIVE_WARN || archive_ == nullptr)
    throw failure(exit_status::try_again,
                  file_ + ": cannot be written: "
                      + (archive_ == nullptr ? "no memory" : archive_error_string(archive_))
                      + " (free space or fix permissions, then run again)");
}

void archive_writer::write_header(const archived_entry& entry) {
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> header(archive_entry_new(),
                                                                        archive_entry_free);
  archive_entry_copy_pathname(header.get(), entry.path.c_str());
  archive_entry_set_mtime(header.get(), entry.mtime / ns_per_second, entry.mtime % ns_per_second);
  archive_entry_set_perm(header.get(), entry.mode);
  switch (entry.type) {
  case archived_entry::kind::file:
    archive_entry_set_filetype(header.get(), AE_IFREG);
    archive_entry_set_size(header.get(), static_cast<std::int64_t>(entry.size));
    break;
  case archived_entry::kind::directory:
    archive_entry_set_filetype(header.get(), AE_IFDIR);
    break;
  case archived_entry::kind::symlink:
    archive_entry_set_filetype(header.get(), AE_IFLNK);
    archive_entry_copy_symlink(header.get(), entry.link.c_str());
    break;
  }
  check(archive_write_header(archive_, header.get()));
}

bool archive_writer::add(archived_entry& entry, std::string& problem) {
  if (entry.type != archived_entry::kind::file) {
    write_header(entry);
    return true;
  }
  const int content = open_content(entry, problem);
  if (content < 0)
    return false;
  digest sum("sha256");
  std::array<char, 1 << 16> buffer{};
  auto left = entry.size;
  try {
    write_header(entry);
    while (left > 0) {
      const auto n = ::read(content, buffer.data(), std::min<std::uint64_t>(left, buffer.size()));
      // One that was cut while it was read goes on with zeros: its header is written already. The
      // comparison with the original tells.
      const auto got =
          n > 0 ? static_cast<std::size_t>(n) : std::min<std::uint64_t>(left, buffer.size());
      if (n <= 0)
        buffer.fill('\0');
      const std::string_view bytes(buffer.data(), got);
      sum.add(bytes);
      check(archive_write_data(archive_, bytes.data(), bytes.size()) < 0 ? ARCHIVE_FATAL
                                                                         : ARCHIVE_OK);
      left -= got;
    }
  } catch (const failure&) {
    ::close(content);
    throw;
  }
  ::close(content);
  entry.sha256 = sum.hex();
  return true;
}

void archive_writer::close() {
  check(archive_write_close(archive_));
  const bool synced = ::fsync(fd_) == 0;
  if (::close(std::exchange(fd_, -1)) != 0 || !synced)
    throw failure(exit_status::try_again, file_ + ": cannot be synced: " + std::strerror(errno));
}

} // namespace aeo::consolidate

#include "actors/io/files.hpp"

#include "messages/type_ids.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace aeo::io {

namespace {

constexpr std::size_t buffer_size = 64 * 1024;

const char* advice(int error_number) {
  switch (error_number) {
  case ENOSPC:
  case EDQUOT:
    return "; free some space";
  case EACCES:
  case EPERM:
    return "; give this user the right to write there";
  case EROFS:
    return "; the file system is mounted read-only";
  case ENOENT:
    return "; make the folder first";
  case EMFILE:
  case ENFILE:
    return "; raise the limit of open files (ulimit -n)";
  default:
    return "";
  }
}

caf::error make_directory(const std::filesystem::path& dir, mode_t mode) {
  if (::mkdir(dir.c_str(), mode) != 0 && errno != EEXIST)
    return file_error("make the folder", dir, errno);
  struct stat info {};
  if (::stat(dir.c_str(), &info) != 0)
    return file_error("look at", dir, errno);
  if (!S_ISDIR(info.st_mode))
    return file_error("use as a folder", dir, ENOTDIR);
  return {};
}

} // namespace

caf::error file_error(std::string_view what, const std::filesystem::path& file, int error_number) {
  return caf::make_error(ec::storage_failed, "cannot " + std::string(what) + ' ' + file.string()
                                                 + ": " + std::strerror(error_number)
                                                 + advice(error_number));
}

caf::expected<file_replacement> file_replacement::open(std::filesystem::path file, mode_t mode) {
  auto temporary = file;
  temporary += ".tmp";
  // A leftover of a crash; with O_EXCL nothing that somebody else put there is written to.
  if (::unlink(temporary.c_str()) != 0 && errno != ENOENT)
    return file_error("remove", temporary, errno);
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0)
    return file_error("write", temporary, errno);
  file_replacement result(std::move(file), fd);
  if (::fchmod(fd, mode) != 0)
    return file_error("set the permissions of", temporary, errno);
  return result;
}

file_replacement::file_replacement(std::filesystem::path file, int fd)
    : file_(std::move(file)), temporary_(file_), fd_(fd) {
  temporary_ += ".tmp";
}

file_replacement::file_replacement(file_replacement&& other) noexcept
    : file_(std::move(other.file_)), temporary_(std::move(other.temporary_)),
      buffer_(std::move(other.buffer_)), fd_(std::exchange(other.fd_, -1)),
      error_(std::move(other.error_)) {}

file_replacement::~file_replacement() {
  if (fd_ < 0)
    return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void file_replacement::write(std::string_view bytes) {
  buffer_ += bytes;
  if (buffer_.size() >= buffer_size)
    flush();
}

void file_replacement::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && !error_) {
    const auto written = ::write(fd_, rest.data(), rest.size());
    if (written >= 0)
      rest.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EINTR)
      error_ = file_error("write", temporary_, errno);
  }
  buffer_.clear();
}

caf::error file_replacement::commit() {
  flush();
  if (!error_ && ::fsync(fd_) != 0)
    error_ = file_error("sync", temporary_, errno);
  if (error_)
    return error_;
  if (::rename(temporary_.c_str(), file_.c_str()) != 0)
    return error_ = file_error("replace", file_, errno);
  ::close(std::exchange(fd_, -1));
  return sync_directory(file_.parent_path());
}

caf::error replace_file(const std::filesystem::path& file, std::string_view bytes, mode_t mode) {
  auto replacement = file_replacement::open(file, mode);
  if (!replacement)
    return std::move(replacement.error());
  replacement->write(bytes);
  return replacement->commit();
}

caf::error sync_directory(const std::filesystem::path& dir) {
  const int fd = ::open(dir.empty() ? "." : dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return file_error("open the folder", dir, errno);
  // Some file systems cannot sync a folder and need not.
  const bool failed = ::fsync(fd) != 0 && errno != EINVAL;
  auto result = failed ? file_error("sync the folder", dir, errno) : caf::error{};
  ::close(fd);
  return result;
}

caf::expected<std::filesystem::path>
make_private_directory(const std::filesystem::path& workspace) {
  const auto outer = workspace / "consolidation";
  auto inner = outer / ".aeo";
  if (auto err = make_directory(outer, 0755))
    return err;
  if (auto err = make_directory(inner, 0700))
    return err;
  if (::chmod(inner.c_str(), 0700) != 0)
    return file_error("set the permissions of", inner, errno);
  return inner;
}

} // namespace aeo::io

#include "actors/io/launcher_folder.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

namespace aeo::io {

namespace {

constexpr const char* socket_name = "launcher.sock";
constexpr const char* launcher_lock_name = "launcher.lock";

/// sun_path has 108 bytes; through the open folder every workspace fits.
sockaddr_un address_in(int folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder,
                socket_name);
  return address;
}

unique_fd make_socket() {
  unique_fd fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  // A larger buffer takes larger datagrams; where it is refused, smaller ones do.
  const int wanted = 1024 * 1024;
  if (fd)
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
  return fd;
}

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

} // namespace

unique_fd open_launcher_folder(const std::filesystem::path& workspace, std::string& why) {
  const auto path = workspace / "consolidation" / ".aeo";
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (!error && ::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST)
    error.assign(errno, std::generic_category());
  unique_fd fd;
  if (!error) {
    fd.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd)
      error.assign(errno, std::generic_category());
    else if (::fchmod(fd.get(), S_IRWXU) != 0) { // It may be there with other permissions.
      error.assign(errno, std::generic_category());
      fd.reset();
    }
  }
  if (!fd)
    why = "cannot open " + path.string() + ": " + error.message();
  return fd;
}

std::string folder_id(int folder) {
  struct stat info {};
  if (::fstat(folder, &info) != 0)
    return {};
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

unique_fd listen_in(int folder) {
  auto fd = make_socket();
  const auto address = address_in(folder);
  remove_socket(folder); // Only the holder of the lock comes here: what is there is a dead one's.
  constexpr int backlog = 16;
  if (fd
      && (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0
          || ::listen(fd.get(), backlog) != 0))
    fd.reset();
  return fd;
}

unique_fd connect_in(int folder) {
  auto fd = make_socket();
  const auto address = address_in(folder);
  if (fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fd.reset();
  return fd;
}

void remove_socket(int folder) {
  ::unlinkat(folder, socket_name, 0);
}

launcher_lock::launcher_lock(int folder)
    : file_{::openat(folder, launcher_lock_name, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR)},
      open_error_{file_ ? 0 : errno} {}

int launcher_lock::try_take() {
  auto lock = whole_file();
  if (!file_)
    return open_error_;
  if (::fcntl(file_.get(), F_SETLK, &lock) == 0)
    return 0;
  return errno == EACCES ? EAGAIN : errno;
}

pid_t launcher_lock::holder() const {
  auto lock = whole_file();
  if (!file_ || ::fcntl(file_.get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
    return 0;
  return lock.l_pid;
}

std::string launcher_lock::execution() const {
  char text[256];
  const auto n = ::pread(file_.get(), text, sizeof text, 0);
  return {text, static_cast<std::size_t>(n > 0 ? n : 0)};
}

void launcher_lock::write_execution(const std::string& execution) const {
  // Only for people and end_survivors; the lock holds without it.
  if (::ftruncate(file_.get(), 0) != 0
      || ::pwrite(file_.get(), execution.data(), execution.size(), 0) < 0)
    return;
}

} // namespace aeo::io

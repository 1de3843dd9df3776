#pragma once

// The places in a workspace where a launcher and its node meet: consolidation/.aeo/launcher.sock,
// launcher.lock and launcher.records.

#include "actors/io/unique_fd.hpp"

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace aeo::io {

/// Opens WORKSPACE/consolidation/.aeo, making it (0700) where it is missing. Empty: `why` says what
/// failed.
unique_fd open_launcher_folder(const std::filesystem::path& workspace, std::string& why);

/// Device and inode: another one for a copy, the same after a move.
std::string folder_id(int folder);

/// Binds (`listen`) or connects a SOCK_SEQPACKET socket to launcher.sock in the folder, however
/// long the folder's path is. Non-blocking, close-on-exec. Empty: errno says why.
unique_fd listen_in(int folder);
unique_fd connect_in(int folder);
void remove_socket(int folder);

/// The lock that a launcher holds while it lives. A process must open it once at a time: closing
/// any of its descriptors of the file releases it (POSIX).
class launcher_lock {
public:
  explicit launcher_lock(int folder);
  /// 0: it is ours until this object ends. EAGAIN: see holder(). Else the errno of a file or a file
  /// system that cannot be locked.
  int try_take();
  /// The process that holds it; 0 when none does.
  pid_t holder() const;
  /// The execution that the holder wrote into it.
  std::string execution() const;
  void write_execution(const std::string&) const;

private:
  unique_fd file_;
  int open_error_;
};

} // namespace aeo::io

#pragma once

// Files that are replaced as a whole, and the folders that hold what the orchestrator keeps.

#include "messages/error.hpp"

#include <caf/expected.hpp>

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace aeo::io {

/// ec::storage_failed: "cannot WHAT FILE: REASON" and, where there is something to do, what.
caf::error file_error(std::string_view what, const std::filesystem::path& file, int error_number);

/// A new version of a file, written beside it as FILE.tmp (never through a link) and put in its
/// place as a whole: a reader never sees half of it, a crash leaves the old or the new one.
/// Buffers 64 KiB. Without commit() the old file stays and FILE.tmp is removed.
class file_replacement {
public:
  /// `mode` as in chmod, independent of the umask.
  static caf::expected<file_replacement> open(std::filesystem::path file, mode_t mode);

  file_replacement(file_replacement&&) noexcept;
  file_replacement& operator=(file_replacement&&) = delete;
  ~file_replacement();

  /// An error is kept and comes out of commit().
  void write(std::string_view bytes);
  /// Syncs the file, renames it and syncs the folder: durable when there is no error.
  caf::error commit();

private:
  file_replacement(std::filesystem::path file, int fd);
  void flush();

  std::filesystem::path file_;
  std::filesystem::path temporary_;
  std::string buffer_;
  int fd_ = -1;
  caf::error error_;
};

/// The same for a file of a few bytes.
caf::error replace_file(const std::filesystem::path& file, std::string_view bytes, mode_t mode);

/// Makes the folder's entries durable.
caf::error sync_directory(const std::filesystem::path&);

/// Makes WORKSPACE/consolidation (0755) and WORKSPACE/consolidation/.aeo (0700, also when it was
/// there with more permissions) and returns the latter. The workspace itself must exist.
caf::expected<std::filesystem::path> make_private_directory(const std::filesystem::path& workspace);

} // namespace aeo::io

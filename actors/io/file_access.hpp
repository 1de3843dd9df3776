#pragma once

#include "actors/core/file_access.hpp"

#include <atomic>
#include <filesystem>

namespace aeo::io {

/// The files of a workspace. Usable from several threads. Memory use does not grow with file sizes,
/// except for read().
class workspace_files : public core::file_access {
public:
  /// `root` is absolute.
  explicit workspace_files(std::filesystem::path root);

  /// A file: "mtime:ctime:inode:size" (nanoseconds), symbolic links followed. A folder: "dir:" and
  /// the SHA-256 of the sorted list of these of all that is in it, links not followed.
  std::string fingerprint(const std::string& path) override;
  void settle() override;
  core::result<core::file_digest> digest(const std::string& path) override;
  core::result<std::string> read(const std::string& path, std::uint64_t max_bytes) override;
  core::result<std::vector<std::string>> glob(const std::string& pattern) override;
  core::result<core::file_age> age(const std::string& path) override;

private:
  std::filesystem::path root_;
  std::atomic<std::int64_t> newest_ns_{0}; ///< The newest change that a fingerprint has seen.
};

} // namespace aeo::io

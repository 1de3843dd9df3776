#pragma once

#include "actors/core/file_access.hpp"

#include <filesystem>

namespace aeo::io {

/// The files of a workspace. Usable from several threads. Memory use does not grow with file sizes,
/// except for read().
class workspace_files : public core::file_access {
public:
  /// `root` is absolute.
  explicit workspace_files(std::filesystem::path root);

  /// A file: "mtime:ctime:inode:size" (nanoseconds since the epoch), symbolic links followed. A
  /// folder: "dir:ctime:sha256", the newest ctime and the SHA-256 of the sorted list of the paths
  /// and fingerprints of all that is in it, links not followed.
  std::string fingerprint(const std::string& path) override;
  void settle(const core::fingerprints&) override;
  core::result<core::file_digest> digest(const std::string& path) override;
  core::result<std::string> read(const std::string& path, std::uint64_t max_bytes) override;
  core::result<std::vector<std::string>> glob(const std::string& pattern) override;
  core::result<core::file_age> age(const std::string& path) override;

private:
  std::filesystem::path root_;
};

} // namespace aeo::io

#pragma once

#include <cstdint>
#include <string>

struct archive; // libarchive's

namespace aeo::consolidate {

/// One thing below a directory that is backed up.
struct archived_entry {
  enum class kind { file, directory, symlink };
  kind type = kind::file;
  std::string path;       ///< in the archive, relative, raw bytes
  std::string source;     ///< where its content is read, absolute
  std::uint32_t mode = 0; ///< permission bits
  std::int64_t mtime = 0; ///< nanoseconds
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::string sha256; ///< of a file's content as it went into the archive
  std::string link;   ///< where a symbolic link leads
};

/// A gzipped tar archive in the POSIX pax format, which any tar reads. Entries carry no owner and
/// are stored in the order in which they are added: the same entries give the same bytes.
/// Throws `failure` (try again) when it cannot be written.
class archive_writer {
public:
  explicit archive_writer(const std::string& file);
  ~archive_writer();
  archive_writer(const archive_writer&) = delete;
  archive_writer& operator=(const archive_writer&) = delete;

  /// Reads a file's content from `source` and fills in size, mode, mtime, inode and sha256 as they
  /// were when it was opened. False (with the reason in `problem`) if it could not be read; then
  /// nothing was added.
  bool add(archived_entry& entry, std::string& problem);
  /// Completes the file and syncs it.
  void close();

private:
  void check(int code) const;
  void write_header(const archived_entry& entry);

  std::string file_;
  int fd_ = -1;
  archive* archive_ = nullptr;
};

} // namespace aeo::consolidate

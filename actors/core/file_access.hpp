#pragma once

// The outside world as success criteria see it: files of the workspace.

#include "actors/core/result.hpp"
#include "config/plan.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace aeo::core {

/// What a file (or a folder with all that is in it) contains.
struct file_digest {
  std::uint64_t bytes = 0; ///< Of a folder: of all regular files in it.
  std::string sha256;      ///< Hex. Of a folder: over the sorted list of paths and their SHA-256.
  bool operator==(const file_digest&) const = default;
};

/// When a file was last written.
struct file_age {
  std::int64_t modified_us = 0; ///< Microseconds since the epoch, UTC.
  duration age{0};              ///< Before now; negative when the time stamp lies in the future.
};

/// Output paths, each with its file_access::fingerprint.
using fingerprints = std::vector<std::pair<std::string, std::string>>;

/// Paths are relative to the workspace (absolute ones are taken as they are). Errors are sentences
/// for an operator, without the path. Nothing blocks on a pipe or device: those are errors.
/// The seam lets criteria be tested without a disk; the real one is in actors/io/file_access.hpp.
class file_access {
public:
  virtual ~file_access();
  /// Changes at any write, also of identical bytes; of a folder at any write to anything in it.
  /// "" = there is no such file or folder; "?..." = it cannot be known.
  virtual std::string fingerprint(const std::string& path) = 0;
  /// Returns when a later write is sure to change these fingerprints: file systems stamp times in
  /// ticks of some milliseconds, so for a file written just now this waits for the next tick.
  virtual void settle(const fingerprints&) {}
  /// Streams the contents; a file of any size.
  virtual result<file_digest> digest(const std::string& path) = 0;
  /// The bytes of a regular file; an error when there are more than `max_bytes`.
  virtual result<std::string> read(const std::string& path, std::uint64_t max_bytes) = 0;
  /// Paths of the files (not folders) that match, sorted by bytes, without duplicates. `*`, `?` and
  /// `[...]` stay within one name, `**` spans folders; hidden names need an explicit dot. An error
  /// only for what cannot be read.
  virtual result<std::vector<std::string>> glob(const std::string& pattern) = 0;
  virtual result<file_age> age(const std::string& path) = 0;
};

} // namespace aeo::core

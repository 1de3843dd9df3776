#pragma once

#include "tools/consolidate/extract.hpp"
#include "tools/consolidate/language.hpp"
#include "tools/consolidate/rules.hpp"
#include "tools/consolidate/source.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// Everything that one reading of a file yields. Kept in the cache as long as size, modification
/// time and inode stay the same.
struct file_facts {
  std::uint64_t size = 0;
  std::int64_t mtime = 0; ///< nanoseconds
  std::uint64_t inode = 0;
  std::string oid;    ///< the id that git gives this content
  std::string lf_oid; ///< the same with CRLF as LF, if there is a CRLF
  std::string language;
  std::string problem; ///< why it could not be read; then the rest is empty
  bool binary = false;
  bool lfs_pointer = false;
  bool too_large = false; ///< hashed, not read as text
  bool from_git = false;  ///< not in the work tree: read from HEAD
  line_counts lines;
  references refs;
  std::vector<rule_hit> hits;
  std::vector<secret_hit> secrets; ///< also of files that are binary or too large for text
  std::vector<check_hit> checks;
};

struct scanned_file {
  std::size_t source = 0; ///< index in `survey::sources`
  std::size_t index = 0;  ///< index in its source's files
  file_facts facts;
};

/// What all steps start from: the sources and one scanned file per tracked file, in the same order.
struct survey {
  std::vector<source> sources;
  std::vector<scanned_file> files;
  std::size_t read = 0;   ///< files read now
  std::size_t cached = 0; ///< files known from an earlier reading

  const source& source_of(const scanned_file& file) const { return sources[file.source]; }
  const tracked_file& tracked(const scanned_file& file) const {
    return sources[file.source].files[file.index];
  }
  /// True if the work tree differs from HEAD (other content, or not there).
  bool modified(const scanned_file& file) const;
};

/// Reads what the cache does not know, on all cores. Steps that run at the same time take turns:
/// the first reads, the others find everything in the cache, a directory below `consolidation()`.
survey scan(const step_context& context, const rule_set& rules,
            const std::string& cache_directory = "/.cache");

/// The content of one file as the scan saw it; throws `failure` if it cannot be read.
std::string read_content(const survey& all, const scanned_file& file);
/// The target of a symbolic link.
std::string read_link(const survey& all, const scanned_file& file);

} // namespace aeo::consolidate

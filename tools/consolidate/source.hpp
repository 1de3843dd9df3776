#pragma once

#include "tools/consolidate/git.hpp"
#include "tools/consolidate/step.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// One tracked file: an entry of the HEAD tree, or a file found in a plain directory.
struct tracked_file {
  std::string path;       ///< relative to the source, raw bytes
  std::string oid;        ///< of HEAD; empty in a plain directory
  std::uint32_t mode = 0; ///< 0100644, 0100755, 0120000 (symlink) or 0160000 (submodule)
  std::uint64_t size = 0;

  bool is_symlink() const { return mode == 0120000; }
  bool is_submodule() const { return mode == 0160000; }
};

struct source_note {
  std::string path;
  std::string what;
};

enum class source_kind { git, bare, plain };
std::string_view to_string(source_kind kind);

/// One repository or directory that is consolidated.
struct source {
  std::string name;
  std::string directory; ///< absolute
  std::string location;  ///< relative to the workspace, "." for itself
  std::string target;    ///< as configured; empty: derived
  source_kind kind = source_kind::git;
  bool empty = false; ///< a repository without a commit on HEAD
  bool shallow = false;
  std::string head;   ///< commit id
  std::string branch; ///< empty if detached
  std::string object_format = "sha1";
  std::vector<tracked_file> files;  ///< sorted by path
  std::vector<source_note> skipped; ///< listed, never fatal: sockets, unreadable directories, ...

  bool has_history() const { return kind != source_kind::plain && !empty; }
  git repository() const { return git(directory); }
};

/// The sources: those configured, else every repository directly below the workspace (linked
/// worktrees of one are no second one, and `skipped` in it), else the workspace itself. A
/// configured one that is missing is a `failure` (no input).
std::vector<source> find_sources(const step_context& context);

/// Plain directories and files directly below the workspace that no source covers.
std::vector<std::string> uncovered_entries(const step_context& context,
                                           const std::vector<source>& sources);

} // namespace aeo::consolidate

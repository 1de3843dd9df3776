#pragma once

#include "tools/consolidate/git.hpp"
#include "tools/consolidate/interrupt.hpp"
#include "tools/consolidate/step.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// A copy of the monorepo's HEAD for whatever writes: suites, load targets, checks.
///
///   consolidation/.scratch/NAME-XXXXXX/tree   the files, a repository of its own: its objects are
///                                             those of the monorepo, its refs and index are not
///                                     /home   HOME and all caches of the programs that run here
///                                     /tmp    TMPDIR
///   consolidation/.cache/tools         what compilers keep from run to run
///
/// Removed with all that was written into it at the end of the scope, also by an exception. One
/// that a killed step left is removed by the next.
class scratch_checkout {
public:
  enum class use {
    writing, ///< programs may change the files: they get copies
    /// Programs are confined to `writable()`: where the kernel can do that, and the monorepo's own
    /// files are those of HEAD and no others, these are read in their place.
    reading,
  };

  /// `name` says for what, e.g. "testing". No monorepo: `failure` (no input).
  scratch_checkout(const step_context& context, const std::string& name, use how = use::writing);
  ~scratch_checkout();
  scratch_checkout(const scratch_checkout&) = delete;
  scratch_checkout& operator=(const scratch_checkout&) = delete;

  const std::string& root() const { return root_; }
  const std::string& tree() const { return tree_; }
  /// True if `tree()` is the monorepo itself.
  bool in_place() const { return tree_ == monorepo_.directory(); }
  /// The directories that programs which run here may write.
  std::vector<std::string> writable() const { return {root_, caches_}; }
  const std::string& head() const { return head_; } ///< commit id
  /// Every file of HEAD, sorted: relative to `tree()`, raw bytes.
  const std::vector<std::string>& files() const { return files_; }
  bool has_file(const std::string& path) const;
  /// A regular file's content; empty if it is none or cannot be read. At most `limit` bytes.
  std::string read(const std::string& path, std::size_t limit = 8U << 20) const;

  /// Changes (see `process_options`) that keep a program in the scratch area: HOME, TMPDIR and the
  /// caches of the tools in it, no variables that look secret; `offline`: no network for package
  /// managers.
  std::vector<std::string> environment(bool offline) const;

private:
  void check_out(use how);
  bool monorepo_is_as_committed(const git& fresh) const;

  interrupt_guard guard_; // a signal must not leave it behind
  git monorepo_;
  std::string caches_;
  std::string root_;
  std::string tree_;
  std::string head_;
  std::vector<std::string> files_;
  int lock_ = -1;
};

/// Removes a tree, also one with directories that may not be written.
void remove_tree(const std::string& directory);

/// The state of every repository that must stay as it is: head and changed files of the monorepo.
/// Two of them are equal if nothing happened in between.
std::string monorepo_state(const step_context& context);

} // namespace aeo::consolidate

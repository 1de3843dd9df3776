#pragma once

#include "tools/consolidate/backup.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// What a comparison of restored things with their originals found.
struct comparison {
  std::size_t compared = 0;
  std::size_t identical = 0; ///< byte for byte, with the same kind, mode and link
  /// The original went on changing after it was read: what was restored has the SHA-256 of then.
  std::vector<std::string> changed_meanwhile;
  std::vector<left_out> different; ///< also what is missing, or there without an original
};

/// Compares everything that the archive holds with what is below `restored`, and looks for what
/// should not be there (`restored`/monorepo apart). On all cores.
comparison compare_outputs(const backup_set& set, const std::string& restored,
                           const progress_function& progress);
/// Compares the files of both work trees, as the index of `original` lists them.
comparison compare_work_trees(const git& original, const git& restored,
                              const progress_function& progress);
/// HEAD and every reference with the object that it names; all that differ.
comparison compare_refs(const git& original, const git& restored);

} // namespace aeo::consolidate

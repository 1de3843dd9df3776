#pragma once

#include "tools/consolidate/secrets.hpp"
#include "tools/consolidate/source.hpp"

#include <string>
#include <unordered_set>
#include <vector>

namespace aeo::consolidate {

/// A secret in an object that is not a file of HEAD, or in the name of a file or reference.
struct history_secret {
  secret_hit hit;
  std::string object;   ///< id of the blob, commit or tag; of a reference its name
  std::string found_in; ///< history, commit message, commit header, tag message, ... as written
  std::string path;     ///< of a blob
  std::string commit;   ///< the first that has the blob, or the commit itself; empty: none has
};

struct history_report {
  std::vector<history_secret> secrets;
  std::size_t blobs = 0;    ///< read here
  std::size_t known = 0;    ///< not read: the scan of the tree knows them
  std::size_t messages = 0; ///< commits and tags read
  std::uint64_t bytes = 0;
  std::vector<std::string> problems;
};

/// Reads every blob, commit and tag that HEAD or any reference reaches, except the blobs `known`,
/// and the names of files and references: on all processors, each with one `git cat-file --batch`,
/// in bounded memory.
history_report scan_history(const step_context& context, const source& from,
                            const secret_scanner& scanner,
                            const std::unordered_set<std::string>& known);

} // namespace aeo::consolidate

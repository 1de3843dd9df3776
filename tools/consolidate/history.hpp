#pragma once

#include "tools/consolidate/source.hpp"

#include <string>
#include <vector>

namespace aeo::consolidate {

/// A reference of a source repository.
struct git_ref {
  std::string name;   ///< full, e.g. `refs/heads/main`
  std::string oid;    ///< what it names: a commit or a tag object
  std::string type;   ///< commit, tag, tree or blob
  std::string commit; ///< the commit behind it; empty if there is none
  std::string symref; ///< not empty for a symbolic one
};

std::vector<git_ref> read_refs(const git& repository);

struct commit_facts {
  std::string oid;
  std::string author;
  std::string email;
  std::int64_t committed = 0; ///< seconds since the epoch
};

/// Every commit reachable from HEAD or any reference, newest first: one `git log`.
std::vector<commit_facts> read_commits(const git& repository);

/// `2024-05-06T07:08:09Z`
std::string iso_time(std::int64_t seconds);

} // namespace aeo::consolidate

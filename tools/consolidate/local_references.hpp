#pragma once

#include "tools/consolidate/syntax.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// A file that says where another one is.
struct local_reference {
  std::string path;
  std::uint32_t line = 0;
  std::string kind;                ///< e.g. `python-import`, `compose-build`
  std::string target;              ///< as written
  std::vector<std::string> places; ///< any of these (relative to the monorepo) will do
  bool optional = false;           ///< the code goes on without it
};

enum class reference_status {
  resolved,
  unresolved,
  optional,  ///< not there, and its absence is handled
  generated, ///< git ignores it: a build makes it, which was not measured
};

struct judged_reference {
  local_reference reference;
  reference_status status = reference_status::resolved;
};

/// What one manifest names; nothing for other files, and for one that does not parse.
void manifest_references(const scratch_checkout& checkout, const std::string& path,
                         std::vector<local_reference>& out);

/// Relative imports, and the local paths that manifests, Dockerfiles, compose files and workflows
/// name, of all components: each looked up in the checkout. Of one that is there, `places` is
/// empty.
std::vector<judged_reference> check_references(const scratch_checkout& checkout,
                                               const syntax_report& syntax);

/// `directory` and `relative` as one path without `.` and `..` ("" is the top); nothing if it
/// leaves the tree.
std::optional<std::string> resolved_path(const std::string& directory, const std::string& relative);

} // namespace aeo::consolidate

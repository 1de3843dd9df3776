#pragma once

#include "tools/consolidate/monorepo.hpp"

#include <string_view>

namespace aeo::consolidate {

/// Whether GitHub reads a file at that path of a repository because of its path.
bool github_reads(std::string_view path);

/// What GitHub reads in a source and not in the merged tree, as decisions (`what`, `reason`): it is
/// at another place there, or another file with other content was kept.
ordered unread_by_github(const survey& all, const merge_plan& plan);

} // namespace aeo::consolidate

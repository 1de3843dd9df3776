#pragma once

// What a new beginning finds in the way is kept under another name, never lost.

#include <caf/expected.hpp>

#include <filesystem>
#include <string>

namespace aeo::node {

/// Renames `file`, with the companions that SQLite may have beside it, to FILE.SECONDS.REASON.
/// Returns the new name; ec::storage_failed.
caf::expected<std::filesystem::path> set_aside(const std::filesystem::path& file,
                                               const std::string& reason);

/// Moves consolidation/logs to consolidation/history/EXECUTION/logs, if they are there: attempts
/// count from 1 again, and an older execution's logs must not be continued by them.
/// ec::storage_failed.
caf::error keep_logs(const std::filesystem::path& workspace, const std::string& execution);

} // namespace aeo::node

#pragma once

#include "actors/reporter.hpp"
#include "tools/node/console.hpp"

#include <spdlog/fwd.h>

#include <memory>
#include <string>

namespace aeo::node {

/// consolidation/logs/node.log: phases at level info, their tasks at debug, failures and what the
/// operator was told at warn. `level` is spdlog's name of it (log_level). Rotated at 16 MiB. A file
/// that cannot be made is said on stderr; the logger then drops everything.
std::shared_ptr<spdlog::logger> open_node_log(const std::filesystem::path& file,
                                              const std::string& level);

/// The console as the reporter sees it; all of it goes to the log as well. Not thread-safe.
std::unique_ptr<progress_view> make_console_view(std::shared_ptr<const plan>, console_options,
                                                 std::shared_ptr<spdlog::logger> log);

/// Replaces a file as a whole, 0600, its folder made if it is missing.
caf::error write_report(const std::filesystem::path& file,
                        const std::function<void(std::ostream&)>& write);

} // namespace aeo::node

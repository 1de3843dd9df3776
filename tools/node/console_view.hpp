#pragma once

#include "actors/reporter.hpp"
#include "tools/node/console.hpp"

#include <memory>

namespace aeo::node {

/// The console as the reporter sees it.
std::unique_ptr<progress_view> make_console_view(std::shared_ptr<const plan>, console_options);

/// Replaces a file as a whole, 0600, its folder made if it is missing.
caf::error write_report(const std::filesystem::path& file,
                        const std::function<void(std::ostream&)>& write);

} // namespace aeo::node

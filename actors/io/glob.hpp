#pragma once

#include "actors/core/result.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace aeo::io {

/// core::file_access::glob below `root`. Each folder is read once, whatever the pattern; `**` does
/// not follow symbolic links. At most 1,000,000 matches.
core::result<std::vector<std::string>> glob(const std::filesystem::path& root,
                                            const std::string& pattern);

} // namespace aeo::io

#pragma once

#include <string>

namespace aeo::consolidate {

/// The SHA-256 under which the node has an output on record, a file or a folder (its `file_digest`,
/// see actors/core/file_access.hpp); empty if it cannot be read.
std::string output_digest(const std::string& path);

} // namespace aeo::consolidate

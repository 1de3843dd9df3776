#pragma once

#include "actors/core/secret_mask.hpp"

#include <string>

namespace aeo::node {

/// The last 64 KiB of a log, beginning at a line, secrets masked; empty when there is no such file.
std::string read_tail(const std::string& file, const core::secret_mask& mask);

} // namespace aeo::node

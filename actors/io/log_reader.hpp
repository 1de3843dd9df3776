#pragma once

#include "actors/core/secret_mask.hpp"

#include <cstdint>
#include <string>

namespace aeo::io {

/// The last 64 KiB of a log, beginning at a line, secrets masked; empty when there is no such file.
std::string read_tail(const std::string& file, const core::secret_mask& mask);

/// Up to `limit` bytes from `offset` on, secrets masked; `offset` becomes where to go on. Whole
/// lines only, so that no secret is cut, unless a line is longer than that, or the file is
/// `complete`. No such file: empty.
std::string read_part(const std::string& file, std::uint64_t& offset, std::size_t limit,
                      bool complete, const core::secret_mask& mask);

} // namespace aeo::io

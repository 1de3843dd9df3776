#pragma once

// What many peers are told alike is encoded (codec.hpp) and compressed (zstd) once, and goes over
// the wire as bytes that no later hand looks at.

#include "messages/execution.hpp"
#include "messages/remote.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace aeo::io {

/// Empty for an empty list.
std::string pack(const std::vector<event>&);
std::string pack(const std::vector<phase_view>&);

/// Replaces what is packed in the page by its events from number `from` on. False: the bytes are
/// damaged, or would take more room than any node sends; the page is as good as none then.
[[nodiscard]] bool unpack(event_page&, std::uint64_t from);
/// The same for the rows of a view.
[[nodiscard]] bool unpack(run_view&);

} // namespace aeo::io

#pragma once

#include "actors/io/launcher_client.hpp"

#include <cstdint>

namespace aeo::io {

enum class start_outcome : std::uint8_t {
  ready, ///< It serves.
  busy   ///< Another launcher serves meanwhile.
};

/// An error of the kind ec::launcher_failed.
caf::error launcher_error(std::string text);

/// Starts aeo-launcher for the workspace with this open folder, detached from this process and its
/// session, and waits until it serves (it may first have to end what an earlier one left running).
caf::expected<start_outcome> start_launcher(const launcher_options&, int folder);

} // namespace aeo::io

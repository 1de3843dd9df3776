#pragma once

#include "messages/error.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <filesystem>
#include <string>

namespace aeo::io {

/// Where the workspace's node is reached: WORKSPACE/consolidation/.aeo/endpoint.json (0600).
struct endpoint {
  std::string host;
  std::uint16_t port = 0;
  std::int64_t pid = 0;  ///< Of the node.
  std::string execution; ///< UUID.
};

std::filesystem::path endpoint_file(const std::filesystem::path& workspace);
caf::error write_endpoint(const std::filesystem::path& workspace, const endpoint&);
/// ec::no_node: no node has said where it is. It may be gone without a word.
caf::expected<endpoint> read_endpoint(const std::filesystem::path& workspace);

} // namespace aeo::io

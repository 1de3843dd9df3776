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
  /// Its path when the node wrote this, links resolved; empty: not known.
  std::string workspace = {};
  std::uint64_t device = 0; ///< Of the workspace's folder, as is `inode`.
  std::uint64_t inode = 0;
};

std::filesystem::path endpoint_file(const std::filesystem::path& workspace);
/// Says of which workspace it is by itself.
caf::error write_endpoint(const std::filesystem::path& workspace, const endpoint&);
/// ec::no_node: no node has said where it is. It may be gone without a word.
caf::expected<endpoint> read_endpoint(const std::filesystem::path& workspace);
/// False: the file was copied with its folder, and the node is that of the folder copied from. A
/// workspace that was renamed is still the same. Files of versions that did not say which
/// workspace they are of are taken as they are: such a node speaks an earlier protocol, and is not
/// steered for that.
bool is_of_workspace(const endpoint&, const std::filesystem::path& workspace);

} // namespace aeo::io

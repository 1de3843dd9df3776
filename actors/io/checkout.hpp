#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace aeo::io {

/// What a folder has checked out, as its git files say.
struct checkout {
  std::string sha;    ///< Of HEAD: 40 or 64 hex digits.
  std::string remote; ///< URL of the remote "origin".
};

/// Of the folder or the nearest one above it that is a git work tree. nullopt: there is none, no
/// commit yet, or no remote. Runs no program.
std::optional<checkout> read_checkout(std::filesystem::path folder);

} // namespace aeo::io

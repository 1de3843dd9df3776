#pragma once

// One node per workspace. The lock belongs to the living process (an open file description lock):
// however it ends, the lock is gone, and no file must ever be removed.

#include "messages/error.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace aeo::io {

/// Who holds a workspace. What its file does not tell is 0 or empty.
struct workspace_holder {
  std::int64_t pid = 0;
  std::string program;
  std::int64_t since_us = 0; ///< Microseconds since the epoch, UTC.
};

/// Held as long as the object lives. A child made by fork() without exec shares the lock and keeps
/// it; one that executes a program does not.
class workspace_lock {
public:
  /// Locks WORKSPACE/consolidation/.aeo/node.lock, making it and its folders.
  /// ec::workspace_locked: another process has it; says its pid, program and since when.
  /// ec::storage_failed: the file cannot be made or locked.
  static caf::expected<workspace_lock> acquire(const std::filesystem::path& workspace,
                                               const std::string& program);

  workspace_lock(workspace_lock&&) noexcept;
  workspace_lock& operator=(workspace_lock&&) noexcept;
  ~workspace_lock();

private:
  explicit workspace_lock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

/// Who holds the workspace now, if anyone; makes and changes nothing.
std::optional<workspace_holder> find_holder(const std::filesystem::path& workspace);

} // namespace aeo::io

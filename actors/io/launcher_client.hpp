#pragma once

// The node's end of the launcher: starts aeo-launcher when none answers, and speaks its protocol.

#include "messages/error.hpp"
#include "messages/task.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/expected.hpp>

namespace aeo::io {

/// What the launcher says. Called on the client's own reading thread, in the order of the wire.
struct launcher_callbacks {
  std::function<void(task_start&&)> started;
  std::function<void(task_exit&&)> exited;
  std::function<void(std::string reason)> gone; ///< The link broke; nothing is heard any more.
};

/// Runs processes for the executor. Methods may be called from one thread at a time.
/// The seam lets actor tests run a plan without a process.
class launcher {
public:
  virtual ~launcher() = default;
  /// Starts processes. Outcomes, a failed spawn included, come through the callbacks.
  virtual caf::error start(const std::vector<task_spec>&) = 0;
  /// SIGTERM to the group, grace, SIGKILL; the exit comes when the whole group is gone.
  virtual caf::error cancel(const std::vector<task_key>&) = 0;
  /// These exits are durable with the node: the launcher may forget them.
  virtual caf::error acknowledge(const std::vector<task_key>&) = 0;
  /// Nothing more to come: closes the link. A launcher without tasks then ends by itself; one with
  /// tasks goes on with them.
  virtual void close() = 0;
};

struct launcher_options {
  std::filesystem::path program;   ///< aeo-launcher.
  std::filesystem::path workspace; ///< Absolute.
  std::string execution;           ///< UUID; a launcher of another execution is refused.
  std::vector<std::string> env;    ///< Base environment of all tasks, "NAME=value".
};

struct launcher_link {
  std::unique_ptr<launcher> client;
  launcher_inventory inventory;
};

/// Connects to the workspace's launcher, starting one when none answers. The inventory is complete
/// before the first callback. When no launcher answered and an earlier one left a record file, its
/// exits are in the inventory, and processes of the execution that still run (found by
/// AEO_EXECUTION_ID in their environment and by recorded pid + start time + boot id) were ended.
caf::expected<launcher_link> connect_launcher(const launcher_options&, launcher_callbacks);

} // namespace aeo::io

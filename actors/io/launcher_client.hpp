#pragma once

// The node's end of the launcher: starts aeo-launcher when none answers, and speaks its protocol.

#include "messages/error.hpp"
#include "messages/task.hpp"

#include <caf/expected.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

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
  /// Starts processes, in this order and as slots become free. Outcomes, a failed spawn included,
  /// come through the callbacks. What still waits for a slot when the link ends is forgotten.
  virtual caf::error start(const std::vector<task_spec>&) = 0;
  /// SIGTERM to the group, grace, SIGKILL; the exit comes when the whole group is gone. That of a
  /// task that was not started yet comes at once, as cancelled and with pid 0.
  virtual caf::error cancel(const std::vector<task_key>&) = 0;
  /// Cancels those that were not started yet; nothing happens to the others.
  virtual caf::error withdraw(const std::vector<task_key>&) = 0;
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
  std::uint32_t slots = 0;         ///< Tasks that may run at once; 0: any number.
};

struct launcher_link {
  std::unique_ptr<launcher> client;
  launcher_inventory inventory;
  std::vector<std::string> notes; ///< What the launcher found and did before: for the log.
};

/// Connects to the workspace's launcher, starting one when none answers. The inventory is complete
/// before the first callback. When an earlier launcher was killed, the exits it recorded are in the
/// inventory, and the tasks it had running (found by recorded pid + start time + boot id and by
/// AEO_EXECUTION_ID in their environment) were ended: those of the node's tasks that are in neither
/// list are lost. Also the way on after `gone`. An exit may come again after a lost link: what is
/// acknowledged is durable with the node, which knows it.
///
/// A launcher sets AEO_EXECUTION_ID, AEO_WORKSPACE, AEO_PHASE, AEO_TASK and AEO_ATTEMPT for each
/// task itself.
caf::expected<launcher_link> connect_launcher(const launcher_options&, launcher_callbacks);

/// What end_survivors found.
struct survivors {
  std::vector<task_exit> ended; ///< Recorded, not acknowledged.
  std::vector<task_key> lost; ///< Ran when the launcher was killed; ended now, their exit unknown.
  int processes = 0;          ///< That were alive.
};

/// Ends a launcher of this execution, should one live, and all that it left running; returns when
/// all of it is gone. For `--fresh` over an unfinished execution; connect_launcher does the same by
/// itself for a launcher that was killed. A launcher of another execution is not touched: an error.
caf::expected<survivors> end_survivors(const std::filesystem::path& workspace,
                                       const std::string& execution);

} // namespace aeo::io

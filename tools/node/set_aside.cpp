#include "tools/node/set_aside.hpp"

#include "actors/io/host.hpp"
#include "messages/type_ids.hpp"
#include "tools/node/session.hpp"

namespace aeo::node {

namespace fs = std::filesystem;

caf::expected<fs::path> set_aside(const fs::path& file, const std::string& reason) {
  const auto aside = file.string() + "." + std::to_string(io::now_us() / 1'000'000) + "." + reason;
  std::error_code error;
  for (const char* part : {"", "-wal", "-shm"})
    if (const auto from = file.string() + part; !error && fs::exists(from, error))
      fs::rename(from, aside + part, error);
  if (error)
    return caf::make_error(ec::storage_failed, "cannot set " + file.string() + " aside as " + aside
                                                   + ": " + error.message());
  return fs::path{aside};
}

caf::error keep_logs(const fs::path& workspace, const std::string& execution) {
  const auto logs = workspace / "consolidation" / "logs";
  std::error_code error;
  if (!fs::exists(logs, error))
    return {};
  const auto folder = workspace / "consolidation" / "history" / execution;
  fs::create_directories(folder, error);
  if (!error)
    fs::rename(logs, folder / "logs", error);
  if (!error)
    return {};
  return caf::make_error(ec::storage_failed, "cannot move the logs of the execution before to "
                                                 + folder.string() + ": " + error.message());
}

} // namespace aeo::node

#pragma once

#include <filesystem>
#include <string>

namespace aeo::launcher {

/// WORKSPACE/consolidation/logs/launcher.log: made when there is something to say.
class launcher_log {
public:
  explicit launcher_log(const std::filesystem::path& workspace)
      : path_{workspace / "consolidation" / "logs" / "launcher.log"} {}

  /// Appends one line with the time. What cannot be written is dropped: nobody is left to tell.
  void note(const std::string& text);

private:
  std::filesystem::path path_;
  std::string last_; ///< The same thing is said once.
};

} // namespace aeo::launcher

#include "tools/launcher/launcher_log.hpp"

#include "actors/io/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <ctime>
#include <system_error>

namespace aeo::launcher {

void launcher_log::note(const std::string& text) {
  if (text == last_)
    return;
  last_ = text;
  std::error_code error;
  std::filesystem::create_directory(path_.parent_path(), error); // A removed workspace stays so.
  io::unique_fd fd{::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY,
                          S_IRUSR | S_IWUSR)};
  if (!fd)
    return;
  const auto now = std::time(nullptr);
  tm utc{};
  char stamp[32] = "";
  if (::gmtime_r(&now, &utc) != nullptr)
    std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
  const auto line = std::string{stamp} + " [" + std::to_string(::getpid()) + "] " + text + "\n";
  [[maybe_unused]] const auto written = ::write(fd.get(), line.data(), line.size());
}

} // namespace aeo::launcher

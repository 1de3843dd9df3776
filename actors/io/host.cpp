#include "actors/io/host.hpp"

#include <pwd.h>
#include <unistd.h>

#include <chrono>

namespace aeo::io {

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t steady_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string user_name() {
  const auto* user = ::getpwuid(::geteuid());
  return user != nullptr ? user->pw_name : "uid-" + std::to_string(::geteuid());
}

} // namespace aeo::io

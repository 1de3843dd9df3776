#include "tools/consolidate/confine.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace aeo::consolidate {

namespace {

// glibc has no wrappers; the headers of older kernels lack the rights that came later.
constexpr std::uint64_t right_refer = 1ULL << 13;
constexpr std::uint64_t right_truncate = 1ULL << 14;

int landlock_version() {
  static const auto version = static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
  return version;
}

/// Renaming between directories is always denied by version 1: too little to run suites.
std::uint64_t rights_to_write() {
  constexpr std::uint64_t all =
      LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE
      | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG
      | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK
      | LANDLOCK_ACCESS_FS_MAKE_SYM | right_refer;
  return landlock_version() >= 3 ? all | right_truncate : all;
}

} // namespace

bool write_confinement::supported() {
  return landlock_version() >= 2;
}

write_confinement::write_confinement(const std::vector<std::string>& writable) {
  if (writable.empty() || !supported())
    return;
  const landlock_ruleset_attr handled{rights_to_write()};
  ruleset_ = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0));
  const auto allow = [&](const std::string& directory) {
    const int fd = ::open(directory.c_str(), O_PATH | O_CLOEXEC);
    if (fd < 0)
      return;
    landlock_path_beneath_attr rule{};
    rule.allowed_access = rights_to_write();
    rule.parent_fd = fd;
    ::syscall(SYS_landlock_add_rule, ruleset_, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    ::close(fd);
  };
  for (const auto& directory : writable)
    allow(directory);
  allow("/dev");
}

write_confinement::~write_confinement() {
  if (ruleset_ >= 0)
    ::close(ruleset_);
}

bool write_confinement::enter() const {
  return ruleset_ < 0
         || (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
             && ::syscall(SYS_landlock_restrict_self, ruleset_, 0) == 0);
}

} // namespace aeo::consolidate

#pragma once

#include <string>
#include <vector>

namespace aeo::consolidate {

/// Landlock: what a process and all that it starts may write. Made before fork(), entered after it.
class write_confinement {
public:
  /// Only below these directories and in /dev may be written. Where the kernel cannot do it,
  /// `supported()` is false and `enter` does nothing.
  explicit write_confinement(const std::vector<std::string>& writable);
  ~write_confinement();
  write_confinement(const write_confinement&) = delete;
  write_confinement& operator=(const write_confinement&) = delete;

  /// For the child, between fork() and exec(): no allocation. False with errno if it failed.
  bool enter() const;

  static bool supported();

private:
  int ruleset_ = -1;
};

} // namespace aeo::consolidate

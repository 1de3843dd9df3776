#pragma once

namespace aeo::consolidate {

/// While one exists, SIGTERM, SIGINT and SIGHUP do not end this process but are remembered, so that
/// what was started can be ended and what was made can be removed. May be nested; main thread only.
class interrupt_guard {
public:
  interrupt_guard();
  ~interrupt_guard();
  interrupt_guard(const interrupt_guard&) = delete;
  interrupt_guard& operator=(const interrupt_guard&) = delete;

  /// Becomes readable at the first signal; for poll().
  static int fd();
  /// Throws `failure` (try again) if there was a signal.
  static void check();
};

} // namespace aeo::consolidate

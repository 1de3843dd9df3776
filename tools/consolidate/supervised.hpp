#pragma once

#include "tools/consolidate/interrupt.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// What a program of someone else may do and for how long.
struct supervision {
  std::string directory;                ///< working directory
  std::vector<std::string> environment; ///< as in `process_options`
  std::string log_file;                 ///< both outputs, appended; its directory exists
  std::chrono::seconds timeout{900};
  /// The only directories below which it may write (besides /dev), where the kernel has Landlock.
  /// Empty: no limit.
  std::vector<std::string> writable;
};

/// How it ended.
struct supervised_end {
  int exit_code = -1; ///< 128 + signal if it was killed
  bool timed_out = false;
  double seconds = 0;
  std::size_t ended = 0; ///< processes that it left behind and that were ended
};

/// A program in a process group of its own, with everything that it starts: what remains of them
/// is ended with it, also what left the group. While it lives, SIGTERM, SIGINT and SIGHUP to us end
/// it first and then throw `failure` (try again) from `wait`. One at a time per process.
class supervised_process {
public:
  /// Throws `failure` (try again) if it cannot be started.
  supervised_process(const std::vector<std::string>& argv, const supervision& rules);
  ~supervised_process();
  supervised_process(const supervised_process&) = delete;
  supervised_process& operator=(const supervised_process&) = delete;

  int pid() const { return pid_; }
  /// True once it has ended; waits for that at most `limit`.
  bool ended_within(std::chrono::milliseconds limit);
  /// Waits for its end or its timeout.
  supervised_end wait();
  /// Ends it now: SIGTERM, five seconds, SIGKILL.
  supervised_end stop();
  /// It and all its descendants that are alive.
  std::vector<int> processes() const;

private:
  void end_group(std::chrono::milliseconds grace);
  void finish();
  void start_guardian();
  void dismiss_guardian();

  interrupt_guard guard_;
  supervision rules_;
  std::chrono::steady_clock::time_point start_;
  int pid_ = -1;
  int pid_fd_ = -1;
  int guardian_ = -1;    ///< ends the group if we are killed
  int guardian_fd_ = -1; ///< it hears of our end by this
  supervised_end end_;
  bool ended_ = false;
};

/// Starts, waits, returns.
supervised_end run_supervised(const std::vector<std::string>& argv, const supervision& rules);

/// The absolute path of a program on PATH (or of one given with a slash); empty: there is none.
std::string find_program(const std::string& name);

} // namespace aeo::consolidate

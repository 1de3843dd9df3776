#pragma once

#include "actors/io/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace aeo::launcher {

/// Carries what a task writes into its log, in the kernel (splice) where the file system can. The
/// log is made with its folder at the first byte; one that is there is appended to. A log that
/// cannot be written costs the bytes, never the task: they are read, counted and dropped.
class log_pipe {
public:
  /// False: errno says why there is no pipe.
  bool open(std::string log);

  int read_end() const { return in_.get(); }
  int write_end() const { return keep_.get(); }

  /// Moves some of what is there (a share that leaves time for other tasks); never blocks on the
  /// pipe.
  void drain();
  /// Moves all that is there now and closes the pipe and the log.
  void finish();

  std::int64_t bytes() const { return bytes_; }
  /// Empty: the log is complete. Else how many bytes it lacks, and why.
  std::string problem() const;

private:
  bool open_log();
  std::size_t move(std::size_t limit);
  std::size_t copy(std::size_t limit);
  std::size_t waiting() const;

  std::string path_;
  io::unique_fd in_;
  // Kept open while the task runs: the end of its output wakes nobody, its exit does.
  io::unique_fd keep_;
  io::unique_fd out_;
  std::int64_t bytes_ = 0;
  std::int64_t lost_ = 0;
  int error_ = 0; ///< The first reason why bytes were lost.
  bool can_splice_ = true;
  bool wide_ = false;
};

} // namespace aeo::launcher

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// What a finished program left behind.
struct process_result {
  int exit_code = -1; ///< 128 + signal if it was killed
  std::string out;
  std::string err;
};

/// Variables that are set (value) or removed (empty name list entry "NAME") for a child.
struct process_options {
  std::string directory;                ///< working directory; empty keeps ours
  std::vector<std::string> environment; ///< "NAME=value" replaces, "NAME" removes
  std::string_view input;               ///< written to the child's standard input
  /// The only directories below which it may write (besides /dev), where the kernel has Landlock.
  /// Empty: no limit.
  std::vector<std::string> writable;
};

/// Our environment with the changes of `process_options`.
std::vector<std::string> child_environment(const std::vector<std::string>& changes);
/// Null-terminated, for exec; lives as long as `texts`.
std::vector<char*> pointers(std::vector<std::string>& texts);

/// Runs `argv` to its end and collects its output. Throws `failure` only when it cannot be started.
process_result run_process(const std::vector<std::string>& argv, const process_options& options);

/// A child whose standard input or output is ours as a file descriptor; standard error is kept in
/// memory. Exactly one of the two directions is connected.
class piped_process {
public:
  enum class direction { read_from_child, write_to_child };

  piped_process(const std::vector<std::string>& argv, const process_options& options, direction d);
  ~piped_process();
  piped_process(const piped_process&) = delete;
  piped_process& operator=(const piped_process&) = delete;

  int fd() const { return fd_; }
  /// Closes our end, waits, and returns the exit code with the collected standard error.
  process_result finish();

private:
  int fd_ = -1;
  int err_fd_ = -1;
  int pid_ = -1;
};

} // namespace aeo::consolidate

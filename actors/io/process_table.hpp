#pragma once

// What /proc says about processes, and ending them without ever trusting a bare pid.

#include "actors/io/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::io {

struct process_info {
  pid_t pid = 0;
  char state = '?';
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  std::uint64_t start_ticks = 0; ///< Since boot: with the boot id and the pid, names the process.
  bool ended() const { return state == 'Z' || state == 'X'; }
};

/// Reads /proc/PID/stat; nullopt when there is no such process.
std::optional<process_info> find_process(pid_t);

/// The numbers of all processes that /proc shows, in its order.
std::vector<pid_t> all_pids();

/// All processes that /proc shows.
std::vector<process_info> all_processes();

/// The living and the ended children of this process that nobody has waited for. Of one with a
/// single thread; costs one small file.
class own_children {
public:
  std::vector<pid_t> read();

private:
  unique_fd file_; ///< Of the first look: opening it is most of what one costs.
};

struct machine_load {
  std::uint64_t threads = 0; ///< Of all processes; 0 where the kernel does not say.
  pid_t newest = 0;          ///< The number that was given out last; 0: unknown.
};

/// Costs one small file, however much the machine does.
machine_load read_load();

/// Numbers of processes and threads are below this.
pid_t pid_limit();

/// How many processes the kernel has ended for want of memory since the boot; 0 where it does not
/// say.
std::uint64_t memory_kills();

/// Names this boot of the machine; empty where the kernel does not say.
std::string boot_id();

/// The environment a process was started with, "NAME=value" each ended by NUL, with one NUL in
/// front; empty when it is another user's.
std::string environment_of(pid_t);

/// Does `environment` (of environment_of) have exactly this entry?
bool has_entry(const std::string& environment, std::string_view name, std::string_view value);

/// A handle that stays this very process; empty when the pid is not that process (any more).
unique_fd open_process(const process_info&);

bool signal_process(const unique_fd& process, int signal);

} // namespace aeo::io

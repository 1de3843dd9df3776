#include "actors/io/process_table.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace aeo::io {

namespace {

/// The file's whole content; empty when it cannot be read.
std::string slurp(const unique_fd& fd) {
  std::string text;
  if (!fd)
    return text;
  constexpr std::size_t step = 4096;
  for (;;) {
    const auto size = text.size();
    text.resize(size + step);
    const auto n = ::pread(fd.get(), text.data() + size, step, static_cast<off_t>(size));
    text.resize(size + static_cast<std::size_t>(n > 0 ? n : 0));
    if (n <= 0)
      return text;
  }
}

std::string slurp(const char* path) {
  return slurp(unique_fd{::open(path, O_RDONLY | O_CLOEXEC)});
}

std::string slurp(pid_t pid, const char* name) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/%s", static_cast<int>(pid), name);
  return slurp(path);
}

} // namespace

std::optional<process_info> find_process(pid_t pid) {
  const auto text = slurp(pid, "stat");
  // "PID (NAME) S PPID PGRP SESSION ...": the name may contain anything, so read on from its end.
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos)
    return std::nullopt;
  process_info x;
  x.pid = pid;
  unsigned long long ticks = 0;
  int parent = 0;
  int group = 0;
  int session = 0;
  // NOLINTNEXTLINE(cert-err34-c): the kernel wrote it.
  if (std::sscanf(text.c_str() + name_end + 1,
                  " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                  &x.state, &parent, &group, &session, &ticks)
      != 5)
    return std::nullopt;
  x.parent = parent;
  x.group = group;
  x.session = session;
  x.start_ticks = ticks;
  return x;
}

std::vector<pid_t> own_children::read() {
  if (!file_)
    file_.reset(::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC));
  std::vector<pid_t> result;
  const auto text = slurp(file_);
  const char* at = text.data();
  for (pid_t pid = 0; at < text.data() + text.size();) {
    const auto [end, error] = std::from_chars(at, text.data() + text.size(), pid);
    if (error == std::errc{})
      result.push_back(pid);
    at = std::max(end, at + 1);
  }
  return result;
}

std::uint64_t memory_kills() {
  constexpr std::string_view name = "\noom_kill ";
  const auto text = slurp("/proc/vmstat");
  const auto at = text.find(name);
  std::uint64_t count = 0;
  if (at != text.npos)
    std::from_chars(text.data() + at + name.size(), text.data() + text.size(), count);
  return count;
}

machine_load read_load() {
  // "0.20 0.18 0.12 1/80 11206": not sysinfo(2), whose number has 16 bits.
  const auto text = slurp("/proc/loadavg");
  machine_load result;
  const auto at = text.find('/');
  if (at == text.npos)
    return result;
  const auto* const end = text.data() + text.size();
  const auto threads = std::from_chars(text.data() + at + 1, end, result.threads);
  if (threads.ptr != end)
    std::from_chars(threads.ptr + 1, end, result.newest);
  return result;
}

pid_t pid_limit() {
  const auto text = slurp("/proc/sys/kernel/pid_max");
  pid_t limit = 0;
  std::from_chars(text.data(), text.data() + text.size(), limit);
  return limit;
}

std::vector<pid_t> all_pids() {
  std::vector<pid_t> found;
  auto* folder = ::opendir("/proc");
  if (folder == nullptr)
    return found;
  while (const auto* entry = ::readdir(folder)) {
    const std::string_view name = entry->d_name;
    int pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc{} || end != name.data() + name.size())
      continue;
    found.push_back(pid);
  }
  ::closedir(folder);
  return found;
}

std::vector<process_info> all_processes() {
  std::vector<process_info> found;
  for (const auto pid : all_pids())
    if (auto x = find_process(pid))
      found.push_back(*x);
  return found;
}

std::string boot_id() {
  auto text = slurp("/proc/sys/kernel/random/boot_id");
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text;
}

std::string environment_of(pid_t pid) {
  auto text = slurp(pid, "environ");
  return text.empty() ? text : std::string(1, '\0') + text;
}

bool has_entry(const std::string& environment, std::string_view name, std::string_view value) {
  std::string entry(1, '\0');
  entry.append(name).append(1, '=').append(value).append(1, '\0');
  return environment.find(entry) != std::string::npos;
}

unique_fd open_process(const process_info& x) {
  unique_fd fd{static_cast<int>(::syscall(SYS_pidfd_open, x.pid, 0))};
  // Only now is it certain that the number cannot pass on: compare after opening.
  const auto now = find_process(x.pid);
  if (!now || now->start_ticks != x.start_ticks)
    fd.reset();
  return fd;
}

bool signal_process(const unique_fd& process, int signal) {
  return ::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0;
}

} // namespace aeo::io

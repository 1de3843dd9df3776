// A library for LD_PRELOAD that makes a program's calls into the system go wrong: it ends programs
// at a chosen call, or lets calls fail or take long. It knows nothing of the programs: each write,
// sync, rename, send and spawn of theirs and of their libraries, SQLite's included, is a fault
// point.
//
// AEO_FAULT_DIR  a folder. A program notes its pid there, in a file of its name.
// AEO_FAULT      "census": each call is noted there, in the file "calls", as "PROGRAM|CALL|TARGET".
//                "PROGRAM|CALL|TARGET|N|before|self": the program is ended with SIGKILL before that
//                call, when it comes for the N-th time; or `after` it; and instead of itself the
//                `other` one of aeo-node and aeo-launcher, or `both`. Once: then "hit" is there.
// AEO_SICK       "ERRNO": while the file "sick" is in the folder, calls that change the workspace's
//                consolidation/ fail with it. "slow:MS": syncs take so much longer.
// AEO_CLOCK      set: the clock of the day is off by as many seconds as the file "clock" says.
//
// Only system calls and no memory of the heap: a task's process runs some of this after vfork().

#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

namespace {

constexpr std::size_t longest = 512;

/// Text of a fixed length at most; what is too long is cut.
struct text {
  std::array<char, longest> bytes{};
  std::size_t size = 0;

  text& operator<<(std::string_view more) {
    const auto n = std::min(more.size(), bytes.size() - 1 - size);
    std::memcpy(bytes.data() + size, more.data(), n);
    size += n;
    bytes[size] = '\0';
    return *this;
  }
  text& operator<<(long number) {
    std::array<char, 24> digits{};
    std::snprintf(digits.data(), digits.size(), "%ld", number);
    return *this << std::string_view{digits.data()};
  }
  const char* c_str() const { return bytes.data(); }
  std::string_view view() const { return {bytes.data(), size}; }
};

struct settings {
  bool is_ours = false;
  bool census = false;
  text folder;
  // The chosen call.
  text point; ///< PROGRAM|CALL|TARGET; empty: none.
  long nth = 0;
  bool after = false;
  bool kills_self = false;
  bool kills_other = false;
  // Sick calls.
  int error = 0;
  long slow_ms = 0;
  bool own_clock = false;
};

settings now;
std::atomic<long> seen{0};

pid_t own_pid() {
  return static_cast<pid_t>(
      syscall(SYS_getpid)); // glibc's is right after vfork, too; this says it.
}
std::atomic<pid_t> main_pid{0};

text in_folder(std::string_view name) {
  text path;
  path << now.folder.view() << "/" << name;
  return path;
}

bool exists(std::string_view name) {
  struct stat found {};
  return syscall(SYS_newfstatat, AT_FDCWD, in_folder(name).c_str(), &found, 0) == 0;
}

void put(std::string_view name, std::string_view what, int flags) {
  const auto path = in_folder(name);
  const auto fd = static_cast<int>(
      syscall(SYS_openat, AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | flags, 0600));
  if (fd < 0)
    return;
  syscall(SYS_write, fd, what.data(), what.size());
  syscall(SYS_close, fd);
}

void note_pid() {
  main_pid = own_pid();
  text line;
  line << static_cast<long>(main_pid.load());
  put(program_invocation_short_name, line.view(), O_TRUNC);
}

/// 0: it is not there.
long noted_number(std::string_view name) {
  const auto path = in_folder(name);
  const auto fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path.c_str(), O_RDONLY, 0));
  std::array<char, 32> digits{};
  if (fd >= 0) {
    syscall(SYS_read, fd, digits.data(), digits.size() - 1);
    syscall(SYS_close, fd);
  }
  return std::atol(digits.data());
}

[[gnu::constructor]] void begin() {
  const char* folder = std::getenv("AEO_FAULT_DIR");
  const std::string_view program{program_invocation_short_name};
  now.is_ours = folder != nullptr && (program == "aeo-node" || program == "aeo-launcher");
  if (!now.is_ours)
    return;
  now.folder << folder;
  if (const char* sick = std::getenv("AEO_SICK"); sick != nullptr) {
    if (std::strncmp(sick, "slow:", 5) == 0)
      now.slow_ms = std::atol(sick + 5);
    else
      now.error = std::atoi(sick);
  }
  now.own_clock = std::getenv("AEO_CLOCK") != nullptr;
  if (const char* fault = std::getenv("AEO_FAULT"); fault != nullptr) {
    std::string_view rest{fault};
    now.census = rest == "census";
    std::array<std::string_view, 6> parts;
    std::size_t n = 0;
    for (; n < parts.size() && !rest.empty(); ++n) {
      const auto end = std::min(rest.find('|'), rest.size());
      parts[n] = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (n == parts.size() && parts[0] == program) {
      now.point << parts[0] << "|" << parts[1] << "|" << parts[2];
      now.nth = std::atol(parts[3].data());
      now.after = parts[4] == "after";
      now.kills_self = parts[5] != "other";
      now.kills_other = parts[5] != "self";
    }
  }
  note_pid();
}

/// From the workspace on and with digits as '#': the same place in each run. Empty: it is not
/// there.
text place(std::string_view path) {
  constexpr std::string_view ours = "/consolidation";
  const auto at = path.find(ours);
  text result;
  if (at == path.npos)
    return result;
  path.remove_prefix(at + 1);
  for (const char c : path) {
    if (c >= '0' && c <= '9') {
      if (result.size == 0 || result.view().back() != '#')
        result << "#";
    } else {
      result << std::string_view{&c, 1};
    }
  }
  return result;
}

text path_of(int fd) {
  text link;
  link << "/proc/self/fd/" << static_cast<long>(fd);
  text path;
  const auto n = syscall(SYS_readlinkat, AT_FDCWD, link.c_str(), path.bytes.data(), longest - 1);
  path.size = n > 0 ? static_cast<std::size_t>(n) : 0;
  path.bytes[path.size] = '\0';
  return path;
}

/// Empty: nothing that outlives the program and nobody else hears of it.
text place_of(int fd) {
  const auto path = path_of(fd);
  if (path.view().starts_with("socket:")) {
    int domain = 0;
    socklen_t size = sizeof domain;
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    text result;
    return result << (domain == AF_UNIX ? "local socket" : "network socket");
  }
  return place(path.view());
}

void strike() {
  static std::atomic_flag done;
  if (exists("hit") || done.test_and_set())
    return;
  put("hit", now.point.view(), O_TRUNC);
  const std::string_view program{program_invocation_short_name};
  if (now.kills_other)
    if (const auto pid = noted_number(program == "aeo-node" ? "aeo-launcher" : "aeo-node"); pid > 0)
      kill(static_cast<pid_t>(pid), SIGKILL);
  if (now.kills_self)
    kill(main_pid, SIGKILL);
}

/// Around one call. Kills on the way in or out when it is the chosen one.
class guarded {
public:
  guarded(std::string_view call, const text& target) {
    if (!now.is_ours || target.size == 0)
      return;
    text point;
    point << program_invocation_short_name << "|" << call << "|" << target.view();
    if (now.census) {
      point << "\n";
      put("calls", point.view(), O_APPEND);
    }
    if (point.view() != now.point.view() || ++seen != now.nth)
      return;
    if (now.after)
      strikes_ = true;
    else
      strike();
  }
  ~guarded() {
    if (!strikes_)
      return;
    const auto error = errno;
    strike();
    errno = error;
  }
  guarded(const guarded&) = delete;
  guarded& operator=(const guarded&) = delete;

private:
  bool strikes_ = false;
};

bool is_sick(std::string_view path) {
  if (!now.is_ours || now.error == 0 || path.find("/consolidation/") == path.npos
      || !exists("sick"))
    return false;
  errno = now.error;
  return true;
}
bool is_sick(int fd) {
  return now.is_ours && now.error != 0 && is_sick(path_of(fd).view());
}

void be_slow() {
  if (!now.is_ours || now.slow_ms == 0)
    return;
  const timespec wait{now.slow_ms / 1000, now.slow_ms % 1000 * 1'000'000};
  syscall(SYS_nanosleep, &wait, nullptr);
}

text path_at(int folder, const char* path) {
  text result;
  if (path[0] != '/')
    result << (folder == AT_FDCWD ? text{} << "./" : path_of(folder) << "/").view();
  return result << path;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

} // namespace

#define NEXT(name) static auto* const real = next<decltype(::name)>(#name)

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  NEXT(write);
  const guarded g{"write", now.is_ours ? place_of(fd) : text{}};
  return is_sick(fd) ? -1 : real(fd, data, size);
}
ssize_t writev(int fd, const iovec* data, int count) {
  NEXT(writev);
  const guarded g{"write", now.is_ours ? place_of(fd) : text{}};
  return is_sick(fd) ? -1 : real(fd, data, count);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  NEXT(pwrite);
  const guarded g{"write", now.is_ours ? place_of(fd) : text{}};
  return is_sick(fd) ? -1 : real(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  NEXT(pwrite64);
  const guarded g{"write", now.is_ours ? place_of(fd) : text{}};
  return is_sick(fd) ? -1 : real(fd, data, size, at);
}
ssize_t splice(int from, off64_t* from_at, int to, off64_t* to_at, size_t size, unsigned flags) {
  NEXT(splice);
  const guarded g{"write", now.is_ours ? place_of(to) : text{}};
  return is_sick(to) ? -1 : real(from, from_at, to, to_at, size, flags);
}
int ftruncate(int fd, off_t size) noexcept {
  NEXT(ftruncate);
  const guarded g{"truncate", now.is_ours ? place_of(fd) : text{}};
  return is_sick(fd) ? -1 : real(fd, size);
}
int ftruncate64(int fd, off64_t size) noexcept {
  NEXT(ftruncate64);
  const guarded g{"truncate", now.is_ours ? place_of(fd) : text{}};
  return is_sick(fd) ? -1 : real(fd, size);
}
int fsync(int fd) {
  NEXT(fsync);
  const guarded g{"sync", now.is_ours ? place_of(fd) : text{}};
  be_slow();
  return is_sick(fd) ? -1 : real(fd);
}
int fdatasync(int fd) {
  NEXT(fdatasync);
  const guarded g{"sync", now.is_ours ? place_of(fd) : text{}};
  be_slow();
  return is_sick(fd) ? -1 : real(fd);
}
int rename(const char* from, const char* to) noexcept {
  NEXT(rename);
  const guarded g{"rename", place(to)};
  return is_sick(to) ? -1 : real(from, to);
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  NEXT(renameat);
  const auto path = path_at(to_folder, to);
  const guarded g{"rename", place(path.view())};
  return is_sick(path.view()) ? -1 : real(from_folder, from, to_folder, to);
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
  NEXT(renameat2);
  const auto path = path_at(to_folder, to);
  const guarded g{"rename", place(path.view())};
  return is_sick(path.view()) ? -1 : real(from_folder, from, to_folder, to, flags);
}
int unlink(const char* path) noexcept {
  NEXT(unlink);
  const guarded g{"unlink", place(path)};
  return real(path);
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  NEXT(unlinkat);
  const guarded g{"unlink", place(path_at(folder, path).view())};
  return real(folder, path, flags);
}
ssize_t send(int fd, const void* data, size_t size, int flags) {
  NEXT(send);
  const guarded g{"send", now.is_ours ? place_of(fd) : text{}};
  return real(fd, data, size, flags);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  NEXT(sendmsg);
  const guarded g{"send", now.is_ours ? place_of(fd) : text{}};
  return real(fd, message, flags);
}
int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes, char* const argv[], char* const env[]) {
  NEXT(posix_spawn);
  text target;
  target << "launcher";
  const guarded g{"spawn", target};
  return real(pid, path, actions, attributes, argv, env);
}
/// Of the launcher: it has made a process for a task that is about to execute it.
int execve(const char* path, char* const argv[], char* const env[]) noexcept {
  NEXT(execve);
  if (now.is_ours && own_pid() != main_pid) {
    text target;
    target << "task";
    const guarded g{"spawn", target};
  }
  return real(path, argv, env);
}
int clock_gettime(clockid_t clock, timespec* to) noexcept {
  NEXT(clock_gettime);
  const auto result = real(clock, to);
  if (result == 0 && now.is_ours && now.own_clock && clock == CLOCK_REALTIME)
    to->tv_sec += noted_number("clock");
  return result;
}
/// The launcher goes on in another process than it began in.
pid_t setsid() noexcept {
  NEXT(setsid);
  const auto result = real();
  if (now.is_ours)
    note_pid();
  return result;
}

} // extern "C"

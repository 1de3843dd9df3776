#include "tools/consolidate/scratch.hpp"

#include "tools/consolidate/confine.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace aeo::consolidate {

namespace fs = std::filesystem;

namespace {

/// A name that others may not see: what the configuration of the suites needs is given there.
bool looks_secret(std::string_view name) {
  const auto small = lower(name);
  return std::ranges::any_of(
      std::array<std::string_view, 6>{"token", "secret", "password", "passwd", "key", "credential"},
      [&](std::string_view part) { return small.find(part) != std::string::npos; });
}

int lock_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  if (fd >= 0)
    ::close(fd);
  return -1;
}

/// While it lives, no other step makes a scratch area or removes the folder that holds them all:
/// between the making of an area and the taking of its lock it looks abandoned.
class door_lock {
public:
  explicit door_lock(const std::string& directory)
      : fd_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    while (fd_ >= 0 && ::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~door_lock() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  door_lock(const door_lock&) = delete;
  door_lock& operator=(const door_lock&) = delete;

private:
  int fd_;
};

/// Nobody holds the lock of a scratch area whose step is gone.
void remove_abandoned(const std::string& parent) {
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(parent, ec)) {
    const auto path = entry.path().string();
    if (const int fd = lock_directory(path); fd >= 0) {
      remove_tree(path);
      ::close(fd);
    }
  }
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string variable(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

} // namespace

void remove_tree(const std::string& directory) {
  std::error_code ec;
  fs::remove_all(directory, ec);
  if (!fs::exists(fs::symlink_status(directory, ec)))
    return;
  // A program took its own permissions away (module caches do): give them back first.
  std::vector<std::string> open{directory};
  while (!open.empty()) {
    const auto here = open.back();
    open.pop_back();
    fs::permissions(here, fs::perms::owner_all, fs::perm_options::add, ec);
    for (const auto& entry : fs::directory_iterator(here, ec)) {
      if (entry.is_directory(ec) && !entry.is_symlink(ec))
        open.push_back(entry.path().string());
    }
  }
  fs::remove_all(directory, ec);
}

scratch_checkout::scratch_checkout(const step_context& context, const std::string& name, use how)
    : monorepo_(context.consolidation() + "/monorepo"),
      caches_(context.consolidation() + "/.cache/tools") {
  if (!git::is_repository(monorepo_.directory()))
    throw failure(exit_status::no_input,
                  monorepo_.directory()
                      + ": is not a repository (run `aeo-consolidate conflict-resolution` first)");
  const auto parent = context.consolidation() + "/.scratch";
  std::error_code ec;
  fs::create_directories(caches_, ec);
  {
    const door_lock door(caches_);
    fs::create_directories(parent, ec);
    remove_abandoned(parent);
    root_ = parent + "/" + name + "-XXXXXX";
    if (::mkdtemp(root_.data()) == nullptr)
      throw failure(exit_status::try_again,
                    parent + ": no scratch area can be made: " + std::strerror(errno)
                        + " (free space or fix permissions)");
    lock_ = lock_directory(root_);
  }
  try {
    check_out(how);
  } catch (const failure&) {
    remove_tree(root_);
    ::close(lock_);
    throw;
  }
}

scratch_checkout::~scratch_checkout() {
  remove_tree(root_);
  ::close(lock_);
  const door_lock door(caches_);
  // The last one takes the (then empty) parent along.
  ::rmdir(fs::path(root_).parent_path().c_str());
}

void scratch_checkout::check_out(use how) {
  for (const auto* part : {"tree", "home", "tmp"})
    fs::create_directories(root_ + "/" + part);
  tree_ = root_ + "/tree";
  const auto head = monorepo_.run({"rev-parse", "-q", "--verify", "HEAD^{commit}"});
  if (head.exit_code != 0)
    return; // a monorepo of empty repositories: no commit, no files
  head_ = trim(head.out);
  const auto listing =
      monorepo_.output({"ls-tree", "-r", "-z", "--name-only", "--full-tree", head_});
  for (const auto path : split(listing, '\0')) {
    if (!path.empty())
      files_.emplace_back(path);
  }
  std::ranges::sort(files_);
  const git copy(tree_);
  copy.output({"init", "-q", "--template=", "--initial-branch=main"});
  if (how == use::reading && write_confinement::supported() && monorepo_is_as_committed(copy)) {
    tree_ = monorepo_.directory();
    return;
  }
  std::ofstream(tree_ + "/.git/objects/info/alternates", std::ios::binary)
      << fs::absolute(monorepo_.directory() + "/.git/objects").string() << '\n';
  copy.output({"update-ref", "refs/heads/main", head_});
  copy.output({"reset", "-q", "--hard", "main"});
  interrupt_guard::check();
}

/// True if a checkout into `fresh` would give the same files: nothing changed, added, ignored or
/// hidden from git, and no setting that changes what git writes or ignores.
bool scratch_checkout::monorepo_is_as_committed(const git& fresh) const {
  const auto own = monorepo_.directory() + "/.git";
  if (!fs::is_directory(fs::symlink_status(own)) || fs::exists(own + "/info/attributes")
      || fs::exists(own + "/info/exclude")
      || bytes_of(own + "/config") != bytes_of(fresh.directory() + "/.git/config"))
    return false;
  const auto is_empty = [&](const std::vector<std::string>& args) {
    const auto said = monorepo_.run(args);
    return said.exit_code == 0 && said.out.empty() && said.err.empty();
  };
  const auto flags = monorepo_.run({"ls-files", "-v", "-z"});
  const auto entries = split(flags.out, '\0');
  return std::ranges::all_of(entries,
                             [](auto entry) { return entry.empty() || entry.starts_with("H "); })
         && is_empty({"status", "--porcelain", "-z", "--untracked-files=no"})
         && is_empty({"clean", "-n", "-d", "-x", "-ff"});
}

bool scratch_checkout::has_file(const std::string& path) const {
  return std::ranges::binary_search(files_, path);
}

std::string scratch_checkout::read(const std::string& path, std::size_t limit) const {
  // Neither through a link out of the tree nor from a pipe that blocks.
  const auto file = tree() + "/" + path;
  const int fd = ::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  std::string text;
  if (fd < 0)
    return text;
  std::error_code ec;
  text.resize(
      std::min<std::size_t>(limit, fs::is_regular_file(file, ec) ? fs::file_size(file, ec) : 0));
  std::size_t have = 0;
  while (have < text.size()) {
    const auto n = ::read(fd, text.data() + have, text.size() - have);
    if (n <= 0)
      break;
    have += static_cast<std::size_t>(n);
  }
  ::close(fd);
  text.resize(have);
  return text;
}

std::vector<std::string> scratch_checkout::environment(bool offline) const {
  std::vector<std::string> changes;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto name = text.substr(0, text.find('='));
    if (looks_secret(name) || name.starts_with("AEO_") || name.starts_with("GIT_"))
      changes.push_back(name);
  }
  const auto real_home = variable("HOME", "/");
  const auto home = root_ + "/home";
  const std::vector<std::string> places{
      "HOME=" + home, "TMPDIR=" + root_ + "/tmp", "XDG_CACHE_HOME=" + home + "/.cache",
      "XDG_CONFIG_HOME=" + home + "/.config", "XDG_DATA_HOME=" + home + "/.local/share",
      "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CEILING_DIRECTORIES=" + root_,
      // Toolchains that are found by HOME stay where they are.
      "RUSTUP_HOME=" + variable("RUSTUP_HOME", real_home + "/.rustup"),
      "PYTHONUSERBASE=" + variable("PYTHONUSERBASE", real_home + "/.local"),
      "PYTHONDONTWRITEBYTECODE=1", "GOCACHE=" + caches_ + "/go-build", "GOPATH=" + home + "/go",
      "GOMODCACHE=" + home + "/go/mod", "GOFLAGS=-modcacherw", "GOTELEMETRY=off",
      "CARGO_HOME=" + home + "/.cargo", "npm_config_cache=" + home + "/.npm",
      "npm_config_update_notifier=false", "npm_config_audit=false", "npm_config_fund=false",
      "MAVEN_OPTS=-Djava.io.tmpdir=" + root_ + "/tmp -Duser.home=" + home, "CI=true",
      "LC_ALL=C.UTF-8"};
  changes.insert(changes.end(), places.begin(), places.end());
  if (!offline)
    return changes;
  // Go reads what was downloaded before as if it were its proxy; nothing is written there.
  const auto modules = variable("GOMODCACHE", variable("GOPATH", real_home + "/go") + "/pkg/mod");
  const std::vector<std::string> cut{"GOPROXY=file://" + modules + "/cache/download,off",
                                     "GOSUMDB=off",
                                     "GOTOOLCHAIN=local",
                                     "CARGO_NET_OFFLINE=true",
                                     "npm_config_offline=true",
                                     "PIP_NO_INDEX=1"};
  changes.insert(changes.end(), cut.begin(), cut.end());
  return changes;
}

std::string monorepo_state(const step_context& context) {
  const git monorepo(context.consolidation() + "/monorepo");
  const auto refs = monorepo.run({"for-each-ref", "--format=%(refname) %(objectname)"});
  const auto status = monorepo.run({"status", "--porcelain", "-z", "--untracked-files=all"});
  return refs.out + status.out + status.err;
}

} // namespace aeo::consolidate

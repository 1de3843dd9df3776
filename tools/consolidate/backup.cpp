#include "tools/consolidate/backup.hpp"

#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <numeric>

namespace aeo::consolidate {

namespace fs = std::filesystem;

namespace {

constexpr const char* database_name = "execution.db";

constexpr std::array<std::pair<std::string_view, std::string_view>, 9> not_archived{
    {{"monorepo", "its history and its files are in monorepo.bundle"},
     {"backup", "is the backup"},
     {".backup.new", "is the backup that is being made"},
     {".aeo", "addresses, locks and credentials of the running node: worthless after it"},
     {".cache", "is made again by reading the sources"},
     {".scratch", "is removed when the step that uses it ends"},
     {".monorepo.new", "is a monorepo that is being built"},
     {"execution.db-wal", "belongs to the live database, of which a snapshot is covered"},
     {"execution.db-shm", "belongs to the live database, of which a snapshot is covered"}}};

/// `NAME.tmp.PID` or `NAME.tmp`: a file that is being written and will be renamed.
bool is_unfinished(std::string_view name) {
  if (name.ends_with(".tmp"))
    return true;
  const auto at = name.rfind(".tmp.");
  return at != std::string_view::npos && at + 5 < name.size()
         && name.find_first_not_of("0123456789", at + 5) == std::string_view::npos;
}

class file_collector {
public:
  file_collector(const std::string& root, const std::string& snapshot)
      : root_(root), snapshot_(snapshot) {}

  backup_set run() {
    walk("");
    std::sort(set_.entries.begin(), set_.entries.end(),
              [](const auto& a, const auto& b) { return a.path < b.path; });
    return std::move(set_);
  }

private:
  void walk(const std::string& directory) {
    std::error_code ec;
    fs::directory_iterator at(root_ + "/" + directory, ec);
    for (; !ec && at != fs::directory_iterator(); at.increment(ec))
      visit(join_path(directory, at->path().filename().string()));
    if (ec)
      set_.unreadable.push_back({directory.empty() ? "." : directory, ec.message()});
  }

  bool excluded(const std::string& path) {
    const auto* rule = std::find_if(not_archived.begin(), not_archived.end(),
                                    [&](const auto& item) { return item.first == path; });
    if (rule != not_archived.end())
      set_.excluded.push_back({path, std::string(rule->second)});
    else if (is_unfinished(base_name(path)))
      set_.excluded.push_back({path, "is being written: it will have another name"});
    else
      return false;
    return true;
  }

  void visit(const std::string& path) {
    if (excluded(path))
      return;
    archived_entry entry;
    entry.path = path;
    entry.source = root_ + "/" + path;
    struct stat st {};
    if (path == database_name) {
      if (snapshot_.empty()) {
        set_.unreadable.push_back({path, "no snapshot of the live database could be made"});
        return;
      }
      entry.source = snapshot_;
    }
    if (::lstat(entry.source.c_str(), &st) != 0) {
      set_.unreadable.push_back({path, std::strerror(errno)});
      return;
    }
    entry.mode = st.st_mode & 07777;
    entry.mtime = st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec;
    if (S_ISDIR(st.st_mode)) {
      entry.type = archived_entry::kind::directory;
      set_.entries.push_back(entry);
      walk(path);
    } else if (S_ISLNK(st.st_mode)) {
      entry.type = archived_entry::kind::symlink;
      std::error_code ec;
      entry.link = fs::read_symlink(entry.source, ec).string();
      set_.entries.push_back(std::move(entry));
    } else if (S_ISREG(st.st_mode)) {
      entry.size = static_cast<std::uint64_t>(st.st_size);
      set_.entries.push_back(std::move(entry));
    } else {
      set_.excluded.push_back({path, "is a socket, pipe or device"});
    }
  }

  const std::string& root_;
  const std::string& snapshot_;
  backup_set set_;
};

/// The line that `sha256sum --check` reads: odd names are escaped, which a first backslash says.
std::string sum_line(const std::string& sum, const std::string& path) {
  std::string name;
  for (const char c : path)
    name += c == '\\' ? "\\\\" : c == '\n' ? "\\n" : c == '\r' ? "\\r" : std::string(1, c);
  return (name == path ? "" : "\\") + sum + "  " + name + "\n";
}

std::string sum_of_file(const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  digest sum("sha256");
  std::array<char, 1 << 16> buffer{};
  ssize_t n = fd < 0 ? -1 : 0;
  while (fd >= 0 && (n = ::read(fd, buffer.data(), buffer.size())) > 0)
    sum.add({buffer.data(), static_cast<std::size_t>(n)});
  const int problem = errno;
  if (fd >= 0)
    ::close(fd);
  if (n < 0)
    throw failure(exit_status::try_again,
                  file + ": cannot be read back: " + std::strerror(problem));
  return sum.hex();
}

/// Of a database with its log: the time of the newest event in it.
fs::file_time_type last_write(const std::string& database) {
  std::error_code ec;
  const auto log = fs::last_write_time(database + "-wal", ec);
  const auto pages = fs::last_write_time(database);
  return ec ? pages : std::max(pages, log);
}

std::string script_text() {
  std::string text = "#!/bin/sh\n"
                     "# Restores the backup beside this script: the monorepo with its whole "
                     "history, and every output.\n"
                     "# usage: sh restore.sh DIRECTORY   (new or empty; it becomes what "
                     "consolidation/ was)\n"
                     "set -eu\n"
                     "[ $# -eq 1 ] || { echo 'usage: sh restore.sh DIRECTORY' >&2; exit 64; }\n"
                     "backup=$(cd \"$(dirname \"$0\")\" && pwd)\n"
                     "mkdir -p \"$1\"\n"
                     "target=$(cd \"$1\" && pwd)\n"
                     "[ -z \"$(ls -A \"$target\")\" ] || { echo \"$target: is not empty\" >&2; "
                     "exit 73; }\n";
  for (const auto& item : restore_commands())
    text += std::string("# ") + item.what + "\n" + item.command + "\n";
  return text + "echo \"restored to $target\"\n";
}

} // namespace

std::size_t backup_set::files() const {
  return static_cast<std::size_t>(
      std::count_if(entries.begin(), entries.end(), [](const archived_entry& item) {
        return item.type == archived_entry::kind::file;
      }));
}

std::uint64_t backup_set::bytes() const {
  return std::accumulate(
      entries.begin(), entries.end(), std::uint64_t{0},
      [](std::uint64_t sum, const archived_entry& item) { return sum + item.size; });
}

backup_set collect_outputs(const std::string& consolidation, const std::string& snapshot) {
  return file_collector(consolidation, snapshot).run();
}

std::string snapshot_database(const std::string& database, const std::string& copy) {
  try {
    const auto changed = last_write(database);
    SQLite::Database live(database, SQLite::OPEN_READONLY, 10'000);
    SQLite::Database target(copy, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    SQLite::Backup(target, live).executeStep(); // all pages in one step: one point in time
    // A file of its own, without a log beside it.
    target.exec("PRAGMA journal_mode = DELETE");
    SQLite::Statement check(target, "PRAGMA integrity_check");
    check.executeStep();
    auto answer = check.getColumn(0).getString();
    if (answer == "ok") {
      fs::last_write_time(copy, changed);
      answer.clear();
    }
    return answer;
  } catch (const std::exception& error) {
    return error.what();
  }
}

void write_backup(const git& monorepo, backup_set& set, const std::string& directory,
                  const progress_function& progress) {
  fs::create_directories(directory);
  fs::permissions(directory, fs::perms::owner_all);
  const auto file = [&](const char* name) { return directory + "/" + name; };
  // The packs of the monorepo hold the deltas that are worth it: to look for more takes seven times
  // as long, for a thousandth of the size.
  git packing = monorepo;
  for (const auto* setting :
       {"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=pack.window", "GIT_CONFIG_VALUE_0=0"})
    packing.set_environment(setting);
  packing.output({"bundle", "create", "-q", file(backup_file::bundle), "HEAD", "--all"});
  archive_writer archive(file(backup_file::archive));
  std::vector<archived_entry> kept;
  std::string manifest;
  std::size_t done = 0;
  for (auto& entry : set.entries) {
    std::string problem;
    if (!archive.add(entry, problem)) {
      set.unreadable.push_back({entry.path, problem});
    } else {
      if (entry.type == archived_entry::kind::file)
        manifest += sum_line(entry.sha256, entry.path);
      kept.push_back(entry);
    }
    progress("outputs archived", ++done, set.entries.size());
  }
  archive.close();
  set.entries = std::move(kept);
  write_durably(file(backup_file::manifest), manifest);
  write_durably(file(backup_file::script), script_text());
  std::string sums;
  for (const auto* name :
       {backup_file::bundle, backup_file::archive, backup_file::manifest, backup_file::script})
    sums += sum_line(sum_of_file(file(name)), name);
  write_durably(file(backup_file::sums), sums);
}

const std::vector<restore_command>& restore_commands() {
  static const std::vector<restore_command> commands{
      {"the backup itself is whole",
       "(cd \"$backup\" && sha256sum --check --quiet --strict SHA256SUMS)"},
      {"every output", "tar -xzpf \"$backup/outputs.tar.gz\" -C \"$target\""},
      {"every output is what it was",
       "[ ! -s \"$backup/outputs.sha256\" ] || "
       "(cd \"$target\" && sha256sum --check --quiet --strict \"$backup/outputs.sha256\")"},
      {"the monorepo with every branch, tag and commit",
       "git clone -q --mirror \"$backup/monorepo.bundle\" \"$target/monorepo/.git\""},
      {"as a repository of its own, not a mirror of the bundle",
       "git -C \"$target/monorepo\" config --remove-section remote.origin"},
      {"with a work tree", "git -C \"$target/monorepo\" config core.bare false"},
      {"its files", "git -C \"$target/monorepo\" -c checkout.workers=0 reset -q --hard"},
      {"its objects are whole and connected",
       "git -C \"$target/monorepo\" fsck --full --no-dangling --no-progress"}};
  return commands;
}

} // namespace aeo::consolidate

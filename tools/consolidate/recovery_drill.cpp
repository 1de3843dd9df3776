#include "tools/consolidate/recovery_drill.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/masking.hpp"
#include "tools/consolidate/supervised.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>

namespace aeo::consolidate {

namespace fs = std::filesystem;

namespace {

using steady = std::chrono::steady_clock;

double seconds_since(steady::time_point start) {
  const std::chrono::duration<double> passed = steady::now() - start;
  return std::round(passed.count() * 1000) / 1000;
}

/// Directories that go at the end of the scope, whatever ends it.
class temporary_directory {
public:
  explicit temporary_directory(std::string path) : path_(std::move(path)) {
    clear();
    fs::create_directories(path_);
    fs::permissions(path_, fs::perms::owner_all);
  }
  ~temporary_directory() { clear(); }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  const std::string& path() const { return path_; }

private:
  void clear() const {
    std::error_code ec;
    for (fs::recursive_directory_iterator at(path_, ec), end; !ec && at != end; at.increment(ec)) {
      std::error_code ignored;
      if (at->is_directory(ignored) && !at->is_symlink(ignored))
        fs::permissions(at->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
    }
    fs::remove_all(path_, ec);
  }

  std::string path_;
};

/// One drill per workspace at a time; the lock goes with the process.
class drill_lock {
public:
  explicit drill_lock(const std::string& directory) {
    fs::create_directories(directory);
    fd_ = ::open((directory + "/recovery.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0 || ::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (fd_ >= 0)
        ::close(fd_);
      throw failure(exit_status::try_again,
                    directory + ": another disaster-recovery is at work here (wait for its end)");
    }
  }
  ~drill_lock() { ::close(fd_); }
  drill_lock(const drill_lock&) = delete;
  drill_lock& operator=(const drill_lock&) = delete;

private:
  int fd_ = -1;
};

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class recovery_drill {
public:
  explicit recovery_drill(const step_context& context)
      : context_(context), root_(context.consolidation()), lock_(root_ + "/.cache"),
        monorepo_(root_ + "/monorepo"), fresh_(root_ + "/.backup.new"),
        scratch_(root_ + "/.cache/recovery") {} // other steps tidy .scratch up meanwhile

  drill run() {
    back_up();
    carry();
    restore();
    compare();
    return std::move(result_);
  }

  /// Puts the backup in the place of the one before, which goes.
  void keep() const {
    const auto place = root_ + "/backup";
    if (!fs::exists(fs::symlink_status(place)))
      fs::rename(fresh_.path(), place);
    else if (::renameat2(AT_FDCWD, fresh_.path().c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE)
             != 0)
      throw failure(exit_status::try_again,
                    place + ": cannot be replaced: " + std::strerror(errno));
  }

private:
  void back_up() {
    const auto start = steady::now();
    const auto database = root_ + "/execution.db";
    auto snapshot = scratch_.path() + "/execution.db";
    if (fs::exists(database)) {
      result_.database = snapshot_database(database, snapshot);
      if (!result_.database.empty())
        snapshot.clear();
    }
    result_.set = collect_outputs(root_, snapshot);
    write_backup(monorepo_, result_.set, fresh_.path(), context_.progress);
    for (const auto* name : {backup_file::bundle, backup_file::archive, backup_file::manifest,
                             backup_file::sums, backup_file::script})
      result_.files.emplace_back(name, fs::file_size(fs::path(fresh_.path()) / name));
    result_.completed_ns = now_ns();
    result_.backup_seconds = seconds_since(start);
  }

  /// The configured commands take the backup to another place; the one named "fetch" brings it back
  /// to be restored from there.
  void carry() {
    const std::string directory = scratch_.path() + "/fetched";
    for (const auto& command : context_.config.run.backup) {
      const bool fetches = command.name == "fetch";
      if (fetches)
        fs::create_directories(directory);
      supervision rules;
      rules.directory = fresh_.path();
      rules.log_file = root_ + "/disaster_recovery/commands.log";
      rules.timeout = std::chrono::seconds(command.timeout > 0 ? command.timeout : 3600);
      rules.environment = {"AEO_BACKUP=" + fresh_.path(), "AEO_FETCHED=" + directory};
      for (const auto& [name, value] : command.env)
        rules.environment.push_back(name + "=" + value);
      fs::create_directories(root_ + "/disaster_recovery");
      log_mask log_secrets(context_, rules.log_file);
      const auto end = run_supervised(command.argv, rules);
      log_secrets.finish();
      const bool ok = end.exit_code == 0 && !end.timed_out;
      result_.commands_failed += ok ? 0 : 1;
      result_.carried = result_.carried || (ok && !fetches);
      result_.fetched = result_.fetched || (ok && fetches);
      result_.commands.push_back({{"name", command.name},
                                  {"exit_code", end.exit_code},
                                  {"timed_out", end.timed_out},
                                  {"seconds", end.seconds}});
    }
    from_ = result_.fetched ? directory : fresh_.path();
  }

  /// As a person would: with the script, nothing else.
  void restore() {
    auto options = monorepo_.options();
    options.directory = scratch_.path();
    const auto start = steady::now();
    result_.restore = run_process({"sh", from_ + "/" + backup_file::script, restored()}, options);
    result_.restore_seconds = seconds_since(start);
  }

  void compare() {
    result_.outputs = compare_outputs(result_.set, restored(), context_.progress);
    const git copy(restored() + "/monorepo");
    result_.bundle_complete =
        monorepo_.run({"bundle", "verify", "-q", from_ + "/" + backup_file::bundle}).exit_code == 0;
    if (!git::is_repository(copy.directory())) {
      result_.refs.different.push_back({"monorepo", "is not restored"});
      result_.work_tree.different.push_back({"monorepo", "is not restored"});
      return;
    }
    result_.refs = compare_refs(monorepo_, copy);
    result_.work_tree = compare_work_trees(monorepo_, copy, context_.progress);
    // Our script ends with it; the one that came back from elsewhere may be another.
    const bool checked = !result_.fetched && result_.restore.exit_code == 0;
    result_.fsck_clean =
        checked || copy.run({"fsck", "--full", "--no-dangling", "--no-progress"}).exit_code == 0;
    const auto status = monorepo_.output({"status", "--porcelain", "-z", "--untracked-files=all"});
    result_.uncommitted = static_cast<std::size_t>(std::count(status.begin(), status.end(), '\0'));
  }

  std::string restored() const { return scratch_.path() + "/restored"; }

  const step_context& context_;
  std::string root_;
  drill_lock lock_;
  git monorepo_;
  temporary_directory fresh_;
  temporary_directory scratch_;
  std::string from_; ///< the backup that is restored
  drill result_;
};

} // namespace

drill run_drill(const step_context& context, bool (*accept)(const drill&)) {
  recovery_drill exercise(context);
  auto found = exercise.run();
  found.kept = accept(found);
  if (found.kept)
    exercise.keep();
  return found;
}

} // namespace aeo::consolidate

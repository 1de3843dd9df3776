#include "tools/consolidate/monorepo.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/wording.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <exception>
#include <filesystem>
#include <set>
#include <thread>

namespace aeo::consolidate {

namespace fs = std::filesystem;

namespace {

constexpr const char* built_ref = "refs/aeo/built";

std::string mode_text(const tracked_file& file) {
  if (file.is_symlink())
    return "120000";
  if (file.is_submodule())
    return "160000";
  return file.mode == 0100755 ? "100755" : "100644";
}

/// One builder per workspace at a time; the lock goes with the process.
class build_lock {
public:
  explicit build_lock(const std::string& directory) {
    std::error_code ec;
    fs::create_directories(directory, ec);
    fd_ = ::open((directory + "/monorepo.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0 || ::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (fd_ >= 0)
        ::close(fd_);
      throw failure(exit_status::try_again,
                    directory + ": another conflict-resolution builds here (wait for its end)");
    }
  }
  ~build_lock() { ::close(fd_); }
  build_lock(const build_lock&) = delete;
  build_lock& operator=(const build_lock&) = delete;

private:
  int fd_ = -1;
};

class builder {
public:
  builder(const step_context& context, const survey& all, const component_map& map,
          const merge_plan& plan)
      : context_(context), all_(all), map_(map), plan_(plan),
        temporary_(context.consolidation() + "/.monorepo.new"), repository_(temporary_) {}

  built_monorepo run() {
    std::signal(SIGPIPE, SIG_IGN); // a program of git that ends early is an error, not our end
    const build_lock lock(context_.consolidation() + "/.cache");
    fs::remove_all(temporary_); // what an interrupted run left
    fs::create_directories(temporary_);
    repository_.output({"init", "-q", "--template=", "--initial-branch=main"});
    import_all();
    for (const auto& item : result_.imports)
      result_.unresolved.insert(result_.unresolved.end(), item.unresolved.begin(),
                                item.unresolved.end());
    write_main();
    verify();
    check_sources();
    if (!result_.head.empty())
      repository_.output({"reset", "-q", "--hard", "main"});
    swap_in();
    return std::move(result_);
  }

private:
  /// Sources are independent of each other: one thread each, as many as there are cores.
  void import_all() {
    const auto count = all_.sources.size();
    result_.imports.resize(count);
    std::vector<std::exception_ptr> errors(count);
    std::atomic<std::size_t> next = 0;
    std::atomic<std::size_t> done = 0;
    const auto work = [&] {
      for (std::size_t s = 0; (s = next++) < count;) {
        try {
          result_.imports[s] =
              importer(
                  all_, s, plan_[s],
                  [this, s](std::string_view path) { return map_.target_of(s, path); }, repository_,
                  temporary_ + "/.git/aeo-marks-" + std::to_string(s))
                  .run();
        } catch (const std::exception&) {
          errors[s] = std::current_exception();
        }
        context_.progress("repositories merged", ++done, count);
      }
    };
    {
      std::vector<std::jthread> threads;
      const auto cores = std::max(1U, std::thread::hardware_concurrency());
      for (std::size_t i = 1; i < std::min<std::size_t>(cores, count); ++i)
        threads.emplace_back(work);
      work();
    }
    for (const auto& error : errors) {
      if (error)
        std::rethrow_exception(error);
    }
  }

  /// `MODE SP OID TAB PATH NUL` for every file that has a place in the merged tree.
  std::string index_lines() {
    std::string lines;
    std::set<std::string> seen;
    std::string modules;
    for (std::size_t s = 0; s < plan_.size(); ++s) {
      if (result_.imports[s].head.empty())
        continue;
      for (const auto& item : plan_[s]) {
        const auto& scanned = all_.files[item.file];
        const auto& tracked = all_.tracked(scanned);
        if (item.target.empty() || (!scanned.facts.problem.empty() && tracked.oid.empty())
            || !seen.insert(item.target).second)
          continue;
        const auto& oid = tracked.oid.empty() ? scanned.facts.oid : tracked.oid;
        lines += mode_text(tracked) + ' ' + oid + '\t' + item.target + '\0';
        if (tracked.is_submodule())
          modules += submodule(s, tracked, item.target);
      }
    }
    if (!modules.empty() && seen.insert(".gitmodules").second) {
      auto oid = repository_.output({"hash-object", "-w", "--stdin"}, modules);
      oid.pop_back();
      lines += "100644 " + oid + "\t.gitmodules" + '\0';
    }
    return lines;
  }

  /// A submodule keeps its commit; the `.gitmodules` that git reads has to be at the top.
  std::string submodule(std::size_t s, const tracked_file& file, const std::string& target) {
    const auto repository = all_.sources[s].repository();
    const auto settings = repository.run({"config", "--blob", "HEAD:.gitmodules", "--list", "-z"});
    std::string name;
    std::string url;
    for (const auto record : split(settings.out, '\0')) {
      const auto line = record.find('\n');
      if (line != std::string_view::npos && record.substr(0, line).ends_with(".path")
          && record.substr(line + 1) == file.path)
        name = record.substr(10, line - 15); // submodule.NAME.path
    }
    for (const auto record : split(settings.out, '\0')) {
      if (!name.empty() && record.starts_with("submodule." + name + ".url\n"))
        url = record.substr(record.find('\n') + 1);
    }
    result_.submodules.push_back({{"repository", all_.sources[s].name},
                                  {"path", encode_path(file.path)},
                                  {"target", encode_path(target)},
                                  {"commit", file.oid},
                                  {"url", printable(url, 300)}});
    const bool plain = (target + url).find_first_of("\n\"\\") == std::string::npos;
    if (url.empty() || !plain)
      return {};
    return "[submodule \"" + target + "\"]\n\tpath = " + target + "\n\turl = " + url + "\n";
  }

  void write_main() {
    std::vector<std::string> parents;
    std::int64_t time = 0;
    std::string message =
        "Consolidate " + counted(all_.sources.size(), "repository", "repositories") + "\n\n";
    for (std::size_t s = 0; s < all_.sources.size(); ++s) {
      const auto& item = result_.imports[s];
      if (item.head.empty())
        continue;
      time = std::max(time, item.time);
      if (std::find(parents.begin(), parents.end(), item.head) == parents.end())
        parents.push_back(item.head);
      message += all_.sources[s].name + ": "
                 + (all_.sources[s].head.empty() ? "directory" : all_.sources[s].head) + "\n";
    }
    if (parents.empty())
      return;
    // A private index: the one of the work tree is made by the checkout, when all is verified.
    git with_index = repository_;
    with_index.set_environment("GIT_INDEX_FILE=" + temporary_ + "/.git/aeo-index");
    with_index.output({"update-index", "-z", "--index-info"}, index_lines());
    const auto tree = with_index.line({"write-tree"});
    for (const auto* who : {"AUTHOR", "COMMITTER"}) {
      const std::string prefix = std::string("GIT_") + who;
      with_index.set_environment(prefix + "_NAME=aeo-consolidate");
      with_index.set_environment(prefix + "_EMAIL=aeo-consolidate@localhost");
      with_index.set_environment(prefix + "_DATE=" + std::to_string(time) + " +0000");
    }
    std::vector<std::string> args{"commit-tree", tree};
    for (const auto& parent : parents) {
      args.emplace_back("-p");
      args.push_back(parent);
    }
    auto commit = with_index.output(args, message);
    commit.pop_back();
    repository_.output({"update-ref", "refs/heads/main", commit});
    repository_.output({"update-ref", built_ref, commit});
    result_.head = commit;
    result_.checks.commits_created = 1;
  }

  void verify() {
    auto& checks = result_.checks;
    const auto fsck = repository_.run({"fsck", "--full", "--no-dangling", "--no-progress"});
    checks.fsck_output = printable(trim(fsck.out + fsck.err), 2000);
    checks.fsck_clean = fsck.exit_code == 0 && fsck.err.find("error") == std::string::npos;
    std::unordered_set<std::string> commits;
    const auto list = repository_.output({"rev-list", "--all"});
    for (const auto oid : split(list, '\n')) {
      if (!oid.empty())
        commits.emplace(oid);
    }
    checks.commits_total = commits.size();
    std::unordered_set<std::string> became;
    for (std::size_t s = 0; s < result_.imports.size(); ++s) {
      const auto& item = result_.imports[s];
      checks.commits_in += item.commits_in;
      checks.commits_created += item.commits_created;
      for (const auto& [original, made] : item.commits) {
        const bool reachable = commits.contains(made);
        checks.commits_reachable += reachable ? 1 : 0;
        if (reachable)
          became.insert(made);
        else
          result_.unresolved.emplace_back(all_.sources[s].name + ": commit " + original,
                                          "is not reachable in the monorepo");
      }
    }
    checks.commits_distinct = became.size();
    verify_blobs();
    verify_files();
  }

  void verify_blobs() {
    std::unordered_set<std::string> have;
    const auto list =
        repository_.output({"rev-list", "--objects", "--no-object-names", "--all",
                            "--filter=object:type=blob", "--filter-provided-objects"});
    for (const auto oid : split(list, '\n'))
      have.emplace(oid);
    std::unordered_set<std::string> wanted;
    for (const auto& item : result_.imports)
      wanted.insert(item.blobs.begin(), item.blobs.end());
    result_.checks.blobs_in = wanted.size();
    for (const auto& oid : wanted) {
      if (!have.contains(oid)) {
        ++result_.checks.blobs_missing;
        result_.unresolved.emplace_back("blob " + oid, "is not reachable in the monorepo");
      }
    }
  }

  void verify_files() {
    std::set<std::string, std::less<>> have;
    if (!result_.head.empty()) {
      const auto tree = repository_.output({"ls-tree", "-r", "-z", "--full-tree", "main"});
      for (const auto record : split(tree, '\0'))
        have.emplace(record);
    }
    auto& checks = result_.checks;
    for (const auto& files : plan_) {
      for (const auto& item : files) {
        const auto& scanned = all_.files[item.file];
        const auto& tracked = all_.tracked(scanned);
        const auto& oid = tracked.oid.empty() ? scanned.facts.oid : tracked.oid;
        const std::string entry = mode_text(tracked)
                                  + (tracked.is_submodule() ? " commit " : " blob ") + oid + '\t'
                                  + item.target;
        ++checks.files_tracked;
        if (item.target.empty()) {
          ++checks.files_left_out;
        } else if (have.contains(entry)) {
          ++checks.files_in_place;
        } else {
          ++checks.files_unmapped;
          result_.unresolved.emplace_back(all_.source_of(scanned).name + ": "
                                              + encode_path(tracked.path),
                                          "is not at " + encode_path(item.target));
        }
      }
    }
  }

  /// A source that moved while it was read would leave the counts meaningless.
  void check_sources() {
    for (std::size_t s = 0; s < all_.sources.size(); ++s) {
      const auto& from = all_.sources[s];
      if (from.kind == source_kind::plain || from.object_format != "sha1")
        continue;
      std::string now;
      for (const auto& ref : read_refs(from.repository()))
        now += ref.name + ' ' + ref.oid + '\n';
      if (now != result_.imports[s].refs_seen)
        throw failure(exit_status::try_again,
                      from.directory
                          + ": its branches or tags changed while it was "
                            "merged (run component-mapping and later again)");
    }
  }

  /// True if `directory` has commits or changes that we did not make.
  static bool holds_work(const std::string& directory) {
    if (!git::is_repository(directory))
      return true;
    const git old(directory);
    const auto heads = old.run({"rev-parse", "refs/heads/main", built_ref});
    const auto lines = split(heads.out, '\n');
    if (heads.exit_code != 0)
      return old.run({"rev-parse", "-q", "--verify", "HEAD"}).exit_code == 0;
    const auto status = old.run({"status", "--porcelain", "--untracked-files=no"});
    return lines[0] != lines[1] || !trim(status.out).empty();
  }

  void swap_in() {
    for (const auto& entry : fs::directory_iterator(temporary_ + "/.git")) {
      if (entry.path().filename().string().starts_with("aeo-"))
        fs::remove(entry.path());
    }
    // Packs and commits were synced by git as it wrote them; the work tree can be checked out
    // again.
    const auto final_path = context_.consolidation() + "/monorepo";
    if (!fs::exists(fs::symlink_status(final_path))) {
      fs::rename(temporary_, final_path);
      return;
    }
    if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, final_path.c_str(), RENAME_EXCHANGE)
        != 0)
      throw failure(exit_status::try_again,
                    final_path + ": cannot be replaced: " + std::strerror(errno));
    if (!holds_work(temporary_)) {
      fs::remove_all(temporary_);
      return;
    }
    std::string kept = final_path + ".previous";
    for (int n = 2; fs::exists(kept); ++n)
      kept = final_path + ".previous-" + std::to_string(n);
    fs::rename(temporary_, kept);
    result_.kept_previous = fs::path(kept).filename();
  }

  const step_context& context_;
  const survey& all_;
  const component_map& map_;
  const merge_plan& plan_;
  std::string temporary_;
  git repository_;
  built_monorepo result_;
};

} // namespace

built_monorepo build_monorepo(const step_context& context, const survey& all,
                              const component_map& map, const merge_plan& plan) {
  return builder(context, all, map, plan).run();
}

} // namespace aeo::consolidate

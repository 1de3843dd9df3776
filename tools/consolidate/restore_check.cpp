#include "tools/consolidate/restore_check.hpp"

#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/history.hpp"
#include "tools/consolidate/paths.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <thread>
#include <utility>

namespace aeo::consolidate {

namespace fs = std::filesystem;

namespace {

enum class verdict { identical, changed_meanwhile, different };

struct judged {
  verdict result = verdict::identical;
  std::string why;
};

class opened_file {
public:
  explicit opened_file(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {}
  ~opened_file() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  opened_file(const opened_file&) = delete;
  opened_file& operator=(const opened_file&) = delete;

  bool good() const { return fd_ >= 0; }
  /// As many bytes as fit or are left; -1 on an error.
  ssize_t fill(std::array<char, 1 << 16>& buffer) const {
    std::size_t got = 0;
    while (got < buffer.size()) {
      const auto n = ::read(fd_, buffer.data() + got, buffer.size() - got);
      if (n < 0)
        return -1;
      if (n == 0)
        break;
      got += static_cast<std::size_t>(n);
    }
    return static_cast<ssize_t>(got);
  }

private:
  int fd_;
};

/// What is different; empty: not a byte. `sum` gets the SHA-256 of the restored side.
std::string differing_bytes(const std::string& original, const std::string& restored,
                            std::string* sum) {
  const opened_file left(original);
  const opened_file right(restored);
  if (!right.good())
    return std::string("is not restored: ") + std::strerror(errno);
  digest hash("sha256");
  std::array<char, 1 << 16> a{};
  std::array<char, 1 << 16> b{};
  std::uint64_t offset = 0;
  std::string why = left.good() ? "" : "its original cannot be read any more";
  for (ssize_t n = 1; n > 0 && (sum != nullptr || why.empty());) {
    n = right.fill(b);
    const auto m = why.empty() ? left.fill(a) : n;
    if (n < 0 || m < 0)
      return std::string("cannot be read back: ") + std::strerror(errno);
    if (why.empty()
        && (m != n || std::memcmp(a.data(), b.data(), static_cast<std::size_t>(n)) != 0))
      why = "differs in the 64 KiB from byte " + std::to_string(offset);
    if (sum != nullptr)
      hash.add({b.data(), static_cast<std::size_t>(n)});
    offset += static_cast<std::uint64_t>(n);
  }
  if (sum != nullptr)
    *sum = hash.hex();
  return why;
}

bool still_the_same(const archived_entry& entry) {
  struct stat st {};
  return ::lstat(entry.source.c_str(), &st) == 0
         && static_cast<std::uint64_t>(st.st_size) == entry.size && st.st_ino == entry.inode
         && st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec == entry.mtime;
}

judged judge_file(const archived_entry& entry, const std::string& restored) {
  std::string sum;
  const bool unchanged = still_the_same(entry);
  const auto why = differing_bytes(entry.source, restored, &sum);
  if (why.empty())
    return {};
  if (unchanged || sum != entry.sha256)
    return {verdict::different, why};
  return {verdict::changed_meanwhile, ""};
}

judged judge_entry(const archived_entry& entry, const std::string& root) {
  const auto restored = root + "/" + entry.path;
  struct stat st {};
  if (::lstat(restored.c_str(), &st) != 0)
    return {verdict::different, std::string("is not restored: ") + std::strerror(errno)};
  const bool kind = entry.type == archived_entry::kind::file        ? S_ISREG(st.st_mode)
                    : entry.type == archived_entry::kind::directory ? S_ISDIR(st.st_mode)
                                                                    : S_ISLNK(st.st_mode);
  if (!kind)
    return {verdict::different, "is restored as another kind of file"};
  if (entry.type == archived_entry::kind::symlink) {
    std::error_code ec;
    return fs::read_symlink(restored, ec) == entry.link
               ? judged{}
               : judged{verdict::different, "leads elsewhere"};
  }
  if ((st.st_mode & 07777) != entry.mode)
    return {verdict::different, "has other permissions"};
  return entry.type == archived_entry::kind::file ? judge_file(entry, restored) : judged{};
}

template <class Judge>
std::vector<judged> judge_all(std::size_t count, const progress_function& progress,
                              std::string_view label, Judge judge) {
  std::vector<judged> verdicts(count);
  std::atomic<std::size_t> next = 0;
  std::atomic<std::size_t> done = 0;
  const auto work = [&] {
    for (std::size_t i = 0; (i = next++) < count;) {
      verdicts[i] = judge(i);
      progress(label, ++done, count);
    }
  };
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < std::min<std::size_t>(cores, count); ++i)
    threads.emplace_back(work);
  work();
  return verdicts;
}

void add_verdict(comparison& out, const std::string& path, judged item) {
  ++out.compared;
  if (item.result == verdict::identical)
    ++out.identical;
  else if (item.result == verdict::changed_meanwhile)
    out.changed_meanwhile.push_back(path);
  else
    out.different.push_back({path, std::move(item.why)});
}

/// HEAD by name, then every reference: name -> object.
std::map<std::string, std::string> named_objects(const git& repository) {
  std::map<std::string, std::string> result;
  for (const auto& ref : read_refs(repository))
    result[ref.name] = ref.oid;
  const auto head = repository.run({"symbolic-ref", "-q", "HEAD"});
  result["HEAD"] = head.exit_code == 0
                       ? std::string(trim(head.out))
                       : std::string(trim(repository.run({"rev-parse", "HEAD"}).out));
  return result;
}

judged judge_tracked(const std::string& original, const std::string& restored) {
  struct stat a {};
  struct stat b {};
  const bool have_a = ::lstat(original.c_str(), &a) == 0;
  const bool have_b = ::lstat(restored.c_str(), &b) == 0;
  if (!have_a || !have_b)
    return {verdict::different, have_a ? "is not restored" : "is missing in the original"};
  if ((a.st_mode & S_IFMT) != (b.st_mode & S_IFMT) || (a.st_mode & 0100) != (b.st_mode & 0100))
    return {verdict::different, "is of another kind or has another executable bit"};
  std::error_code ec;
  if (S_ISLNK(a.st_mode))
    return fs::read_symlink(original, ec) == fs::read_symlink(restored, ec)
               ? judged{}
               : judged{verdict::different, "leads elsewhere"};
  auto why = S_ISREG(a.st_mode) ? differing_bytes(original, restored, nullptr) : std::string{};
  const auto result = why.empty() ? verdict::identical : verdict::different;
  return {result, std::move(why)};
}

} // namespace

comparison compare_outputs(const backup_set& set, const std::string& restored,
                           const progress_function& progress) {
  comparison out;
  auto verdicts = judge_all(set.entries.size(), progress, "outputs compared",
                            [&](std::size_t i) { return judge_entry(set.entries[i], restored); });
  std::set<std::string> expected;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    add_verdict(out, set.entries[i].path, std::move(verdicts[i]));
    expected.insert(set.entries[i].path);
  }
  std::error_code ec;
  fs::recursive_directory_iterator at(restored, ec);
  for (; !ec && at != fs::recursive_directory_iterator(); at.increment(ec)) {
    const auto path = at->path().string().substr(restored.size() + 1);
    if (path == "monorepo")
      at.disable_recursion_pending();
    else if (!expected.contains(path))
      add_verdict(out, path, {verdict::different, "was restored and has no original"});
  }
  if (ec)
    out.different.push_back({restored, "cannot be listed: " + ec.message()});
  return out;
}

comparison compare_work_trees(const git& original, const git& restored,
                              const progress_function& progress) {
  std::vector<std::string> paths;
  const auto listing = original.output({"ls-files", "-z"});
  for (const auto path : split(listing, '\0')) {
    if (!path.empty())
      paths.emplace_back(path);
  }
  auto verdicts = judge_all(paths.size(), progress, "files compared", [&](std::size_t i) {
    return judge_tracked(original.directory() + "/" + paths[i],
                         restored.directory() + "/" + paths[i]);
  });
  comparison out;
  for (std::size_t i = 0; i < verdicts.size(); ++i)
    add_verdict(out, paths[i], std::move(verdicts[i]));
  return out;
}

comparison compare_refs(const git& original, const git& restored) {
  const auto before = named_objects(original);
  auto after = named_objects(restored);
  comparison out;
  for (const auto& [name, object] : before) {
    const auto found = after.find(name);
    add_verdict(out, name,
                found == after.end() ? judged{verdict::different, "is not restored"}
                : found->second != object
                    ? judged{verdict::different, "names " + found->second + ", not " + object}
                    : judged{});
    if (found != after.end())
      after.erase(found);
  }
  for (const auto& [name, object] : after)
    add_verdict(out, name, {verdict::different, "was restored and has no original"});
  return out;
}

} // namespace aeo::consolidate

#include "tools/consolidate/scan.hpp"

#include "tools/consolidate/cache.hpp"
#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <thread>

namespace aeo::consolidate {

namespace {

constexpr std::size_t chunk_bytes = 1U << 20;
constexpr std::size_t sniff_bytes = 8000; // as git does to tell binary from text

class descriptor {
public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0)
      ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const { return fd_; }

private:
  int fd_;
};

/// Opens without following any symbolic link, so that a tracked path cannot lead outside.
int open_below(int directory, const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const auto fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
    return static_cast<int>(fd);
  return ::openat(directory, path.c_str(), static_cast<int>(how.flags));
}

void set_key(file_facts& facts, const struct stat& st) {
  facts.size = static_cast<std::uint64_t>(st.st_size);
  facts.mtime = static_cast<std::int64_t>(st.st_mtim.tv_sec) * 1'000'000'000 + st.st_mtim.tv_nsec;
  facts.inode = st.st_ino;
}

std::string without_cr(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n')
      out += text[i];
  }
  return out;
}

void analyse(std::string_view path, std::string_view text, std::string_view format,
             const rule_set& rules, file_facts& facts) {
  facts.oid = blob_id(format, text);
  facts.binary = text.substr(0, sniff_bytes).find('\0') != std::string_view::npos;
  const auto* lang = find_language(path, text.substr(0, 200));
  if (lang != nullptr)
    facts.language = lang->name;
  facts.secrets = rules.secrets().search(path, text);
  if (facts.binary)
    return;
  facts.lfs_pointer = text.starts_with("version https://git-lfs.github.com/spec/");
  if (text.find("\r\n") != std::string_view::npos)
    facts.lf_oid = blob_id(format, without_cr(text));
  facts.lines = count_lines(text, lang);
  facts.refs = extract_references(facts.language, text);
  facts.refs.env_used = rules.variables().find(path, facts.language, text);
  facts.hits = rules.search(path, text);
  facts.checks = rules.checks().search(path, facts.language, text);
}

bool read_all(int fd, std::size_t expected, std::string& text) {
  text.resize(expected);
  std::size_t have = 0;
  while (true) {
    if (have == text.size())
      text.resize(text.size() + 1);
    const auto n = ::read(fd, text.data() + have, text.size() - have);
    if (n < 0)
      return false;
    if (n == 0)
      break;
    have += static_cast<std::size_t>(n);
  }
  text.resize(have);
  return true;
}

/// A file too large for text is hashed in pieces: its size bounds no memory of ours.
void hash_large(int fd, std::string_view path, std::string_view format, const rule_set& rules,
                file_facts& facts) {
  facts.too_large = true;
  digest hash(format);
  hash.add("blob " + std::to_string(facts.size) + std::string(1, '\0'));
  std::string buffer(chunk_bytes, '\0');
  bool first = true;
  secret_stream secrets(rules.secrets(), std::string(path));
  for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0; first = false) {
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(n));
    hash.add(piece);
    secrets.add(piece);
    if (first)
      facts.binary = piece.substr(0, sniff_bytes).find('\0') != std::string_view::npos;
  }
  facts.oid = hash.hex();
  facts.secrets = secrets.finish();
  if (const auto* lang = find_language(path, {}); lang != nullptr)
    facts.language = lang->name;
}

class scanner {
public:
  scanner(const step_context& context, const rule_set& rules, survey& all)
      : context_(context), rules_(rules), all_(all) {
    for (const auto& item : all.sources)
      directories_.push_back(::open(item.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  ~scanner() {
    for (const int fd : directories_)
      ::close(fd);
  }
  scanner(const scanner&) = delete;
  scanner& operator=(const scanner&) = delete;

  std::string key(const scanned_file& file) const {
    return all_.source_of(file).location + '\0' + all_.tracked(file).path;
  }

  /// True if the cache answered.
  bool from_cache(scanned_file& file, const scan_cache& cache) const {
    const auto& tracked = all_.tracked(file);
    const auto* known = cache.find(key(file));
    if (known == nullptr)
      return false;
    struct stat st {};
    const bool present = status(file, st);
    const bool same = known->from_git
                          ? !present && known->oid == tracked.oid
                          : present && known->size == static_cast<std::uint64_t>(st.st_size)
                                && known->inode == st.st_ino && key_time(st) == known->mtime;
    if (same)
      file.facts = *known;
    return same;
  }

  /// False if the file is not in the work tree, so that HEAD has to be asked.
  bool read(scanned_file& file) const {
    const auto& tracked = all_.tracked(file);
    struct stat st {};
    if (!status(file, st))
      return all_.source_of(file).kind == source_kind::plain ? gone(file, "vanished") : false;
    set_key(file.facts, st);
    if (S_ISLNK(st.st_mode))
      return read_link(file);
    if (!S_ISREG(st.st_mode))
      return tracked.is_submodule() || gone(file, "is no longer a regular file");
    const descriptor fd(open_below(directories_[file.source], tracked.path));
    if (fd.get() < 0)
      return gone(file, std::strerror(errno));
    const auto& format = all_.source_of(file).object_format;
    std::string text;
    if (file.facts.size > context_.config.max_text_bytes)
      hash_large(fd.get(), tracked.path, format, rules_, file.facts);
    else if (!read_all(fd.get(), file.facts.size, text))
      return gone(file, std::strerror(errno));
    else
      analyse(tracked.path, text, format, rules_, file.facts);
    return true;
  }

  void read_from_git(std::vector<scanned_file*>& files) const;

private:
  static std::int64_t key_time(const struct stat& st) {
    file_facts facts;
    set_key(facts, st);
    return facts.mtime;
  }

  bool status(const scanned_file& file, struct stat& st) const {
    return all_.source_of(file).kind != source_kind::bare
           && ::fstatat(directories_[file.source], all_.tracked(file).path.c_str(), &st,
                        AT_SYMLINK_NOFOLLOW)
                  == 0;
  }

  static bool gone(scanned_file& file, const std::string& why) {
    file.facts.problem = why;
    return true;
  }

  bool read_link(scanned_file& file) const {
    std::string target(4096, '\0');
    const auto n = ::readlinkat(directories_[file.source], all_.tracked(file).path.c_str(),
                                target.data(), target.size());
    target.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    file.facts.oid = blob_id(all_.source_of(file).object_format, target);
    return true;
  }

  const step_context& context_;
  const rule_set& rules_;
  survey& all_;
  std::vector<int> directories_;
};

/// `git cat-file --batch` answers each id with `OID SP TYPE SP SIZE LF CONTENT LF`.
void scanner::read_from_git(std::vector<scanned_file*>& files) const {
  for (std::size_t s = 0; s < all_.sources.size(); ++s) {
    std::string ids;
    std::vector<scanned_file*> wanted;
    for (auto* file : files) {
      const auto& tracked = all_.tracked(*file);
      if (file->source != s || tracked.is_submodule())
        continue;
      file->facts.from_git = true;
      file->facts.size = tracked.size;
      file->facts.oid = tracked.oid;
      file->facts.too_large = tracked.size > context_.config.max_text_bytes;
      if (!file->facts.too_large && !tracked.is_symlink()) {
        ids += tracked.oid + '\n';
        wanted.push_back(file);
      }
    }
    if (wanted.empty())
      continue;
    const auto answer = all_.sources[s].repository().output({"cat-file", "--batch"}, ids);
    std::string_view rest = answer;
    for (auto* file : wanted) {
      const auto header = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), header.size() + 1));
      if (header.ends_with(" missing")) {
        file->facts.problem = "its blob is missing from the repository";
        continue;
      }
      const auto size = all_.tracked(*file).size;
      analyse(all_.tracked(*file).path, rest.substr(0, size), all_.sources[s].object_format, rules_,
              file->facts);
      rest.remove_prefix(std::min(rest.size(), size + 1));
    }
  }
}

void read_parallel(const step_context& context, const scanner& reader,
                   std::vector<scanned_file*>& pending, std::vector<scanned_file*>& absent) {
  std::atomic<std::size_t> next = 0;
  std::atomic<std::size_t> done = 0;
  std::vector<char> missing(pending.size(), 0);
  const auto work = [&] {
    for (std::size_t i = 0; (i = next++) < pending.size();) {
      missing[i] = reader.read(*pending[i]) ? 0 : 1;
      context.progress("scan", ++done, pending.size());
    }
  };
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < std::min<std::size_t>(cores, pending.size()); ++i)
    threads.emplace_back(work);
  work();
  threads.clear();
  for (std::size_t i = 0; i < pending.size(); ++i) {
    if (missing[i] != 0)
      absent.push_back(pending[i]);
  }
}

} // namespace

bool survey::modified(const scanned_file& file) const {
  const auto& entry = tracked(file);
  if (source_of(file).kind != source_kind::git || entry.is_submodule())
    return false;
  const auto& facts = file.facts;
  return facts.from_git || (facts.oid != entry.oid && facts.lf_oid != entry.oid);
}

survey scan(const step_context& context, const rule_set& rules,
            const std::string& cache_directory) {
  survey all;
  all.sources = find_sources(context);
  for (std::size_t s = 0; s < all.sources.size(); ++s) {
    for (std::size_t i = 0; i < all.sources[s].files.size(); ++i)
      all.files.push_back({s, i, {}});
  }
  const scan_cache cache(context.consolidation() + cache_directory, rules);
  const scanner reader(context, rules, all);
  std::vector<scanned_file*> pending;
  for (auto& file : all.files) {
    if (!reader.from_cache(file, cache))
      pending.push_back(&file);
  }
  all.read = pending.size();
  all.cached = all.files.size() - pending.size();
  std::vector<scanned_file*> absent;
  read_parallel(context, reader, pending, absent);
  reader.read_from_git(absent);
  if (!pending.empty() || cache.size() != all.files.size()) {
    std::unordered_map<std::string, const file_facts*> known;
    for (const auto& file : all.files) {
      if (file.facts.problem.empty())
        known[reader.key(file)] = &file.facts;
    }
    cache.save(known);
  }
  return all;
}

std::string read_link(const survey& all, const scanned_file& file) {
  const auto path = all.source_of(file).directory + "/" + all.tracked(file).path;
  std::string target(4096, '\0');
  const auto n = ::readlink(path.c_str(), target.data(), target.size());
  target.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return target;
}

std::string read_content(const survey& all, const scanned_file& file) {
  const auto& from = all.source_of(file);
  if (file.facts.from_git)
    return from.repository().output({"cat-file", "blob", all.tracked(file).oid});
  const descriptor directory(::open(from.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const descriptor fd(open_below(directory.get(), all.tracked(file).path));
  std::string text;
  if (fd.get() < 0 || !read_all(fd.get(), file.facts.size, text))
    throw failure(exit_status::no_input,
                  join_path(from.directory, encode_path(all.tracked(file).path))
                      + ": cannot be read: " + std::strerror(errno));
  return text;
}

} // namespace aeo::consolidate

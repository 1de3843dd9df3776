#include "tools/consolidate/secret_history.hpp"

#include "tools/consolidate/parallel.hpp"
#include "tools/consolidate/paths.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <mutex>
#include <unordered_map>

namespace aeo::consolidate {

namespace {

/// Larger blobs go through a stream.
constexpr std::uint64_t whole_bytes = 4U << 20;

struct wanted_object {
  std::string oid;
  std::string path; ///< empty for commits and tags
};

/// Bytes from a pipe, by line and by number.
class pipe_reader {
public:
  explicit pipe_reader(int fd) : fd_(fd), buffer_(1U << 18, '\0') {}

  bool line(std::string& out) {
    out.clear();
    while (fill()) {
      const auto rest = view();
      const auto end = rest.find('\n');
      out += rest.substr(0, end);
      begin_ += end == std::string_view::npos ? rest.size() : end + 1;
      if (end != std::string_view::npos)
        return true;
    }
    return false;
  }

  /// Hands `count` bytes over in pieces; false if the pipe ends before.
  template <class Take>
  bool take(std::uint64_t count, Take take) {
    while (count > 0) {
      if (!fill())
        return false;
      const auto piece = view().substr(0, count);
      take(piece);
      begin_ += piece.size();
      count -= piece.size();
    }
    return true;
  }

private:
  std::string_view view() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }

  bool fill() {
    if (begin_ < end_)
      return true;
    ssize_t n = 0;
    while ((n = ::read(fd_, buffer_.data(), buffer_.size())) < 0 && errno == EINTR) {
    }
    begin_ = 0;
    end_ = n > 0 ? static_cast<std::size_t>(n) : 0;
    return n > 0;
  }

  int fd_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

class history_scan {
public:
  history_scan(const step_context& context, const source& from, const secret_scanner& scanner,
               const std::unordered_set<std::string>& known)
      : context_(context), from_(from), scanner_(scanner), repository_(from.repository()) {
    list_objects(known);
  }

  history_report run() {
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    const auto share = (wanted_.size() + cores - 1) / cores;
    for_each_parallel(cores, [&](std::size_t part) {
      const auto begin = std::min(wanted_.size(), part * share);
      const auto end = std::min(wanted_.size(), begin + share);
      if (begin < end)
        read_objects(begin, end);
    });
    find_commits();
    return std::move(report_);
  }

private:
  void list_objects(const std::unordered_set<std::string>& known) {
    const auto head = from_.head.empty() ? std::vector<std::string>{} : std::vector{from_.head};
    auto arguments = std::vector<std::string>{"rev-list", "--objects", "--all"};
    arguments.insert(arguments.end(), head.begin(), head.end());
    arguments.insert(arguments.end(), {"--filter=object:type=blob", "--filter-provided-objects"});
    const auto blobs = repository_.output(arguments);
    std::unordered_set<std::string_view> names;
    for (const auto line : split(blobs, '\n')) {
      const auto space = line.find(' ');
      std::string oid(line.substr(0, space));
      if (oid.empty())
        continue;
      const auto path =
          space == std::string_view::npos ? std::string_view{} : line.substr(space + 1);
      if (names.insert(path).second)
        search_name(path, "file name", oid, path);
      if (known.contains(oid))
        ++report_.known;
      else
        wanted_.push_back({std::move(oid), std::string(path)});
    }
    const auto references = repository_.output({"for-each-ref", "--format=%(refname)"});
    for (const auto name : split(references, '\n'))
      search_name(name, "name of a branch or tag", name, ".git");
    auto commits = std::vector<std::string>{"rev-list", "--all"};
    commits.insert(commits.end(), head.begin(), head.end());
    const auto messages =
        repository_.output(commits)
        + repository_.output({"for-each-ref", "--format=%(objectname)", "refs/tags"});
    for (const auto line : split(messages, '\n')) {
      if (!line.empty())
        wanted_.push_back({std::string(line), ""});
    }
  }

  void search_name(std::string_view name, const char* found_in, std::string_view object,
                   std::string_view path) {
    for (auto& hit : scanner_.search("", name)) {
      hit.line = 0;
      report_.secrets.push_back(
          {std::move(hit), std::string(object), found_in, std::string(path), ""});
    }
  }

  /// `OID SP TYPE SP SIZE LF CONTENT LF`, or `OID missing`.
  void read_objects(std::size_t begin, std::size_t end) {
    std::string ids;
    for (auto i = begin; i < end; ++i)
      ids += wanted_[i].oid + "\n";
    // A low threshold lets git stream large blobs too instead of holding them.
    piped_process child(
        repository_.command({"-c", "core.bigFileThreshold=16m", "cat-file", "--batch", "--buffer"}),
        repository_.options(ids), piped_process::direction::read_from_child);
    pipe_reader in(child.fd());
    std::string header;
    for (auto i = begin; i < end && in.line(header); ++i) {
      read_object(wanted_[i], header, in);
      context_.progress("history of " + from_.name, ++done_, wanted_.size());
    }
    const auto result = child.finish();
    if (result.exit_code != 0)
      note_problem("git cat-file exited " + std::to_string(result.exit_code) + ": "
                   + printable(trim(result.err), 300));
  }

  void read_object(const wanted_object& wanted, std::string_view header, pipe_reader& in) {
    const auto fields = split(header, ' ');
    if (fields.size() != 3) {
      note_problem(wanted.oid + ": is missing from the repository");
      return;
    }
    std::uint64_t size = 0;
    std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), size);
    const std::string kind(fields[1]);
    std::vector<secret_hit> hits;
    std::uint32_t header_lines = 0; ///< of a commit or tag, with the empty one behind it
    bool whole = true;
    if (size <= whole_bytes) {
      std::string content;
      content.reserve(size);
      whole = in.take(size, [&](std::string_view piece) { content += piece; });
      hits = scanner_.search(wanted.path, content);
      if (kind != "blob")
        header_lines = static_cast<std::uint32_t>(std::count(
            content.begin(),
            content.begin() + static_cast<std::ptrdiff_t>(content.find("\n\n") + 2), '\n'));
    } else {
      secret_stream stream(scanner_, wanted.path);
      whole = in.take(size, [&](std::string_view piece) { stream.add(piece); });
      hits = stream.finish();
    }
    in.take(1, [](std::string_view) {});
    const std::lock_guard lock(mutex_);
    if (!whole)
      report_.problems.push_back(wanted.oid + ": ends too early");
    report_.bytes += size;
    ++(kind == "blob" ? report_.blobs : report_.messages);
    for (auto& hit : hits) {
      std::string found_in = "history";
      if (kind != "blob") {
        const bool message = hit.line > header_lines;
        found_in = kind + (message ? " message" : " header");
        hit.line -= message ? header_lines : 0;
      }
      report_.secrets.push_back({std::move(hit), wanted.oid, std::move(found_in), wanted.path,
                                 kind == "commit" ? wanted.oid : std::string{}});
    }
  }

  void note_problem(std::string what) {
    const std::lock_guard lock(mutex_);
    report_.problems.push_back(std::move(what));
  }

  /// Names the first commit that has each blob with a secret: one `git log`, only if there is any.
  void find_commits() {
    std::unordered_map<std::string, std::vector<history_secret*>> open;
    for (auto& item : report_.secrets) {
      if (item.found_in == "history")
        open[item.object].push_back(&item);
    }
    if (open.empty())
      return;
    auto arguments = std::vector<std::string>{
        "log",         "--all",        "--reverse", "--raw",      "-m",
        "--no-abbrev", "--no-renames", "--root",    "--no-color", "--format=commit %H"};
    if (!from_.head.empty())
      arguments.push_back(from_.head);
    piped_process child(repository_.command(arguments), repository_.options(),
                        piped_process::direction::read_from_child);
    pipe_reader in(child.fd());
    std::string line;
    std::string commit;
    while (!open.empty() && in.line(line)) {
      if (line.starts_with("commit "))
        commit = line.substr(7);
      if (!line.starts_with(':'))
        continue;
      // `:MODE SP MODE SP OID SP OID SP STATUS TAB PATH`
      const auto fields = split(line, ' ');
      const auto found = fields.size() < 5 ? open.end() : open.find(std::string(fields[3]));
      if (found == open.end())
        continue;
      const auto tab = line.find('\t');
      for (auto* item : found->second) {
        item->commit = commit;
        if (item->path.empty() && tab != std::string::npos)
          item->path = line.substr(tab + 1);
      }
      open.erase(found);
    }
    child.finish(); // ended early by the closed pipe when all were found
  }

  const step_context& context_;
  const source& from_;
  const secret_scanner& scanner_;
  git repository_;
  std::vector<wanted_object> wanted_;
  std::atomic<std::size_t> done_ = 0;
  std::mutex mutex_;
  history_report report_;
};

} // namespace

history_report scan_history(const step_context& context, const source& from,
                            const secret_scanner& scanner,
                            const std::unordered_set<std::string>& known) {
  return history_scan(context, from, scanner, known).run();
}

} // namespace aeo::consolidate

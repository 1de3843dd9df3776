#include "actors/io/glob.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace aeo::io {

namespace {

constexpr std::size_t max_matches = 1'000'000;

/// The names of the pattern that a path may match next, by position: several at once after `**`.
using positions = std::set<std::size_t>;

struct entry {
  bool folder = false; ///< Itself one, or a link to one.
  bool link = false;
};

class search {
public:
  search(std::filesystem::path root, const std::string& pattern) : root_(std::move(root)) {
    split(pattern);
  }

  core::result<std::vector<std::string>> run() {
    using failed = core::result<std::vector<std::string>>;
    if (!names_.empty())
      visit(start_, {0});
    if (!error_.empty())
      return failed::failed(error_);
    std::sort(found_.begin(), found_.end());
    found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    return std::move(found_);
  }

private:
  void split(const std::string& pattern) {
    if (pattern.starts_with('/'))
      start_ = "/";
    for (std::size_t at = 0; at < pattern.size();) {
      auto end = std::min(pattern.find('/', at), pattern.size());
      auto name = pattern.substr(at, end - at);
      at = end + 1;
      const bool again = name == "**" && !names_.empty() && names_.back() == "**";
      if (!name.empty() && name != "." && !again)
        names_.push_back(std::move(name));
    }
    if (!names_.empty() && names_.back() == "**")
      names_.emplace_back("*");
  }

  bool is_literal(std::size_t at) const {
    return names_[at].find_first_of("*?[\\") == std::string::npos;
  }

  static std::string join(const std::string& folder, std::string_view name) {
    auto path = folder;
    if (!path.empty() && path.back() != '/')
      path += '/';
    return path.append(name);
  }

  void visit(const std::string& folder, positions at) {
    for (auto p : positions{at})
      if (names_[p] == "**")
        at.insert(p + 1);
    if (std::all_of(at.begin(), at.end(), [this](auto p) { return is_literal(p); })) {
      std::set<std::string> names;
      for (auto p : at)
        names.insert(names_[p]);
      for (const auto& name : names)
        take(folder, name, at);
    } else {
      list(folder, at);
    }
  }

  void list(const std::string& folder, const positions& at) {
    const auto path = root_ / (folder.empty() ? "." : folder);
    std::unique_ptr<DIR, int (*)(DIR*)> dir{::opendir(path.c_str()), ::closedir};
    if (!dir) {
      if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        fail(folder, errno);
      return;
    }
    std::vector<std::string> names; // Closed before going deeper: descriptors do not pile up.
    while (const auto* e = ::readdir(dir.get())) {
      std::string_view name{e->d_name};
      if (name != "." && name != "..")
        names.emplace_back(name);
    }
    dir.reset();
    for (const auto& name : names)
      if (error_.empty())
        take(folder, name, at);
  }

  /// One name of a folder: where in the pattern it leads to.
  void take(const std::string& folder, const std::string& name, const positions& at) {
    positions direct, spanned; // By a name of the pattern; by `**`.
    for (auto p : at) {
      if (names_[p] == "**") {
        if (!name.starts_with('.'))
          spanned.insert(p);
      } else if (::fnmatch(names_[p].c_str(), name.c_str(), FNM_PERIOD | FNM_PATHNAME) == 0) {
        direct.insert(p + 1);
      }
    }
    if (direct.empty() && spanned.empty())
      return;
    const auto path = join(folder, name);
    entry e;
    if (!look(path, e))
      return;
    const bool whole = direct.erase(names_.size()) > 0;
    if (whole && !e.folder)
      add(path);
    if (!e.link)
      direct.merge(spanned);
    if (e.folder && !direct.empty())
      visit(path, std::move(direct));
  }

  bool look(const std::string& path, entry& e) const {
    struct stat st {};
    const auto file = root_ / path;
    if (::lstat(file.c_str(), &st) != 0)
      return false;
    e.link = S_ISLNK(st.st_mode);
    if (e.link && ::stat(file.c_str(), &st) != 0)
      return false;
    e.folder = S_ISDIR(st.st_mode);
    return true;
  }

  void add(const std::string& path) {
    found_.push_back(path);
    if (found_.size() > max_matches)
      error_ = "more than " + std::to_string(max_matches) + " files match";
  }

  void fail(const std::string& folder, int error) {
    error_ = "cannot read the folder " + (folder.empty() ? "." : folder) + ": "
             + std::generic_category().message(error);
  }

  std::filesystem::path root_;
  std::string start_;
  std::vector<std::string> names_;
  std::vector<std::string> found_;
  std::string error_;
};

} // namespace

core::result<std::vector<std::string>> glob(const std::filesystem::path& root,
                                            const std::string& pattern) {
  return search{root, pattern}.run();
}

} // namespace aeo::io

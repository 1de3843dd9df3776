#include "tools/consolidate/source.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>

namespace aeo::consolidate {

namespace fs = std::filesystem;

std::string_view to_string(source_kind kind) {
  switch (kind) {
  case source_kind::git:
    return "git";
  case source_kind::bare:
    return "bare";
  case source_kind::plain:
    return "plain";
  }
  return "unknown";
}

namespace {

/// `MODE SP TYPE SP OID SP+ SIZE TAB PATH NUL`, as `git ls-tree -r -z -l` prints it.
std::vector<tracked_file> read_tree(const git& repository) {
  std::vector<tracked_file> files;
  const auto listing = repository.output({"ls-tree", "-r", "-z", "-l", "--full-tree", "HEAD"});
  for (std::string_view rest = listing; !rest.empty();) {
    const auto end = rest.find('\0');
    const auto record = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const auto tab = record.find('\t');
    tracked_file file;
    file.path = record.substr(tab + 1);
    std::from_chars(record.data(), record.data() + 6, file.mode, 8);
    const auto oid = record.find(' ', 7) + 1;
    const auto oid_end = record.find(' ', oid);
    file.oid = record.substr(oid, oid_end - oid);
    const auto size = trim(record.substr(oid_end, tab - oid_end));
    std::from_chars(size.data(), size.data() + size.size(), file.size);
    files.push_back(std::move(file));
  }
  return files;
}

void walk(source& out, const std::string& relative) {
  const fs::path directory = relative.empty() ? out.directory : out.directory + "/" + relative;
  std::error_code ec;
  fs::directory_iterator entries(directory, ec);
  if (ec) {
    out.skipped.push_back({relative, "directory cannot be read: " + ec.message()});
    return;
  }
  for (const auto& entry : entries) {
    const auto name = entry.path().filename().string();
    const auto path = join_path(relative, name);
    const auto status = entry.symlink_status(ec);
    if (fs::is_symlink(status)) {
      const auto link = fs::read_symlink(entry.path(), ec).string();
      out.files.push_back({path, "", 0120000, link.size()});
    } else if (fs::is_directory(status)) {
      const bool own = relative.empty() && name == "consolidation" && out.location == ".";
      if (name == ".git" || own)
        continue;
      if (git::is_repository(entry.path().string()))
        out.skipped.push_back({path, "a repository inside a plain directory: list it on its own"});
      else
        walk(out, path);
    } else if (fs::is_regular_file(status)) {
      const bool executable = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
      const auto size = entry.file_size(ec);
      out.files.push_back({path, "", executable ? 0100755U : 0100644U, ec ? 0 : size});
    } else {
      out.skipped.push_back({path, "neither a file, a directory nor a symbolic link"});
    }
  }
}

void read_repository(source& out) {
  const auto repository = out.repository();
  const auto facts =
      repository.run({"rev-parse", "--show-object-format", "--is-shallow-repository"});
  if (facts.exit_code != 0)
    throw failure(exit_status::bad_data, out.directory + ": is not a readable git repository: "
                                             + printable(trim(facts.err), 300)
                                             + " (repair it or take it out of the configuration)");
  const auto lines = split(facts.out, '\n');
  out.object_format = lines[0];
  out.shallow = lines.size() > 1 && lines[1] == "true";
  const auto branch = repository.run({"symbolic-ref", "-q", "--short", "HEAD"});
  if (branch.exit_code == 0)
    out.branch = trim(branch.out);
  const auto head = repository.run({"rev-parse", "-q", "--verify", "HEAD^{commit}"});
  out.empty = head.exit_code != 0;
  if (out.empty)
    return;
  out.head = trim(head.out);
  out.files = read_tree(repository);
}

source make_source(const step_context& context, std::string name, const std::string& location,
                   std::string target) {
  source out;
  out.name = std::move(name);
  out.location = location;
  out.target = std::move(target);
  out.directory = location == "." ? context.workspace : context.workspace + "/" + location;
  if (!fs::is_directory(out.directory))
    throw failure(exit_status::no_input, out.directory + ": repository \"" + out.name
                                             + "\" is not a directory (see " + context.config.file
                                             + ": /repositories)");
  if (!git::is_repository(out.directory))
    out.kind = source_kind::plain;
  else if (git::is_bare(out.directory))
    out.kind = source_kind::bare;
  if (out.kind == source_kind::plain)
    walk(out, "");
  else
    read_repository(out);
  std::sort(out.files.begin(), out.files.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return out;
}

/// A directory's name as it may stand in a branch name.
std::string usable_name(std::string_view raw) {
  std::string name;
  for (const char c : raw) {
    const bool fine = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_'
                      || (c == '.' && !name.empty() && name.back() != '.');
    name += fine ? c : '-';
  }
  if (name.size() > 4 && name.ends_with(".git"))
    name.resize(name.size() - 4);
  while (name.ends_with('.'))
    name.pop_back();
  if (name.empty() || name.ends_with(".lock") || name.starts_with('-'))
    name = "repository-" + name + "-";
  return name;
}

std::vector<std::string> entries_below(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(directory, ec))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::set<std::string> submodules_of(const std::string& directory) {
  std::set<std::string> paths;
  if (!git::is_repository(directory))
    return paths;
  const git repository(directory);
  if (repository.run({"rev-parse", "-q", "--verify", "HEAD^{commit}"}).exit_code != 0)
    return paths;
  for (const auto& file : read_tree(repository)) {
    if (file.is_submodule())
      paths.insert(file.path);
  }
  return paths;
}

/// An entry of the workspace, with others that are linked worktrees of the same repository.
struct found_repository {
  std::string entry;
  std::vector<std::string> worktrees;
};

/// A file `.git` leads to the repository of a linked worktree, or to that of a submodule.
bool has_git_file(const std::string& directory) {
  return fs::is_regular_file(directory + "/.git");
}

/// Where a repository has its branches and objects: linked worktrees share them.
std::string common_directory(const std::string& directory) {
  if (!has_git_file(directory))
    return fs::weakly_canonical(git::is_bare(directory) ? directory : directory + "/.git");
  const auto answer =
      git(directory).run({"rev-parse", "--path-format=absolute", "--git-common-dir"});
  return answer.exit_code == 0 ? fs::weakly_canonical(trim(answer.out)).string() : directory;
}

std::vector<found_repository> repositories_below(const std::string& workspace) {
  const auto submodules = submodules_of(workspace);
  auto entries = entries_below(workspace);
  std::erase_if(entries, [&](const auto& entry) {
    const auto directory = workspace + "/" + entry;
    return entry == ".git" || entry == "consolidation" || submodules.contains(entry)
           || fs::is_symlink(directory) || !fs::is_directory(directory)
           || !git::is_repository(directory);
  });
  std::stable_partition(entries.begin(), entries.end(),
                        [&](const auto& entry) { return !has_git_file(workspace + "/" + entry); });
  std::map<std::string, found_repository> by_directory;
  for (const auto& entry : entries) {
    auto& found = by_directory[common_directory(workspace + "/" + entry)];
    if (found.entry.empty())
      found.entry = entry;
    else
      found.worktrees.push_back(entry);
  }
  std::vector<found_repository> result;
  result.reserve(by_directory.size());
  for (auto& [directory, found] : by_directory)
    result.push_back(std::move(found));
  std::ranges::sort(result, {}, &found_repository::entry);
  return result;
}

std::string worktree_note(const git& worktree) {
  const auto refs = worktree.run({"for-each-ref", "--count=1", "--contains", "HEAD"});
  return refs.exit_code == 0 && refs.out.empty()
             ? "a linked worktree of it, whose commit is on no branch or tag and is not in the "
               "history: give it a branch"
             : "a linked worktree of it: its branches are those of the repository";
}

} // namespace

std::vector<source> find_sources(const step_context& context) {
  std::vector<source> sources;
  for (const auto& item : context.config.repositories)
    sources.push_back(make_source(context, item.name, item.path, item.target));
  if (!sources.empty())
    return sources;
  std::set<std::string> names;
  for (const auto& found : repositories_below(context.workspace)) {
    auto name = usable_name(found.entry);
    while (!names.insert(name).second)
      name += "-2";
    sources.push_back(make_source(context, name, found.entry, ""));
    for (const auto& entry : found.worktrees)
      sources.back().skipped.push_back(
          {"../" + entry, worktree_note(git(context.workspace + "/" + entry))});
  }
  if (sources.empty())
    sources.push_back(make_source(
        context, usable_name(fs::path(context.workspace).filename().string()), ".", ""));
  return sources;
}

std::vector<std::string> uncovered_entries(const step_context& context,
                                           const std::vector<source>& sources) {
  std::vector<std::string> result;
  for (const auto& entry : entries_below(context.workspace)) {
    const bool covered = std::any_of(sources.begin(), sources.end(), [&](const source& item) {
      return item.location == "." || is_below(item.location, entry);
    });
    if (!covered && entry != "consolidation" && entry != ".git")
      result.push_back(entry);
  }
  return result;
}

} // namespace aeo::consolidate

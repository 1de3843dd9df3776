#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// The monorepo as a workflow will find it.
struct committed_tree {
  const std::set<std::string, std::less<>>& files;
  std::function<std::string(const std::string&)> read;

  bool has(const std::string& path) const { return files.contains(path); }
};

/// Files that say what a Python project in `directory` needs, relative to it.
std::vector<std::string> requirement_files(const committed_tree& tree,
                                           const std::string& directory);

/// The shell lines that install, in `directory`, what its files say that tests need; none if they
/// say nothing. npm: the lock, else package.json. Python: requirement files, the project itself
/// with its extras and dependency groups for tests, or what it names where it cannot be built.
std::vector<std::string> install_lines(const committed_tree& tree, const std::string& runner,
                                       const std::string& directory);

} // namespace aeo::consolidate

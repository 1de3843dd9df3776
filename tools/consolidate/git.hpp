#pragma once

#include "tools/consolidate/process.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// The `git` program on one repository, cut off from everything that could change it or run code
/// from it: no optional locks, no gc, no hooks, no fsmonitor, no network, no user configuration.
class git {
public:
  explicit git(std::string directory) : directory_(std::move(directory)) {}

  /// Runs `git ARGS`; a non-zero exit is the caller's to judge.
  process_result run(const std::vector<std::string>& args, std::string_view input = {}) const;
  /// Runs `git ARGS` and returns its output; throws `failure` (bad data) with git's words.
  std::string output(const std::vector<std::string>& args, std::string_view input = {}) const;
  /// `output` without the final newline.
  std::string line(const std::vector<std::string>& args) const;

  /// For a caller that connects pipes itself.
  std::vector<std::string> command(const std::vector<std::string>& args) const;
  process_options options(std::string_view input = {}) const;

  const std::string& directory() const { return directory_; }
  /// `NAME=value` for all later runs, e.g. a private index file.
  void set_environment(std::string entry) { extra_.push_back(std::move(entry)); }

  /// True if `directory` is itself the top of a repository: a work tree (`.git` directory or
  /// file), or a bare one.
  static bool is_repository(const std::string& directory);
  static bool is_bare(const std::string& directory);

private:
  std::string directory_;
  std::vector<std::string> extra_;
};

} // namespace aeo::consolidate

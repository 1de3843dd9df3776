#pragma once

#include "tools/consolidate/scratch.hpp"
#include "tools/consolidate/shell_commands.hpp"
#include "tools/consolidate/step.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// One suite as a person would run it, and what we add to be able to count.
struct test_suite {
  std::string id;     ///< unique: `RUNNER DIRECTORY`
  std::string runner; ///< pytest, unittest, npm, node, go, cargo, maven, ctest, make or configured
  std::string directory;         ///< relative to the monorepo; "" is its top
  std::vector<std::string> argv; ///< what a person types
  /// Appended to `argv` to get a report; `{report}` is a file of our choice.
  std::vector<std::string> report_arguments;
  std::map<std::string, std::string> env;
  std::vector<std::string> tools; ///< programs on PATH that it needs
  std::string missing;            ///< why it cannot be run here; empty: it can
  std::string evidence;           ///< the path that told of it
  std::string junit;              ///< glob of report files below `directory`
  std::map<std::string, std::string> summary;
  /// What a script or recipe of the repository runs for it; empty: it was not looked into.
  std::vector<shell_command> commands;
  std::int64_t timeout = 0; ///< seconds; 0: the default
};

/// A sign of tests that no suite was made of, and why.
struct passed_over {
  std::string path;
  std::string reason;
};

/// Where suites are looked for.
class suite_search {
public:
  suite_search(const step_context& context, const scratch_checkout& checkout,
               const ordered& component_mapping);

  const scratch_checkout& checkout() const { return checkout_; }
  /// Tracked files that are not vendored.
  const std::vector<std::string>& files() const { return files_; }
  /// The longest target directory of a component that holds `path`; "" if none.
  std::string component_directory(const std::string& path) const;
  /// Its name; "" if none.
  std::string component_name(const std::string& path) const;
  /// The nearest directory at or above `directory` with one of these files; `otherwise` if none.
  std::string nearest(std::string directory, const std::vector<std::string>& markers,
                      const std::string& otherwise) const;

  void add(test_suite suite);
  bool covered(const std::string& directory) const { return directories_.contains(directory); }
  void pass_over(const std::string& path, const std::string& reason);

  std::vector<test_suite> suites;
  std::vector<passed_over> others;

private:
  const scratch_checkout& checkout_;
  std::vector<std::string> files_;
  std::map<std::string, std::string> components_; ///< target directory -> name
  std::set<std::string> directories_;             ///< that have a suite
};

/// All suites of the tree, or those that the configuration names instead.
void find_suites(const step_context& context, suite_search& search);

/// Parts of it, by ecosystem.
void find_python_suites(suite_search& search);
void find_script_suites(suite_search& search); ///< npm and node
void find_go_suites(suite_search& search);
void find_cargo_suites(suite_search& search);
void find_maven_suites(suite_search& search);
/// ctest and make: last, because a Makefile often only calls what was found before.
void find_native_suites(suite_search& search);

} // namespace aeo::consolidate

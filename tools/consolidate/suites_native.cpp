// ctest and make: what is built before it is tested.
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/suites.hpp"

#include <re2/re2.h>

#include <algorithm>

namespace aeo::consolidate {

namespace {

/// Outermost directories only: what is below is built and tested with them.
std::map<std::string, std::string> outermost(const std::map<std::string, std::string>& found) {
  std::map<std::string, std::string> result;
  for (const auto& candidate : found) {
    const bool inner = std::ranges::any_of(found, [&candidate](const auto& other) {
      return other.first != candidate.first && is_below(candidate.first, other.first);
    });
    if (!inner)
      result.insert(candidate);
  }
  return result;
}

void find_ctest_suites(suite_search& search) {
  std::map<std::string, std::string> projects;
  std::vector<std::string> with_tests;
  for (const auto& path : search.files()) {
    if (base_name(path) != "CMakeLists.txt")
      continue;
    projects.emplace(dir_name(path), path);
    static const re2::RE2 marker(R"((?im)^\s*(?:enable_testing\s*\(|include\s*\(\s*CTest\s*\)))");
    if (re2::RE2::PartialMatch(search.checkout().read(path), marker))
      with_tests.push_back(path);
  }
  for (const auto& [directory, path] : outermost(projects)) {
    const auto evidence = std::ranges::find_if(
        with_tests, [&, top = directory](const auto& file) { return is_below(file, top); });
    if (evidence == with_tests.end())
      continue;
    test_suite suite;
    suite.runner = "ctest";
    suite.directory = directory;
    suite.argv = {"/bin/sh", "-c",
                  "cmake -S . -B build && cmake --build build --parallel"
                  " && ctest --test-dir build --output-on-failure \"$@\"",
                  "sh"};
    suite.report_arguments = {"--output-junit", "{report}"};
    suite.tools = {"cmake", "ctest", "cc"};
    suite.evidence = *evidence;
    search.add(std::move(suite));
  }
}

/// The lines of a target's recipe.
std::string recipe_of(const std::string& makefile, const std::string& target) {
  const re2::RE2 head("(?m)^" + target + R"([ \t]*::?(?:[^=\n].*)?\n((?:\t.*\n)*))");
  std::string recipe;
  re2::RE2::PartialMatch(makefile + "\n", head, &recipe);
  return recipe;
}

/// What `make TARGET` runs, as far as its own recipe tells.
std::vector<shell_command> recipe_commands(const std::string& makefile, const std::string& target) {
  auto recipe = recipe_of(makefile, target);
  re2::RE2::GlobalReplace(&recipe, R"((?m)^\t[ \t]*[@+-]*)", "");
  auto commands = shell_commands(recipe);
  const re2::RE2 needs("(?m)^" + target + R"([ \t]*::?[ \t]*[^\s#=])");
  if (re2::RE2::PartialMatch(makefile, needs))
    commands.push_back({"make"}); // for what it needs, which may be anything
  return commands;
}

/// check before test, as GNU's conventions name it; empty: neither.
std::string test_target(const std::string& makefile) {
  for (const auto* target : {"check", "test"}) {
    const re2::RE2 head(std::string("(?m)^") + target + R"([ \t]*::?(?:[^=]|$))");
    if (re2::RE2::PartialMatch(makefile, head))
      return target;
  }
  return {};
}

/// A recipe that calls a runner whose suites are here already, above or below its directory, would
/// count them twice: that runner, else empty.
std::string called_runner(const suite_search& search, const std::string& directory,
                          const std::string& recipe) {
  static const std::map<std::string, std::string> words{
      {"pytest", "pytest"},    {"unittest", "unittest"}, {"npm ", "npm"},
      {"node --test", "node"}, {"go test", "go"},        {"cargo test", "cargo"},
      {"mvn ", "maven"},       {"ctest", "ctest"},       {"$(GO) test", "go"}};
  for (const auto& [word, runner] : words) {
    const bool found = std::ranges::any_of(search.suites, [&, name = runner](const auto& suite) {
      return suite.runner == name
             && (is_below(suite.directory, directory) || is_below(directory, suite.directory));
    });
    if (found && recipe.find(word) != std::string::npos)
      return runner;
  }
  return {};
}

test_suite make_suite(const std::string& directory, const std::string& path,
                      const std::string& target) {
  test_suite suite;
  suite.runner = "make";
  suite.directory = directory;
  suite.argv = {"make", target};
  suite.tools = {"make"};
  suite.evidence = path;
  return suite;
}

/// `configure` makes the Makefile; without one in the repository, autoreconf makes `configure`.
void find_autotools(const suite_search& search, std::map<std::string, test_suite>& found) {
  for (const auto& path : search.files()) {
    const auto name = base_name(path);
    if (name != "Makefile.am" && name != "Makefile.in")
      continue;
    static const re2::RE2 marker(R"((?m)^(?:TESTS\s*[+:]?=|check(?:-local|-am)?\s*:|test\s*:))");
    const auto text = search.checkout().read(path);
    if (!re2::RE2::PartialMatch(text, marker))
      continue;
    const auto top =
        search.nearest(std::string(dir_name(path)), {"configure", "configure.ac"}, "\n");
    if (top == "\n" || found.contains(top))
      continue;
    const bool ready = search.checkout().has_file(join_path(top, "configure"));
    const auto target = name == "Makefile.in" ? test_target(text) : "check";
    auto suite = make_suite(top, path, target.empty() ? "check" : target);
    suite.argv = {"/bin/sh", "-c",
                  std::string(ready ? "" : "autoreconf --install && ") + "./configure && make "
                      + suite.argv[1]};
    suite.tools.insert(suite.tools.end(), {"cc"});
    if (!ready)
      suite.tools.emplace_back("autoreconf");
    found.emplace(top, std::move(suite));
  }
}

void find_makefiles(suite_search& search, std::map<std::string, test_suite>& found) {
  for (const auto& path : search.files()) {
    const auto name = base_name(path);
    if (name != "Makefile" && name != "GNUmakefile" && name != "makefile")
      continue;
    const auto text = search.checkout().read(path);
    const auto target = test_target(text);
    if (target.empty())
      continue;
    const auto runner = called_runner(search, std::string(dir_name(path)), recipe_of(text, target));
    if (!runner.empty())
      search.pass_over(path, "its target " + target + " calls " + runner
                                 + ", whose suites are run themselves");
    else
      found.emplace(dir_name(path), make_suite(std::string(dir_name(path)), path, target))
          .first->second.commands = recipe_commands(text, target);
  }
}

/// Runners that this program does not know how to count.
void list_unknown_runners(suite_search& search) {
  static const std::map<std::string_view, std::string_view> signs{
      {"meson.build", "meson"},   {"build.gradle", "gradle"}, {"build.gradle.kts", "gradle"},
      {"phpunit.xml", "phpunit"}, {".rspec", "rspec"},        {"phpunit.xml.dist", "phpunit"},
      {"mix.exs", "mix"},         {"build.sbt", "sbt"},       {"stack.yaml", "stack"},
      {"Package.swift", "swift"}};
  for (const auto& path : search.files()) {
    const auto sign = signs.find(base_name(path));
    const std::string directory(dir_name(path));
    if (sign == signs.end() || search.covered(directory)
        || search.component_directory(directory) != directory)
      continue;
    search.pass_over(path, "may have tests of " + std::string(sign->second)
                               + ", which are not detected (name their command in `tests`)");
  }
}

} // namespace

void find_native_suites(suite_search& search) {
  find_ctest_suites(search);
  std::map<std::string, test_suite> found;
  find_autotools(search, found);
  find_makefiles(search, found);
  std::map<std::string, std::string> directories;
  for (const auto& [directory, suite] : found)
    directories.emplace(directory, suite.evidence);
  for (const auto& [directory, path] : outermost(directories)) {
    if (search.covered(directory))
      search.pass_over(path, "its directory has a suite already");
    else
      search.add(std::move(found.at(directory)));
  }
  list_unknown_runners(search);
}

} // namespace aeo::consolidate

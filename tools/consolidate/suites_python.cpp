// pytest and unittest: which of the two, and from which directory.
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/process.hpp"
#include "tools/consolidate/suites.hpp"
#include "tools/consolidate/supervised.hpp"

#include <re2/re2.h>

namespace aeo::consolidate {

namespace {

/// The test files below one project directory.
struct python_project {
  std::vector<std::string> files;
  bool pytest = false;
  bool other_names = false; ///< `x_test.py`: not what unittest looks for by itself
};

bool is_python_test(const suite_search& search, const std::string& path) {
  const auto name = base_name(path);
  if (!name.ends_with(".py") || !(name.starts_with("test") || name.ends_with("_test.py")))
    return false;
  static const re2::RE2 marker(R"((?m)^\s*(?:async )?def test|TestCase\b)");
  return re2::RE2::PartialMatch(search.checkout().read(path, 1U << 20), marker);
}

bool needs_pytest(const suite_search& search, const std::string& path) {
  static const re2::RE2 import(R"((?m)^\s*(?:import pytest|from pytest)\b)");
  static const re2::RE2 unittest(R"((?m)^\s*(?:import|from) [\w., ]*\b(?:unittest|TestCase)\b)");
  const auto text = search.checkout().read(path, 1U << 20);
  return re2::RE2::PartialMatch(text, import) || !re2::RE2::PartialMatch(text, unittest);
}

/// `tests/` may carry a manifest of its own: it is not the project.
std::string project_of(const suite_search& search, const std::string& path) {
  static const std::vector<std::string> markers{"pyproject.toml", "setup.py",  "setup.cfg",
                                                "pytest.ini",     "tox.ini",   "Pipfile",
                                                "manage.py",      "noxfile.py"};
  std::string directory(dir_name(path));
  while (base_name(directory) == "tests" || base_name(directory) == "test")
    directory = dir_name(directory);
  const auto component = search.component_directory(directory);
  const auto found = search.nearest(directory, markers, component);
  return is_below(found, component) ? found : component;
}

bool has_pytest_configuration(const suite_search& search, const std::string& root) {
  const auto& tree = search.checkout();
  if (tree.has_file(join_path(root, "pytest.ini")))
    return true;
  for (const auto& [name, section] : {std::pair{"pyproject.toml", "[tool.pytest"},
                                      {"setup.cfg", "[tool:pytest]"},
                                      {"tox.ini", "[pytest]"}}) {
    if (tree.read(join_path(root, name)).find(section) != std::string::npos)
      return true;
  }
  return false;
}

/// Where unittest has to start for this file: the top of the package that holds it, seen from the
/// project ("." is the project itself).
std::string start_directory(const suite_search& search, const std::string& root,
                            const std::string& file) {
  std::string directory(dir_name(file));
  while (directory != root && search.checkout().has_file(join_path(directory, "__init__.py")))
    directory = dir_name(directory);
  if (directory == root)
    return ".";
  return directory.substr(root.empty() ? 0 : root.size() + 1);
}

std::string pytest_problem() {
  static const std::string problem = [] {
    if (find_program("python3").empty())
      return std::string("python3 is not on PATH (install it)");
    const auto asked = run_process({"python3", "-c", "import pytest"}, {});
    return asked.exit_code == 0 ? std::string{}
                                : std::string("python3 has no module pytest (install it)");
  }();
  return problem;
}

test_suite python_suite(const suite_search& search, const std::string& root,
                        const python_project& project) {
  test_suite suite;
  suite.directory = root;
  suite.tools = {"python3"};
  suite.evidence = project.files.front();
  // A package under src/ is installed before its tests are run; the path does the same here.
  const auto source = join_path(root, "src");
  const auto& files = search.files();
  const auto inside = std::lower_bound(files.begin(), files.end(), source + "/");
  if (inside != files.end() && is_below(*inside, source))
    suite.env["PYTHONPATH"] = "src";
  return suite;
}

void add_unittest(suite_search& search, const std::string& root, const python_project& project) {
  std::map<std::string, std::string> starts; // directory -> first file
  for (const auto& file : project.files)
    starts.emplace(start_directory(search, root, file), file);
  for (const auto& [start, file] : starts) {
    auto suite = python_suite(search, root, project);
    suite.runner = "unittest";
    suite.argv = {"python3", "-m", "unittest", "discover"};
    if (start != ".")
      suite.argv.insert(suite.argv.end(), {"-s", start});
    if (project.other_names)
      suite.argv.insert(suite.argv.end(), {"-p", "*test*.py"});
    suite.evidence = file;
    search.add(std::move(suite));
  }
}

} // namespace

void find_python_suites(suite_search& search) {
  std::map<std::string, python_project> projects;
  for (const auto& path : search.files()) {
    if (!is_python_test(search, path))
      continue;
    auto& project = projects[project_of(search, path)];
    project.files.push_back(path);
    project.pytest = project.pytest || needs_pytest(search, path);
    project.other_names = project.other_names || !base_name(path).starts_with("test");
  }
  for (auto& [root, project] : projects) {
    if (!project.pytest && !has_pytest_configuration(search, root)) {
      add_unittest(search, root, project);
      continue;
    }
    auto suite = python_suite(search, root, project);
    suite.runner = "pytest";
    suite.argv = {"python3", "-m", "pytest"};
    suite.report_arguments = {"-p", "no:cacheprovider", "--junitxml={report}"};
    suite.missing = pytest_problem();
    search.add(std::move(suite));
  }
}

} // namespace aeo::consolidate

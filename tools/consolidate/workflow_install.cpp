#include "tools/consolidate/workflow_install.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/suite_run.hpp"

#include <nlohmann/json.hpp>
#include <toml++/toml.h>

#include <re2/re2.h>

namespace aeo::consolidate {

namespace {

/// What locked versions are written to for pip; the runner forgets it after the job.
constexpr const char* pinned_file = " \"$RUNNER_TEMP/requirements.txt\"";

/// What projects call the extras and groups that their tests need.
constexpr const char* test_sets[] = {"test", "tests", "testing", "dev"};

bool needs_packages(const std::string& package_json) {
  const auto document = nlohmann::json::parse(package_json, nullptr, false);
  if (!document.is_object())
    return false;
  for (const auto* key : {"dependencies", "devDependencies", "optionalDependencies",
                          "peerDependencies", "workspaces"}) {
    if (document.contains(key) && !document[key].empty())
      return true;
  }
  return false;
}

std::vector<std::string> npm_lines(const committed_tree& tree, const std::string& directory) {
  if (tree.has(join_path(directory, "package-lock.json"))
      || tree.has(join_path(directory, "npm-shrinkwrap.json")))
    return {"npm ci"};
  if (needs_packages(tree.read(join_path(directory, "package.json"))))
    return {"npm install"};
  return {};
}

toml::table read_toml(const std::string& text) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error&) {
    return {}; // phase 7 tells it
  }
}

std::vector<std::string> test_sets_of(const toml::node_view<const toml::node>& table) {
  std::vector<std::string> found;
  for (const auto* name : test_sets) {
    if (table[name])
      found.emplace_back(name);
  }
  return found;
}

bool has_dynamic_dependencies(const toml::table& project) {
  const auto* list = project.at_path("project.dynamic").as_array();
  bool found = false;
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i)
    found = found || (*list)[i].value_or(std::string{}) == "dependencies";
  return found;
}

/// What setuptools takes for packages at the top, or for modules if there are none.
bool has_several_packages(const committed_tree& tree, const std::string& directory) {
  static const re2::RE2 package(R"(([A-Za-z_]\w*)/.*)");
  static const re2::RE2 module(R"(([A-Za-z_]\w*)\.py)");
  static const re2::RE2 neither(
      "ci|bin|debian|docs?|documentation|manpages|news|newsfragments|changelog|tests?|unit_tests?"
      "|examples?|scripts|tools|utils?|python|build|benchmarks?|exercises?|htmlcov|tasks|fabfile"
      "|conftest|noxfile|toxfile|setup|test_.*|_.*");
  std::set<std::string> packages;
  std::set<std::string> modules;
  const auto start = directory.empty() ? std::string{} : directory + "/";
  for (auto file = tree.files.lower_bound(start);
       file != tree.files.end() && file->starts_with(start); ++file) {
    const auto path = file->substr(start.size());
    std::string name;
    if (re2::RE2::FullMatch(path, package, &name) && !re2::RE2::FullMatch(name, neither))
      packages.insert(name);
    else if (re2::RE2::FullMatch(path, module, &name) && !re2::RE2::FullMatch(name, neither))
      modules.insert(name);
  }
  return packages.size() > 1 || (packages.empty() && modules.size() > 1);
}

/// setuptools refuses to guess which of several directories is the package.
bool can_be_built(const committed_tree& tree, const std::string& directory,
                  const toml::table& project) {
  const auto backend = project.at_path("build-system.build-backend").value_or(std::string{});
  const bool guesses =
      (backend.empty() || backend.starts_with("setuptools")) && !project.at_path("tool.setuptools");
  const auto source = tree.files.lower_bound(join_path(directory, "src/"));
  return !guesses || tree.has(join_path(directory, "setup.py"))
         || tree.has(join_path(directory, "setup.cfg"))
         || (source != tree.files.end() && is_below(*source, join_path(directory, "src")))
         || !has_several_packages(tree, directory);
}

/// The texts of a list, as the shell reads them.
std::string quoted_texts(const toml::node_view<const toml::node>& list) {
  std::string out;
  const auto* items = list.as_array();
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    if (const auto text = (*items)[i].value<std::string>())
      out += " " + shell_line({*text});
  }
  return out;
}

/// ` -e .`, with extras if it has some for tests, or what those say where the project itself cannot
/// be installed; empty if nothing tells of a package or of what it needs.
std::string project_argument(const committed_tree& tree, const std::string& directory,
                             const toml::table& project) {
  const auto declared = std::as_const(project)["project"];
  const auto extras = test_sets_of(declared["optional-dependencies"]);
  if (!can_be_built(tree, directory, project)) {
    auto needed = quoted_texts(declared["dependencies"]);
    for (const auto& name : extras)
      needed += quoted_texts(declared["optional-dependencies"][name]);
    return needed;
  }
  if (!extras.empty()) {
    std::string list;
    for (const auto& name : extras)
      list += (list.empty() ? "" : ",") + name;
    return " -e '.[" + list + "]'";
  }
  const auto* needed = declared["dependencies"].as_array();
  const bool package = (needed != nullptr && !needed->empty()) || has_dynamic_dependencies(project)
                       || project.contains("build-system")
                       || tree.has(join_path(directory, "setup.py"));
  return package ? " -e ." : "";
}

/// uv's lock knows what the project and its groups need; it becomes what pip reads, so that the
/// suite runs with the same Python as all others.
std::vector<std::string> uv_lines(const committed_tree& tree, const std::string& directory,
                                  const toml::table& project, const std::string& runner) {
  auto line = std::string("uv export --frozen --no-hashes -o") + pinned_file;
  const auto& root = std::as_const(project);
  for (const auto& name : test_sets_of(root["project"]["optional-dependencies"]))
    line += " --extra " + name;
  for (const auto& name : test_sets_of(root["dependency-groups"]))
    line += " --group " + name;
  if (!can_be_built(tree, directory, project))
    line += " --no-emit-project";
  return {"python3 -m pip install uv", line,
          "python3 -m pip install" + runner + " -r" + pinned_file};
}

/// Groups for tests, also as poetry wrote them before version 1.2.
std::vector<std::string> poetry_groups(const toml::table& project) {
  const auto& root = std::as_const(project);
  auto groups = test_sets_of(root["tool"]["poetry"]["group"]);
  for (const auto& name : test_sets_of(root["dependency-groups"]))
    groups.push_back(name);
  if (root["tool"]["poetry"]["dev-dependencies"])
    groups.emplace_back("dev");
  return groups;
}

std::vector<std::string> poetry_lines(const toml::table& project, const std::string& runner) {
  auto line = std::string("poetry export --without-hashes -o") + pinned_file;
  const auto& root = std::as_const(project);
  std::string groups;
  for (const auto& name : poetry_groups(project))
    groups += (groups.empty() ? " --with " : ",") + name;
  for (const auto& name : test_sets_of(root["project"]["optional-dependencies"]))
    line += " --extras " + name;
  const bool package =
      project.contains("build-system") && root["tool"]["poetry"]["package-mode"].value_or(true);
  return {"python3 -m pip install poetry poetry-plugin-export", line + groups,
          "python3 -m pip install" + runner + " -r" + pinned_file + (package ? " -e ." : "")};
}

std::vector<std::string> python_lines(const committed_tree& tree, const std::string& runner,
                                      const std::string& directory) {
  const auto project = read_toml(tree.read(join_path(directory, "pyproject.toml")));
  std::string arguments = runner == "pytest" ? " pytest" : "";
  if (tree.has(join_path(directory, "uv.lock")))
    return uv_lines(tree, directory, project, arguments);
  if (project.at_path("tool.poetry")
      && (tree.has(join_path(directory, "poetry.lock")) || !poetry_groups(project).empty()))
    return poetry_lines(project, arguments);
  for (const auto& name : requirement_files(tree, directory))
    arguments += " -r " + name;
  arguments += project_argument(tree, directory, project);
  const auto groups = test_sets_of(std::as_const(project)["dependency-groups"]);
  for (const auto& name : groups)
    arguments += " --group " + name;
  std::vector<std::string> lines;
  if (!groups.empty())
    lines.emplace_back("python3 -m pip install --upgrade pip"); // groups are new in 25.1
  if (!arguments.empty())
    lines.push_back("python3 -m pip install" + arguments);
  return lines;
}

} // namespace

std::vector<std::string> requirement_files(const committed_tree& tree,
                                           const std::string& directory) {
  std::vector<std::string> found;
  const auto start = directory.empty() ? std::string{} : directory + "/";
  for (auto file = tree.files.lower_bound(start);
       file != tree.files.end() && file->starts_with(start); ++file) {
    const auto name = file->substr(start.size());
    const bool listed = whole_glob_matches("requirements*.txt", name)
                        || whole_glob_matches("*-requirements.txt", name)
                        || whole_glob_matches("requirements/*test*.txt", name)
                        || whole_glob_matches("requirements/dev*.txt", name);
    if (listed && name.find("doc") == std::string::npos)
      found.push_back(name);
  }
  return found;
}

std::vector<std::string> install_lines(const committed_tree& tree, const std::string& runner,
                                       const std::string& directory) {
  if (runner == "npm" || runner == "node")
    return npm_lines(tree, directory);
  if (runner == "pytest" || runner == "unittest")
    return python_lines(tree, runner, directory);
  return {};
}

} // namespace aeo::consolidate

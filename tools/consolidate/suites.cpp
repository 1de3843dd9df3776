#include "tools/consolidate/suites.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/supervised.hpp"

#include <nlohmann/json.hpp>

#include <re2/re2.h>

#include <algorithm>

namespace aeo::consolidate {

namespace {

std::string shown_directory(const std::string& directory) {
  return directory.empty() ? "." : directory;
}

/// True if a directory above is in `others`: a part of what is already there.
bool below_one_of(const std::set<std::string>& others, const std::string& directory) {
  return std::ranges::any_of(others, [&](const std::string& other) {
    return other != directory && is_below(directory, other);
  });
}

std::set<std::string> directories_with(const suite_search& search, std::string_view name) {
  std::set<std::string> found;
  for (const auto& path : search.files()) {
    if (base_name(path) == name)
      found.emplace(dir_name(path));
  }
  return found;
}

struct package_facts {
  std::string test_script;
  std::vector<shell_command> commands; ///< of `npm test`
  std::size_t line = 0;                ///< where it is
  bool workspaces = false;
};

/// The script that `npm run NAME` and the like run; empty: it is no such command.
std::string script_called(const shell_command& command) {
  static const std::set<std::string_view> managers{"npm", "yarn", "pnpm"};
  if (command.size() < 3 || !managers.contains(command[0])
      || !(command[1] == "run" || command[1] == "run-script"))
    return {};
  for (auto word = command.begin() + 2; word != command.end(); ++word) {
    if (!word->starts_with('-'))
      return *word;
    if (*word != "-s" && *word != "--silent")
      return {}; // it may be a script of another package
  }
  return {};
}

/// What `npm run NAME` runs: the script with those before and after it, and those that they call.
void add_commands(const nlohmann::json& scripts, const std::string& name,
                  std::set<std::string>& seen, std::vector<shell_command>& out) {
  if (!seen.insert(name).second)
    return;
  for (const auto& part : {"pre" + name, name, "post" + name}) {
    const auto found = scripts.find(part);
    if (found == scripts.end() || !found->is_string())
      continue;
    for (auto& command : shell_commands(found->get<std::string>())) {
      const auto called = script_called(command);
      if (called.empty() || !scripts.contains(called))
        out.push_back(std::move(command));
      else
        add_commands(scripts, called, seen, out);
    }
  }
}

package_facts read_package(const suite_search& search, const std::string& path) {
  package_facts out;
  const auto text = search.checkout().read(path);
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object())
    return out; // phases 1 and 7 say so
  out.workspaces = document.contains("workspaces");
  if (const auto scripts = document.find("scripts");
      scripts != document.end() && scripts->is_object() && scripts->contains("test")
      && (*scripts)["test"].is_string()) {
    out.test_script = (*scripts)["test"].get<std::string>();
    std::set<std::string> seen;
    add_commands(*scripts, "test", seen, out.commands);
  }
  static const re2::RE2 key(R"re((?s)^(.*?"scripts"\s*:\s*\{.*?)"test"\s*:)re");
  if (std::string before; re2::RE2::PartialMatch(text, key, &before))
    out.line = 1 + static_cast<std::size_t>(std::ranges::count(before, '\n'));
  return out;
}

/// `npm init` writes a script that says that there are no tests.
bool is_placeholder(const std::string& script) {
  return script.find("no test specified") != std::string::npos;
}

bool runs_members(const std::string& script) {
  static const re2::RE2 words(R"(--workspaces?\b|\s-ws?\b|\blerna\b|\bturbo\b|\bnx\b|\bpnpm -r\b)"
                              R"(|--recursive|\byarn workspaces\b|--prefix\b)");
  return re2::RE2::PartialMatch(script, words);
}

bool is_node_test(const std::string& path) {
  static const re2::RE2 names(R"((?:^|/)(?:[^/]*[.\-_]test|test-[^/]*|test)\.[cm]?js$)"
                              R"(|(?:^|/)test/(?:.*/)?[^/]*\.[cm]?js$)");
  return re2::RE2::PartialMatch(path, names);
}

void find_npm_suites(suite_search& search, std::set<std::string>& packages) {
  std::set<std::string> complete; // whose test script runs the packages below too
  for (const auto& directory : packages) {
    const auto path = join_path(directory, "package.json");
    const auto facts = read_package(search, path);
    if (facts.test_script.empty())
      continue;
    if (is_placeholder(facts.test_script)) {
      search.pass_over(path, "its test script says that there are no tests");
      continue;
    }
    if (below_one_of(complete, directory)) {
      search.pass_over(path, "the test script of the workspace above runs it");
      continue;
    }
    if (facts.workspaces && runs_members(facts.test_script))
      complete.insert(directory);
    test_suite suite;
    suite.runner = "npm";
    suite.directory = directory;
    suite.argv = {"npm", "test"};
    suite.tools = {"npm", "node"};
    suite.commands = facts.commands;
    suite.evidence = path + (facts.line > 0 ? ":" + std::to_string(facts.line) : "");
    search.add(std::move(suite));
  }
}

} // namespace

suite_search::suite_search(const step_context& context, const scratch_checkout& checkout,
                           const ordered& component_mapping)
    : checkout_(checkout) {
  for (const auto& path : checkout.files()) {
    if (!any_glob_matches(context.config.vendored, path))
      files_.push_back(path);
  }
  for (const auto& item : component_mapping.value("components", ordered::array()))
    components_[decode_path(item.value("target", ""))] = item.value("name", "");
}

std::string suite_search::component_directory(const std::string& path) const {
  for (auto directory = path;; directory = dir_name(directory)) {
    if (components_.contains(directory) || directory.empty())
      return directory;
  }
}

std::string suite_search::component_name(const std::string& path) const {
  const auto found = components_.find(component_directory(path));
  return found == components_.end() ? std::string{} : found->second;
}

std::string suite_search::nearest(std::string directory, const std::vector<std::string>& markers,
                                  const std::string& otherwise) const {
  for (;; directory = dir_name(directory)) {
    for (const auto& marker : markers) {
      if (checkout_.has_file(join_path(directory, marker)))
        return directory;
    }
    if (directory.empty())
      return otherwise;
  }
}

void suite_search::add(test_suite suite) {
  suite.id = suite.runner + " " + shown_directory(suite.directory);
  for (int n = 2; std::ranges::any_of(suites, [&](const auto& s) { return s.id == suite.id; }); ++n)
    suite.id = suite.runner + " " + shown_directory(suite.directory) + " " + std::to_string(n);
  for (const auto& tool : suite.tools) {
    if (suite.missing.empty() && find_program(tool).empty())
      suite.missing = tool + " is not on PATH (install it)";
  }
  directories_.insert(suite.directory);
  suites.push_back(std::move(suite));
}

void suite_search::pass_over(const std::string& path, const std::string& reason) {
  others.push_back({path, reason});
}

void find_script_suites(suite_search& search) {
  auto packages = directories_with(search, "package.json");
  find_npm_suites(search, packages);
  std::map<std::string, std::string> tests; // directory -> first test file
  for (const auto& path : search.files()) {
    if (!is_node_test(path))
      continue;
    const std::string directory(dir_name(path));
    const auto root =
        search.nearest(directory, {"package.json"}, search.component_directory(directory));
    if (search.covered(root))
      continue;
    if (search.checkout().read(path, 1U << 20).find("node:test") != std::string::npos)
      tests.emplace(root, path);
  }
  for (const auto& [root, path] : tests) {
    test_suite suite;
    suite.runner = "node";
    suite.directory = root;
    suite.argv = {"node", "--test"};
    suite.tools = {"node"};
    suite.evidence = path;
    search.add(std::move(suite));
  }
}

void find_go_suites(suite_search& search) {
  const auto modules = directories_with(search, "go.mod");
  std::map<std::string, std::string> tests;
  for (const auto& path : search.files()) {
    if (!path.ends_with("_test.go") || path.find("testdata/") != std::string::npos)
      continue;
    const auto module = search.nearest(std::string(dir_name(path)), {"go.mod"}, "\n");
    if (module == "\n")
      search.pass_over(path, "is a Go test without a go.mod above it");
    else
      tests.emplace(module, path);
  }
  for (const auto& [module, path] : tests) {
    test_suite suite;
    suite.runner = "go";
    suite.directory = module;
    suite.argv = {"go", "test", "./..."};
    suite.report_arguments = {"-json"};
    suite.tools = {"go"};
    suite.evidence = path;
    search.add(std::move(suite));
  }
}

void find_cargo_suites(suite_search& search) {
  const auto crates = directories_with(search, "Cargo.toml");
  std::map<std::string, std::string> tests;
  for (const auto& path : search.files()) {
    if (!path.ends_with(".rs"))
      continue;
    std::string top = "\n"; // the outermost: cargo test in a workspace runs its members
    for (const auto& crate : crates) {
      if (is_below(path, crate) && (top == "\n" || crate.size() < top.size()))
        top = crate;
    }
    if (top == "\n" || tests.contains(top))
      continue;
    static const re2::RE2 marker(R"(#\[(?:\w+::)*test\b)");
    if (re2::RE2::PartialMatch(search.checkout().read(path, 1U << 20), marker))
      tests.emplace(top, path);
  }
  for (const auto& [crate, path] : tests) {
    test_suite suite;
    suite.runner = "cargo";
    suite.directory = crate;
    suite.argv = {"cargo", "test", "--workspace", "--no-fail-fast"};
    suite.tools = {"cargo", "rustc"};
    suite.evidence = path;
    search.add(std::move(suite));
  }
}

void find_maven_suites(suite_search& search) {
  const auto poms = directories_with(search, "pom.xml");
  std::map<std::string, std::string> tests;
  for (const auto& path : search.files()) {
    if (path.find("src/test/") == std::string::npos || !path.ends_with(".java"))
      continue;
    std::string top = "\n"; // the reactor's root runs its modules
    for (const auto& pom : poms) {
      if (is_below(path, pom) && (top == "\n" || pom.size() < top.size()))
        top = pom;
    }
    if (top == "\n")
      search.pass_over(path, "is a Java test without a pom.xml above it (configure `tests`)");
    else
      tests.emplace(top, path);
  }
  for (const auto& [pom, path] : tests) {
    test_suite suite;
    suite.runner = "maven";
    suite.directory = pom;
    suite.argv = {"mvn", "--batch-mode", "test"};
    suite.tools = {"mvn", "java"};
    suite.junit = "**/target/surefire-reports/TEST-*.xml";
    suite.evidence = path;
    search.add(std::move(suite));
  }
}

void find_suites(const step_context& context, suite_search& search) {
  if (context.config.run.tests.empty()) {
    find_python_suites(search);
    find_script_suites(search);
    find_go_suites(search);
    find_cargo_suites(search);
    find_maven_suites(search);
    find_native_suites(search);
    return;
  }
  for (const auto& item : context.config.run.tests) {
    test_suite suite;
    suite.runner = "configured";
    suite.directory = item.cwd;
    suite.argv = item.argv;
    suite.env = item.env;
    suite.junit = item.junit;
    suite.summary = item.summary;
    suite.timeout = item.timeout;
    suite.evidence = context.config.file;
    suite.tools = {item.argv.front()};
    search.add(std::move(suite));
    search.suites.back().id = item.name;
  }
}

} // namespace aeo::consolidate

#include "tools/consolidate/workflow_write.hpp"

#include "tools/consolidate/masking.hpp"
#include "tools/consolidate/paths.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace aeo::consolidate {

namespace {

/// A YAML scalar that means this text and nothing else.
std::string scalar(const std::string& text) {
  static const re2::RE2 plain(R"([A-Za-z_./][A-Za-z0-9_./@ -]*)");
  static const std::set<std::string> words{"true", "false", "null", "yes", "no",
                                           "on",   "off",   "y",    "n"};
  if (re2::RE2::FullMatch(text, plain) && !words.contains(lower(text)) && !text.ends_with(' '))
    return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

/// Major, or major and minor, of a version.
std::string leading(const std::string& version, int parts) {
  std::string out;
  int n = 0;
  for (const auto part : split(version, '.')) {
    if (n++ == parts)
      break;
    out += (out.empty() ? "" : ".") + std::string(part);
  }
  return out;
}

/// The shell lines of a suite. `sh -c` was ours: what is in it is what a person types.
std::string run_lines(const ordered& suite) {
  const auto argv = suite.value("argv", std::vector<std::string>{});
  if (argv.size() < 3 || argv[0] != "/bin/sh" || argv[1] != "-c")
    return suite.value("command", "");
  auto line = argv[2];
  if (suite.value("runner", "") == "configured")
    return line;
  re2::RE2::GlobalReplace(&line, R"( "\$@")", "");
  re2::RE2::GlobalReplace(&line, " && ", "\n");
  return line;
}

/// Why nothing shows that this suite can pass, on one line and without a secret; empty: it passed.
std::string unproven_text(const ordered& suite) {
  if (suite.value("status", "") == "passed")
    return {};
  const auto found = suite.find("tests_run");
  const bool ran = found != suite.end() && found->is_number() && *found > 0;
  auto reason = suite.value("reason", "no reason is on record");
  re2::RE2::GlobalReplace(&reason, R"([\x00-\x1f\x7f]+)", " ");
  for (auto at = reason.find(masked_secret); at != std::string::npos;
       at = reason.find(masked_secret))
    reason.replace(at, std::string_view(masked_secret).size(), "(a secret)");
  return (ran ? "did not pass here: " : "did not run here: ") + printable(reason, 400);
}

class workflow_writer {
public:
  workflow_writer(const ordered& results, const pipeline_settings& settings,
                  const committed_tree& tree)
      : settings_(settings), tree_(tree),
        versions_(results.value("toolchains", ordered::object())) {}

  written_workflow write(const ordered& suites, const std::string& branch) {
    text_ =
        "# The suites of this repository, as they were run when it was put together. A job whose\n"
        "# suite did not pass then says so.\n"
        "name: CI\n\non:\n  push:\n    branches: ["
        + scalar(branch)
        + "]\n  pull_request:\n  workflow_dispatch:\n\npermissions:\n  contents: read\n\n"
          "concurrency:\n  group: ${{ github.workflow }}-${{ github.ref }}\n"
          "  cancel-in-progress: ${{ github.event_name == 'pull_request' }}\n\njobs:\n";
    for (const auto& suite : suites) {
      if (suite.value("status", "") != "not_measured")
        job(suite);
    }
    gate();
    return {std::move(text_), std::move(jobs_)};
  }

private:
  std::string unique_id(const ordered& suite) {
    const auto component = suite.value("component", "");
    auto id = (component.empty() ? suite.value("directory", "") : component) + "-"
              + suite.value("runner", "");
    if (suite.value("runner", "") == "configured")
      id = suite.value("id", "");
    id = lower(id);
    re2::RE2::GlobalReplace(&id, "[^a-z0-9_]+", "-");
    re2::RE2::GlobalReplace(&id, "^[^a-z_]+|-+$", "");
    id = id.empty() ? "suite" : id.substr(0, 80);
    auto unique = id;
    for (int n = 2; unique == "all-suites" || !ids_.insert(unique).second; ++n)
      unique = id + "-" + std::to_string(n);
    return unique;
  }

  void job(const ordered& suite) {
    suite_job made;
    made.id = unique_id(suite);
    made.suite = suite.value("id", "");
    made.directory = suite.value("directory", ".") == "." ? "" : suite.value("directory", ".");
    made.run = run_lines(suite);
    const auto seconds = suite.value("seconds", 0.0);
    const auto minutes = std::max(10, static_cast<int>(std::ceil(seconds * 4 / 60)) + 5);
    made.unproven = unproven_text(suite);
    text_ += "  " + made.id + ":\n";
    if (!made.unproven.empty())
      text_ += "    # " + made.unproven + "\n";
    text_ += "    name: " + scalar(name_of(suite)) + "\n    runs-on: " + scalar(settings_.runs_on)
             + "\n    timeout-minutes: " + std::to_string(minutes) + "\n";
    if (!made.directory.empty())
      text_ +=
          "    defaults:\n      run:\n        working-directory: " + scalar(made.directory) + "\n";
    text_ += "    steps:\n";
    uses("checkout", {{"persist-credentials", "false"}});
    for (const auto& tool : suite.value("tools", std::vector<std::string>{}))
      set_up(tool, made.directory);
    install(suite, made.directory);
    test(suite, made.run);
    text_ += "\n";
    jobs_.push_back(std::move(made));
  }

  static std::string name_of(const ordered& suite) {
    const auto component = suite.value("component", "");
    if (suite.value("runner", "") == "configured" || component.empty())
      return suite.value("id", "");
    return component + " (" + suite.value("runner", "") + ")";
  }

  /// One job for branch protection to wait for, whatever suites come and go.
  void gate() {
    text_ += "  all-suites:\n    name: All suites\n    if: ${{ always() }}\n    needs:\n";
    for (const auto& item : jobs_)
      text_ += "      - " + item.id + "\n";
    text_ += "    runs-on: " + scalar(settings_.runs_on)
             + "\n    timeout-minutes: 5\n    permissions: {}\n    steps:\n"
               "      - name: Fail unless every suite passed\n"
               "        if: ${{ contains(needs.*.result, 'failure') || "
               "contains(needs.*.result, 'cancelled') || contains(needs.*.result, 'skipped') }}\n"
               "        run: exit 1\n";
  }

  void uses(const std::string& action,
            const std::vector<std::pair<std::string, std::string>>& with) {
    const auto found = settings_.actions.find(action);
    if (found == settings_.actions.end())
      return;
    text_ += "      - uses: " + found->second + "\n";
    if (with.empty())
      return;
    text_ += "        with:\n";
    for (const auto& [key, value] : with) {
      text_ += "          " + key + ": ";
      if (value.find('\n') == std::string::npos) {
        text_ += (value == "true" || value == "false" ? value : scalar(value)) + "\n";
        continue;
      }
      text_ += "|\n";
      for (const auto line : split(value, '\n'))
        text_ += "            " + std::string(line) + "\n";
    }
  }

  std::string version(const std::string& tool, int parts) const {
    return leading(versions_.value(tool, ""), parts);
  }

  void set_up(const std::string& tool, const std::string& directory) {
    if (tool == "python3")
      set_up_python(directory);
    else if (tool == "node")
      set_up_node(directory);
    else if (tool == "go")
      set_up_go(directory);
    else if (tool == "cargo")
      // The runner has rustup: only what was downloaded and built is kept.
      uses("cache", {{"path", "~/.cargo/registry\n~/.cargo/git\n" + join_path(directory, "target")},
                     {"key", "cargo-${{ runner.os }}-${{ hashFiles('" + join_path(directory, "**/")
                                 + "Cargo.lock') }}"}});
    else if (tool == "java")
      uses("java", {{"distribution", "temurin"},
                    {"java-version", version("java", 1)},
                    {"cache", "maven"},
                    {"cache-dependency-path", join_path(directory, "pom.xml")}});
  }

  void set_up_python(const std::string& directory) {
    std::vector<std::pair<std::string, std::string>> with{
        {"python-version", version("python3", 2)}};
    std::string paths;
    for (const auto& name : requirement_files(tree_, directory))
      paths += (paths.empty() ? "" : "\n") + join_path(directory, name);
    if (!paths.empty())
      with.insert(with.end(), {{"cache", "pip"}, {"cache-dependency-path", paths}});
    uses("python", with);
  }

  void set_up_node(const std::string& directory) {
    std::vector<std::pair<std::string, std::string>> with{{"node-version", version("node", 1)}};
    const auto lock = join_path(directory, "package-lock.json");
    if (tree_.has(lock))
      with.insert(with.end(), {{"cache", "npm"}, {"cache-dependency-path", lock}});
    uses("node", with);
  }

  void set_up_go(const std::string& directory) {
    const auto sums = join_path(directory, "go.sum");
    std::vector<std::pair<std::string, std::string>> with{
        {"go-version-file", join_path(directory, "go.mod")}};
    // Without dependencies there is nothing to key a cache on.
    if (tree_.has(sums))
      with.emplace_back("cache-dependency-path", sums);
    else
      with.emplace_back("cache", "false");
    uses("go", with);
  }

  void install(const ordered& suite, const std::string& directory) {
    std::string lines;
    for (const auto& line : install_lines(tree_, suite.value("runner", ""), directory))
      lines += (lines.empty() ? "" : "\n") + line;
    if (lines.empty())
      return;
    text_ += "      - name: Install dependencies\n";
    run_step(lines);
  }

  /// What was masked is a secret of the repository's at GitHub.
  static std::string env_value(const std::string& name, const std::string& value) {
    return value == masked_secret ? "${{ secrets." + name + " }}" : value;
  }

  void test(const ordered& suite, const std::string& run) {
    text_ += "      - name: Test\n";
    const auto env = suite.value("env", ordered::object());
    if (!env.empty()) {
      text_ += "        env:\n";
      for (const auto& [key, value] : env.items())
        text_ +=
            "          " + key + ": " + scalar(env_value(key, value.get<std::string>())) + "\n";
    }
    run_step(run);
  }

  void run_step(const std::string& run) {
    if (run.find('\n') == std::string::npos) {
      text_ += "        run: " + scalar(run) + "\n";
      return;
    }
    text_ += "        run: |\n";
    for (const auto line : split(run, '\n'))
      text_ += line.empty() ? "\n" : "          " + std::string(line) + "\n";
  }

  const pipeline_settings& settings_;
  const committed_tree& tree_;
  ordered versions_;
  std::string text_;
  std::vector<suite_job> jobs_;
  std::set<std::string> ids_;
};

} // namespace

written_workflow write_workflow(const ordered& testing_results, const pipeline_settings& settings,
                                const committed_tree& tree, const std::string& branch) {
  return workflow_writer(testing_results, settings, tree)
      .write(testing_results.value("suites", ordered::array()), branch);
}

} // namespace aeo::consolidate

#include "tools/consolidate/phase13.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/git.hpp"
#include "tools/consolidate/masking.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/wording.hpp"
#include "tools/consolidate/workflow_check.hpp"
#include "tools/consolidate/workflow_write.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

namespace aeo::consolidate {

namespace {

constexpr const char* workflow_file = "cicd/workflows/ci.yml";

/// The monorepo's HEAD as phase 13 sees it: no work tree is needed.
class head_tree {
public:
  explicit head_tree(const std::string& directory) : repository_(directory) {
    if (!git::is_repository(directory))
      throw failure(
          exit_status::no_input,
          directory + ": is not a repository (run `aeo-consolidate conflict-resolution` first)");
    if (repository_.run({"rev-parse", "-q", "--verify", "HEAD^{commit}"}).exit_code != 0)
      return;
    head_ = repository_.line({"rev-parse", "HEAD"});
    branch_ = trim(repository_.run({"symbolic-ref", "-q", "--short", "HEAD"}).out);
    const auto listing = repository_.output({"ls-tree", "-r", "-z", "--name-only", "HEAD"});
    for (const auto path : split(listing, '\0'))
      files_.emplace(path);
  }

  const std::set<std::string, std::less<>>& files() const { return files_; }
  bool has(const std::string& path) const { return files_.contains(path); }
  std::string read(const std::string& path) const {
    return repository_.run({"cat-file", "blob", "HEAD:" + path}).out;
  }
  const std::string& head() const { return head_; }
  std::string branch() const { return branch_.empty() ? "main" : branch_; }

private:
  git repository_;
  std::string head_;
  std::string branch_;
  std::set<std::string, std::less<>> files_;
};

bool is_workflow(std::string_view path) {
  const auto directory = dir_name(path);
  const bool place = directory == ".github/workflows" || directory.ends_with("/.github/workflows");
  return place && (path.ends_with(".yml") || path.ends_with(".yaml"));
}

ordered finding_json(const std::string& path, const workflow_finding& item) {
  return {{"severity", item.severity}, {"rule", item.rule},       {"path", encode_path(path)},
          {"line", item.line},         {"message", item.message}, {"advice", item.advice}};
}

/// A workflow that was written for one repository looks for its code at the top.
void commands_at_top(const std::string& path, const workflow_report& report, const ordered& suites,
                     ordered& findings) {
  const bool elsewhere = !suites.empty() && std::ranges::none_of(suites, [](const ordered& suite) {
    return suite.value("directory", "") == ".";
  });
  for (const auto& job : report.jobs) {
    for (const auto& command : job.commands) {
      if (elsewhere && command.directory.empty() && command.run.find("cd ") == std::string::npos)
        findings.push_back(finding_json(
            path, {false, "workflow-at-top", "medium", command.line,
                   "the job " + job.id + " runs at the top, where no suite is any more",
                   "add `working-directory`, or use the generated workflow instead"}));
    }
  }
}

struct existing_workflows {
  ordered list = ordered::array();
  ordered findings = ordered::array();
  std::size_t total = 0;
  std::size_t valid = 0;
  std::size_t unread = 0;
};

existing_workflows check_existing(const step_context& context, const head_tree& tree,
                                  const ordered& suites) {
  existing_workflows out;
  for (const auto& path : tree.files()) {
    if (!is_workflow(path))
      continue;
    const auto report = check_workflow(tree.read(path), context.config.run.pipeline.events);
    const bool at_top = dir_name(path) == ".github/workflows";
    ++out.total;
    out.valid += report.valid() ? 1 : 0;
    out.unread += at_top ? 0 : 1;
    out.list.push_back({{"path", encode_path(path)},
                        {"valid", report.valid()},
                        {"read_by_github", at_top},
                        {"events", report.events},
                        {"jobs", report.jobs.size()}});
    for (const auto& item : report.findings)
      out.findings.push_back(finding_json(path, item));
    if (!at_top)
      out.findings.push_back(
          finding_json(path, {false, "workflow-not-read", "medium", 1,
                              "is below a directory where GitHub does not look for workflows",
                              "move what is still needed to .github/workflows at the top"}));
    commands_at_top(path, report, suites, out.findings);
  }
  return out;
}

/// Reads the file back: a suite is in it if a job runs its command in its directory.
std::vector<std::string> missing_suites(const workflow_report& report,
                                        const written_workflow& written) {
  std::vector<std::string> missing;
  for (const auto& wanted : written.jobs) {
    const bool found = std::ranges::any_of(report.jobs, [&](const workflow_job& job) {
      return std::ranges::any_of(job.commands, [&](const workflow_job::command& command) {
        return trim(command.run) == trim(wanted.run) && command.directory == wanted.directory;
      });
    });
    if (!found)
      missing.push_back(wanted.suite);
  }
  return missing;
}

ordered jobs_json(const written_workflow& written) {
  ordered list = ordered::array();
  for (const auto& item : written.jobs)
    list.push_back({{"job", item.id},
                    {"suite", item.suite},
                    {"directory", item.directory.empty() ? "." : item.directory},
                    {"run", item.run}});
  return list;
}

ordered unproven_json(const written_workflow& written) {
  ordered list = ordered::array();
  for (const auto& item : written.jobs) {
    if (!item.unproven.empty())
      list.push_back({{"job", item.id}, {"suite", item.suite}, {"reason", item.unproven}});
  }
  return list;
}

ordered left_out_json(const ordered& suites) {
  ordered list = ordered::array();
  for (const auto& suite : suites) {
    if (suite.value("status", "") == "not_measured")
      list.push_back({{"suite", suite.value("id", "")},
                      {"reason", "phase 5 did not run it: " + suite.value("reason", "")}});
  }
  return list;
}

/// Nothing runs with what stands in a secret's place.
void find_masked(const std::string& text, workflow_report& report) {
  std::uint32_t number = 0;
  for (const auto line : split(text, '\n')) {
    ++number;
    if (line.find(masked_secret) != std::string_view::npos)
      report.findings.push_back({true, "workflow-masked-secret", "high", number,
                                 "a secret stood in the command of a suite, and is masked here",
                                 "give it to the suite by its environment (`env` of an item "
                                 "of `tests`), where a secret of the repository takes its place"});
  }
}

std::string read_back(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

} // namespace

step_result pipeline(const step_context& context) {
  const auto results =
      read_output(context, "repository_consolidation/testing_results.json", "testing");
  const head_tree tree(context.consolidation() + "/monorepo");
  if (results.value("head", "") != tree.head())
    throw failure(exit_status::bad_data,
                  context.consolidation()
                      + "/repository_consolidation/testing_results.json: is of commit "
                      + results.value("head", "") + ", the monorepo is at " + tree.head()
                      + " (run `aeo-consolidate testing` again)");
  const auto suites = results.value("suites", ordered::array());
  const auto existing = check_existing(context, tree, suites);
  const auto& settings = context.config.run.pipeline;
  const auto written = write_workflow(
      results, settings,
      {tree.files(),
       [&](const std::string& path) { return tree.has(path) ? tree.read(path) : ""; }},
      tree.branch());
  const auto file = context.consolidation() + "/" + workflow_file;
  ordered document{{"head", tree.head()},
                   {"workflow", std::string("consolidation/") + workflow_file}};
  workflow_report report;
  if (written.jobs.empty()) {
    const auto reason = not_measured("phase 5 ran no suite: there is nothing to put into a job");
    document["workflow_valid"] = reason;
    document["suites_in_workflow"] = 0;
    document["suites_missing"] = reason;
  } else {
    write_durably(file, written.text);
    report = check_workflow(read_back(file), settings.events);
    find_masked(written.text, report);
    const auto missing = missing_suites(report, written);
    document["workflow_valid"] = report.valid();
    document["suites_in_workflow"] = written.jobs.size() - missing.size();
    document["suites_missing"] = missing.size();
    document["suites_missing_items"] = missing;
  }
  ordered own = ordered::array();
  for (const auto& item : report.findings)
    own.push_back(finding_json(document["workflow"], item));
  document["workflow_findings"] = own;
  document["jobs"] = jobs_json(written);
  const auto unproven = unproven_json(written);
  document["unproven_jobs_total"] = unproven.size();
  document["unproven_jobs"] = unproven;
  document["suites_left_out"] = left_out_json(suites);
  document["install_steps"] =
      not_measured("dependencies are installed on GitHub's runners only: phase 5 has no network");
  document["existing_total"] = existing.total;
  document["existing_valid"] = existing.valid;
  document["existing_invalid"] = existing.total - existing.valid;
  document["existing_not_read"] = existing.unread;
  document["existing"] = existing.list;
  document["findings"] = existing.findings;
  return {document, counted(written.jobs.size(), "suite") + " in the workflow, "
                        + (report.valid() && !written.jobs.empty() ? "valid" : "not valid")
                        + (unproven.empty() ? ""
                                            : ", " + std::to_string(unproven.size())
                                                  + " of them did not pass here")
                        + "; " + std::to_string(existing.valid) + " of "
                        + counted(existing.total, "existing workflow") + " valid, "
                        + counted(existing.findings.size(), "finding")};
}

} // namespace aeo::consolidate

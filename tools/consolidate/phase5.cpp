#include "tools/consolidate/phase5.hpp"

#include "tools/consolidate/confine.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/suite_run.hpp"
#include "tools/consolidate/supervised.hpp"
#include "tools/consolidate/wording.hpp"

#include <re2/re2.h>

#include <cmath>

namespace aeo::consolidate {

namespace {

ordered failures_json(const std::vector<test_failure>& failures) {
  ordered list = ordered::array();
  for (const auto& item : failures) {
    ordered entry{{"test", item.test}};
    if (!item.path.empty()) {
      entry["path"] = encode_path(item.path);
      entry["line"] = item.line;
    }
    list.push_back(std::move(entry));
  }
  return list;
}

/// As a person types it: the shell that we need to append arguments is left out.
std::string typed_command(const test_suite& suite) {
  if (suite.argv.size() < 3 || suite.argv[0] != "/bin/sh")
    return shell_line(suite.argv);
  auto line = suite.argv[2];
  if (line.ends_with(" \"$@\""))
    line.resize(line.size() - 5);
  return line;
}

ordered suite_json(const suite_search& search, const test_suite& suite,
                   const suite_result& result) {
  ordered entry{{"id", suite.id},
                {"runner", suite.runner},
                {"component", search.component_name(suite.directory)},
                {"directory", suite.directory.empty() ? "." : encode_path(suite.directory)},
                {"command", typed_command(suite)},
                {"env", suite.env},
                {"tools", suite.tools},
                {"evidence", encode_path(suite.evidence)},
                {"status", result.status}};
  if (!result.reason.empty())
    entry["reason"] = result.reason;
  if (result.status == "not_measured")
    return entry;
  entry["argv"] = result.argv;
  entry["exit_code"] = result.exit_code;
  entry["seconds"] = std::round(result.seconds * 1000) / 1000;
  entry["log"] = result.log;
  entry["processes_ended"] = result.processes_ended;
  const auto& counts = result.counts;
  const auto missing = not_measured(result.reason);
  entry["tests_run"] = counts ? ordered(counts->run) : missing;
  entry["tests_failed"] = counts ? ordered(counts->failed) : missing;
  entry["tests_skipped"] = counts ? ordered(counts->skipped) : missing;
  entry["errors"] = counts ? ordered(counts->errors) : missing;
  if (counts)
    entry["counted_from"] = result.counted_from;
  if (!result.failures.empty())
    entry["failures"] = failures_json(result.failures);
  return entry;
}

/// `{"python3": "3.11.7", ...}`: with what the suites were run.
ordered toolchains_json(const scratch_checkout& checkout, const suite_search& search) {
  const std::map<std::string, std::vector<std::string>> questions{
      {"python3", {"python3", "--version"}}, {"node", {"node", "--version"}},
      {"npm", {"npm", "--version"}},         {"go", {"go", "version"}},
      {"rustc", {"rustc", "--version"}},     {"java", {"java", "-version"}},
      {"mvn", {"mvn", "--version"}},         {"cmake", {"cmake", "--version"}},
      {"cc", {"cc", "--version"}},           {"make", {"make", "--version"}}};
  ordered out = ordered::object();
  for (const auto& suite : search.suites) {
    for (const auto& tool : suite.tools) {
      const auto question = questions.find(tool);
      if (question == questions.end() || out.contains(tool) || find_program(tool).empty())
        continue;
      process_options options;
      options.directory = checkout.root();
      options.environment = checkout.environment(true);
      const auto answer = run_process(question->second, options);
      static const re2::RE2 version(R"((\d+\.\d+(?:\.\d+)?))");
      std::string number;
      if (re2::RE2::PartialMatch(answer.out + answer.err, version, &number))
        out[tool] = number;
    }
  }
  return out;
}

struct suite_totals {
  std::map<std::string, std::size_t> by_status;
  test_counts counts;
  std::size_t counted = 0;
};

ordered totals_json(const suite_totals& totals, std::size_t suites) {
  const auto of = [&](const char* status) {
    const auto found = totals.by_status.find(status);
    return found == totals.by_status.end() ? std::size_t{0} : found->second;
  };
  const auto unmeasured = of("not_measured");
  const auto run = suites - unmeasured;
  // No suite at all is a number: nothing was run. Suites that could not tell are none.
  const bool known = totals.counted > 0 || suites == 0;
  const auto number = [&](std::size_t value) {
    return known ? ordered(value) : not_measured("no suite could be counted (see suites)");
  };
  return {{"tests_run", number(totals.counts.run)},
          {"tests_failed", number(totals.counts.failed)},
          {"tests_skipped", number(totals.counts.skipped)},
          {"errors", number(totals.counts.errors)},
          {"suites_total", suites},
          {"suites_run", run},
          {"suites_passed", of("passed")},
          {"suites_failed", run - of("passed")},
          {"suites_without_count", run - totals.counted},
          {"suites_timed_out", of("timed_out")},
          {"suites_not_measured", unmeasured}};
}

std::string summary_line(const ordered& totals) {
  const auto count = [&](const char* key, std::string_view one = {}, std::string_view many = {}) {
    const auto& value = totals[key];
    if (!value.is_number())
      return "not_measured" + (one.empty() ? "" : " " + std::string(many.empty() ? one : many));
    return one.empty() ? value.dump() : counted(value, one, many);
  };
  return count("tests_run", "test run", "tests run") + ", " + count("tests_failed") + " failed, "
         + count("tests_skipped") + " skipped, "
         + count("errors", "error outside of tests", "errors outside of tests") + ", "
         + count("suites_passed") + " of " + count("suites_total", "suite") + " passed, "
         + count("suites_without_count") + " without a count, " + count("suites_not_measured")
         + " not_measured";
}

} // namespace

step_result testing(const step_context& context) {
  const auto mapping = read_output(context, "reports/component_mapping.json", "component-mapping");
  const scratch_checkout checkout(context, "testing");
  const auto before = monorepo_state(context);
  suite_search search(context, checkout, mapping);
  find_suites(context, search);
  suite_runner runner(context, checkout);
  suite_totals totals;
  ordered list = ordered::array();
  for (std::size_t i = 0; i < search.suites.size(); ++i) {
    context.progress("suites run", i, search.suites.size());
    const auto result = runner.run(search.suites[i]);
    ++totals.by_status[result.status];
    if (result.counts) {
      totals.counts += *result.counts;
      ++totals.counted;
    }
    list.push_back(suite_json(search, search.suites[i], result));
  }
  context.progress("suites run", search.suites.size(), search.suites.size());
  ordered others = ordered::array();
  for (const auto& item : search.others)
    others.push_back({{"path", encode_path(item.path)}, {"reason", item.reason}});
  ordered document{{"head", checkout.head()}};
  document.update(totals_json(totals, search.suites.size()));
  document["monorepo_changed"] = monorepo_state(context) != before;
  document["writes_confined"] = write_confinement::supported();
  document["toolchains"] = toolchains_json(checkout, search);
  document["suites"] = list;
  document["passed_over"] = others;
  return {document, summary_line(document)};
}

} // namespace aeo::consolidate

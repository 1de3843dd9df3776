#include "tools/consolidate/test_counts.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include <re2/re2.h>

#include <algorithm>
#include <array>

namespace aeo::consolidate {

namespace {

/// A runner is recognized by `seen`; the numbers are what the groups of the others match, added up.
/// `run` is the runner's total, skipped tests among them; empty: the sum of passed and failed.
struct summary_format {
  const char* runner;
  const char* seen;
  const char* run;
  const char* passed;
  const char* failed;
  const char* skipped;
};

constexpr std::array formats{
    summary_format{"unittest", R"((?m)^Ran \d+ tests? in )", R"((?m)^Ran (\d+) tests? in )", "", "",
                   ""}, // its failures: see unittest_sum
    summary_format{"node --test", R"((?m)^(?:#|ℹ) tests \d+\n(?:#|ℹ) suites )",
                   R"((?m)^(?:#|ℹ) tests (\d+)\n(?:#|ℹ) suites)", "",
                   R"((?m)^(?:#|ℹ) (?:fail|cancelled) (\d+)$)",
                   R"((?m)^(?:#|ℹ) skipped (\d+)$)"}, // what is to be done was executed
    summary_format{"cargo", R"((?m)^test result: )", "", R"((?m)^test result: .*?(\d+) passed;)",
                   R"((?m)^test result: .*?(\d+) failed;)",
                   R"((?m)^test result: .*?(\d+) ignored;)"},
    summary_format{"ctest", R"(tests passed, \d+ tests failed out of \d+)",
                   R"(tests passed, \d+ tests failed out of (\d+))", "",
                   R"(tests passed, (\d+) tests failed out of)", ""},
    summary_format{"jest", R"((?m)^Tests: .*\d+ total$)", R"((?m)^Tests: .*?(\d+) total$)", "",
                   R"((?m)^Tests: .*?(\d+) failed)", R"((?m)^Tests: .*?(\d+) (?:skipped|todo))"},
    summary_format{"vitest", R"((?m)^\s*Tests  .*\(\d+\)$)", R"((?m)^\s*Tests  .*\((\d+)\)$)", "",
                   R"((?m)^\s*Tests  .*?(\d+) failed)",
                   R"((?m)^\s*Tests  .*?(\d+) (?:skipped|todo))"},
    summary_format{"mocha", R"((?m)^  \d+ passing \()", "", R"((?m)^  (\d+) passing \()",
                   R"((?m)^  (\d+) failing$)", R"((?m)^  (\d+) pending$)"},
    summary_format{"ava", R"((?m)^  \d+ tests? (?:passed|failed)$)", "",
                   R"((?m)^  (\d+) tests? passed$)", R"((?m)^  (\d+) tests? failed$)",
                   R"((?m)^  (\d+) tests? (?:skipped|todo)$)"},
    summary_format{"jasmine", R"((?m)^\d+ specs?, \d+ failures?)", R"((?m)^(\d+) specs?, \d+ fail)",
                   "", R"((?m)^\d+ specs?, (\d+) failures?)",
                   R"((?m)^\d+ specs?, \d+ failures?, (\d+) pending)"},
    summary_format{"automake", R"((?m)^# TOTAL: +\d+$)", R"((?m)^# TOTAL: +(\d+)$)", "",
                   R"((?m)^# (?:FAIL|XPASS|ERROR): +(\d+)$)", R"((?m)^# SKIP: +(\d+)$)"},
    summary_format{"tape", R"((?m)^# tests \d+\n# pass)", R"((?m)^# tests (\d+)\n# pass)", "",
                   R"((?m)^# fail +(\d+)$)", ""},
    summary_format{"pytest",
                   R"((?m)^=* ?(?:\d+ \w+, )*\d+ (?:passed|failed|errors?|skipped).* in [\d.]+s)",
                   "", "", "", ""}, // its numbers: see pytest_sum
};

/// All matches of the group, added up.
std::size_t sum_of(const char* pattern, const std::string& text) {
  std::size_t sum = 0;
  if (*pattern == '\0')
    return sum;
  const re2::RE2 expression(pattern);
  re2::StringPiece input(text);
  std::size_t number = 0;
  while (re2::RE2::FindAndConsume(&input, expression, &number))
    sum += number;
  return sum;
}

/// Of lists as `failures=4, skipped=1` and `1 failed, 2 passed, 3 errors`, which group 1 of `line`
/// is: the numbers of these names, added up.
std::size_t sum_of_listed(const re2::RE2& line, const std::string& text,
                          std::initializer_list<std::string_view> names) {
  static const re2::RE2 item(R"((\d+) ([^=]+)|([^=]+)=(\d+))");
  std::size_t sum = 0;
  re2::StringPiece input(text);
  std::string inside;
  while (re2::RE2::FindAndConsume(&input, line, &inside)) {
    for (const auto part : split(inside, ',')) {
      std::string before;
      std::string after;
      std::string name;
      std::string number;
      if (!re2::RE2::FullMatch(piece(trim(part)), item, &before, &after, &name, &number))
        continue;
      if (std::find(names.begin(), names.end(), name + after) != names.end())
        sum += std::stoul(before + number);
    }
  }
  return sum;
}

/// `FAILED (failures=4, skipped=1, expected failures=1, unexpected successes=1)`
std::size_t unittest_sum(const std::string& text, std::initializer_list<std::string_view> names) {
  static const re2::RE2 line(R"((?m)^(?:OK|FAILED) \((.*)\)$)");
  return sum_of_listed(line, text, names);
}

/// `=== 1 failed, 2 passed, 1 xfailed, 2 errors in 0.10s ===`
std::size_t pytest_sum(const std::string& text, std::initializer_list<std::string_view> names) {
  static const re2::RE2 line(R"((?m)^=* ?(\d+ [a-z][a-z0-9, ]*) in [\d.]+s)");
  return sum_of_listed(line, text, names);
}

/// `ERROR: test_a (unittest.loader._FailedTest.test_a)` is in the total, `ERROR: setUpClass (a.B)`
/// is not.
test_counts unittest_errors(const std::string& text) {
  static const re2::RE2 line(
      R"((?m)^ERROR: (?:\S+ \(unittest\.loader\._FailedTest|((?:setUp|tearDown)(?:Class|Module)) \())");
  re2::StringPiece input(text);
  test_counts counts;
  std::string fixture;
  while (re2::RE2::FindAndConsume(&input, line, &fixture)) {
    ++counts.errors;
    counts.run += fixture.empty() ? 1 : 0;
  }
  return counts;
}

test_counts count_unittest(const summary_format& format, const std::string& text) {
  const auto outside = unittest_errors(text);
  test_counts counts;
  counts.errors = outside.errors;
  counts.failed = unittest_sum(text, {"failures", "errors", "unexpected successes"});
  counts.failed -= std::min(counts.failed, outside.errors);
  counts.skipped = unittest_sum(text, {"skipped"});
  counts.run = sum_of(format.run, text);
  counts.run -= std::min(counts.run, outside.run);
  return counts;
}

/// Of a total, those that were executed. A runner may leave skipped tests out of its total.
test_counts executed(test_counts counts) {
  counts.run -= std::min(counts.run, counts.skipped);
  return counts;
}

/// `ok 1 - name`, `not ok 2 - name # TODO`; the last resort, for producers without a summary.
std::optional<test_counts> count_tap(const std::string& text) {
  static const re2::RE2 plan(R"((?m)^1\.\.\d+)");
  if (!re2::RE2::PartialMatch(text, plan))
    return {};
  test_counts counts;
  for (const auto line : split(text, '\n')) {
    const bool failed = line.starts_with("not ok");
    if (!failed && !(line == "ok" || line.starts_with("ok ")))
      continue;
    ++counts.run;
    const auto directive = lower(line.substr(std::min(line.size(), line.find('#'))));
    const bool skipped = directive.starts_with("# skip") || directive.starts_with("# todo");
    counts.skipped += skipped ? 1 : 0;
    counts.failed += failed && !skipped ? 1 : 0;
  }
  return executed(counts);
}

std::size_t attribute(const pugi::xml_node& node, const char* name) {
  return node.attribute(name).as_uint();
}

std::string_view attribute_text(const pugi::xml_node& node, const char* name) {
  return node.attribute(name).as_string();
}

/// ctest's JUnit says `skipped` of a test whose program is missing or whose fixture failed, which
/// ctest itself counts as a failure.
bool could_not_run(const pugi::xml_node& item) {
  return attribute_text(item, "status") == "notrun" && item.child("skipped")
         && !attribute_text(item.child("skipped"), "message").starts_with("SKIP_");
}

/// pytest's JUnit says `skipped` of a test that ran and failed as it was expected to.
bool failed_as_expected(const pugi::xml_node& item) {
  const auto skipped = item.child("skipped");
  return attribute_text(skipped, "type") == "pytest.xfail"
         && !attribute_text(skipped, "message").starts_with("[NOTRUN]");
}

bool was_skipped(const pugi::xml_node& item) {
  return (item.child("skipped") || attribute_text(item, "status") == "disabled")
         && !could_not_run(item) && !failed_as_expected(item);
}

/// pytest's JUnit has an element where collecting failed or a fixture did. Of others, an error is a
/// test that ran.
bool is_outside_tests(const pugi::xml_node& item) {
  const auto message = attribute_text(item.child("error"), "message");
  return message == "collection failure" || message == "internal error"
         || message.starts_with("failed on setup with ")
         || message.starts_with("failed on teardown with ");
}

test_counts count_case(const pugi::xml_node& item) {
  if (is_outside_tests(item))
    return {0, 0, 0, 1};
  const bool failed = item.child("failure") || item.child("error") || could_not_run(item);
  return {1, failed ? std::size_t{1} : 0, was_skipped(item) ? std::size_t{1} : 0};
}

test_counts count_cases(const pugi::xml_node& node) {
  test_counts counts;
  for (const auto& item : node.children("testcase"))
    counts += count_case(item);
  for (const auto& inner : node.children("testsuite"))
    counts += count_cases(inner);
  return counts;
}

/// The runner's own numbers where it gives them: pytest counts subtests that have no element.
test_counts count_suite(const pugi::xml_node& suite) {
  if (!suite.attribute("tests") || suite.child("testsuite"))
    return count_cases(suite);
  test_counts counts{attribute(suite, "tests"),
                     attribute(suite, "failures") + attribute(suite, "errors"),
                     attribute(suite, "skipped") + attribute(suite, "disabled")};
  pugi::xml_node before;
  for (const auto& item : suite.children("testcase")) {
    if (is_outside_tests(item)) {
      // Of a failed test whose teardown failed too, the total has one.
      const bool same = before.child("failure")
                        && attribute_text(before, "name") == attribute_text(item, "name")
                        && attribute_text(before, "classname") == attribute_text(item, "classname");
      ++counts.errors;
      counts.failed -= std::min<std::size_t>(counts.failed, 1);
      counts.run -= same ? 0 : std::min<std::size_t>(counts.run, 1);
    }
    before = item;
    const bool failed = could_not_run(item);
    counts.failed += failed ? 1 : 0;
    counts.skipped -= counts.skipped > 0 && (failed || failed_as_expected(item)) ? 1 : 0;
  }
  return counts;
}

/// Lines as `  4 - name (Disabled)` below ctest's summary.
std::size_t ctest_listed(const std::string& text, const std::string& why) {
  const re2::RE2 line("(?m)^\\s+\\d+ - .* \\(" + why + "\\)$");
  re2::StringPiece input(text);
  std::size_t count = 0;
  while (re2::RE2::FindAndConsume(&input, line))
    ++count;
  return count;
}

/// Runs programs as tests and shows what the failing ones printed, summaries of theirs with it.
bool shows_others(const summary_format& format) {
  const std::string_view runner(format.runner);
  return runner == "ctest" || runner == "automake";
}

test_counts count_format(const summary_format& format, const std::string& text) {
  const std::string_view runner(format.runner);
  test_counts counts;
  counts.failed = sum_of(format.failed, text);
  counts.skipped = sum_of(format.skipped, text);
  if (runner == "unittest") {
    counts = count_unittest(format, text);
    // Skipped subtests and classes are not in its total: with those, the skipped may be more.
    return counts.skipped <= counts.run ? executed(counts) : counts;
  }
  if (runner == "pytest") {
    counts.failed = pytest_sum(text, {"failed"});
    counts.errors = pytest_sum(text, {"error", "errors"});
    counts.skipped = pytest_sum(text, {"skipped"});
    counts.run = counts.failed + pytest_sum(text, {"passed", "xfailed", "xpassed"});
    return counts;
  }
  if (runner == "ctest") { // Its total has the skipped tests, not the disabled ones.
    const auto disabled = ctest_listed(text, "Disabled");
    counts.run = sum_of(format.run, text) + disabled;
    counts.skipped = ctest_listed(text, "Skipped") + disabled;
    return executed(counts);
  }
  if (*format.run == '\0')
    counts.run = sum_of(format.passed, text) + counts.failed;
  else
    counts = executed({sum_of(format.run, text), counts.failed, counts.skipped});
  return counts;
}

} // namespace

std::string without_colours(std::string_view text) {
  std::string plain(text);
  re2::RE2::GlobalReplace(&plain, "\x1B\\[[0-9;]*[A-Za-z]", "");
  re2::RE2::GlobalReplace(&plain, "\r", "");
  return plain;
}

test_counts& test_counts::operator+=(const test_counts& other) {
  run += other.run;
  failed += other.failed;
  skipped += other.skipped;
  errors += other.errors;
  return *this;
}

std::optional<test_counts> count_junit(const std::vector<std::string>& files) {
  std::optional<test_counts> sum;
  for (const auto& file : files) {
    pugi::xml_document document;
    if (!document.load_file(file.c_str()))
      return {};
    const auto root = document.document_element();
    if (std::string_view(root.name()) == "testsuite") {
      sum = sum.value_or(test_counts{}) += count_suite(root);
    } else if (std::string_view(root.name()) == "testsuites") {
      test_counts counts;
      for (const auto& suite : root.children("testsuite"))
        counts += count_suite(suite);
      for (const auto& item : root.children("testcase"))
        counts += count_case(item);
      sum = sum.value_or(test_counts{}) += counts;
    } else {
      return {};
    }
  }
  return sum ? std::optional(executed(*sum)) : std::nullopt;
}

std::optional<test_counts> count_go_json(std::string_view output) {
  std::optional<test_counts> counts;
  for (const auto line : split(output, '\n')) {
    if (!line.starts_with('{'))
      continue; // the compiler's messages stand between the events
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (!event.is_object() || !event.contains("Action"))
      continue;
    const auto action = event.value("Action", "");
    const bool ended = action == "pass" || action == "fail" || action == "skip";
    if (!ended)
      continue;
    counts = counts.value_or(test_counts{});
    if (!event.contains("Test"))
      continue;
    counts->run += action == "skip" ? 0 : 1;
    counts->failed += action == "fail" ? 1 : 0;
    counts->skipped += action == "skip" ? 1 : 0;
  }
  return counts;
}

std::optional<test_counts> count_summary(std::string_view output) {
  const auto text = without_colours(output);
  std::optional<test_counts> sum;
  std::optional<test_counts> outer;
  for (const auto& format : formats) {
    if (!re2::RE2::PartialMatch(text, format.seen))
      continue;
    auto& counts = shows_others(format) ? outer : sum;
    counts = counts.value_or(test_counts{}) += count_format(format, text);
  }
  if (outer)
    return outer;
  return sum ? sum : count_tap(text);
}

std::map<std::string, double> match_metrics(const std::map<std::string, std::string>& expressions,
                                            const std::string& output) {
  std::map<std::string, double> found;
  for (const auto& [metric, pattern] : expressions) {
    const re2::RE2 expression(pattern);
    re2::StringPiece input(output);
    double number = 0;
    while (re2::RE2::FindAndConsume(&input, expression, &number))
      found[metric] += number;
  }
  return found;
}

} // namespace aeo::consolidate

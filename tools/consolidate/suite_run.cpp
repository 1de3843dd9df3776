#include "tools/consolidate/suite_run.hpp"

#include "tools/consolidate/confine.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/masking.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/supervised.hpp"
#include "tools/consolidate/wording.hpp"

#include <re2/re2.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace aeo::consolidate {

namespace fs = std::filesystem;

namespace {

/// The end of a log: a runner's summary is there.
std::string read_log(const std::string& file) {
  constexpr std::uintmax_t limit = 64U << 20;
  std::ifstream in(file, std::ios::binary);
  std::error_code ec;
  const auto size = fs::file_size(file, ec);
  if (!ec && size > limit)
    in.seekg(static_cast<std::streamoff>(size - limit));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string file_name_for(std::size_t number, const std::string& id) {
  auto name = std::to_string(number) + "-" + id;
  re2::RE2::GlobalReplace(&name, "[^A-Za-z0-9._-]+", "-");
  return (number < 10 ? "0" : "") + name.substr(0, 100);
}

/// Maven without the network: what it downloaded before (or Debian's repository) is its only
/// remote.
std::vector<std::string> maven_arguments(const scratch_checkout& checkout) {
  const char* home = std::getenv("HOME");
  auto repository = std::string(home != nullptr ? home : "/") + "/.m2/repository";
  if (!fs::is_directory(repository))
    repository = "/usr/share/maven-repo";
  const auto file = checkout.root() + "/home/maven-settings.xml";
  std::ofstream(file)
      << "<settings><mirrors><mirror><id>local</id><mirrorOf>*</mirrorOf><url>file://" << repository
      << "</url></mirror></mirrors></settings>\n";
  return {"--settings", file, "-Dmaven.repo.local=" + checkout.root() + "/home/m2"};
}

std::string last_line(const std::string& text) {
  const auto plain = without_colours(text);
  const auto shown = trim(plain);
  return printable(trim(shown.substr(shown.rfind('\n') + 1)), 300);
}

/// `2 of 7 tests failed, 1 error while collecting or setting up`
std::string failures_text(const test_counts& counts) {
  std::string text;
  if (counts.failed > 0)
    text = std::to_string(counts.failed) + " of " + counted(counts.run, "test") + " failed";
  if (counts.errors > 0)
    text += (text.empty() ? "" : ", ") + counted(counts.errors, "error")
            + " while collecting or setting up";
  if (counts.run == 0)
    text += ", no test ran";
  return text;
}

void judge(suite_result& out, const supervised_end& end, std::int64_t timeout,
           const std::string& output) {
  const auto code = std::to_string(end.exit_code);
  if (end.timed_out) {
    out.status = "timed_out";
    out.reason = "was ended after " + std::to_string(timeout) + " s (see testing.timeout)";
  } else if (!out.counts) {
    out.status = "no_count";
    if (out.reason.empty())
      out.reason =
          "exited " + code + " without a count of its tests; its last line: " + last_line(output);
  } else if (out.counts->failed + out.counts->errors > 0) {
    out.status = "failed";
    out.reason = failures_text(*out.counts);
  } else if (out.counts->run == 0) {
    out.status = "no_tests";
    out.reason = "exited " + code + " and ran no test"
                 + (out.counts->skipped > 0
                        ? ": all " + std::to_string(out.counts->skipped) + " were skipped"
                        : "");
  } else if (end.exit_code != 0) {
    out.status = "failed";
    out.reason = "exited " + code + " although no test failed; its last line: " + last_line(output);
  } else {
    out.status = "passed";
  }
}

bool shows_refusal(const std::string& output) {
  static const re2::RE2 words(R"(\b(?:EACCES|EPERM|EROFS|PermissionError): |[Pp]ermission denied)"
                              R"(|Operation not permitted|AccessDeniedException)");
  return re2::RE2::PartialMatch(output, words);
}

/// Ours may be the confinement that a suite fails for: by hand it would have passed.
std::string refusal_text(const step_context& context, const std::vector<std::string>& writable) {
  std::string places;
  for (const auto& directory : writable) {
    const bool inside = is_below(directory, context.workspace);
    places += (places.empty() ? "" : ", ")
              + encode_path(inside ? directory.substr(context.workspace.size() + 1) : directory);
  }
  return "; its output tells of a refused permission, and the plan lets suites write only below "
         + places + " (TMPDIR is there; testing.writable names more)";
}

} // namespace

std::string shell_line(const std::vector<std::string>& argv) {
  static const re2::RE2 plain(R"([A-Za-z0-9_@%+=:,./-]+)");
  std::string line;
  for (auto word : argv) {
    if (!re2::RE2::FullMatch(word, plain)) {
      re2::RE2::GlobalReplace(&word, "'", R"('\\'')");
      word = "'" + word + "'";
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return line;
}

suite_runner::suite_runner(const step_context& context, const scratch_checkout& checkout)
    : context_(context), checkout_(checkout),
      logs_(context.consolidation() + "/repository_consolidation/test_logs") {
  remove_tree(logs_); // of an earlier run
  fs::create_directories(logs_);
}

std::vector<std::string> suite_runner::command(const test_suite& suite,
                                               const std::string& report) const {
  auto argv = suite.argv;
  for (auto argument : suite.report_arguments) {
    if (const auto at = argument.find("{report}"); at != std::string::npos)
      argument.replace(at, 8, report);
    argv.push_back(argument);
  }
  if (suite.runner == "maven") {
    const auto more = maven_arguments(checkout_);
    argv.insert(argv.end(), more.begin(), more.end());
  }
  return argv;
}

std::vector<std::string> suite_runner::reports(const test_suite& suite,
                                               const std::string& report) const {
  std::vector<std::string> found;
  std::error_code ec;
  if (fs::is_regular_file(report, ec))
    found.push_back(report);
  if (suite.junit.empty())
    return found;
  const auto top = checkout_.tree() + (suite.directory.empty() ? "" : "/" + suite.directory);
  fs::recursive_directory_iterator entries(top, fs::directory_options::skip_permission_denied, ec);
  for (auto entry = fs::begin(entries); !ec && entry != fs::end(entries); entry.increment(ec)) {
    const auto relative = entry->path().string().substr(top.size() + 1);
    if (entry->is_regular_file(ec) && glob_matches(suite.junit, relative))
      found.push_back(entry->path().string());
  }
  return found;
}

void suite_runner::count(const test_suite& suite, const std::string& report,
                         const std::string& output, suite_result& out) const {
  const auto tree = checkout_.tree();
  const auto files = reports(suite, report);
  if (!suite.summary.empty()) {
    const auto numbers = match_metrics(suite.summary, output);
    if (numbers.contains("run"))
      out.counts = {
          static_cast<std::size_t>(numbers.at("run")),
          numbers.contains("failed") ? static_cast<std::size_t>(numbers.at("failed")) : 0,
          numbers.contains("skipped") ? static_cast<std::size_t>(numbers.at("skipped")) : 0, 0};
    out.counted_from = "testing.summary";
  } else if (!files.empty()) {
    out.counts = count_junit(files);
    out.counted_from = "JUnit";
    for (const auto& file : files) {
      const auto failures = junit_failures(file, tree, suite.directory);
      out.failures.insert(out.failures.end(), failures.begin(), failures.end());
    }
  } else if (suite.runner == "go") {
    out.counts = count_go_json(output);
    out.counted_from = "go test -json";
  } else if (!suite.commands.empty() && only_print(suite.commands)) {
    out.reason = "its script runs no program that could test: it only prints, and what it says is "
                 "no runner's count";
  } else if (suite.report_arguments.empty() && suite.junit.empty()) {
    out.counts = count_summary(without_printed(output, suite.commands));
    out.counted_from = "summary";
  }
  if (!out.counts)
    out.counted_from.clear();
  if (!out.failures.empty() || !out.counts || out.counts->failed + out.counts->errors == 0)
    return;
  std::string module;
  static const re2::RE2 name(R"((?m)^module\s+"?([^\s"]+))");
  re2::RE2::PartialMatch(checkout_.read(join_path(suite.directory, "go.mod")), name, &module);
  out.failures = find_failures(output, tree, suite.directory, module);
}

suite_result suite_runner::run(const test_suite& suite) {
  suite_result out;
  if (!suite.missing.empty()) {
    out.status = "not_measured";
    out.reason = suite.missing;
    return out;
  }
  const auto name = file_name_for(++number_, suite.id);
  const auto report = checkout_.root() + "/tmp/" + name + ".xml";
  out.argv = command(suite, report);
  out.log = "consolidation/repository_consolidation/test_logs/" + name + ".log";
  supervision rules;
  rules.directory = join_path(checkout_.tree(), suite.directory);
  rules.environment = checkout_.environment(suite.runner != "configured");
  for (const auto& [variable, value] : suite.env)
    rules.environment.push_back(variable + "=" + value);
  rules.log_file = logs_ + "/" + name + ".log";
  rules.timeout =
      std::chrono::seconds(suite.timeout > 0 ? suite.timeout : context_.config.run.suite_timeout);
  rules.writable = checkout_.writable();
  const auto& more = context_.config.run.writable;
  rules.writable.insert(rules.writable.end(), more.begin(), more.end());
  log_mask log_secrets(context_, rules.log_file);
  try {
    const auto end = run_supervised(out.argv, rules);
    const auto output = read_log(rules.log_file);
    count(suite, report, output, out);
    out.exit_code = end.exit_code;
    out.seconds = end.seconds;
    out.processes_ended = end.ended;
    judge(out, end, rules.timeout.count(), output);
    if (out.status != "passed" && write_confinement::supported() && shows_refusal(output))
      out.reason += refusal_text(context_, rules.writable);
  } catch (const failure& error) {
    interrupt_guard::check(); // ended from outside: not a fact about the suite
    out.status = "no_count";
    out.reason = error.what();
    out.exit_code = 127;
  }
  const auto kept = logs_ + "/" + name + ".xml";
  std::error_code ec;
  if (fs::exists(report, ec) && fs::copy_file(report, kept, ec))
    log_mask(context_, kept).finish();
  log_secrets.finish();
  return out;
}

} // namespace aeo::consolidate

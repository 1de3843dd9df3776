#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/confine.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/process.hpp"
#include "tools/consolidate/scratch.hpp"
#include "tools/consolidate/suites.hpp"
#include "tools/consolidate/supervised.hpp"
#include "tools/consolidate/test_counts.hpp"
#include "tools/consolidate/test_failures.hpp"

#include <catch2/catch_test_macros.hpp>

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

constexpr const char* testing_output = "repository_consolidation/testing_results.json";

void merged_one_file(const temporary_workspace& ws) {
  ws.start("one");
  ws.write("one/README.md", "# one\n");
  ws.commit("one", "first");
  ws.merge();
}

command_setting suite_command(const std::string& name, const std::string& line) {
  command_setting item;
  item.name = name;
  item.argv = {"/bin/sh", "-c", line};
  item.summary = {{"run", "(\\d+) run"}, {"failed", "(\\d+) bad"}};
  return item;
}

bool process_lives(int pid) {
  return ::kill(pid, 0) == 0;
}

} // namespace

TEST_CASE("the counts are those of the runner's summary") {
  const auto counts = [](const char* text) { return count_summary(text).value(); };
  CHECK(counts("Ran 9 tests in 0.1s\n\nFAILED (failures=4, errors=1, skipped=1, expected "
               "failures=1, unexpected successes=1)\n")
        == test_counts{8, 6, 1});
  CHECK(counts("Ran 1 test in 0.1s\n\nOK\n") == test_counts{1, 0, 0});
  CHECK(counts("# tests 5\n# suites 1\n# pass 2\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 1\n")
        == test_counts{4, 1, 1}); // What is to be done runs.
  CHECK(counts("ℹ tests 3\nℹ suites 0\nℹ pass 3\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\n")
        == test_counts{3, 0, 0});
  CHECK(counts("test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured\n"
               "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured\n")
        == test_counts{4, 1, 1});
  CHECK(counts("\x1b[1mTests:       1 failed, 2 skipped, 9 passed, 12 total\x1b[0m\n")
        == test_counts{10, 1, 2});
  CHECK(counts("      Tests  1 failed | 9 passed (10)\n") == test_counts{10, 1, 0});
  CHECK(counts("  9 passing (10ms)\n  2 pending\n  1 failing\n") == test_counts{10, 1, 2});
  CHECK(counts("# TOTAL: 5\n# PASS:  3\n# SKIP:  1\n# XFAIL: 0\n# FAIL:  1\n# ERROR: 0\n")
        == test_counts{4, 1, 1});
  CHECK(counts("5 specs, 2 failures\n") == test_counts{5, 2, 0});
  CHECK(counts("1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no\n") == test_counts{2, 1, 1});
  CHECK(counts("==== 5 failed, 2 passed, 1 skipped in 0.35s ====\n") == test_counts{7, 5, 1});
  CHECK(counts("= 1 failed, 1 passed, 1 xfailed, 3 warnings, 2 errors in 0.10s =\n")
        == test_counts{3, 1, 0, 2});
  CHECK(counts("=== 1 error in 0.11s ===\n") == test_counts{0, 0, 0, 1});
  CHECK(counts("5 passed, 2 subtests passed in 61.20s (0:01:01)\n") == test_counts{5, 0, 0});
  CHECK_FALSE(count_summary("all good\n").has_value());
}

TEST_CASE("what was skipped has not run") {
  const auto counts = [](const char* text) { return count_summary(text).value(); };
  CHECK(counts("Tests:       3 skipped, 3 total\n") == test_counts{0, 0, 3});
  CHECK(counts("Ran 0 tests in 0.0s\n\nOK (skipped=1)\n") == test_counts{0, 0, 1});
  CHECK(counts("Ran 1 test in 0.0s\n\nOK (skipped=1)\n") == test_counts{0, 0, 1});
  // Parts of the one test, or classes that are not in the total.
  CHECK(counts("Ran 1 test in 0.0s\n\nOK (skipped=5)\n") == test_counts{1, 0, 5});
  CHECK(counts("=== 2 skipped in 0.01s ===\n") == test_counts{0, 0, 2});
  CHECK(count_go_json("{\"Action\":\"skip\",\"Package\":\"x\",\"Test\":\"A\"}\n")
        == test_counts{0, 0, 1});
}

TEST_CASE("a test that ctest could not run failed, one that is disabled was skipped") {
  CHECK(count_summary("\n75% tests passed, 1 tests failed out of 4\n\n"
                      "The following tests did not run:\n\t  4 - dis (Disabled)\n"
                      "\t  5 - skip (Skipped)\n\n"
                      "The following tests FAILED:\n\t  3 - missing (Not Run)\n")
        == test_counts{3, 1, 2});
  temporary_workspace ws;
  // As ctest 3.25 writes it.
  ws.write("a.xml", "<testsuite tests='5' failures='1' disabled='1' skipped='2'>"
                    "<testcase name='ok' status='run'/>"
                    "<testcase name='bad' status='fail'><failure message=''/></testcase>"
                    "<testcase name='missing' status='notrun'>"
                    "<skipped message='Unable to find executable'/></testcase>"
                    "<testcase name='dis' status='disabled'/>"
                    "<testcase name='skip' status='notrun'><skipped message='SKIP_RETURN_CODE=4'/>"
                    "</testcase></testsuite>");
  CHECK(count_junit({ws.root + "/a.xml"}) == test_counts{3, 2, 2});
  // As pytest writes it: the expected failure has run.
  ws.write("b.xml", "<testsuites><testsuite tests='2' failures='0' errors='0' skipped='2'>"
                    "<testcase name='x'><skipped type='pytest.xfail' message='why'/></testcase>"
                    "<testcase name='s'><skipped type='pytest.skip' message='why'/></testcase>"
                    "</testsuite></testsuites>");
  CHECK(count_junit({ws.root + "/b.xml"}) == test_counts{1, 0, 1});
  // The teardown of a test that passed failed, and of one that failed.
  ws.write("c.xml", "<testsuites><testsuite tests='5' failures='1' errors='3' skipped='0'>"
                    "<testcase name='s'><error message='failed on setup with &quot;x&quot;'/>"
                    "</testcase><testcase name='p'>"
                    "<error message='failed on teardown with &quot;x&quot;'/></testcase>"
                    "<testcase name='f'><failure message='x'/></testcase><testcase name='f'>"
                    "<error message='failed on teardown with &quot;x&quot;'/></testcase>"
                    "<testcase name='ok'/></testsuite></testsuites>");
  CHECK(count_junit({ws.root + "/c.xml"}) == test_counts{3, 1, 0, 3});
  // As Surefire writes it: a test that ran and threw.
  ws.write("d.xml", "<testsuite tests='2' failures='0' errors='1' skipped='0'>"
                    "<testcase name='a'><error message='x' type='IOException'/></testcase>"
                    "<testcase name='b'/></testsuite>");
  CHECK(count_junit({ws.root + "/d.xml"}) == test_counts{2, 1, 0});
}

TEST_CASE("two runners in one output are added up") {
  const auto text = std::string("Tests:       1 failed, 2 passed, 3 total\n")
                    + "  4 passing (10ms)\n  1 pending\n";
  CHECK(count_summary(text) == test_counts{7, 1, 1});
  const auto other = std::string("# tests 5\n# suites 0\n# pass 5\n# fail 0\n# cancelled 0\n")
                     + "# skipped 0\n# todo 0\n\n      Tests  1 failed | 9 passed (10)\n"
                     + "==== 2 passed in 0.35s ====\n";
  CHECK(count_summary(other) == test_counts{17, 1, 0});
}

TEST_CASE("what a failing test printed is not counted beside the test") {
  const std::string inner = "Ran 3 tests in 0.1s\n\nFAILED (failures=1)\n";
  CHECK(count_summary(inner + "\n0% tests passed, 1 tests failed out of 1\n")
        == test_counts{1, 1, 0});
  CHECK(count_summary(inner + "# TOTAL: 2\n# PASS:  1\n# SKIP:  0\n# XFAIL: 0\n# FAIL:  1\n")
        == test_counts{2, 1, 0});
}

TEST_CASE("go's events count tests and subtests but no packages") {
  const auto counts = count_go_json("{\"Action\":\"run\",\"Package\":\"x\",\"Test\":\"A\"}\n"
                                    "# x\n./a.go:1: not an event\n"
                                    "{\"Action\":\"skip\",\"Package\":\"x\",\"Test\":\"A/s\"}\n"
                                    "{\"Action\":\"pass\",\"Package\":\"x\",\"Test\":\"A\"}\n"
                                    "{\"Action\":\"fail\",\"Package\":\"x\",\"Test\":\"B\"}\n"
                                    "{\"Action\":\"fail\",\"Package\":\"x\"}\n");
  CHECK(counts == test_counts{2, 1, 1});
  CHECK_FALSE(count_go_json("build failed\n").has_value());
}

TEST_CASE("a JUnit file that is none gives no count") {
  temporary_workspace ws;
  ws.write("a.xml", "<testsuites><testsuite tests='9' failures='5' errors='0' skipped='2'>"
                    "<testcase/></testsuite></testsuites>");
  ws.write("b.xml", "<testsuite><testcase/><testcase><failure/></testcase></testsuite>");
  ws.write("c.xml", "<html/>");
  CHECK(count_junit({ws.root + "/a.xml"}) == test_counts{7, 5, 2});
  CHECK(count_junit({ws.root + "/a.xml", ws.root + "/b.xml"}) == test_counts{9, 6, 2});
  CHECK_FALSE(count_junit({ws.root + "/c.xml"}).has_value());
  CHECK_FALSE(count_junit({}).has_value());
}

namespace {

/// As many suites as that, each with one test that passes and one that fails, have been run.
void check_failed_suites(const temporary_workspace& ws, std::size_t suites) {
  const auto found = ws.run("testing", testing_output);
  CHECK(found["suites_total"] == suites);
  CHECK(found["tests_run"] == 2 * suites);
  CHECK(found["tests_failed"] == suites);
  CHECK(found["suites_failed"] == suites);
  CHECK(found["suites_without_count"] == 0);
  CHECK(found["monorepo_changed"] == false);
  for (const auto& suite : found["suites"]) {
    CHECK(suite["status"] == "failed");
    REQUIRE(suite["failures"].size() == 1);
    const auto path = suite["failures"][0]["path"].get<std::string>();
    const auto text = ws.read("consolidation/monorepo/" + path);
    const auto line = split(text, '\n').at(suite["failures"][0]["line"].get<std::size_t>() - 1);
    INFO(path);
    CHECK((line.find("assertEqual(1, 2)") != std::string_view::npos
           || line.find("test('bad'") != std::string_view::npos));
    CHECK(fs::exists(ws.root + "/" + suite["log"].get<std::string>()));
  }
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/.scratch"));
}

} // namespace

TEST_CASE("suites are found and run, and a failed test has its path and line") {
  temporary_workspace ws;
  ws.start("py");
  ws.write("py/pyproject.toml", "[project]\nname = \"py\"\n");
  ws.write("py/py/__init__.py", "");
  ws.write("py/tests/test_a.py", "import unittest\n\nclass A(unittest.TestCase):\n"
                                 "    def test_good(self):\n        pass\n\n"
                                 "    def test_bad(self):\n        self.assertEqual(1, 2)\n");
  ws.commit("py", "tests");
  ws.merge();
  check_failed_suites(ws, 1);
  if (find_program("npm").empty())
    SKIP("npm is not on PATH");
  ws.start("js");
  ws.write("js/package.json", "{\"name\": \"js\", \"scripts\": {\"test\": \"node --test\"}}");
  ws.write("js/a.test.js", "const {test} = require('node:test');\n"
                           "test('good', () => {});\n"
                           "test('bad', () => { throw new Error('x'); });\n");
  ws.commit("js", "tests");
  ws.merge();
  check_failed_suites(ws, 2);
}

namespace {

ordered run_python_test(const std::string& text) {
  temporary_workspace ws;
  ws.start("py");
  ws.write("py/test_a.py", text);
  ws.commit("py", "tests");
  ws.merge();
  return ws.run("testing", testing_output);
}

bool has_pytest() {
  return run_process({"python3", "-c", "import pytest"}, {}).exit_code == 0;
}

/// The suite failed for errors outside its tests, of which this many ran.
void check_errors(const ordered& found, std::size_t run, const std::string& reason) {
  CHECK(found["tests_run"] == run);
  CHECK(found["tests_failed"] == 0);
  CHECK(found["suites_failed"] == 1);
  CHECK(found["suites"][0]["status"] == "failed");
  CHECK(found["suites"][0]["reason"].get<std::string>().find(reason) != std::string::npos);
  CHECK(found["suites"][0]["failures"].size() == 1);
}

} // namespace

TEST_CASE("an error while collecting is no test that ran") {
  check_errors(run_python_test("import unittest\nimport no_such_module\n\n"
                               "class A(unittest.TestCase):\n    def test_it(self):\n"
                               "        pass\n"),
               0, "1 error while collecting");
  if (!has_pytest())
    SKIP("python3 has no pytest");
  check_errors(run_python_test("import no_such_module\n\ndef test_it():\n    pass\n"), 0,
               "1 error while collecting");
}

TEST_CASE("an error in a fixture is no test that ran") {
  check_errors(run_python_test("import unittest\n\nclass A(unittest.TestCase):\n"
                               "    @classmethod\n    def setUpClass(cls):\n"
                               "        raise OSError('no')\n\n"
                               "    def test_it(self):\n        pass\n"),
               0, "1 error while collecting or setting up");
  if (!has_pytest())
    SKIP("python3 has no pytest");
  check_errors(run_python_test("import pytest\n\n@pytest.fixture\ndef bad():\n"
                               "    raise OSError('no')\n\n"
                               "def test_a(bad):\n    pass\n\ndef test_b():\n    pass\n"),
               1, "1 error while collecting or setting up");
}

TEST_CASE("a suite without a count, without tests or with an exit code does not pass") {
  temporary_workspace ws;
  merged_one_file(ws);
  ws.context.config.run.tests = {
      suite_command("silent", "echo all fine"), suite_command("none", "echo 0 run"),
      suite_command("exit", "echo 3 run; exit 4"), suite_command("good", "echo 2 run; echo 0 bad")};
  const auto found = ws.run("testing", testing_output);
  CHECK(found["suites"][0]["status"] == "no_count");
  CHECK(found["suites"][0]["tests_run"]["status"] == "not_measured");
  CHECK(found["suites"][1]["status"] == "no_tests");
  CHECK(found["suites"][2]["status"] == "failed");
  CHECK(found["suites"][3]["status"] == "passed");
  CHECK(found["suites_without_count"] == 1);
  CHECK(found["suites_failed"] == 3);
  CHECK(found["tests_run"] == 5);
}

TEST_CASE("a suite whose tests were all skipped ran none and does not pass") {
  temporary_workspace ws;
  ws.start("py");
  ws.write("py/test_a.py", "import unittest\n\n@unittest.skip('later')\n"
                           "class A(unittest.TestCase):\n    def test_it(self):\n        pass\n");
  ws.commit("py", "tests");
  ws.merge();
  const auto found = ws.run("testing", testing_output);
  CHECK(found["tests_run"] == 0);
  CHECK(found["tests_skipped"] == 1);
  CHECK(found["suites_passed"] == 0);
  CHECK(found["suites"][0]["status"] == "no_tests");
  CHECK(found["suites"][0]["reason"].get<std::string>().find("skipped") != std::string::npos);
}

TEST_CASE("what a script itself prints is no runner's count") {
  if (find_program("npm").empty())
    SKIP("npm is not on PATH");
  const auto counts_of = [](const std::string& scripts) {
    temporary_workspace ws;
    ws.start("js");
    ws.write("js/package.json", "{\"name\": \"js\", \"scripts\": {" + scripts + "}}");
    ws.write("js/run.js", "console.log('Tests:       2 passed, 2 total');\n");
    ws.commit("js", "tests");
    ws.merge();
    return ws.run("testing", testing_output)["suites"][0];
  };
  const auto fake = counts_of(R"("test": "echo 'Tests: 12 passed, 12 total'")");
  CHECK(fake["status"] == "no_count");
  CHECK(fake["reason"].get<std::string>().find("only prints") != std::string::npos);
  CHECK(
      counts_of(R"("test": "npm run -s unit", "unit": "N=12; echo \"Tests: $N passed, $N total\"")")
          ["status"]
      == "no_count");
  CHECK(counts_of(R"("pretest": "node run.js", "test": "echo done")")["tests_run"] == 2);
  CHECK(counts_of(R"("test": "node run.js && echo 'Tests: 12 passed, 12 total'")")["tests_run"]
        == 2);
  CHECK(counts_of(R"("test": "npm run -s unit", "unit": "node run.js")")["tests_run"] == 2);
}

TEST_CASE("what a recipe itself prints is no runner's count") {
  temporary_workspace ws;
  ws.start("m");
  ws.write("m/Makefile", "check:\n\t@echo 'Tests: 12 passed, 12 total'\n");
  ws.commit("m", "tests");
  ws.merge();
  CHECK(ws.run("testing", testing_output)["suites"][0]["status"] == "no_count");
}

TEST_CASE("a suite whose tool is not there is not measured and not passed") {
  temporary_workspace ws;
  merged_one_file(ws);
  auto item = suite_command("absent", "");
  item.argv = {"no-such-tool-of-aeo"};
  ws.context.config.run.tests = {item};
  const auto found = ws.run("testing", testing_output);
  CHECK(found["suites_not_measured"] == 1);
  CHECK(found["suites_passed"] == 0);
  CHECK(found["tests_run"]["status"] == "not_measured");
}

TEST_CASE("no suite at all is zero tests") {
  temporary_workspace ws;
  merged_one_file(ws);
  const auto found = ws.run("testing", testing_output);
  CHECK(found["suites_total"] == 0);
  CHECK(found["tests_run"] == 0);
}

TEST_CASE("a suite that hangs is ended with everything that it started") {
  temporary_workspace ws;
  merged_one_file(ws);
  auto item = suite_command("hangs", "setsid sleep 1000 & echo pid $!; sleep 1001");
  item.timeout = 3;
  ws.context.config.run.tests = {item};
  const auto found = ws.run("testing", testing_output);
  CHECK(found["suites"][0]["status"] == "timed_out");
  const auto log = ws.read(found["suites"][0]["log"].get<std::string>());
  REQUIRE(log.starts_with("pid "));
  CHECK_FALSE(process_lives(std::stoi(log.substr(4))));
}

TEST_CASE("a signal ends the suite and removes the scratch copy before it ends the step") {
  temporary_workspace ws;
  merged_one_file(ws);
  const auto pid_file = ws.root + "/consolidation/.cache/tools/pid";
  ws.context.config.run.tests = {suite_command("signals", "sleep 1002 & echo $! > " + pid_file
                                                              + "; kill -TERM $PPID; sleep 1003")};
  try {
    ws.run("testing", testing_output);
    FAIL("went on");
  } catch (const failure& error) {
    CHECK(error.status() == exit_status::try_again);
    CHECK(std::string(error.what()).find("Terminated") != std::string::npos);
  }
  CHECK_FALSE(process_lives(std::stoi(ws.read("consolidation/.cache/tools/pid"))));
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/.scratch"));
}

TEST_CASE("a step that is killed takes the whole group of its suite along") {
  temporary_workspace ws;
  const int step = ::fork();
  if (step == 0) {
    supervision rules;
    rules.directory = ws.root;
    rules.log_file = ws.root + "/log";
    run_supervised({"/bin/sh", "-c", "sleep 1004 & echo $!; kill -KILL $PPID; sleep 1005"}, rules);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(step, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  const int pid = std::stoi(ws.read("log"));
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd >= 0) {
    pollfd item{fd, POLLIN, 0};
    CHECK(::poll(&item, 1, 10'000) == 1);
    ::close(fd);
  }
}

TEST_CASE("a suite sees no secrets and a home of its own") {
  temporary_workspace ws;
  merged_one_file(ws);
  ::setenv("AEO_TEST_API_TOKEN", "do-not-show", 1);
  ws.context.config.run.tests = {suite_command("env", "env; echo 1 run")};
  const auto found = ws.run("testing", testing_output);
  const auto log = ws.read(found["suites"][0]["log"].get<std::string>());
  CHECK(log.find("do-not-show") == std::string::npos);
  CHECK(log.find("HOME=" + ws.root + "/consolidation/.scratch/") != std::string::npos);
  ::unsetenv("AEO_TEST_API_TOKEN");
}

TEST_CASE("a suite cannot write outside the scratch copy") {
  if (!write_confinement::supported())
    SKIP("this kernel has no Landlock");
  temporary_workspace ws;
  merged_one_file(ws);
  ws.context.config.run.tests = {suite_command(
      "escapes", "echo x > " + ws.root
                     + "/one/new; echo x > ../../../monorepo/new;"
                       "echo x > inside && echo 1 run; echo x > /dev/null || echo 9 bad")};
  const auto found = ws.run("testing", testing_output);
  CHECK(found["suites"][0]["status"] == "passed");
  CHECK_FALSE(fs::exists(ws.root + "/one/new"));
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/monorepo/new"));
  CHECK(found["monorepo_changed"] == false);
}

TEST_CASE("who is refused a write is told where suites may write") {
  if (!write_confinement::supported())
    SKIP("this kernel has no Landlock");
  temporary_workspace ws;
  merged_one_file(ws);
  ws.context.config.run.tests = {
      suite_command("refused", "echo 1 run; echo x > " + ws.root + "/new || exit 1"),
      suite_command("bad", "echo 1 run; exit 1")};
  const auto found = ws.run("testing", testing_output);
  const auto reason = found["suites"][0]["reason"].get<std::string>();
  CHECK(reason.find("lets suites write only below consolidation/.scratch/testing-")
        != std::string::npos);
  CHECK(reason.find("TMPDIR") != std::string::npos);
  CHECK(found["suites"][1]["reason"].get<std::string>().find("TMPDIR") == std::string::npos);
}

TEST_CASE("a change of the monorepo is told") {
  temporary_workspace ws;
  merged_one_file(ws);
  ws.context.config.run.writable = {ws.root};
  ws.context.config.run.tests = {
      suite_command("bad", "echo x > ../../../monorepo/new; echo 1 run")};
  CHECK(ws.run("testing", testing_output)["monorepo_changed"] == true);
}

TEST_CASE("the scratch copy holds HEAD and goes with its scope, read-only directories too") {
  temporary_workspace ws;
  merged_one_file(ws);
  std::string root;
  {
    const scratch_checkout copy(ws.context, "test");
    root = copy.root();
    CHECK(copy.files() == std::vector<std::string>{"docs/one/README.md"});
    CHECK(copy.read("docs/one/README.md") == "# one\n");
    CHECK(git(copy.tree()).line({"rev-parse", "HEAD"})
          == ws.monorepo().line({"rev-parse", "HEAD"}));
    CHECK(git(copy.tree()).output({"status", "--porcelain"}).empty());
    fs::create_directories(copy.tree() + "/a/b");
    fs::permissions(copy.tree() + "/a", fs::perms::owner_read);
  }
  CHECK_FALSE(fs::exists(root));
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/.scratch"));
}

TEST_CASE("who only reads gets the monorepo itself, as long as it is as committed") {
  using use = scratch_checkout::use;
  temporary_workspace ws;
  merged_one_file(ws);
  const auto reads_in_place = [&] {
    const scratch_checkout copy(ws.context, "test", use::reading);
    CHECK(copy.files() == std::vector<std::string>{"docs/one/README.md"});
    CHECK(copy.read("docs/one/README.md") == "# one\n");
    return copy.in_place();
  };
  const auto monorepo = ws.root + "/consolidation/monorepo";
  if (!write_confinement::supported())
    SKIP("the kernel has no Landlock");
  CHECK(reads_in_place());
  CHECK(fs::exists(monorepo + "/docs/one/README.md"));
  CHECK_FALSE(scratch_checkout(ws.context, "test").in_place());

  fs::create_directories(monorepo + "/empty");
  CHECK_FALSE(reads_in_place());
  fs::remove(monorepo + "/empty");
  ws.write("consolidation/monorepo/new.txt", "new");
  CHECK_FALSE(reads_in_place());
  ws.write("consolidation/monorepo/.git/info/exclude", "new.txt\n");
  CHECK_FALSE(reads_in_place());
  fs::remove_all(monorepo + "/.git/info");
  fs::remove(monorepo + "/new.txt");
  CHECK(reads_in_place());

  ws.monorepo().output({"config", "core.autocrlf", "true"});
  CHECK_FALSE(reads_in_place());
  ws.monorepo().output({"config", "--unset", "core.autocrlf"});
  CHECK(reads_in_place());
  ws.monorepo().output({"update-index", "--assume-unchanged", "docs/one/README.md"});
  ws.write("consolidation/monorepo/docs/one/README.md", "# two\n");
  CHECK_FALSE(reads_in_place());
}

TEST_CASE("a program that is confined cannot write elsewhere") {
  if (!write_confinement::supported())
    SKIP("the kernel has no Landlock");
  temporary_workspace ws;
  fs::create_directories(ws.root + "/here");
  process_options options;
  options.directory = ws.root;
  options.writable = {ws.root + "/here"};
  CHECK(run_process({"sh", "-c", "echo > here/a"}, options).exit_code == 0);
  CHECK(run_process({"sh", "-c", "echo > b"}, options).exit_code != 0);
  CHECK(fs::exists(ws.root + "/here/a"));
  CHECK_FALSE(fs::exists(ws.root + "/b"));
}

TEST_CASE("what a killed step left is removed by the next") {
  temporary_workspace ws;
  merged_one_file(ws);
  fs::create_directories(ws.root + "/consolidation/.scratch/testing-abcdef/tree");
  { const scratch_checkout copy(ws.context, "test"); }
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/.scratch"));
}

TEST_CASE("without a monorepo the step names the one that makes it") {
  temporary_workspace ws;
  ws.write("consolidation/reports/component_mapping.json", "{}");
  try {
    ws.run("testing", testing_output);
    FAIL("accepted");
  } catch (const failure& error) {
    CHECK(error.status() == exit_status::no_input);
    CHECK(std::string(error.what()).find("conflict-resolution") != std::string::npos);
  }
}

TEST_CASE("a recipe that calls a runner is not counted a second time") {
  temporary_workspace ws;
  ws.start("m");
  ws.write("m/Makefile", "check:\n\tcd sub && go test ./...\n");
  ws.write("m/sub/go.mod", "module example.com/m\n\ngo 1.20\n");
  ws.write("m/sub/a_test.go", "package m\n");
  ws.write("m/native/Makefile", "all:\n\ntest: all\n\t./run-tests\n");
  ws.write("m/alone/Makefile", "test:\n\tgo test ./cmd\n"); // Runs what no other suite does.
  ws.write("m/web/package.json",
           "{\"scripts\": {\"test\": \"echo \\\"Error: no test specified\\\" && exit 1\"}}");
  ws.commit("m", "first");
  ws.merge();
  const auto mapping = read_output(ws.context, "reports/component_mapping.json", "x");
  const scratch_checkout copy(ws.context, "test");
  suite_search search(ws.context, copy, mapping);
  find_suites(ws.context, search);
  std::vector<std::string> ids;
  for (const auto& suite : search.suites)
    ids.push_back(suite.id);
  CHECK(ids
        == std::vector<std::string>{"go libs/m/sub", "make libs/m/alone", "make libs/m/native"});
  CHECK(search.others.size() == 2);
}

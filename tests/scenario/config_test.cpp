// Mistakes stop at the door, all of them at once, and a dry run changes nothing.

#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::testing;

namespace {

namespace fs = std::filesystem;

/// Exit 78, each text in the output, nothing written and nothing run.
void check_refused(const temp_workspace& w, const std::vector<std::string>& texts) {
  auto before = tree_of(w.path());
  for (const auto& options : {std::vector<std::string>{}, {"--mode", "dry-run"}, {"--fresh"}}) {
    auto r = run_node(w, options);
    INFO(r.output);
    CHECK(r.exit_code == 78);
    for (const auto& text : texts)
      CHECK(contains(r.output, text));
    CHECK(contains(r.output, "nothing was run"));
  }
  CHECK_FALSE(w.has("consolidation"));
  CHECK(tree_of(w.path()) == before);
}

std::string file(const temp_workspace& w, const std::string& name) {
  return (w.path() / "config" / name).string();
}

} // namespace

TEST_CASE("a cycle is refused and shown as its path") {
  temp_workspace w;
  write_plan(w, {{"3", shell_phase({"5"}, ":")},
                 {"4", shell_phase({"3"}, ":")},
                 {"5", shell_phase({"4"}, ":")}});
  check_refused(w, {file(w, "phase_config.json") + ": /phases/3/dependencies", " → "});
}

TEST_CASE("an unknown key is refused with its place and the name that was meant") {
  temp_workspace w;
  write_plan(w, {{"0", shell_phase({}, ":", {{"dependecies", json::array()}})}});
  check_refused(w, {file(w, "phase_config.json") + ": /phases/0/dependecies: ", "dependencies"});
}

TEST_CASE("a dependency on a phase that does not exist is refused by its place") {
  temp_workspace w;
  write_plan(w, {{"0", shell_phase({"nowhere"}, ":")}});
  check_refused(w, {file(w, "phase_config.json") + ": /phases/0/dependencies/0: ", "nowhere"});
}

TEST_CASE("several mistakes in several files are reported all at once") {
  temp_workspace w;
  write_plan(w,
             {{"0", shell_phase({"9"}, ":", {{"timeout", "soon"}})},
              {"1", shell_phase({}, ":", {{"colour", "red"}})}},
             {{"max_retries", -1}}, {{"7", {{"required_outputs", {"x"}}}}});
  check_refused(w, {file(w, "phase_config.json") + ": /phases/0/timeout: ",
                    file(w, "phase_config.json") + ": /phases/0/dependencies/0: ",
                    file(w, "phase_config.json") + ": /phases/1/colour: ",
                    file(w, "orchestrator_config.json") + ": /max_retries: ",
                    file(w, "success_criteria.json") + ": /7: ", "5 mistakes"});
}

TEST_CASE("a file that is no JSON is refused with line and column") {
  temp_workspace w;
  write_plan(w, {{"0", shell_phase({}, ":")}});
  w.write("config/orchestrator_config.json", "{\n  \"max_parallel\": ,\n}\n");
  check_refused(w, {file(w, "orchestrator_config.json") + ": line 2, column 19: "});
}

TEST_CASE("a dry run of the shipped plan prints the levels and writes nothing") {
  temp_workspace w;
  w.write("some/file", "of the operator");
  auto before = tree_of(w.path());
  const auto config = (fs::path{AEO_SOURCE_DIR} / "config").string();
  auto r = run_node(w, {"--config", config, "--mode", "dry-run"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  for (const auto* text :
       {"Level 0", "Level 8", "BMC Discovery & Assessment", "nothing is executed",
        "Critical path (9 phases): 0 -> 1 -> 2 -> 3 -> 4 -> 5 -> 7 -> 12 -> 15",
        "aeo-consolidate repository-analysis", "No problems found"})
    CHECK(contains(r.output, text));
  CHECK(tree_of(w.path()) == before);

  auto as_json = run_node(w, {"--config", config, "--mode", "dry-run", "--json"});
  auto parsed = json::parse(as_json.output, nullptr, false);
  REQUIRE_FALSE(parsed.is_discarded());
  CHECK(parsed["levels"].size() == 9);
  CHECK(parsed["plan_hash"].get<std::string>().size() == 64);
  CHECK(tree_of(w.path()) == before);
}

TEST_CASE("aeo-consolidate takes its configuration from where the node has its own") {
  temp_workspace w;
  write_plan(w, {{"0", shell_phase({}, "aeo-consolidate bmc-inventory --out "
                                       "consolidation/discovery/bmc_inventory.json")}});
  fs::rename(w.path() / "config", w.path() / "plan");
  w.write("config/consolidation_config.json", R"({"domain": {"name": "of the workspace"}})");
  const auto domain = [&](const std::string& folder) {
    auto r = run_node(w, {"--config", folder, "--fresh"});
    INFO(r.output);
    CHECK(r.exit_code == 0);
    return json::parse(w.read("consolidation/discovery/bmc_inventory.json"))["domain"];
  };
  CHECK(domain((w.path() / "plan").string()) == "of the workspace");
  w.write("plan/consolidation_config.json", R"({"domain": {"name": "of the plan"}})");
  CHECK(domain((w.path() / "plan").string()) == "of the plan");
  CHECK(domain(fs::relative(w.path() / "plan").string()) == "of the plan");
}

TEST_CASE("the system calls of a dry run change no file, also where an execution is unfinished") {
  if (run_program({"/bin/sh", "-c", "strace -V > /dev/null 2>&1 && strace true 2> /dev/null"})
          .exit_code
      != 0)
    SKIP("strace is not here or may not trace");
  temp_workspace w;
  write_plan(w, {{"0", shell_phase({}, ":")}, {"1", shell_phase({"0"}, "exit 1")}});
  CHECK(run_node(w).exit_code == 1);
  check_nothing_left(w);
  temp_workspace outside;
  auto before = tree_of(w.path());
  auto trace = (outside.path() / "trace").string();
  // LeakSanitizer cannot work where somebody else traces.
  constexpr const char* calls =
      "trace=open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,"
      "symlink,symlinkat,truncate,ftruncate,chmod,fchmodat,socket,execve";
  auto r = run_program({"env", "ASAN_OPTIONS=detect_leaks=0", "strace", "-f", "-o", trace, "-e",
                        calls, std::string{AEO_BIN_DIR} + "/aeo-node", "--workspace",
                        w.path().string(), "--mode", "dry-run"});
  INFO(r.output);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.output, "--resume"));
  for (const auto& line : lines_of(outside.read("trace"))) {
    if (contains(line, "/tsan.rodata")) // TSan's own.
      continue;
    auto is_open = contains(line, "open(") || contains(line, "openat(");
    auto changes = is_open ? contains(line, "O_CREAT") || contains(line, "O_WRONLY")
                                 || contains(line, "O_RDWR") || contains(line, "O_TRUNC")
                           : !contains(line, "execve(") && !contains(line, "+++ exited")
                                 && !contains(line, "--- SIG");
    INFO(line);
    CHECK_FALSE(changes);
  }
  CHECK(tree_of(w.path()) == before);
}

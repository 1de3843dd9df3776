// The shipped plan on the demo workspace: three small git repositories, healthy.

#include "tests/fixtures/demo.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::testing;

namespace {

/// All phases of the shipped plan, each with checks, and nothing else happened.
void check_all_approved(const temp_workspace& w, const program_result& r) {
  INFO(r.output);
  CHECK(r.exit_code == 0);
  const auto report = final_report(w);
  for (const auto& [id, definition] : shipped_phases().items()) {
    INFO("phase " << id);
    CHECK(statuses(w)[id] == "approved");
    CHECK_FALSE(reported(report, id)["criteria"].empty());
    CHECK(reported(report, id)["errors"].empty());
  }
}

} // namespace

TEST_CASE("the shipped plan is approved on the demo workspace, twice, and changes no source") {
  if (!has_program("git") || !has_program("python3"))
    SKIP("git or python3 is not here");
  temp_workspace w;
  make_demo(w);
  load_lightly(w);
  const auto before = demo_sources(w);

  // Compiling Go's standard library takes longer than all the rest: not here.
  const toolbox common({"go", "cargo", "mvn"});
  check_all_approved(w, common.run_node(w));
  CHECK(demo_sources(w) == before);
  CHECK(read_json(w, "consolidation/discovery/repository_analysis.json")["repositories_total"]
        == 3);

  // What a system has at least: a missing toolchain is listed, it does not close a gate.
  const toolbox bare({"go", "cargo", "mvn", "node", "npm"});
  check_all_approved(w, bare.run_node(w, {"--fresh"}));
  CHECK(demo_sources(w) == before);
  check_nothing_left(w);
}

TEST_CASE("the demo workspace is the same at every run") {
  if (!has_program("git"))
    SKIP("git is not here");
  temp_workspace a;
  temp_workspace b;
  make_demo(a);
  make_demo(b);
  for (const auto& repository : demo_repositories) {
    const auto head = [&](const temp_workspace& w) {
      return run_program({"git", "-C", (w.path() / repository).string(), "for-each-ref",
                          "--format=%(refname) %(objectname)"})
          .output;
    };
    CHECK_FALSE(head(a).empty());
    CHECK(head(a) == head(b));
  }
}

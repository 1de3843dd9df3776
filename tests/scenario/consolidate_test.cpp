// The shipped plan on the demo workspace: three small git repositories.

#include "tests/fixtures/scenario.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo;
using namespace aeo::testing;

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> repositories = {"quotation-service", "chat-frontend",
                                               "integrations-service"};

std::map<std::string, std::map<std::string, std::string>> sources_of(const fs::path& workspace) {
  std::map<std::string, std::map<std::string, std::string>> result;
  for (const auto& repository : repositories)
    result[repository] = tree_of(workspace / repository);
  return result;
}

void check_all_approved(const temp_workspace& w) {
  for (const auto* id : {"0", "1", "2", "3", "4"}) {
    INFO("phase " << id);
    CHECK(statuses(w)[id] == "approved");
    CHECK_FALSE(reported(final_report(w), id)["criteria"].empty());
  }
}

} // namespace

TEST_CASE("the shipped plan is approved on the demo workspace, twice, and changes no source") {
  if (run_program({"/bin/sh", "-c", "git --version"}).exit_code != 0)
    SKIP("git is not here");
  temp_workspace w;
  const fs::path source{AEO_SOURCE_DIR};
  auto made = run_program({(source / "tools/demo-workspace").string(), w.path().string()});
  INFO(made.output);
  REQUIRE(made.exit_code == 0);
  auto before = sources_of(w.path());
  const auto config = (source / "config").string();

  auto r = run_node(w, {"--config", config}, 120);
  INFO(r.output);
  REQUIRE(r.exit_code == 0);
  check_all_approved(w);
  CHECK(sources_of(w.path()) == before);
  CHECK(read_json(w, "consolidation/discovery/repository_analysis.json")["repositories_total"]
        == 3);

  r = run_node(w, {"--config", config, "--fresh"}, 120);
  INFO(r.output);
  CHECK(r.exit_code == 0);
  check_all_approved(w);
  CHECK(sources_of(w.path()) == before);
  check_nothing_left(w);
}

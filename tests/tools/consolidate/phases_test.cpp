#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/settings.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

/// Two repositories that collide, with branches, tags, odd names, a symlink and a submodule entry.
void fill(const temporary_workspace& ws) {
  ws.start("one");
  ws.write("one/README.md", "# one\n");
  ws.write("one/.github/workflows/ci.yml", "name: one\n");
  ws.write("one/same.txt", "the same\n");
  ws.commit("one", "first");
  ws.write("one/src/new\nline.py", "import os\nprint(os.environ[\"SHOP_KEY\"])\n");
  ws.write("one/src/caf\xE9.txt", "latin\n");
  ws.write("one/\"quoted\".txt", "q\n");
  fs::create_symlink("nowhere", ws.root + "/one/broken");
  ws.commit("one", "odd names");
  ws.repository("one").output({"update-index", "--add", "--cacheinfo",
                               "160000,1111111111111111111111111111111111111111,sub"});
  ws.repository("one").output({"commit", "-q", "-m", "submodule"});
  ws.repository("one").output({"tag", "-a", "-m", "release", "v1"});
  ws.repository("one").output({"checkout", "-q", "-b", "side"});
  ws.write("one/side.txt", "side\n");
  ws.repository("one").output({"add", "side.txt"});
  ws.repository("one").output({"commit", "-q", "-m", "side"});
  ws.repository("one").output({"checkout", "-q", "main"});
  ws.start("two");
  ws.write("two/package.json", "{\"name\": \"two\", \"dependencies\": {\"one\": \"^1.0.0\"}}\n");
  ws.write("two/.github/workflows/ci.yml", "name: two\n");
  ws.write("two/same.txt", "the same\n");
  ws.commit("two", "first of two");
  ws.repository("two").output({"tag", "light"});
}

void use_mapping(temporary_workspace& ws) {
  mapping_rule rule;
  rule.name = "top";
  rule.directory = ".github";
  rule.kind = "infrastructure";
  rule.target = ".github";
  ws.context.config.mapping.push_back(rule);
}

std::map<std::string, std::string> content_of(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!fs::is_regular_file(fs::symlink_status(entry.path())))
      continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf() << fs::last_write_time(entry.path()).time_since_epoch().count();
    files[entry.path().string()] = text.str();
  }
  return files;
}

} // namespace

TEST_CASE("every commit of every source is reachable in the monorepo with its words and people") {
  temporary_workspace ws;
  fill(ws);
  const auto result = ws.merge();
  CHECK(result["fsck_clean"] == true);
  CHECK(result["unresolved"] == 0);
  std::size_t in = 0;
  for (const char* name : {"one", "two"})
    in += count_lines_of(ws.repository(name).output({"rev-list", "--all"}));
  CHECK(result["commits_in"] == in);
  CHECK(result["commits_reachable"] == in);
  const auto all = count_lines_of(ws.monorepo().output({"rev-list", "--all"}));
  CHECK(all == in + result["commits_created"].get<std::size_t>());

  std::size_t compared = 0;
  const auto table = ws.read("consolidation/repository_consolidation/commit_map.tsv");
  for (const auto line : split(table, '\n')) {
    const auto fields = split(line, '\t');
    if (fields.size() != 3 || line.starts_with('#'))
      continue;
    const std::vector<std::string> show{"show", "-s", "--format=%an%ae%at%cn%ce%ct%B"};
    auto original = show;
    original.emplace_back(fields[1]);
    auto made = original;
    made[3] = std::string(fields[2]);
    CHECK(ws.repository(std::string(fields[0])).output(original) == ws.monorepo().output(made));
    ++compared;
  }
  CHECK(compared == in);
}

TEST_CASE("every tracked file has its content and mode at the mapped place") {
  temporary_workspace ws;
  fill(ws);
  use_mapping(ws);
  const auto result = ws.merge();
  CHECK(result["files_unmapped"] == 0);
  CHECK(result["blobs_missing"] == 0);
  const auto tree = ws.monorepo().output({"ls-tree", "-r", "-z", "main"});
  const auto entries = split(tree, '\0');
  const std::set<std::string_view> have(entries.begin(), entries.end());
  const auto original = ws.repository("one").output({"ls-tree", "-r", "-z", "HEAD"});
  for (const auto record : split(original, '\0')) {
    const auto tab = record.find('\t');
    if (tab == std::string_view::npos || record.find(".github") != std::string_view::npos)
      continue;
    const auto moved =
        std::string(record.substr(0, tab + 1)) + "libs/one/" + std::string(record.substr(tab + 1));
    INFO(encode_path(moved));
    CHECK(have.contains(moved));
  }
  CHECK(ws.read("consolidation/monorepo/.github/workflows/one-ci.yml") == "name: one\n");
  CHECK(ws.read("consolidation/monorepo/.github/workflows/two-ci.yml") == "name: two\n");
}

TEST_CASE("what GitHub does not read any more after the merge is a decision for a person") {
  temporary_workspace ws;
  fill(ws);
  use_mapping(ws);
  ws.write("one/.github/dependabot.yml", "version: 2\n");
  ws.write("two/.github/dependabot.yml", "version: 2\nupdates: []\n");
  ws.write("one/.github/release.yml", "changelog: {}\n");
  ws.write("two/.github/release.yml", "changelog: {}\n");
  ws.write("one/.github/CODEOWNERS", "* @one\n");
  ws.write("two/.github/CODEOWNERS", "* @two\n");
  ws.write("two/CODEOWNERS", "* @top\n");
  strategy_rule newest;
  newest.match = {".github/CODEOWNERS"};
  newest.strategy = "keep_repository";
  newest.repository = "two";
  ws.context.config.strategies.push_back(newest);
  for (const auto* name : {"one", "two"})
    ws.commit(name, "what GitHub reads");
  const auto result = ws.merge();
  std::vector<std::string> what;
  for (const auto& item : result["decisions"])
    what.push_back(item["what"].get<std::string>());
  CHECK(what
        == std::vector<std::string>{
            "one/.github/CODEOWNERS: is its content wanted in .github/CODEOWNERS of two?",
            "one/.github/dependabot.yml: what becomes of it? At .github/one-dependabot.yml GitHub "
            "does not read it",
            "two/.github/dependabot.yml: what becomes of it? At .github/two-dependabot.yml GitHub "
            "does not read it",
            "two/CODEOWNERS: what becomes of it? At data/two/CODEOWNERS GitHub does not read it"});
  CHECK(result["not_read_by_github"] == 4);
  CHECK(result["summary"].get<std::string>().ends_with(
      "0 unresolved, 4 files that GitHub does not read any more"));
}

TEST_CASE("paths that differ in case only are counted in the summary") {
  temporary_workspace ws;
  ws.start("one");
  ws.write("one/README", "a\n");
  ws.write("one/readme", "b\n");
  ws.commit("one", "first");
  ws.merge();
  const auto strategy =
      ordered::parse(ws.read("consolidation/repository_consolidation/merge_strategy.json"));
  CHECK(strategy["case_collisions_total"] == 1);
  CHECK(strategy["summary"]
        == "0 collisions, 0 version conflicts, 1 group of paths that differ in case only");
  REQUIRE(strategy["decisions"].size() == 1);
  CHECK(strategy["decisions"][0]["what"]
        == "docs/one/README and docs/one/readme: is one to be renamed?");
}

TEST_CASE("directories beside the repositories are named in the summary") {
  temporary_workspace ws;
  ws.start("one");
  ws.write("one/a.py", "x = 1\n");
  ws.commit("one", "first");
  ws.write("notes/plan.txt", "x\n");
  ws.write("a.txt", "x\n");
  ws.write("config/consolidation_config.json", "{}\n");
  ws.context.config.file = ws.root + "/config/consolidation_config.json";
  const auto found = ws.run("workspace-analysis", "discovery/workspace_analysis.json");
  CHECK(found["not_consolidated"] == ordered{"a.txt", "config", "notes"});
  CHECK(found["summary"].get<std::string>().ends_with(" language, not consolidated: notes"));
  for (const auto* name : {"c", "d", "e", "f", "g", "h"})
    ws.write(std::string(name) + "/a.txt", "x\n");
  const auto more = ws.run("workspace-analysis", "discovery/workspace_analysis.json");
  CHECK(more["summary"].get<std::string>().ends_with("not consolidated: c, d, e, f, g and 2 more"));
}

TEST_CASE("a linked worktree is listed and its repository merged once") {
  temporary_workspace ws;
  ws.start("one");
  ws.write("one/a.py", "x = 1\n");
  ws.commit("one", "first");
  ws.repository("one").output({"worktree", "add", "-q", "../a-side", "-b", "side"});
  ws.repository("one").output({"worktree", "add", "-q", "--detach", "../loose"});
  ws.repository("loose").output({"commit", "-q", "--allow-empty", "-m", "on no branch"});
  const auto facts = ws.run("repository-analysis", "discovery/repository_analysis.json");
  CHECK(facts["repositories_total"] == 1);
  CHECK(facts["repositories"][0]["name"] == "one");
  const auto found = ws.run("workspace-analysis", "discovery/workspace_analysis.json");
  CHECK(found["not_consolidated"] == ordered{"a-side", "loose"});
  CHECK(
      found["skipped"]
      == ordered{{{"repository", "one"},
                  {"path", "../a-side"},
                  {"reason", "a linked worktree of it: its branches are those of the repository"}},
                 {{"repository", "one"},
                  {"path", "../loose"},
                  {"reason", "a linked worktree of it, whose commit is on no branch or tag and is "
                             "not in the history: give it a branch"}}});
  ws.merge();
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/monorepo/libs/a-side"));
}

TEST_CASE("a linked worktree of a repository elsewhere is a repository of its own, once") {
  temporary_workspace elsewhere;
  elsewhere.start("one");
  elsewhere.write("one/a.py", "x = 1\n");
  elsewhere.commit("one", "first");
  temporary_workspace ws;
  for (const auto* name : {"b", "c"})
    elsewhere.repository("one").output({"worktree", "add", "-q", ws.root + "/" + name});
  const auto facts = ws.run("repository-analysis", "discovery/repository_analysis.json");
  REQUIRE(facts["repositories_total"] == 1);
  CHECK(facts["repositories"][0]["name"] == "b");
}

TEST_CASE("every tracked file belongs to exactly one component and the counts add up") {
  temporary_workspace ws;
  fill(ws);
  ws.write("one/lib/package.json", "{\"name\": \"one\"}");
  ws.write("one/lib/deep/x.js", "export const x = 1;\n");
  ws.commit("one", "a package inside");
  const auto map = ws.run("component-mapping", "reports/component_mapping.json");
  std::size_t tracked = 0;
  for (const char* name : {"one", "two"}) {
    const auto listing = ws.repository(name).output({"ls-tree", "-r", "-z", "HEAD"});
    tracked += static_cast<std::size_t>(std::count(listing.begin(), listing.end(), '\0'));
  }
  CHECK(map["files_tracked"] == tracked);
  CHECK(map["files_mapped"] == tracked);
  CHECK(map["files_unmapped"] == 0);
  CHECK(map["files_mapped_twice"] == 0);
  std::size_t sum = 0;
  for (const auto& item : map["components"])
    sum += item["files"].get<std::size_t>();
  CHECK(sum == tracked);
  CHECK(map["dependencies"][0]["from"] == "two");
  CHECK(map["dependencies"][0]["to"] == "one/lib");
}

TEST_CASE("all steps leave the sources byte for byte and time for time as they were") {
  temporary_workspace ws;
  fill(ws);
  const auto one = content_of(ws.root + "/one");
  const auto two = content_of(ws.root + "/two");
  ws.run("repository-analysis", "discovery/repository_analysis.json");
  ws.run("workspace-analysis", "discovery/workspace_analysis.json");
  ws.merge();
  CHECK(content_of(ws.root + "/one") == one);
  CHECK(content_of(ws.root + "/two") == two);
}

TEST_CASE("building again from the same sources gives the same commit") {
  temporary_workspace ws;
  fill(ws);
  const auto first = ws.merge();
  const auto second = ws.merge();
  CHECK(first["head"] == second["head"]);
  CHECK(second["kept_previous"].get<std::string>().empty());
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/.monorepo.new"));
}

TEST_CASE("work that someone did in the monorepo is kept beside the new one") {
  temporary_workspace ws;
  fill(ws);
  ws.merge();
  ws.write("consolidation/monorepo/mine.txt", "mine\n");
  ws.commit("consolidation/monorepo", "my work");
  const auto again = ws.merge();
  CHECK(again["kept_previous"] == "monorepo.previous");
  CHECK(ws.read("consolidation/monorepo.previous/mine.txt") == "mine\n");
}

TEST_CASE("versions without a common one are a decision for a person, with every place") {
  temporary_workspace ws;
  for (const auto* name : {"one", "two"}) {
    ws.start(name);
    const auto* range = name[0] == 'o' ? "^17.0.0" : "^18.2.0";
    ws.write(std::string(name) + "/package.json",
             "{\n  \"name\": \"" + std::string(name)
                 + "\",\n  \"dependencies\": {\n    \"react\": \"" + range
                 + "\",\n    \"left-pad\": \"^1.3.0\"\n  }\n}\n");
    ws.commit(name, "first");
  }
  ws.run("component-mapping", "reports/component_mapping.json");
  const auto strategy = ws.run("merge-strategy", "repository_consolidation/merge_strategy.json");
  CHECK(strategy["version_conflicts_total"] == 1);
  REQUIRE(strategy["decisions"].size() == 1);
  CHECK(strategy["decisions"][0]["what"]
        == "npm react: all on 18.2.0 or later, or each its own as it is now?");
  CHECK(strategy["decisions"][0]["reason"]
        == "one/package.json:4 asks for ^17.0.0, two/package.json:4 asks for ^18.2.0");
}

TEST_CASE("a strategy made for other commits is refused") {
  temporary_workspace ws;
  fill(ws);
  ws.run("component-mapping", "reports/component_mapping.json");
  ws.write("two/more.txt", "more\n");
  ws.commit("two", "moved on");
  try {
    ws.run("merge-strategy", "repository_consolidation/merge_strategy.json");
    FAIL("accepted");
  } catch (const failure& error) {
    CHECK(error.status() == exit_status::bad_data);
  }
}

TEST_CASE("a step without the output it needs names the step that makes it") {
  temporary_workspace ws;
  fill(ws);
  try {
    ws.run("conflict-resolution", "repository_consolidation/conflict_resolution.json");
    FAIL("accepted");
  } catch (const failure& error) {
    CHECK(error.status() == exit_status::no_input);
    CHECK(std::string(error.what()).find("merge-strategy") != std::string::npos);
  }
}

TEST_CASE("the place of evidence exists and the line there matches") {
  temporary_workspace ws;
  fill(ws);
  component_rule rule;
  rule.id = "shop";
  rule.content = {"os\\.environ"};
  rule.env = {"SHOP_KEY"};
  ws.context.config.components.push_back(rule);
  ws.context.config.minimum_components = 2;
  const auto found = ws.run("bmc-inventory", "discovery/bmc_inventory.json");
  CHECK(found["components_found"] == 1);
  CHECK(found["components_short"] == 1);
  REQUIRE(found["components"][0]["evidence"].size() == 2);
  for (const auto& place : found["components"][0]["evidence"]) {
    const auto text = ws.read(place["repository"].get<std::string>() + "/"
                              + decode_path(place["path"].get<std::string>()));
    const auto line = split(text, '\n').at(place["line"].get<std::size_t>() - 1);
    CHECK(line.find("os.environ[\"SHOP_KEY\"]") != std::string_view::npos);
  }
}

TEST_CASE("the second scan reads nothing, a changed file is read again") {
  temporary_workspace ws;
  fill(ws);
  const auto first = ws.run("workspace-analysis", "discovery/workspace_analysis.json");
  CHECK(first["scan"]["cached"] == 0);
  const auto second = ws.run("workspace-analysis", "discovery/workspace_analysis.json");
  CHECK(second["scan"]["cached"].get<std::size_t>() + 1
        >= first["scan"]["read"].get<std::size_t>());
  ws.write("two/same.txt", "now different\n");
  const auto third = ws.run("workspace-analysis", "discovery/workspace_analysis.json");
  CHECK(third["scan"]["read"].get<std::size_t>() == second["scan"]["read"].get<std::size_t>() + 1);
}

TEST_CASE("empty, plain, shallow and bare sources are listed and merged as far as they go") {
  temporary_workspace ws;
  fill(ws);
  ws.start("empty");
  ws.write("plain/notes.txt", "no history\n");
  git(ws.root).output({"-c", "protocol.allow=always", "clone", "-q", "--depth", "1",
                       "file://" + ws.root + "/one", "shallow"});
  git(ws.root).output(
      {"-c", "protocol.allow=always", "clone", "-q", "--bare", ws.root + "/two", "bare.git"});
  for (const char* name : {"one", "two", "empty", "plain", "shallow", "bare.git"})
    ws.context.config.repositories.push_back({name, name, ""});
  const auto facts = ws.run("repository-analysis", "discovery/repository_analysis.json");
  CHECK(facts["repositories_total"] == 6);
  CHECK(facts["repositories_empty"] == 1);
  CHECK(facts["repositories"][4]["shallow"] == true);
  const auto result = ws.merge();
  CHECK(result["fsck_clean"] == true);
  CHECK(result["unresolved"] == 0);
  CHECK(result["commits_missing"] == 0);
  CHECK(result["files_unmapped"] == 0);
}

TEST_CASE("an output outside consolidation is refused") {
  temporary_workspace ws;
  for (const char* out :
       {"../x.json", "/tmp/x.json", "one/x.json", "consolidation", "consolidation/../one/x"})
    CHECK_THROWS_AS(checked_output(ws.root, out), failure);
  CHECK(checked_output(ws.root, "consolidation/a/b.json") == ws.root + "/consolidation/a/b.json");
}

TEST_CASE("a manifest without a parser is listed, one that another names is read") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/Gemfile", "gem 'rails'\n");
  ws.write("app/build.gradle.kts", "plugins {}\n");
  ws.write("app/x.csproj", "<Project/>\n");
  ws.write("app/requirements.txt", "-r deploy/base.txt\n-c limits.txt\n-r ./gone.txt\n");
  ws.write("app/deploy/base.txt", "flask==3.0\n-r ../requirements.txt\n");
  ws.write("app/limits.txt", "urllib3<3\n");
  ws.commit("app", "first");
  const auto found = ws.run("repository-manifests", "phase1/repository_analysis.json");
  CHECK(found["manifests_found"] == 5);
  CHECK(found["manifests_parsed"] == 2);
  CHECK(found["manifests_unparsable"] == 3);
  CHECK(found["manifests_unlisted"] == 0);
  std::map<std::string, std::string> errors;
  for (const auto& item : found["manifests"])
    errors[item["path"]] = item.value("error", "");
  CHECK(errors.at("Gemfile") == "no parser for this kind of file");
  CHECK(errors.at("build.gradle.kts") == "no parser for this kind of file");
  CHECK(errors.at("deploy/base.txt").empty());
  const auto packages = ws.run("dependencies", "phase1/dependencies.json")["packages"];
  REQUIRE(packages.size() == 1);
  CHECK(packages[0]["name"] == "flask");
  CHECK(packages[0]["uses"][0]["path"] == "deploy/base.txt");
}

TEST_CASE("a README and a licence are seen however their names are spelled") {
  temporary_workspace ws;
  for (const auto& [name, readme, licence] : {std::tuple{"one", "Readme.md", "license"},
                                              {"two", "readme.md", "Licence.txt"},
                                              {"three", "ReadMe.rst", "Copying"}}) {
    ws.start(name);
    ws.write(std::string(name) + "/" + readme, "# x\n");
    ws.write(std::string(name) + "/" + licence, "free\n");
    ws.commit(name, "first");
  }
  ws.start("none");
  ws.write("none/license.py", "x = 1\n");
  ws.commit("none", "first");
  const auto shipped = load_settings(AEO_SOURCE_DIR "/config/consolidation_config.json");
  for (const auto& rule : shipped.requirements) {
    if (rule.id == "readme" || rule.id == "license")
      ws.context.config.requirements.push_back(rule);
  }
  const auto facts = ws.run("repository-analysis", "discovery/repository_analysis.json");
  for (const auto& item : facts["repositories"]) {
    INFO(item["name"].get<std::string>());
    CHECK(item["presence"]["readme"]["present"] == (item["name"] != "none"));
    CHECK(item["presence"]["license"]["present"] == (item["name"] != "none"));
  }
  const auto gaps = ws.run("production-gaps", "discovery/production_gaps.json");
  CHECK(gaps["gaps_total"] == 2);
  for (const auto& gap : gaps["gaps"])
    CHECK(gap["scope"] == "none");
}

TEST_CASE("automated tests are seen wherever a language keeps them") {
  temporary_workspace ws;
  const std::vector<std::string> tests{
      "test/unit/order.ts", "tests/order.js",      "src/__tests__/order.tsx", "src/order.spec.js",
      "src/order.spec.tsx", "src/order.test.mts",  "src/order.test.jsx",      "spec/order_spec.rb",
      "tests/order.rs",     "src/OrderTests.java", "src/OrderTest.kt",        "src/OrderTest.php",
      "order_test.cc"};
  for (std::size_t i = 0; i <= tests.size(); ++i) {
    const auto name = i < tests.size() ? "repository" + std::to_string(i) : "none";
    ws.start(name);
    ws.write(name + "/" + (i < tests.size() ? tests[i] : "contest/latest.ts"), "x\n");
    ws.write(name + "/testimony.spec.md", "x\n");
    ws.commit(name, "first");
  }
  const auto shipped = load_settings(AEO_SOURCE_DIR "/config/consolidation_config.json");
  std::ranges::copy_if(shipped.requirements, std::back_inserter(ws.context.config.requirements),
                       [](const auto& rule) { return rule.id == "tests"; });
  const auto facts = ws.run("repository-analysis", "discovery/repository_analysis.json");
  for (const auto& item : facts["repositories"]) {
    INFO(item["name"].get<std::string>());
    CHECK(item["presence"]["tests"]["present"] == (item["name"] != "none"));
  }
  const auto gaps = ws.run("production-gaps", "discovery/production_gaps.json");
  for (const auto& gap : gaps["gaps"])
    CHECK(gap["scope"] == "none");
  CHECK(gaps["gaps_total"] == 1);
}

TEST_CASE("a C program is seen by its main, in whatever style") {
  const auto kind_of = [](const std::string& path, const std::string& text) {
    temporary_workspace ws;
    ws.start("one");
    ws.write("one/util.c", "int util(void) { return 0; }\n");
    ws.write("one/" + path, text);
    ws.commit("one", "first");
    return ws.run("component-mapping", "reports/component_mapping.json")["components"][0]["kind"]
        .get<std::string>();
  };
  CHECK(kind_of("a.c", "int\nmain(int argc, char **argv)\n{\n}\n") == "app");
  CHECK(kind_of("src/a.c", "main(argc, argv)\n\tint argc;\n\tchar **argv;\n{\n}\n") == "app");
  CHECK(kind_of("a.cpp", "int main() { return 0; }\n") == "app");
  CHECK(kind_of("a.c", "#ifndef FUZZ\nint main(void)\n{\n}\n#endif\n") == "app");
  CHECK(kind_of("a.c", "/* as in\nint main(void) {}\n */\nint a;\n") == "library");
  CHECK(kind_of("a.c", "int main(void);\nint a(void) { return main(); }\n") == "library");
  CHECK(kind_of("a.c", "#ifdef SELFTEST\nint main(void) {}\n#endif\n") == "library");
  CHECK(kind_of("tests/a.c", "int main(void) {}\n") == "library");
  CHECK(kind_of("contrib/a.c", "int main(void) {}\n") == "library");
}

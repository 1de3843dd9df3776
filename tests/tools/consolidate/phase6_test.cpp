#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/link_check.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

constexpr const char* docs_output = "repository_consolidation/documentation.json";

std::string links_of(const std::string& text) {
  std::string result;
  for (const auto& link : parse_markdown(text).links)
    result += (result.empty() ? "" : " ") + link.target + ":" + std::to_string(link.line);
  return result;
}

std::string verdict(const std::string& target) {
  std::map<std::string, std::string> files{
      {"README.md", "# Top\n\n## Two words\n\n## Two words\n\n<a name=\"Here\"></a>\n"},
      {"docs/a b.md", "# A\n"},
      {"src/x.py", ""}};
  link_tree tree([&](const std::string& path) { return files.at(path); });
  for (const auto& [path, text] : files)
    tree.add(path);
  switch (check_link(tree, "docs/a b.md", target).state) {
  case link_state::ok:
    return "ok";
  case link_state::broken:
    return "broken";
  case link_state::external:
    return "external";
  case link_state::outside:
    return "outside";
  }
  return "";
}

void fill_docs(const temporary_workspace& ws) {
  ws.start("shop");
  ws.write("shop/README.md", "# Shop\n\nSells *things* to | people. And more.\n\n"
                             "[docs](docs/use.md#start) [gone](docs/gone.md)\n");
  ws.write("shop/docs/use.md", "# Use\n\n## Start\n\nSet `SHOP_MODE`. [up](../README.md)\n");
  ws.write("shop/package.json", "{\"name\": \"shop\",\n\"scripts\": {\n"
                                "\"test\": \"node --test | tee x\",\n\"build\": \"make\"}}\n");
  ws.write("shop/Dockerfile", "FROM a\nCMD [\"x\"]\nEXPOSE 80\n");
  ws.write("shop/.env.example", "SHOP_URL=hunter2-value\n");
  ws.write("shop/a.js", "f(process.env.SHOP_URL, process.env.SHOP_MODE ?? 1,\n"
                        "  process.env.SHOP_HIDDEN);\n");
  ws.write("shop/odd [name].md", "[a](a.js)\n");
  ws.commit("shop", "first");
}

} // namespace

TEST_CASE("links of every style are read with their lines") {
  CHECK(links_of("[a](b.md)\n\n![c](d.png)\n") == "b.md:1 d.png:3");
  CHECK(links_of("x\n[a][r] and [r]\n\n[r]: e.md \"t\"\n") == "e.md:2 e.md:2");
  CHECK(links_of("<a href=\"f.md\">\n\ny <img src='g.png'>\n") == "f.md:1 g.png:3");
  CHECK(links_of("```\n[no](code.md)\n```\n`[no](x)` \\[no](x)\n").empty());
  CHECK(links_of("[a](<b c.md> \"t\") [d](e\\_f.md)\n") == "b c.md:1 e_f.md:1");
  CHECK(links_of("| a |\n|---|\n| [b](c.md) |\n") == "c.md:3");
}

TEST_CASE("a link is followed to files, directories and headings as GitHub does") {
  CHECK(verdict("../README.md") == "ok");
  CHECK(verdict("a%20b.md") == "ok");
  CHECK(verdict("../src") == "ok");
  CHECK(verdict("../src/") == "ok");
  CHECK(verdict("/src/x.py#L3") == "ok");
  CHECK(verdict("../README.md#two-words-1") == "ok");
  CHECK(verdict("../README.md#here") == "ok");
  CHECK(verdict("#a") == "ok");
  CHECK(verdict("../README.md#two-words-2") == "broken");
  CHECK(verdict("#b") == "broken");
  CHECK(verdict("gone.md") == "broken");
  CHECK(verdict("") == "broken");
  CHECK(verdict("https://example.org") == "external");
  CHECK(verdict("mailto:a@example.org") == "external");
  CHECK(verdict("//example.org/x") == "external");
  CHECK(verdict("../../issues") == "outside");
}

TEST_CASE("headings get the anchors that GitHub gives them") {
  CHECK(heading_anchor("Two words") == "two-words");
  CHECK(heading_anchor("What's new in 1.2?") == "whats-new-in-12");
  CHECK(heading_anchor("snake_case & more") == "snake_case--more");
  CHECK(heading_anchor("Índice de Ñandúes") == "índice-de-ñandúes");
  CHECK(heading_anchor("🚀 Quick start") == "-quick-start");
  CHECK(heading_anchor("Setup ⚙️ now") == "setup-️-now");
  CHECK(heading_anchor("Run — and stop") == "run--and-stop");
  CHECK(heading_anchor("Plan–B “now” …") == "planb-now-");
  CHECK(heading_anchor("日本語 の見出し") == "日本語-の見出し");
  CHECK(heading_anchor("Cafe\u0301 №5 ½") == "cafe\u0301-5-");
  CHECK(lower_text("ÄÖ\xFFÜ") == "äö\xFFü");
}

TEST_CASE("plain text stays plain in a page, whatever characters it has") {
  for (const std::string text : {"a|b", "`x`", "*a* _b_ [c](d) <e> #f", "\\", "``", "a``b"}) {
    INFO(text);
    CHECK(parse_markdown(markdown_text(text) + "\n").summary == trim(text));
    CHECK(parse_markdown("x [y](z) " + markdown_code(text) + "\n").links.size() == 1);
  }
}

TEST_CASE("generated pages have no broken link, and broken ones of documents are placed") {
  temporary_workspace ws;
  fill_docs(ws);
  ws.merge();
  const auto result = ws.run("documentation", docs_output);
  CHECK(result["broken_links_generated"] == 0);
  CHECK(result["broken_links_documents"] == 1);
  REQUIRE(result["broken"].size() == 1);
  const auto& broken = result["broken"][0];
  const auto text = ws.read("consolidation/monorepo/" + broken["path"].get<std::string>());
  CHECK(split(text, '\n').at(broken["line"].get<std::size_t>() - 1).find("docs/gone.md")
        != std::string_view::npos);
  CHECK(result["readme_present"] == result["readme_expected"]);
  CHECK(result["variables_undocumented"] == 1);
  CHECK(result["undocumented"][0]["variable"] == "SHOP_HIDDEN");
  for (const auto& page : result["pages"])
    CHECK(fs::is_regular_file(ws.root + "/" + page.get<std::string>()));
}

TEST_CASE("pages name components, commands and variables, and no value") {
  temporary_workspace ws;
  fill_docs(ws);
  ws.merge();
  ws.run("documentation", docs_output);
  const auto docs = std::string("consolidation/monorepo-docs/");
  CHECK(ws.read(docs + "index.md").find("Sells things to \\| people.") != std::string::npos);
  const auto commands = ws.read(docs + "commands.md");
  CHECK(commands.find("| `npm test` | `node --test \\| tee x` |") != std::string::npos);
  CHECK(commands.find("package.json#L3") != std::string::npos);
  const auto environment = ws.read(docs + "environment.md");
  CHECK(environment.find("| `SHOP_URL` | yes |") != std::string::npos);
  CHECK(environment.find("| `SHOP_HIDDEN` | yes | **nowhere** |") != std::string::npos);
  CHECK(environment.find("hunter2") == std::string::npos);
}

TEST_CASE("the plain README goes before a translated one, whose page is not lost") {
  temporary_workspace ws;
  ws.start("one");
  ws.write("one/package.json", "{\"name\": \"one\"}\n");
  for (const auto* name : {"README", "Readme.md", "README_zh-CN.md", "readme.rst"})
    ws.write(std::string("one/") + name, "# One\n");
  ws.commit("one", "first");
  ws.merge();
  const auto found = ws.run("documentation", docs_output)["components"][0];
  CHECK(found["readme"].get<std::string>().ends_with("/Readme.md"));
  CHECK(found["documents"] == 2);
}

TEST_CASE("pages of an earlier run that are no longer made are gone, the monorepo stays as it is") {
  temporary_workspace ws;
  fill_docs(ws);
  ws.merge();
  ws.write("consolidation/monorepo-docs/components/old.md", "old\n");
  ws.run("documentation", docs_output);
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/monorepo-docs/components/old.md"));
  CHECK(ws.monorepo().output({"status", "--porcelain"}).empty());
}

TEST_CASE("documentation without a monorepo names the step that makes it") {
  temporary_workspace ws;
  fill_docs(ws);
  try {
    ws.run("documentation", docs_output);
    FAIL("accepted");
  } catch (const failure& error) {
    CHECK(error.status() == exit_status::no_input);
    CHECK(std::string(error.what()).find("conflict-resolution") != std::string::npos);
  }
}

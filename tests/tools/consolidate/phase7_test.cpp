#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/local_references.hpp"
#include "tools/consolidate/supervised.hpp"
#include "tools/consolidate/syntax.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

constexpr const char* integration_output = "repository_consolidation/integration_tests.json";

/// RULE PATH:LINE of every finding, below docs/one or libs/one or wherever `one` went.
std::string integration_findings(const ordered& document) {
  std::string all;
  for (const auto& item : document["findings"]) {
    const auto path = item["path"].get<std::string>();
    all += item["rule"].get<std::string>() + " " + path.substr(path.find("one/") + 4) + ":"
           + std::to_string(item["line"].get<int>()) + "\n";
  }
  return all;
}

ordered check_files(const std::map<std::string, std::string>& files,
                    const std::vector<std::string>& exclude = {}) {
  temporary_workspace ws;
  ws.start("one");
  for (const auto& [path, text] : files)
    ws.write("one/" + path, text);
  ws.commit("one", "first");
  ws.merge();
  ws.context.config.run.syntax_exclude = exclude;
  ws.context.config.vendored = {"**/vendor/**"};
  auto result = ws.run("integration-tests", integration_output);
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/.scratch"));
  return result;
}

} // namespace

TEST_CASE("a file that its parser refuses is found with its line, in every language") {
  const auto result = check_files({{"a.py", "x = 1\ndef f(:\n"},
                                   {"b.js", "let a = 1;\nlet = = 2;\n"},
                                   {"c.json", "{\n\"a\": 1,\n}\n"},
                                   {"d.yaml", "a: 1\nb: [1\nc: 2\n"},
                                   {"e.toml", "a = 1\nb = \n"},
                                   {"f.xml", "<a>\n<b></a>\n"},
                                   {"g.sh", "echo\nif true; then\n"},
                                   {"h.sh", "#!/bin/sh\nx=1\na=(1 2)\n"}});
  CHECK(integration_findings(result).find("syntax a.py:2\nsyntax b.js:2\nsyntax c.json:3\n") == 0);
  CHECK(integration_findings(result).find("syntax e.toml:2\nsyntax f.xml:2\n")
        != std::string::npos);
  CHECK(integration_findings(result).find("syntax h.sh:3\n") != std::string::npos);
  CHECK(result["files_failed"] == 8);
  CHECK(result["failed"] == 8);
}

TEST_CASE("YAML that is cut off or has a key twice does not parse") {
  const auto result = check_files({{"a.yaml", "x: 1\ntoken: \"abc\nx: [\n"},
                                   {"b.yaml", "x: 1\n\nk: 'abc\n"},
                                   {"c.yaml", "x: 1\nk: {a: 1,\n\n"},
                                   {"d.yaml", "a: 1\nb:\n  a: 1\n  c: 2\n  a: 3\n"},
                                   {"e.yaml", "a: 1\nb: [{a: 1}, {a: 2}]\n'a' : 2\n"}});
  CHECK(integration_findings(result)
        == "syntax a.yaml:2\nsyntax b.yaml:3\nsyntax c.yaml:2\nsyntax d.yaml:5\n"
           "syntax e.yaml:3\n");
}

TEST_CASE("files that their parsers accept pass, each in its own dialect") {
  const auto result =
      check_files({{"a.py", "def f() -> None:\n    return None\n"},
                   {"script.js", "#!/usr/bin/env node\nconst a = require('./data.json');\n"},
                   {"module.mjs", "import a from './script.js';\nexport default await a;\n"},
                   {"browser.js", "import x from './module.mjs';\nexport { x };\n"},
                   {"data.json", "{\"a\": [1, 2]}\n"},
                   {"tsconfig.json", "{ // comments are fine here\n \"a\": [1, 2,],\n}\n"},
                   {"lines.jsonl", "{\"a\": 1}\n{\"a\": 2}\n"},
                   {"many.yaml", "a: !custom 1\n---\nb: 2\n"},
                   {"run", "#!/bin/bash\na=(1 2)\n[[ -n $a ]] && echo\n"}});
  INFO(integration_findings(result));
  CHECK(integration_findings(result).empty());
  CHECK(result["files_parsed"] == 9);
  CHECK(result["references_unresolved"] == 0);
}

TEST_CASE("of many Rust files the refused ones are found, modules are not followed") {
  if (find_program("rustfmt").empty())
    SKIP("rustfmt is not on PATH");
  const auto result = check_files({{"Cargo.toml", "[package]\nname = \"x\"\n"},
                                   {"rustfmt.toml", "disable_all_formatting = true\n"},
                                   {"src/lib.rs", "mod a;\nmod gone;\npub fn f() {}\n"},
                                   {"src/a.rs", "pub fn a( {}\n"},
                                   {"src/b.rs", "pub fn b() {}\n"},
                                   {"src/c.rs", "//! c\n\nfn c() -> {}\n"},
                                   {"src/d.rs", "mod inner {\n    fn d() {}\n}\n"}});
  CHECK(integration_findings(result) == "syntax src/a.rs:1\nsyntax src/c.rs:3\n");
  for (const auto& language : result["syntax"]["languages"]) {
    if (language["language"] == "Rust")
      CHECK(language["parsed"] == 3);
  }
}

TEST_CASE("every file is in exactly one count") {
  const auto result = check_files({{"a.py", "x = 1\n"},
                                   {"b.c", "int x;\n"},
                                   {"README.md", "# x\n"},
                                   {"image.bin", std::string("\0\1\2", 3)},
                                   {"bad/fixture.py", "def (\n"},
                                   {"vendor/x.js", "let = ;\n"},
                                   {"part.rb", "puts 1\n"}},
                                  {"bad/**", "**/bad/**"});
  CHECK(result["files_total"] == 7);
  std::size_t sum = 0;
  for (const auto* key :
       {"files_parsed", "files_failed", "files_not_measured", "files_without_syntax",
        "files_binary", "files_vendored", "files_excluded", "links_and_submodules"})
    sum += result[key].get<std::size_t>();
  CHECK(sum == 7);
  CHECK(result["files_excluded"] == 1);
  CHECK(result["files_vendored"] == 1);
  CHECK(result["files_not_measured"] == 2);
  for (const auto& language : result["syntax"]["languages"]) {
    if (language["language"] == "C")
      CHECK(language["status"] == "not_measured");
  }
}

TEST_CASE("relative imports that lead nowhere are found, handled ones are not") {
  const auto result = check_files(
      {{"pkg/__init__.py", ""},
       {"pkg/a.py", "from . import b, sub\nfrom .b import x\nfrom .gone import y\n"
                    "try:\n    from .fast import z\nexcept ImportError:\n    z = None\n"},
       {"pkg/b.py", "from ..pkg import a\nif a: from \\\n .lost import q\n"},
       {"pkg/sub/__init__.py", "from ..b import x\nfrom .made import version\n"},
       {".gitignore", "made.py\n"},
       {"web/a.js", "const b = require('./b');\nconst c = require('./c');\n// require('./d')\n"},
       {"web/b/index.js", "module.exports = require('..' + '/a');\n"},
       {"web/t.ts", "import { a } from \"./a.js\";\nimport { u } from \"./u.js\";\n"
                    "import { n } from \"./none\";\n"},
       {"web/u.ts", "export const u = 1;\n"}});
  CHECK(integration_findings(result)
        == "reference-python-import pkg/a.py:3\n"
           "reference-python-import pkg/b.py:2\n"
           "reference-script-import web/a.js:2\n"
           "reference-script-import web/t.ts:3\n");
  CHECK(result["references_optional"] == 1);
  CHECK(result["references_generated"] == 1);
}

TEST_CASE("an import of what a declaration or a source of TypeScript becomes leads there") {
  const auto result = check_files({{"t.ts", "import \"./a.js\";\nimport \"./b.mjs\";\n"
                                            "import \"./c.cjs\";\nimport \"./d.jsx\";\n"
                                            "import \"./e.mjs\";\nimport \"./f.js\";\n"},
                                   {"a.d.ts", "export {};\n"},
                                   {"b.d.mts", "export {};\n"},
                                   {"c.d.cts", "export {};\n"},
                                   {"d.tsx", "export {};\n"},
                                   {"e.mts", "export {};\n"}});
  CHECK(integration_findings(result) == "reference-script-import t.ts:6\n");
}

TEST_CASE("local paths in manifests, images, compose files and workflows are looked up") {
  const auto result = check_files(
      {{"package.json", "{\"workspaces\": [\"packages/*\", \"apps/*\"],\n"
                        "\"dependencies\": {\"p\": \"file:packages/p\",\n\"q\": \"file:q\"}}\n"},
       {"packages/p/package.json", "{}\n"},
       {"requirements.txt", "-r base.txt\n-r none.txt\nhttpx>=1\n"},
       {"base.txt", ""},
       {"go.mod", "module example.com/m\n\ngo 1.20\n\nreplace a.example/b => ./none\n"},
       {"main.go",
        "package main\n\nimport (\n\t\"example.com/m/in\"\n\t\"example.com/m/out\"\n)\n"},
       {"in/in.go", "package in\n"},
       {"Cargo.toml", "[workspace]\nmembers = [\"c\"]\n[dependencies]\nd = {path = \"d\"}\n"},
       {"c/Cargo.toml", "[package]\nname = \"c\"\n"},
       {"CMakeLists.txt", "add_subdirectory(c)\nadd_subdirectory(${X})\n"},
       {"Dockerfile", "FROM a:1\nCOPY main.go in /x/\nCOPY --from=b /y /z\n"
                      "COPY none.txt \\\n  /t\nCOPY [\"*.go\", \"/x\"]\nCOPY *.none /x\n"},
       {"compose.yaml", "services:\n  a:\n    build: .\n  b:\n    build: {context: ./none}\n"}});
  CHECK(integration_findings(result)
        == "reference-go-import main.go:5\n"
           "reference-cmake-subdirectory CMakeLists.txt:1\n"
           "reference-cargo-path Cargo.toml:4\n"
           "reference-dockerfile-copy Dockerfile:4\n"
           "reference-dockerfile-copy Dockerfile:7\n"
           "reference-compose-build compose.yaml:5\n"
           "reference-compose-dockerfile compose.yaml:5\n"
           "reference-go-replace go.mod:5\n"
           "reference-npm-file package.json:3\n"
           "reference-npm-workspace package.json:1\n"
           "reference-requirements-path requirements.txt:2\n");
}

TEST_CASE("a reference must not leave the monorepo") {
  CHECK(resolved_path("a/b", "../c") == "a/c");
  CHECK(resolved_path("a", "..") == "");
  CHECK_FALSE(resolved_path("a", "../../etc").has_value());
  const auto result = check_files({{"a.js", "require('../../../../../../etc/passwd');\n"}});
  CHECK(result["references_unresolved"] == 1);
}

TEST_CASE("an integration command that fails is counted, one without its program is not measured") {
  temporary_workspace ws;
  ws.start("one");
  ws.write("one/a.json", "{}\n");
  ws.commit("one", "first");
  ws.merge();
  command_setting good;
  good.name = "good";
  good.argv = {"/bin/sh", "-c", "test -f */one/a.json"};
  auto bad = good;
  bad.argv = {"/bin/sh", "-c", "echo no; exit 3"};
  auto absent = good;
  absent.argv = {"no-such-tool-of-aeo"};
  ws.context.config.run.integration = {good, bad, absent};
  const auto result = ws.run("integration-tests", integration_output);
  CHECK(result["commands"][0]["status"] == "passed");
  CHECK(result["commands"][1]["exit_code"] == 3);
  CHECK(result["commands"][2]["status"] == "not_measured");
  CHECK(result["commands_failed"] == 1);
  CHECK(result["failed"] == 1);
  CHECK(ws.read(result["commands"][1]["log"].get<std::string>()) == "no\n");
}

TEST_CASE("text that is not yet its language is not measured") {
  const auto result =
      check_files({{"a.js", "{% block x %}let a = 1;{% endblock %}\n"},
                   {"b.jsx", "export const b = () => <p>b</p>;\n"},
                   {"c/Chart.yaml", "name: c\n"},
                   {"c/templates/d.yaml", "{{ if .Values.x }}\na: 1\n{{ end }}\n"}});
  INFO(integration_findings(result));
  CHECK(integration_findings(result).empty());
  CHECK(result["files_parsed"] == 1);
  CHECK(result["files_not_measured"] == 3);
}

TEST_CASE("odd names are parsed and told as they are") {
  const auto result = check_files({{"new\nline.py", "def (\n"}, {"caf\xE9.json", "{"}});
  CHECK(result["files_failed"] == 2);
}

#include "tools/consolidate/config_syntax.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/settings.hpp"
#include "tools/consolidate/yaml_text.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <sstream>

using namespace aeo::consolidate;

namespace {

std::string shown(const manifest& item) {
  REQUIRE(item.error.empty());
  std::string text;
  for (const auto& d : item.dependencies)
    text += d.ecosystem + ":" + d.name + " " + d.constraint + " @" + std::to_string(d.line) + "\n";
  return text;
}

std::string refused(const std::string& text) {
  try {
    parse_settings(text, "c.json");
  } catch (const failure& error) {
    CHECK(error.status() == exit_status::configuration);
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("dependencies are read with their constraint and their line") {
  CHECK(shown(parse_manifest("package.json", "{\n\"name\": \"ajv\",\n\"dependencies\": {\n"
                                             "  \"ajv\": \"^8.1.0\"\n}}"))
        == "npm:ajv ^8.1.0 @4\n");
  CHECK(
      shown(parse_manifest("requirements-dev.txt", "# x\nMy_Pkg[extra]>=1,<2 ; python_version>'3'\n"
                                                   "-r other.txt\n"))
      == "pypi:my-pkg >=1,<2 @2\n");
  CHECK(
      shown(parse_manifest("pyproject.toml", "[project]\ndependencies = [\n  'httpx>=0.27',\n]\n"))
      == "pypi:httpx >=0.27 @3\n");
  CHECK(shown(parse_manifest("Pipfile", "[packages]\nflask = '*'\n")) == "pypi:flask  @2\n");
  CHECK(shown(parse_manifest("go.mod",
                             "module m\nrequire (\n\ta.b/c v1.2.3\n\tx.y/z v0.1.0 // indirect\n)"))
        == "go:a.b/c v1.2.3 @3\n");
  CHECK(shown(parse_manifest("Cargo.toml", "[dependencies]\nserde = { version = \"1\" }\n"))
        == "cargo:serde 1 @2\n");
  CHECK(
      shown(parse_manifest("pom.xml", "<project>\n<dependencies>\n<dependency><groupId>g</groupId>"
                                      "<artifactId>a</artifactId><version>[1,2)</version>"
                                      "</dependency></dependencies></project>"))
      == "maven:g:a [1,2) @3\n");
  CHECK(shown(parse_manifest("CMakeLists.txt", "project(x)\nfind_package(Qt6 6.2 REQUIRED)\n"))
        == "cmake:Qt6 >=6.2 @2\n");
  CHECK(shown(parse_manifest("Dockerfile", "FROM localhost:5000/a/b:1 AS build\nFROM build\n"))
        == "docker:localhost:5000/a/b 1 @1\n");
  CHECK(shown(parse_manifest("compose.yaml", "services:\n  db:\n    image: postgres:16\n"))
        == "docker:postgres 16 @3\n");
}

TEST_CASE("dependencies of targets, profiles and groups count too") {
  CHECK(shown(parse_manifest("Cargo.toml", "[target.'cfg(unix)'.dependencies]\nnix = '0.29'\n"
                                           "[target.wasm32.dev-dependencies]\nx = '1'\n"
                                           "[workspace.dependencies]\ny = '2'\n"))
        == "cargo:y 2 @6\ncargo:nix 0.29 @2\ncargo:x 1 @4\n");
  CHECK(shown(parse_manifest("pyproject.toml",
                             "[tool.uv]\ndev-dependencies = ['ruff>=0.4']\n[dependency-groups]\n"
                             "test = ['pytest>8', {include-group = 'lint'}]\nlint = []\n"))
        == "pypi:pytest >8 @4\npypi:ruff >=0.4 @2\n");
  CHECK(shown(parse_manifest("pom.xml", "<project><profiles><profile>\n<dependencies>\n"
                                        "<dependency><groupId>g</groupId><artifactId>a</artifactId>"
                                        "<version>1</version></dependency>\n"
                                        "</dependencies></profile></profiles></project>"))
        == "maven:g:a 1 @3\n");
  CHECK(shown(parse_manifest("composer.json", "{\"name\": \"a/b\",\n\"require\": {\n"
                                              "\"php\": \">=8.1\", \"ext-json\": \"*\",\n"
                                              "\"monolog/monolog\": \"^3.0\"},\n"
                                              "\"require-dev\": {\"phpunit/phpunit\": \"^10\"}}"))
        == "composer:monolog/monolog ^3.0 @4\ncomposer:phpunit/phpunit ^10 @5\n");
}

TEST_CASE("a requirement may be a path") {
  CHECK(shown(parse_manifest("requirements.txt", "./local\n../other[x]\n.\nlibs/a-1.0.whl\n"
                                                 "-e ./b\n-c limits.txt\nflask\n"))
        == "pypi:flask  @7\n");
  CHECK_FALSE(parse_manifest("requirements.txt", "flask ?? 1\n").error.empty());
}

TEST_CASE("a manifest that cannot be parsed says where, and does not throw") {
  for (const char* path :
       {"package.json", "package-lock.json", "pyproject.toml", "Pipfile", "go.mod", "Cargo.toml",
        "pom.xml", "compose.yml", "Dockerfile", "requirements.txt"})
    CHECK_FALSE(parse_manifest(path, "{\n]: <%").error.empty());
  CHECK(parse_manifest("package.json", "{\n\"token\": hunter2hunter2}").error
        == "line 2: is no JSON");
  CHECK(parse_manifest("Cargo.toml", "[package]\nname = \n").error.find("line 2") == 0);
  CHECK(parse_manifest("Dockerfile", "# x\nFROM :1\n").error == "line 2: names no image");
}

TEST_CASE("a dependency without a name is the manifest's mistake, the others are kept") {
  const auto read = parse_manifest(
      "package.json", "{\n \"dependencies\": {\n  \"a\": \"1\",\n  \"\": \"2\"\n }\n}\n");
  CHECK(read.error.ends_with("a dependency has no name"));
  REQUIRE(read.dependencies.size() == 1);
  CHECK(read.dependencies[0].name == "a");
}

TEST_CASE("YAML that goes on after a document with what begins none is refused") {
  for (const char* text : {"{a: b}, c", "{\"a\":b\"},\"c\":{", "[1]]\n"}) {
    CHECK_FALSE(check_syntax("yaml", text).message.empty());
    CHECK_FALSE(read_yaml(text).problems.empty());
  }
  CHECK(check_syntax("yaml", "---\n---\na: 1\n...\n---\n- b\n").message.empty());
}

TEST_CASE("every mistake of a configuration is reported at once with its place") {
  const auto text = refused(R"({"repositories": [{"name": "../x", "path": 5}], "wat": 1,
    "domain": {"components": [{"id": "a", "content": ["("]}, {"id": "a", "paths": []}]},
    "strategies": [{"match": ["x"], "strategy": "guess", "reason": "r"}]})");
  CHECK(text.find("c.json: /wat: unknown key") != std::string::npos);
  CHECK(text.find("c.json: /repositories/0/name: ") != std::string::npos);
  CHECK(text.find("c.json: /repositories/0/path: is number 5, expected a string")
        != std::string::npos);
  CHECK(text.find("c.json: /domain/components/0/content/0: is not a regular") != std::string::npos);
  CHECK(text.find("c.json: /domain/components/1: finds nothing") != std::string::npos);
  CHECK(text.find("second time") != std::string::npos);
  CHECK(text.find("c.json: /strategies/0/strategy: is \"guess\"") != std::string::npos);
}

TEST_CASE("a path that leads out of the workspace is refused") {
  CHECK_FALSE(refused(R"({"repositories": [{"name": "x", "path": "../y"}]})").empty());
  CHECK_FALSE(refused(R"({"repositories": [{"name": "x", "path": "/etc"}]})").empty());
  CHECK(refused(R"({"repositories": [{"name": "x", "path": "a/b"}]})").empty());
}

TEST_CASE("the shipped configuration is accepted") {
  const auto shipped = load_settings(AEO_SOURCE_DIR "/config/consolidation_config.json");
  CHECK(shipped.components.size() >= 3);
  CHECK(shipped.integrations.size() == 4);
  CHECK(shipped.requirements.size() >= 10);
}

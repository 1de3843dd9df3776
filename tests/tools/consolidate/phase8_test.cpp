#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/compose.hpp"
#include "tools/consolidate/config_syntax.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/variables.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <set>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

constexpr const char* final_output = "repository_consolidation/final_configuration.json";

/// `NAME!` for a required use, `NAME?` for an optional one, `*` for one without a name.
std::string uses_in(const std::string& path, const std::string& language, const std::string& text) {
  static const variable_finder finder(load_configuration_rules(AEO_SOURCE_DIR "/config"));
  std::string result;
  for (const auto& use : finder.find(path, language, text)) {
    result += result.empty() ? "" : " ";
    result += use.name.empty() ? "*" : use.name + (use.required ? "!" : "?");
  }
  return result;
}

std::string port_claims(const std::string& text,
                        const std::map<std::string, std::string>& values = {}) {
  const auto compose = read_compose(text, [&](const std::string& name) {
    const auto found = values.find(name);
    return found == values.end() ? std::optional<std::string>{} : found->second;
  });
  std::string result = compose.error;
  for (const auto& service : compose.services) {
    for (const auto& port : service.ports)
      result += service.name + "=" + port.host + ":" + std::to_string(port.port) + "/"
                + port.protocol + " ";
  }
  return result;
}

std::map<std::string, ordered> by_name(const ordered& list) {
  std::map<std::string, ordered> result;
  for (const auto& item : list)
    result[item["name"].get<std::string>()] = item;
  return result;
}

std::size_t count_rule(const ordered& document, const std::string& rule) {
  std::size_t count = 0;
  for (const auto& item : document["findings"])
    count += item["rule"] == rule ? 1 : 0;
  return count;
}

} // namespace

TEST_CASE("a use without a default is required, one with a default or a test is optional") {
  CHECK(uses_in("a.py", "Python", "x = os.environ['KEY_A']\n") == "KEY_A!");
  CHECK(uses_in("a.py", "Python", "x = os.environ.get('KEY_A', '1')\n") == "KEY_A?");
  CHECK(uses_in("a.py", "Python", "x = os.getenv(\"KEY_A\") or 1\n") == "KEY_A?");
  CHECK(uses_in("a.py", "Python", "if os.getenv('KEY_A'):\n") == "KEY_A?");
  CHECK(uses_in("a.py", "Python", "k = os.getenv('KEY_A')\nif not k:\n    raise SystemExit(1)\n")
        == "KEY_A!");
  CHECK(uses_in("a.js", "JavaScript", "f(process.env.KEY_A);\n") == "KEY_A!");
  CHECK(uses_in("a.js", "JavaScript", "f(process.env.KEY_A ?? 1, process.env.KEY_B || 2);\n")
        == "KEY_A? KEY_B?");
  CHECK(uses_in("a.go", "Go", "x := os.Getenv(\"KEY_A\")\n") == "KEY_A!");
  CHECK(uses_in("a.rs", "Rust", "env::var(\"KEY_A\").unwrap_or_default()\n") == "KEY_A?");
  CHECK(uses_in("a.c", "C", "const char *p = getenv(\"KEY_A\");\nif (p) use(p);\n") == "KEY_A?");
  CHECK(uses_in("a.c", "C", "n = atoi(getenv(\"KEY_A\"));\n") == "KEY_A!");
  CHECK(uses_in("a.sh", "Shell", "echo ${KEY_A:-1} ${KEY_B:?} $KEY_C\n") == "KEY_A? KEY_B! KEY_C?");
  CHECK(uses_in("compose.yml", "YAML", "a: ${KEY_A:-1}\nb: ${KEY_B}\n") == "KEY_A? KEY_B!");
}

TEST_CASE("assignments, comments and quoted dollars are no uses, unwritten names are listed") {
  CHECK(uses_in("a.py", "Python", "os.environ['KEY_A'] = '1'\n").empty());
  CHECK(uses_in("a.py", "Python", "# os.environ['KEY_A']\n").empty());
  CHECK(uses_in("a.js", "JavaScript", "process.env.KEY_A = 1;\n// process.env.KEY_B\n").empty());
  CHECK(uses_in("a.js", "JavaScript", "/*\n  process.env.KEY_A\n*/ process.env.KEY_B;\n")
        == "KEY_B!");
  CHECK(uses_in("a.py", "Python", "def f():\n  \"\"\"\n  os.environ['KEY_A']\n  \"\"\"\n").empty());
  CHECK(uses_in("a.sh", "Shell", "KEY_A=1\necho $KEY_A '$KEY_B' \\$KEY_C\n").empty());
  CHECK(uses_in("a.sh", "Shell", "KEY_A=${KEY_A:-1}\n") == "KEY_A?");
  CHECK(uses_in("Dockerfile", "Dockerfile", "ARG KEY_A\nRUN echo ${KEY_A} ${KEY_B}\n") == "KEY_B!");
  CHECK(uses_in("compose.yml", "YAML", "a: $${KEY_A}\n").empty());
  CHECK(uses_in("other.yml", "YAML", "a: ${KEY_A}\n").empty());
  CHECK(uses_in("a.py", "Python", "x = os.environ[name]\n") == "*");
}

TEST_CASE("a variable is found by whatever name the file gives the environment") {
  const auto python = [](const std::string& text) { return uses_in("a.py", "Python", text); };
  CHECK(python("from os import environ\nx = environ['KEY_A']\n") == "KEY_A!");
  CHECK(python("from os import path, environ as env\nx = env.get('KEY_A', 1)\n") == "KEY_A?");
  CHECK(python("from os import (\n    path,\n    getenv,\n)\nx = getenv('KEY_A')\n") == "KEY_A!");
  CHECK(python("import os\nE = os.environ\nx = E['KEY_A'] + os.environ['KEY_B']\n")
        == "KEY_A! KEY_B!");
  CHECK(python("from os import environ\nx = environ[name]\n") == "*");
  CHECK(python("def app(environ, start):\n    return environ['PATH_INFO']\n").empty());
  CHECK(python("def app(environ):\n    return 'HTTP_HOST' in environ\n").empty());
  CHECK(python("from os import environ\nx = request.environ['HTTP_HOST']\n").empty());
  CHECK(python("from x import getenv\nx = getenv('KEY_A')\n").empty());

  const auto script = [](const std::string& text) { return uses_in("a.ts", "TypeScript", text); };
  CHECK(script("const env = process.env;\nf(env.KEY_A, env['KEY_B'], env.KEY_C ?? 1);\n")
        == "KEY_A! KEY_B! KEY_C?");
  CHECK(script("import { env } from 'node:process';\nf(env.KEY_A);\n") == "KEY_A!");
  CHECK(script("const { env } = process;\nif (!env.KEY_A) f(c.env.KEY_B);\n") == "KEY_A?");
  CHECK(script("const { KEY_A, KEY_B = 'x',\n  KEY_C: c, KEY_D: d = 1 } = process.env;\n")
        == "KEY_A! KEY_B? KEY_C! KEY_D?");
  CHECK(script("const { KEY_A, ...rest } = process.env;\n") == "KEY_A! *");
  CHECK(script("export default (env) => env.KEY_A;\n").empty());
  for (const std::string parameter :
       {"els.forEach(e => e.KEY_UP);", "on((e) => e.KEY_UP);", "on((x, e: Event): void => {\n});",
        "on(function (e) {\n});", "function f(a, e) {\n}", "try {\n} catch (e) {\n}"}) {
    INFO(parameter);
    CHECK(script("const e = process.env;\n" + parameter + "\nf(e.KEY_UP);\n").empty());
  }
  for (const std::string other : {"f(e).then(x => x);", "if (e) {\n}", "(x, y = e) => x;"}) {
    INFO(other);
    CHECK(script("const e = process.env;\n" + other + "\nf(e.KEY_A);\n") == "KEY_A!");
  }
  CHECK(python("from os import environ\ndef app(environ, start):\n    environ['PATH_INFO']\n")
            .empty());
  CHECK(python("from os import environ\nf = lambda x, environ: environ['KEY_A']\n").empty());
  CHECK(python("from os import environ\ndef f(env=environ):\n    environ['KEY_A']\n") == "KEY_A!");
}

TEST_CASE("the fields of a settings class of pydantic are variables") {
  const auto python = [](const std::string& text) { return uses_in("a.py", "Python", text); };
  CHECK(python("from pydantic_settings import BaseSettings, SettingsConfigDict\n\n\n"
               "class Base(BaseSettings):\n"
               "    model_config = SettingsConfigDict(env_prefix='shop_', env_file='.env')\n\n"
               "    kinds: ClassVar[int] = 1\n"
               "    key: str\n"
               "    port: int = 80\n"
               "    mode: str | None\n"
               "    url: str = Field(..., alias='BASE_URL')\n"
               "    _own: str = 'x'\n\n"
               "    def name(self):\n        other: str\n\n\n"
               "class More(Base):\n    size: int\n\n\n"
               "class Plain:\n    text: str\n")
        == "SHOP_KEY! SHOP_PORT? SHOP_MODE? BASE_URL! SHOP_SIZE!");
  CHECK(python("class S(BaseSettings):\n    key: str = Field(env='A_KEY')\n    b: int\n\n"
               "    class Config:\n        env_prefix = \"APP_\"\n")
        == "A_KEY! APP_B!");
  CHECK(python("class S(BaseSettings):\n"
               "    x: str = Field(\n        ...,  # the :) key\n        alias=\"M\",\n    )\n"
               "    y: int = Field(\n        default=1,\n        env='N',  # not (\n    )\n"
               "    z: str\n")
        == "M! N? Z!");
  std::string unclosed = "class S(BaseSettings):\n    note: str = f(\n";
  for (int i = 0; i < 20; ++i)
    unclosed += "    k" + std::to_string(i) + ": str\n";
  CHECK(python(unclosed).find("K0! K1! ") != std::string::npos);
}

TEST_CASE("what stands in a text of several lines is no use") {
  CHECK(uses_in("a.py", "Python",
                "T = \"\"\"\nos.environ['KEY_A']\n\"\"\"\nx = os.environ['KEY_B']\n")
        == "KEY_B!");
  CHECK(uses_in("a.py", "Python", "T = f\"\"\"{os.environ['KEY_A']}\"\"\"\n") == "KEY_A!");
  CHECK(uses_in("a.py", "Python", "# it's\nT = '\\''\nx = os.environ['KEY_A']  # \"\"\"\n")
        == "KEY_A!");
  CHECK(uses_in("a.sh", "Shell", "cat >x <<'EOT'\n$KEY_A\nEOT\necho $KEY_B\n") == "KEY_B?");
  CHECK(uses_in("a.sh", "Shell", "cat >x <<-\"END\"\n\t$KEY_A\n\tEND\necho $KEY_B\n") == "KEY_B?");
  CHECK(uses_in("a.sh", "Shell", "cat >x <<EOT\n$KEY_A\nEOT\n") == "KEY_A?");
  CHECK(uses_in("a.sh", "Shell", "bash -e <<'EOT'\necho $KEY_A\nEOT\n") == "KEY_A?");
  for (const std::string plain :
       {"cat > deploy.sh <<'EOT'", "cat <<'EOT' > /x/y.sh", "cat >sh <<'EOT'",
        "sudo tee /x/env.sh <<'EOT'", "cat <<'EOT' | tee x.sh", "cat <<'EOT' || sh x",
        "cat <<'EOT'; true | sh"}) {
    INFO(plain);
    CHECK(uses_in("a.sh", "Shell", plain + "\n$KEY_A\nEOT\n").empty());
  }
  for (const std::string run :
       {"cat <<'EOT' | bash", "cat <<'EOT' | tee x | sudo -u y sh -s", "x && /bin/sh <<'EOT'",
        "y=$(bash -s 2>&1 <<'EOT'", "exec env A=1 zsh <<'EOT'", "if x; then A=1 bash <<'EOT'"}) {
    INFO(run);
    CHECK(uses_in("a.sh", "Shell", run + "\n$KEY_A\nEOT\n") == "KEY_A?");
  }
  CHECK(uses_in("a.sh", "Shell", "x=$((1 << 3))\necho $KEY_A\n") == "KEY_A?");
  CHECK(uses_in("a.sh", "Shell", "read -ra X <<< \"$KEY_A\"\necho $KEY_B\n") == "KEY_A? KEY_B?");
  CHECK(uses_in("a.sh", "Shell", "cat <<'EOT'\n$KEY_A\n") == "KEY_A?"); // Nothing ends it.
}

TEST_CASE("every way to publish a port in a compose file is read") {
  CHECK(port_claims("services: {a: {ports: ['8080:80', '127.0.0.1:9000:90/udp']}}")
        == "a=:8080/tcp a=127.0.0.1:9000/udp ");
  CHECK(port_claims("services: {a: {ports: ['3000-3002:3000-3002']}}")
        == "a=:3000/tcp a=:3001/tcp a=:3002/tcp ");
  CHECK(port_claims("services: {a: {ports: [{target: 80, published: 8080, protocol: tcp}]}}")
        == "a=:8080/tcp ");
  CHECK(port_claims("services: {a: {ports: ['80', 443]}}").empty());
  CHECK(port_claims("services: {a: {ports: ['${P:-81}:80', '${Q}:80']}}", {{"Q", "82"}})
        == "a=:81/tcp a=:82/tcp ");
  CHECK(port_claims("services: {a: {ports: ['${UNKNOWN}:80']}}") == "a=:0/tcp ");
  CHECK(port_claims("services: {a: {ports: [").starts_with("line 1: "));
}

TEST_CASE("a file that does not parse is placed by line, and nothing of it is quoted") {
  const std::string secret = "s3cr3tvalue99";
  const auto check = [&](const char* format, const std::string& text, std::uint32_t line) {
    INFO(format);
    const auto problem = check_syntax(format, text);
    CHECK_FALSE(problem.message.empty());
    CHECK(problem.message.find(secret) == std::string::npos);
    CHECK(problem.line == line);
  };
  check("json", "{\n\"a\": \"" + secret + "\"\n\"b\": 1}", 3);
  check("json", "{\"a\": " + secret + "}", 1);
  check("jsonc", "{\n// x\n\"a\": " + secret + "\n}", 3);
  check("yaml", "a: 1\nb: *" + secret + "\n", 2);
  check("yaml", "a: [1\nb: " + secret + "\n", 2);
  check("yaml", "a: 1\nb: \"" + secret + "\nc: [\n", 2);
  check("yaml", "a: 1\nb: '" + secret + "\n", 2);
  check("yaml", "a: 1\n" + secret + ": 2\n" + secret + ": 3\n", 3);
  check("toml", "a = 1\nb = " + secret + "\n", 2);
  check("xml", "<a>\n<b>" + secret + "</c></a>", 2);
  check("ini", "[a]\n[" + secret + "\n", 2);
  check("env", "A=1\n" + secret + "\n", 2);
}

TEST_CASE("files that a reader of their format takes do parse") {
  CHECK(check_syntax("json", "\xEF\xBB\xBF{\"a\": [1, 2.5, null]}").message.empty());
  CHECK(
      check_syntax("jsonc", "{ // x\n \"a\": [1, 2,], /* , */ \"b\": \",]\",\n}").message.empty());
  CHECK(check_syntax("yaml", "---\na: &x 1\nb: *x\n---\n- c\n...\n").message.empty());
  for (const auto* text :
       {"", "# x", "---\n", "a: 1\n...\n", "a: |\n  [x\n", "a: >-\n  \"x", "a: it's\n", "'a'",
        "a: \"b\n\n  c\"", "- {a: 1}\n- {a: 1}\n", "x: &x {a: 1}\ny:\n  <<: *x\n  a: 2\n",
        "x: &x {}\ny:\n  <<: *x\n  <<: *x\n", "? {a: 1}\n: 1\n? [b]\n: {a: 1}\n", "1: a\n'1': b\n",
        "a: b\n---\na: b\n", "a: b\r\nc: d\r\n",
        "\xEF\xBB\xBF"
        "a: [b,\n c]"}) {
    INFO(text);
    CHECK(check_syntax("yaml", text).message.empty());
  }
  CHECK(check_syntax("toml", "[a]\nb = 'c'\n").message.empty());
  CHECK(check_syntax("ini", "; x\ntop = 1\n[a]\nb = 1\n  2\n[c]\nflag\n").message.empty());
  CHECK(check_syntax("env", "# x\nexport A=1\nB='two\nlines'\nC=\n").message.empty());
}

TEST_CASE("an undeclared required variable is counted with the place of its use") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.py",
           "import os\n\nx = os.environ['SHOP_KEY']\ny = os.getenv('SHOP_MODE', 'a')\n");
  ws.write("app/tests/test_a.py", "import os\nx = os.environ['ONLY_IN_TESTS']\n");
  ws.write("app/b.py", "import os\nprint(os.environ['SHOP_URL'], os.environ['HOME'])\n");
  ws.write("app/.env.example", "# where the shop is\nSHOP_URL=http://localhost\nUNUSED_NAME=1\n");
  ws.commit("app", "first");
  const auto result = ws.run("final-configuration", final_output);
  CHECK(result["undeclared_required"] == 1);
  CHECK(result["undeclared_optional"] == 1);
  CHECK(result["unused_declared"] == 1);
  const auto variables = by_name(result["variables"]);
  CHECK(variables.at("SHOP_KEY")["status"] == "required");
  CHECK(variables.at("SHOP_MODE")["status"] == "optional");
  CHECK(variables.at("SHOP_URL")["declared"] == true);
  CHECK(variables.at("ONLY_IN_TESTS")["status"] == "test_only");
  CHECK(variables.at("HOME")["status"] == "provided");
  std::size_t sum = result["unused_declared"].get<std::size_t>();
  for (const auto* status : {"required", "optional", "provided", "test_only"})
    sum += result["variables_" + std::string(status)].get<std::size_t>();
  CHECK(sum == result["variables_total"]);
  for (const auto& item : result["variables"]) {
    for (const auto& place : item["used_at"]) {
      const auto text = ws.read("app/" + place["path"].get<std::string>());
      const auto line = split(text, '\n').at(place["line"].get<std::size_t>() - 1);
      CHECK(line.find(item["name"].get<std::string>()) != std::string_view::npos);
    }
  }
}

TEST_CASE("what compose or the image sets is not demanded, what compose hands on is") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/a.py", "import os\nx = [os.environ['KEY_A'], os.environ['KEY_B'],\n"
                       "     os.environ['KEY_C'], os.environ['KEY_D']]\n");
  ws.write("app/Dockerfile", "FROM a\nENV KEY_A=1 \\\n    KEY_X=\"b KEY_Y=2\"\n");
  ws.write("app/compose.yml", "services:\n  a:\n    environment:\n      KEY_B: b\n"
                              "      KEY_C: ${KEY_C}\n      KEY_D:\n");
  ws.commit("app", "first");
  const auto result = ws.run("final-configuration", final_output);
  const auto variables = by_name(result["variables"]);
  CHECK(variables.at("KEY_A")["status"] == "optional");
  CHECK(variables.at("KEY_B")["status"] == "optional");
  CHECK(variables.at("KEY_C")["status"] == "required");
  CHECK(variables.at("KEY_D")["status"] == "required");
  CHECK(variables.contains("KEY_X"));
  CHECK_FALSE(variables.contains("KEY_Y"));
  CHECK(result["undeclared_required"] == 2);
}

TEST_CASE("services that may run together may not share a port or a container name") {
  temporary_workspace ws;
  ws.start("one");
  ws.start("two");
  ws.write("one/compose.yml", "services:\n  a: {ports: ['8080:80'], container_name: web}\n"
                              "  b: {ports: ['127.0.0.1:9000:80']}\n"
                              "  c: {ports: ['127.0.0.2:9000:80']}\n");
  ws.write("one/compose.override.yml", "services:\n  a: {ports: ['8080:80']}\n");
  ws.write("one/compose.dev.yml", "services:\n  d: {ports: ['7000:80']}\n");
  ws.write("one/compose.prod.yml", "services:\n  e: {ports: ['7000:80']}\n");
  ws.commit("one", "first");
  ws.write("two/compose.yml", "services:\n  a: {ports: ['8081:80'], container_name: other}\n");
  ws.commit("two", "first");
  CHECK(ws.run("final-configuration", final_output)["conflicts"] == 0);
  ws.write("two/compose.yml", "services:\n  a:\n    ports: ['8080:80']\n    container_name: web\n");
  ws.commit("two", "second");
  const auto result = ws.run("final-configuration", final_output);
  CHECK(result["conflicts"] == 2);
  CHECK(count_rule(result, "port-conflict") == 1);
  CHECK(count_rule(result, "container-name-conflict") == 1);
  for (const auto& item : result["findings"]) {
    CHECK(item["line"].get<int>() >= 3);
    CHECK(item["claims"].size() >= 2);
  }
}

TEST_CASE("every configuration file is parsed, unparsable or not checked with its reason") {
  temporary_workspace ws;
  ws.start("app");
  ws.write("app/good.json", "{}");
  ws.write("app/bad.json", "{\"a\": }");
  ws.write("app/tests/bad.toml", "a = = 1\n");
  ws.write("app/chart/templates/x.yaml", "{{ if .Values.a }}\n");
  ws.write("app/tsconfig.json", "{ // comments are fine here\n}\n");
  ws.commit("app", "first");
  const auto result = ws.run("final-configuration", final_output);
  CHECK(result["files_checked"] == 4);
  CHECK(result["files_parsed"] == 2);
  CHECK(result["files_unparsable"] == 2);
  CHECK(result["files_not_checked"] == 1);
  CHECK(result["not_checked"][0]["status"] == "not_measured");
  CHECK(result["by_severity"]["high"] == 1);
  CHECK(result["by_severity"]["low"] == 1);
}

TEST_CASE("wrong rules are refused with file, place and what was expected") {
  try {
    parse_configuration_rules(R"({"uses": [{"id": "x", "hints": [], "pattern": "("}], "other": 1})",
                              "rules.json");
    FAIL("accepted");
  } catch (const failure& error) {
    const std::string message = error.what();
    CHECK(error.status() == exit_status::configuration);
    CHECK(message.find("rules.json: /uses/0/pattern: is not a regular expression")
          != std::string::npos);
    CHECK(message.find("rules.json: /uses/0: has no hints") != std::string::npos);
    CHECK(message.find("rules.json: /other: unknown key") != std::string::npos);
  }
}

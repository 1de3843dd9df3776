#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/compose_model.hpp"
#include "tools/consolidate/process.hpp"
#include "tools/consolidate/settings.hpp"
#include "tools/consolidate/supervised.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

ordered analyse(temporary_workspace& ws) {
  ws.merge();
  return ws.run("infrastructure-as-code", "infrastructure/iac_config.json");
}

void use_shipped_rules(temporary_workspace& ws) {
  auto shipped = load_settings(AEO_SOURCE_DIR "/config/consolidation_config.json");
  ws.context.config.infrastructure = shipped.infrastructure;
  ws.context.config.observability = shipped.observability;
  ws.context.config.signals = shipped.signals;
}

/// A path inside its repository: what follows `ROOM/NAME/`.
std::string within(const std::string& path) {
  return path.substr(path.find('/', path.find('/') + 1) + 1);
}

/// `RULE PATH:LINE` of all findings.
std::set<std::string> places_of(const ordered& document) {
  std::set<std::string> out;
  for (const auto& item : document["findings"])
    out.insert(item["rule"].get<std::string>() + " " + within(item["path"]) + ":"
               + std::to_string(item["line"].get<int>()));
  return out;
}

/// Two services, each with an image of its own and a compose file.
void two_services(const temporary_workspace& ws) {
  ws.start("shop");
  ws.write("shop/Dockerfile", "FROM python:3.12\nUSER app\nEXPOSE 8000\nCMD [\"x\"]\n");
  ws.write("shop/app.py", "if path == \"/health\":\n    pass\n");
  ws.write(
      "shop/docker-compose.yml",
      "x-common: &common\n  restart: \"no\"\nservices:\n  web:\n    <<: *common\n    build: .\n"
      "    ports: [\"8000:8000\"]\n    environment:\n      DEBUG: \"true\"\n"
      "      DB_PASSWORD: hunter22\n    depends_on: [db]\n  db:\n    image: postgres:16\n"
      "    volumes: [\"data:/var/lib/postgresql/data\", \"./init:/init:ro\"]\n"
      "volumes:\n  data:\n");
  ws.write("shop/init/a.sql", "select 1;\n");
  ws.commit("shop", "shop");
  ws.start("stock");
  ws.write("stock/Dockerfile", "FROM node:22\nUSER node\nEXPOSE 8000\nCMD [\"x\"]\n");
  ws.write("stock/server.js", "app.get('/healthz', ok);\n");
  ws.write("stock/.env.example", "STOCK_TOKEN=\n");
  ws.commit("stock", "stock");
  ws.start("mail");
  ws.write("mail/Dockerfile", "FROM python:3.12\nEXPOSE 25\nCMD [\"x\"]\n");
  ws.write("mail/docker-compose.yml",
           "services:\n  mail:\n    build: {context: .}\n  db:\n    image: postgres:15\n"
           "    volumes: [data:/d]\nvolumes: {data: {}}\n");
  ws.commit("mail", "mail");
}

} // namespace

TEST_CASE(
    "a Dockerfile, a compose file and a manifest that do not parse are told with their line") {
  temporary_workspace ws;
  ws.start("one");
  ws.write("one/Dockerfile", "FROM a:1\nWORKDRI /app\n");
  ws.write("one/docker-compose.yml", "services:\n  a:\n    image: x\n    environment: {A: 1\n");
  ws.write("one/compose.twice.yaml", "services:\n  a: {image: x}\n  a: {image: y}\n");
  ws.write("one/k8s/a.yaml", "apiVersion: v1\nkind: Pod\n---\nname: no object\n");
  ws.write("one/other.yaml", "just: [text\n");
  ws.commit("one", "broken");
  const auto result = analyse(ws);
  CHECK(result["files_total"] == 4);
  CHECK(result["files_parsed"] == 0);
  CHECK(result["files_with_errors"] == 4);
  std::set<std::string> places;
  for (const auto& item : result["problems"])
    places.insert(within(item["path"]) + ":" + std::to_string(item["line"].get<int>()));
  CHECK(places.contains("Dockerfile:2"));
  CHECK(places.contains("compose.twice.yaml:3"));
  CHECK(places.contains("k8s/a.yaml:4"));
  CHECK(result["parse_errors"] == result["problems"].size());
}

TEST_CASE("every kind of finding is told at its line, and only there") {
  temporary_workspace ws;
  use_shipped_rules(ws);
  ws.start("one");
  ws.write("one/Dockerfile", "FROM python\nENV API_TOKEN=abcdef123\nRUN curl -s http://x/y | sh\n"
                             "EXPOSE 80\n");
  ws.write("one/compose.yaml", "services:\n  a:\n    image: redis:latest\n    privileged: true\n"
                               "    environment:\n      - DB_PASSWORD=hunter22\n"
                               "      - OTHER_TOKEN=${OTHER_TOKEN}\n    depends_on: [gone]\n");
  ws.write("one/k8s/d.yaml",
           "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  template:\n"
           "    spec:\n      containers:\n        - name: c\n          image: x@sha256:00\n"
           "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  template:\n"
           "    spec:\n      securityContext: {runAsNonRoot: true}\n      containers:\n"
           "        - name: j\n          image: y:1\n"
           "          resources: {limits: {memory: 1Gi}}\n");
  ws.commit("one", "findings");
  const auto result = analyse(ws);
  CHECK(result["parse_errors"] == 0);
  CHECK(places_of(result)
        == std::set<std::string>{"image-untagged Dockerfile:1", "inline-secret Dockerfile:2",
                                 "pipe-to-shell Dockerfile:3", "root-user Dockerfile:1",
                                 "no-health-check Dockerfile:1", "image-untagged compose.yaml:3",
                                 "privileged compose.yaml:4", "inline-secret compose.yaml:6",
                                 "unknown-reference compose.yaml:8",
                                 "no-health-check compose.yaml:3", "no-limits compose.yaml:3",
                                 "root-user k8s/d.yaml:8", "no-limits k8s/d.yaml:8",
                                 "no-health-check k8s/d.yaml:8", "image-undigested k8s/d.yaml:20"});
  std::size_t sum = 0;
  for (const auto& [severity, count] : result["findings_by_severity"].items())
    sum += count.get<std::size_t>();
  CHECK(sum == result["findings_total"]);
  CHECK(result.dump().find("hunter22") == std::string::npos);
  CHECK(result.dump().find("abcdef123") == std::string::npos);
}

TEST_CASE("one compose file has all services, with their paths, names and ports put right") {
  temporary_workspace ws;
  use_shipped_rules(ws);
  two_services(ws);
  const auto result = analyse(ws);
  INFO(result["compose"].dump(2));
  CHECK(result["compose"]["valid"] == true);
  const auto text = ws.read("consolidation/infrastructure/compose.yaml");
  INFO(text);
  const auto top = YAML::Load(text);
  const auto services = top["services"];
  REQUIRE(services.size() == 5);
  CHECK(services["web"]["build"].as<std::string>() == "./services/shop");
  CHECK(services["web"]["restart"].as<std::string>() == "no");
  CHECK(text.find("restart: \"no\"") != std::string::npos);
  CHECK(text.find("DEBUG: \"true\"") != std::string::npos);
  CHECK(text.find("hunter22") == std::string::npos);
  CHECK(services["web"]["environment"]["DB_PASSWORD"].as<std::string>() == "${DB_PASSWORD:?}");
  CHECK(services["web"]["healthcheck"]["test"][3].as<std::string>().find("8000/health")
        != std::string::npos);

  // Both parts have a database: one of them got another name, and its volume too.
  REQUIRE(services["mail-db"].IsDefined() != services["shop-db"].IsDefined());
  const bool mail_first = services["shop-db"].IsDefined();
  CHECK(services["web"]["depends_on"][0].as<std::string>() == (mail_first ? "shop-db" : "db"));
  CHECK(top["volumes"].size() == 2);
  std::set<std::string> mounted;
  for (const auto& service : services) {
    for (const auto& mount : service.second["volumes"])
      mounted.insert(mount.as<std::string>());
  }
  CHECK(mounted.size() == 3);
  CHECK(mounted.contains("./services/shop/init:/init:ro"));

  // The third has a Dockerfile only, and its port is taken.
  CHECK(services["stock"]["ports"][0].as<std::string>() == "8001:8000");
  CHECK(services["stock"]["environment"][0].as<std::string>() == "STOCK_TOKEN");
}

TEST_CASE("a secret is not repeated wherever in a compose file it stands") {
  temporary_workspace ws;
  use_shipped_rules(ws);
  const auto token = "ghp_" + std::string("aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5");
  ws.start("one");
  ws.write("one/docker-compose.yml",
           "services:\n  web:\n    image: registry/" + token + ":1\n    volumes: [\"d:/" + token
               + "\"]\nvolumes:\n  d:\n    driver_opts: {o: \"" + token + "\"}\n");
  ws.commit("one", "first");
  const auto result = analyse(ws);
  const auto text = ws.read("consolidation/infrastructure/compose.yaml");
  INFO(text);
  CHECK(text.find(token) == std::string::npos);
  CHECK(text.find("image: \"registry/[secret]:1\"") != std::string::npos);
  CHECK(result["compose"]["valid"] == false);
  CHECK(result["compose_checks_failed"] == 1);
  CHECK(result["compose"]["decisions"].dump().find("web image") != std::string::npos);
  CHECK(result["decisions"].dump().find("web image") != std::string::npos);
}

TEST_CASE("the generated file is the same at every run and starts with what it is") {
  temporary_workspace ws;
  use_shipped_rules(ws);
  two_services(ws);
  analyse(ws);
  const auto first = ws.read("consolidation/infrastructure/compose.yaml");
  ws.run("infrastructure-as-code", "infrastructure/iac_config.json");
  CHECK(ws.read("consolidation/infrastructure/compose.yaml") == first);
  CHECK(first.starts_with("# All services of the monorepo"));
}

TEST_CASE("Terraform is judged by terraform itself, and named as not measured without it") {
  temporary_workspace ws;
  use_shipped_rules(ws);
  ws.start("one");
  ws.write("one/good.tf", "variable \"a\" {\n  default = 1\n}\n");
  ws.write("one/ugly.tf", "variable \"a\" {\n default=1\n}\n");
  ws.write("one/bad.tf", "variable \"a\" {\n  default = [1\n}\n");
  ws.write("one/bad.tf.json", "{\"variable\": \n");
  ws.commit("one", "terraform");
  const auto result = analyse(ws);
  CHECK(result["files_by_kind"]["terraform"] == 4);
  if (find_program("terraform").empty()) {
    CHECK(result["files_not_measured"] == 3);
    CHECK(result["parse_errors"] == 1);
    CHECK(result["not_measured"][0]["reason"].get<std::string>().find("terraform") == 0);
  } else {
    CHECK(result["files_not_measured"] == 0);
    CHECK(result["files_with_errors"] == 2);
    CHECK(places_of(result) == std::set<std::string>{"not-formatted ugly.tf:1"});
  }
}

TEST_CASE("templates of a chart are listed, not taken for manifests") {
  temporary_workspace ws;
  ws.context.config.infrastructure.templates = {"*.j2"};
  ws.start("one");
  ws.write("one/chart/Chart.yaml", "apiVersion: v2\nname: x\n");
  ws.write("one/chart/templates/d.yaml", "apiVersion: v1\nkind: Pod\n{{ if x }}\n");
  ws.write("one/Dockerfile.j2", "FROM {{ x }}\n");
  ws.write("one/Dockerfile.dockerignore", "*\n!src\n");
  ws.write("one/Dockerfile.5.md", "% DOCKERFILE\nFROM a\n");
  ws.write("one/Dockerfile.nanorc", "syntax \"Dockerfile\"\n");
  ws.commit("one", "chart");
  const auto result = analyse(ws);
  CHECK(result["files_total"] == 0);
  CHECK(result["templates"].size() == 2);
  CHECK(result["parse_errors"] == 0);
}

TEST_CASE("a file of aliases that would fill the memory is a problem, not a crash") {
  temporary_workspace ws;
  ws.start("one");
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int n = 0; n < 9; ++n)
      text += ", " + before;
    text += "]\n";
  }
  ws.write("one/docker-compose.yml", text);
  ws.write("one/compose.self.yaml", "services: &a\n  x: *a\n");
  ws.commit("one", "bomb");
  const auto result = analyse(ws);
  CHECK(result["files_with_errors"] == 2);
}

TEST_CASE("ports are read in every notation") {
  const auto ports = [](const std::string& list) {
    std::string out;
    for (const auto& port : ports_of(YAML::Load("ports: " + list)))
      out += port.address + "/" + std::to_string(port.host) + ">" + std::to_string(port.container)
             + (port.udp ? "u " : " ");
    return out;
  };
  CHECK(ports("['80', '8080:80', '127.0.0.1:8081:80/udp']")
        == "/0>80 /8080>80 127.0.0.1/8081>80u ");
  CHECK(ports("['3000-3001:4000-4001', '${P:-99}:80', '${Q}:80', 'x']")
        == "/3000>4000 /3001>4001 /99>80 ");
  CHECK(ports("[{target: 80, published: '8080', protocol: udp}]") == "/8080>80u ");
}

TEST_CASE("a secret is told from what only looks like one") {
  CHECK(is_inline_secret("DB_PASSWORD", "hunter22"));
  CHECK(is_inline_secret("DATABASE_URL", "postgres://me:pw@db/x"));
  CHECK_FALSE(is_inline_secret("DB_PASSWORD", "${DB_PASSWORD}"));
  CHECK_FALSE(is_inline_secret("DB_PASSWORD", ""));
  CHECK_FALSE(is_inline_secret("DB_PASSWORD_FILE", "/run/secrets/db"));
  CHECK_FALSE(is_inline_secret("USE_TOKEN", "true"));
  CHECK_FALSE(is_inline_secret("DATABASE_URL", "postgres://db/x"));
  CHECK_FALSE(is_inline_secret("KEYBOARD", "qwerty"));
}

TEST_CASE("a check that nobody knows is refused with the list of those that are known") {
  try {
    parse_settings(R"({"infrastructure": {"checks": [{"id": "x", "message": "m"}],
                       "patterns": [{"id": "y", "message": "m", "instruction": "RUN",
                                     "content": "("}], "more": 1}})",
                   "c.json");
    FAIL("accepted");
  } catch (const std::exception& error) {
    const std::string text = error.what();
    CHECK(text.find("/infrastructure/checks/0/id: is \"x\", expected one of: image-untagged")
          != std::string::npos);
    CHECK(text.find("/infrastructure/patterns/0/content: is not a regular") != std::string::npos);
    CHECK(text.find("/infrastructure/more: unknown key") != std::string::npos);
  }
}

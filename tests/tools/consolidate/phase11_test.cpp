#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/prometheus.hpp"
#include "tools/consolidate/settings.hpp"
#include "tools/consolidate/supervised.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

planned_service service(const std::string& name, std::uint16_t port, const std::string& health,
                        const std::string& metrics) {
  planned_service out;
  out.name = name;
  out.port = port;
  out.health_path = health;
  out.metrics_path = metrics;
  return out;
}

std::vector<planned_service> three_services() {
  return {service("api", 8000, "/health", "/metrics"), service("web", 80, "/", ""),
          service("queue", 0, "", "")};
}

std::size_t failures(const prometheus_files& files) {
  return check_prometheus(files, three_services()).failed();
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
}

} // namespace

TEST_CASE("metrics are scraped, else health is probed, and what tells nothing is left alone") {
  const auto services = three_services();
  CHECK(watched_by(services[0]) == watch::metrics);
  CHECK(watched_by(services[1]) == watch::health);
  CHECK(watched_by(services[2]) == watch::none);
  const auto files = prometheus_for(services, {});
  const auto config = YAML::Load(files.config);
  REQUIRE(config["scrape_configs"].size() == 2);
  CHECK(config["scrape_configs"][0]["static_configs"][0]["targets"][0].as<std::string>()
        == "api:8000");
  CHECK(config["scrape_configs"][1]["static_configs"][0]["targets"][0].as<std::string>()
        == "http://web:80/");
  CHECK(files.config.find("queue") == std::string::npos);
  CHECK(failures(files) == 0);
}

TEST_CASE("each kind of mistake in the generated files is found") {
  const auto good = prometheus_for(three_services(), {});
  REQUIRE(failures(good) == 0);
  const auto broken = [&](const std::string& from, const std::string& to, bool in_rules) {
    auto files = good;
    replace(in_rules ? files.rules : files.config, from, to);
    return failures(files);
  };
  CHECK(broken("job_name: health", "job_name: api", false) > 0);
  CHECK(broken("api:8000", "stranger:8000", false) > 0);
  CHECK(broken("rules/services.yml", "rules/others.yml", false) > 0);
  CHECK(broken("scrape_configs:", "scrape_configs: [", false) > 0);
  CHECK(broken("alert: ServiceDown", "alert: Service-Down", true) > 0);
  CHECK(broken("== 0", "== (0", true) > 0);
  CHECK(broken("for: 2m", "for: soon", true) > 0);
  CHECK(broken("severity: critical", "severity:", true) > 0);
  CHECK(broken("job=~\"api\"", "job=~\"gone\"", true) > 0);
}

TEST_CASE("the files of any services are valid, for promtool too where it is installed") {
  std::mt19937 random(9);
  for (int round = 0; round < 20; ++round) {
    std::vector<planned_service> services;
    for (unsigned i = 0; i < random() % 6; ++i) {
      auto item = service(std::string(1, static_cast<char>('a' + i)) + "-x9",
                          static_cast<std::uint16_t>(random() % 3 * 4000),
                          random() % 2 == 0 ? "/health" : "", random() % 2 == 0 ? "/m" : "");
      item.component = random() % 2 == 0 ? "true" : "odd: \"name\" #1";
      services.push_back(item);
    }
    if (round == 0)
      services.push_back(service("health", 1, "/h", "/m"));
    const auto files = prometheus_for(services, {});
    INFO(files.config << files.rules);
    CHECK(check_prometheus(files, services).all());
    if (round > 3 || find_program("promtool").empty())
      continue;
    const temporary_workspace ws;
    ws.write("p/prometheus.yml", files.config);
    ws.write("p/rules/services.yml", files.rules);
    CHECK(ask_promtool(ws.root + "/p")["status"] == "passed");
    ws.write("p/rules/services.yml", "groups: [{name: x, rules: [{alert: A, expr: 'up =='}]}]\n");
    CHECK(ask_promtool(ws.root + "/p")["status"] == "failed");
  }
}

TEST_CASE("what a service tells is shown with its place, what it does not is a finding") {
  temporary_workspace ws;
  const auto shipped = load_settings(AEO_SOURCE_DIR "/config/consolidation_config.json");
  ws.context.config.signals = shipped.signals;
  ws.context.config.observability = shipped.observability;
  ws.context.config.infrastructure = shipped.infrastructure;
  ws.start("one");
  ws.write("one/Dockerfile", "FROM python:3.12\nUSER app\nEXPOSE 8000\nCMD [\"x\"]\n");
  ws.write("one/app.py", "import logging\nlog = logging.getLogger(__name__)\n\n"
                         "if path == \"/healthz\":\n    pass\n");
  ws.write("one/tests/test_app.py", "get(\"/health\")\nget(\"/metrics\")\n");
  ws.commit("one", "one");
  ws.merge();
  const auto result = ws.run("monitoring-setup", "observability/monitoring_setup.json");
  REQUIRE(result["services"].size() == 1);
  const auto& one = result["services"][0];
  CHECK(one["endpoints"]["health"]["endpoint"] == "/healthz");
  CHECK(one["endpoints"]["health"]["path"] == "services/one/app.py");
  CHECK(one["endpoints"]["health"]["line"] == 4);
  CHECK(one["endpoints"]["metrics"].is_null());
  CHECK(one["signals"]["logging"]["places"][0]["line"] == 2);
  CHECK(one["watched_by"] == "health probe");
  CHECK(result["files_invalid"] == 0);
  std::string rules;
  for (const auto& item : result["findings"])
    rules += item["rule"].get<std::string>() + " ";
  CHECK(rules == "no-metrics no-tracing ");
  CHECK(ws.read("consolidation/observability/prometheus/prometheus.yml").find("http://one:8000")
        != std::string::npos);
}

TEST_CASE("without any service the files are valid and watch nothing") {
  temporary_workspace ws;
  ws.start("one");
  ws.write("one/lib.py", "x = 1\n");
  ws.commit("one", "one");
  ws.merge();
  const auto result = ws.run("monitoring-setup", "observability/monitoring_setup.json");
  CHECK(result["services_total"] == 0);
  CHECK(result["files_invalid"] == 0);
}

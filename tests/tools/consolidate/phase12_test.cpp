#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/load.hpp"
#include "tools/consolidate/load_target.hpp"
#include "tools/consolidate/supervised.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

constexpr const char* load_output = "performance/load_test_results.json";

/// Answers GET /health after `delay` seconds, with `status`; prints its process id.
std::string small_server(const std::string& delay, const std::string& status) {
  return "import os, time\n"
         "from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer\n\n\n"
         "class Handler(BaseHTTPRequestHandler):\n"
         "    protocol_version = \"HTTP/1.1\"\n\n"
         "    def do_GET(self):\n"
         "        time.sleep("
         + delay
         + ")\n"
           "        self.send_response("
         + status
         + " if self.path == \"/health\" else 404)\n"
           "        self.send_header(\"Content-Length\", \"0\")\n"
           "        self.end_headers()\n\n"
           "    def log_message(self, *args):\n        pass\n\n\n"
           "if __name__ == \"__main__\":\n"
           "    print(os.getpid(), flush=True)\n"
           "    ThreadingHTTPServer((\"127.0.0.1\", int(os.environ[\"PORT\"])), "
           "Handler).serve_forever()\n";
}

void serve(temporary_workspace& ws, const std::string& code) {
  ws.start("one");
  ws.write("one/server.py", code);
  ws.write("one/Dockerfile", "FROM python:3.12\nEXPOSE 8080\nCMD [\"python\", \"server.py\"]\n");
  ws.commit("one", "first");
  ws.merge();
  ws.context.config.run.performance = {
      200, 4, 60, 60, {{"p95_ms", {}, 400.0}, {"errors", {}, 0.0}}};
}

command_setting load_command(const std::string& line) {
  command_setting item;
  item.name = "load";
  item.argv = {"/bin/sh", "-c", line};
  return item;
}

void plain_workspace(const temporary_workspace& ws) {
  ws.start("one");
  ws.write("one/README.md", "# one\n");
  ws.commit("one", "first");
  ws.merge();
}

} // namespace

TEST_CASE("a percentile is the nearest rank") {
  const std::vector<double> values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  CHECK(percentile(values, 50) == 5);
  CHECK(percentile(values, 95) == 10);
  CHECK(percentile(values, 90) == 9);
  CHECK(percentile({7}, 1) == 7);
  CHECK(percentile({7}, 99) == 7);
}

TEST_CASE("a limit without its number does not hold") {
  const auto limits =
      check_limits({{"a", 1.0, 2.0}, {"b", {}, 5.0}, {"c", {}, 5.0}}, {{"a", 2}, {"b", 6}});
  CHECK(limits[0].holds);
  CHECK_FALSE(limits[1].holds);
  CHECK_FALSE(limits[2].holds);
  CHECK_FALSE(limits[2].actual.has_value());
}

TEST_CASE("a service that is found is started, loaded and ended") {
  temporary_workspace ws;
  serve(ws, small_server("0", "200"));
  const auto found = ws.run("load-test", load_output);
  INFO(found.dump(1));
  REQUIRE(found["targets_measured"] == 1);
  CHECK(found["requests"] == 200);
  CHECK(found["errors"] == 0);
  CHECK(found["thresholds_checked"] == 2);
  CHECK(found["monorepo_changed"] == false);
  CHECK(found["p50_ms"].get<double>() <= found["p95_ms"].get<double>());
  const auto& target = found["targets"][0];
  CHECK(target["url"].get<std::string>().starts_with("http://127.0.0.1:"));
  const auto& place = target["endpoint"];
  const auto text = ws.read("consolidation/monorepo/" + place["path"].get<std::string>());
  CHECK(split(text, '\n').at(place["line"].get<std::size_t>() - 1).find("\"/health\"")
        != std::string_view::npos);
  const auto pid = std::stoi(ws.read(target["log"].get<std::string>()));
  CHECK(::kill(pid, 0) != 0);
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/.scratch"));
}

TEST_CASE("a service that is too slow fails its threshold at the place of its endpoint") {
  temporary_workspace ws;
  serve(ws, small_server("0.5", "200"));
  ws.context.config.run.performance.requests = 12;
  const auto found = ws.run("load-test", load_output);
  CHECK(found["targets_measured"] == 1);
  CHECK(found["thresholds_failed"] == 1);
  REQUIRE(found["findings"].size() == 1);
  CHECK(found["findings"][0]["path"].get<std::string>().ends_with("one/server.py"));
}

TEST_CASE("answers of 400 and above are errors") {
  temporary_workspace ws;
  serve(ws, small_server("0", "503"));
  ws.context.config.run.performance.thresholds = {{"errors", {}, 0.0}};
  const auto found = ws.run("load-test", load_output);
  CHECK(found["errors"] == 200);
  CHECK(found["targets"][0]["errors_by_kind"]["HTTP 503"] == 200);
  CHECK(found["thresholds_failed"] == 1);
}

TEST_CASE("a service that ends before it answers is not measured") {
  temporary_workspace ws;
  serve(ws, "# \"/health\"\nraise SystemExit('no database')\n");
  const auto found = ws.run("load-test", load_output);
  CHECK(found["targets_measured"] == 0);
  CHECK(found["requests"]["status"] == "not_measured");
  CHECK(found["targets"][0]["reason"].get<std::string>().find("no database") != std::string::npos);
  CHECK(found["thresholds_failed"]["status"] == "not_measured");
}

TEST_CASE("without a service and a configuration nothing is measured") {
  temporary_workspace ws;
  plain_workspace(ws);
  const auto found = ws.run("load-test", load_output);
  CHECK(found["targets_total"] == 0);
  CHECK(found["requests"]["status"] == "not_measured");
  CHECK(found["thresholds_checked"] == 0);
}

TEST_CASE("a load command's numbers are read from what it prints") {
  temporary_workspace ws;
  plain_workspace(ws);
  auto by_json = load_command("echo starting; echo '{\"requests\": 50, \"p95_ms\": 12.5}'");
  by_json.thresholds = {{"p95_ms", {}, 20.0}, {"requests", 40.0, {}}};
  auto by_summary = load_command("echo 'Requests: 7 total'");
  by_summary.summary = {{"requests", "Requests: (\\d+) total"}};
  by_summary.thresholds = {{"requests", 10.0, {}}};
  auto fails = load_command("echo broken; exit 2");
  fails.thresholds = {{"requests", 1.0, {}}};
  ws.context.config.run.load = {by_json, by_summary, fails};
  const auto found = ws.run("load-test", load_output);
  CHECK(found["targets_measured"] == 2);
  CHECK(found["requests"] == 57);
  CHECK(found["thresholds_checked"] == 4);
  CHECK(found["thresholds_failed"] == 2);
  CHECK(found["targets"][2]["reason"].get<std::string>().find("broken") != std::string::npos);
}

TEST_CASE("a configured service gets a free port in its command, environment and URL") {
  temporary_workspace ws;
  serve(ws, small_server("0", "200"));
  auto item = load_command("exec python3 server.py");
  item.cwd = "services/one";
  if (!fs::exists(ws.root + "/consolidation/monorepo/services/one"))
    item.cwd = fs::exists(ws.root + "/consolidation/monorepo/apps/one") ? "apps/one" : "libs/one";
  item.env = {{"PORT", "{port}"}};
  item.url = "http://127.0.0.1:{port}/health";
  ws.context.config.run.load = {item};
  const auto found = ws.run("load-test", load_output);
  INFO(found.dump(1));
  CHECK(found["targets_measured"] == 1);
  CHECK(found["errors"] == 0);
}

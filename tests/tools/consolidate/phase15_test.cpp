#include "actors/io/file_access.hpp"
#include "tests/tools/consolidate/temporary_workspace.hpp"
#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/output_digest.hpp"
#include "tools/consolidate/readiness.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace aeo::consolidate;
using namespace aeo::consolidate::test;

namespace {

constexpr const char* audit_out = "validation/production_readiness_audit.json";

/// A workspace whose phases 1 and 2 were approved, as the node leaves it while phase 15 runs.
class approved_workspace : public temporary_workspace {
public:
  approved_workspace() {
    write("consolidation/a.json", R"({"bad": 0, "deep": {"seconds": 0.25}})");
    write("consolidation/b.json", R"({"ok": true})");
    state["execution_id"] = "e1";
    add("1", "a.json",
        {metric("a.json", "bad", "0", "0"), metric("a.json", "deep.seconds", "<= 1", "0.25")});
    add("2", "b.json", {metric("b.json", "ok", "true", "true")});
    state["phases"]["15"] = {{"status", "in_progress"}, {"approved", false}, {"outputs", {}}};
  }

  static ordered metric(const std::string& file, const std::string& name,
                        const std::string& expected, const std::string& actual) {
    return {{"check", "metric_threshold consolidation/" + file + "#" + name},
            {"expected", expected},
            {"actual", actual},
            {"passed", true}};
  }

  void add(const std::string& id, const std::string& file, const std::vector<ordered>& criteria) {
    const auto text = read("consolidation/" + file);
    ordered detail{{"by", "criteria"}, {"criteria", criteria}, {"digest", "d" + id}};
    state["phases"][id] = {{"status", "approved"},
                           {"completed_at", "2026-01-01T00:00:00Z"},
                           {"outputs", ordered::array({{{"path", "consolidation/" + file},
                                                        {"bytes", text.size()},
                                                        {"sha256", sha256_hex(text)}}})},
                           {"errors", ordered::array()},
                           {"metadata", {{"aeo", {{"detail", detail}}}}}};
  }

  ordered& detail(const char* id) { return state["phases"][id]["metadata"]["aeo"]["detail"]; }

  ordered audit() const {
    write("consolidation/execution_state.json", state.dump());
    return run("readiness-audit", audit_out);
  }

  /// The four steps before the last, then the last.
  ordered last() const {
    audit();
    run("stakeholder-signoff", "validation/stakeholder_signoff.json");
    run("deployment", "validation/deployment_log.json");
    run("post-deployment", "validation/post_deployment_report.json");
    return run("final-validation", "validation/final_production_validation.json");
  }

  ordered state;
};

/// `PHASE CHECK` of all checks with that status.
std::string with_status(const ordered& audit, const std::string& status) {
  std::string out;
  for (const auto& item : audit["checks"]) {
    if (item["status"] == status)
      out += item["phase"].get<std::string>() + " " + item["check"].get<std::string>() + "\n";
  }
  return out;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

command_setting shell(const std::string& name, const std::string& text) {
  command_setting out;
  out.name = name;
  out.argv = {"/bin/sh", "-c", text};
  return out;
}

} // namespace

TEST_CASE(
    "a finding that two outputs repeat counts once, and none is said to have stopped nothing") {
  approved_workspace ws;
  const std::string finding = R"({"findings": [{"severity": "high", "rule": "r", "path": "x",
                                  "line": 3, "message": "m"}], )";
  ws.write("consolidation/a.json", finding + R"("bad": 0, "deep": {"seconds": 0.25}})");
  ws.write("consolidation/b.json", finding + R"("ok": true})");
  ws.add("1", "a.json", {ws.metric("a.json", "bad", "0", "0")});
  ws.add("2", "b.json", {ws.metric("b.json", "ok", "true", "true")});
  const auto result = ws.last();
  CHECK(result["findings_by_severity"]["high"] == 1);
  CHECK(result["decisions"].dump().find("1 critical or high finding") != std::string::npos);
  CHECK(result["decisions"].dump().find("stopped no phase") == std::string::npos);
}

TEST_CASE("a check that failed is named where a person decides") {
  approved_workspace ws;
  ws.write("consolidation/a.json", R"({"bad": 0, "deep": {"seconds": 0.25}, "changed": 1})");
  const auto result = ws.last();
  REQUIRE(result["checks_failed"] > 0);
  CHECK(result["decisions"].dump().find("failed: ") != std::string::npos);
  CHECK(result["summary"].get<std::string>().find(" failed") != std::string::npos);
}

TEST_CASE("all checks pass when the evidence is still what was approved, and they add up") {
  const approved_workspace ws;
  const auto result = ws.last();
  CHECK(result["all_checks_passed"] == true);
  CHECK(result["checks_failed"] == 0);
  CHECK(result["checks_total"] == result["checks"].size());
  CHECK(result["deployment"] == "not_configured");
  const auto audit = ordered::parse(ws.read(std::string("consolidation/") + audit_out));
  CHECK(audit["checks_total"] == audit["checks"].size());
  CHECK(audit["checks_total"].get<int>()
        == audit["checks_passed"].get<int>() + audit["checks_failed"].get<int>()
               + audit["checks_waived"].get<int>());
  for (const auto& check : result["checks"]) {
    CHECK_FALSE(check["source"].get<std::string>().empty());
    CHECK(check.contains("actual"));
  }
}

TEST_CASE("phase 15 does not count itself") {
  const approved_workspace ws;
  const auto audit = ws.audit();
  CHECK(audit["phases_total"] == 2);
  for (const auto& check : audit["checks"])
    CHECK(check["phase"] != "15");
}

TEST_CASE("an output that changed after its approval fails the audit by name") {
  const approved_workspace ws;
  ws.write("consolidation/a.json", R"({"bad": 3, "deep": {"seconds": 0.25}})");
  const auto audit = ws.audit();
  CHECK(audit["ready"] == false);
  CHECK(with_status(audit, "failed") == "1 is what was approved\n1 bad\n");
  for (const auto& check : audit["checks"]) {
    if (check["check"] == "bad") {
      CHECK(check["source"] == "consolidation/a.json");
      CHECK(check["actual"] == "3");
      CHECK(check["recorded"] == "0");
    }
  }
}

TEST_CASE("a phase without approval, without criteria or without its output fails the audit") {
  approved_workspace ws;
  ws.state["phases"]["1"]["status"] = "failed";
  ws.detail("2")["criteria"] = ordered::array();
  fs::remove(ws.root + "/consolidation/b.json");
  CHECK(with_status(ws.audit(), "failed")
        == "1 is approved\n2 was approved for criteria\n2 is what was approved\n");
  CHECK(ws.last()["all_checks_passed"] == false);
}

TEST_CASE("what a person skipped or overrode is waived under their name, not passed") {
  approved_workspace ws;
  ws.state["phases"]["1"]["status"] = "skipped";
  ws.detail("1") = {{"by", "user:ana"}, {"reason", "no load here"}};
  ws.detail("2")["override"] = true;
  ws.detail("2")["by"] = "user:bo";
  ws.write("consolidation/b.json", R"({"ok": false})");
  const auto result = ws.last();
  const auto audit = ordered::parse(ws.read(std::string("consolidation/") + audit_out));
  CHECK(audit["checks_failed"] == 0);
  CHECK(with_status(audit, "waived").find("2 ok") != std::string::npos);
  CHECK(audit["checks"][0]["waived_by"] == "user:ana");
  CHECK(audit["checks"][0]["reason"] == "no load here");
  const auto signoff = ordered::parse(ws.read("consolidation/validation/stakeholder_signoff.json"));
  CHECK(signoff["skipped"] == 1);
  CHECK(signoff["overridden"] == 1);
  CHECK(signoff["approvals"][0]["kind"] == "skipped by a person");
  CHECK(signoff["approvals"][1]["kind"] == "a person, against the criteria");
  CHECK(result["checks_waived"] == audit["checks_waived"]);
  CHECK(result["all_checks_passed"] == false);
  CHECK(result["checks_failed"] == 0);
  std::size_t passed = 0;
  for (const auto& check : result["checks"]) {
    passed += check["passed"] == true ? 1 : 0;
    if (!check.contains("waived"))
      continue;
    CHECK(check["passed"] == false);
    CHECK(check["waived_by"] == (check["phase"] == "1" ? "user:ana" : "user:bo"));
  }
  const auto total = result["checks_total"].get<std::size_t>();
  CHECK(passed + result["checks_waived"].get<std::size_t>() == total);
  CHECK(result["summary"].get<std::string>().starts_with(
      std::to_string(passed) + " of " + std::to_string(total) + " checks passed, "
      + std::to_string(total - passed) + " waived by user:ana, user:bo, "));
  CHECK(signoff["approved_by_people"] == 0);
  CHECK(signoff["summary"].get<std::string>().find("0 by people, 1 against them by people")
        != std::string::npos);
}

TEST_CASE("a run that a person overrode meets the shipped criteria, a failed check does not") {
  const auto meets = [](const ordered& result) {
    const auto shipped = ordered::parse(read_file(AEO_SOURCE_DIR "/config/success_criteria.json"));
    bool all = true;
    for (const auto& check : shipped["15"]["validation_checks"]) {
      if (!check.value("file", "").ends_with("final_production_validation.json"))
        continue;
      const auto value = metric_of(result, check["metric"].get<std::string>());
      all = all && (check.contains("exact") ? value == check["exact"] : value >= check["min"]);
    }
    return all;
  };
  approved_workspace ws;
  CHECK(meets(ws.last()));
  ws.detail("2")["override"] = true;
  ws.detail("2")["by"] = "user:bo";
  ws.write("consolidation/b.json", R"({"ok": false})");
  CHECK(meets(ws.last()));
  ws.write("consolidation/a.json", R"({"bad": 3, "deep": {"seconds": 0.25}})");
  CHECK_FALSE(meets(ws.last()));
}

TEST_CASE("an automatic approval is never shown as a person's") {
  approved_workspace ws;
  ws.detail("2")["by"] = "user:ana";
  ws.audit();
  const auto signoff = ws.run("stakeholder-signoff", "validation/stakeholder_signoff.json");
  CHECK(signoff["approvals"][0]["kind"] == "automatic: the criteria were met");
  CHECK(signoff["approvals"][1]["kind"] == "a person");
  CHECK(signoff["approvals"][1]["digest"] == "d2");
  CHECK(signoff["approved_by_criteria"] == 1);
  CHECK(signoff["approved_by_people"] == 1);
}

TEST_CASE("configured numbers must be there and within their limits") {
  approved_workspace ws;
  readiness_check rule;
  rule.id = rule.title = "seconds";
  rule.phase = "1";
  rule.file = "a.json";
  rule.metric = "deep.seconds";
  rule.max = 0.5;
  ws.context.config.readiness = {rule};
  CHECK(ws.audit()["ready"] == true);
  ws.context.config.readiness[0].max = 0.1;
  CHECK(with_status(ws.audit(), "failed") == "1 seconds\n");
  ws.context.config.readiness[0].metric = "deep.gone";
  CHECK(with_status(ws.audit(), "failed") == "1 seconds\n");
}

TEST_CASE("what outputs could not measure is listed with its place") {
  approved_workspace ws;
  ws.write("consolidation/b.json",
           R"({"ok": true, "list": [{"status": "not_measured", "reason": "no clock"}]})");
  ws.add("2", "b.json", {approved_workspace::metric("b.json", "ok", "true", "true")});
  const auto audit = ws.audit();
  REQUIRE(audit["evidence_not_measured"].size() == 1);
  CHECK(audit["evidence_not_measured"][0]["source"] == "consolidation/b.json#/list/0");
  CHECK(audit["evidence_not_measured"][0]["reason"] == "no clock");
}

TEST_CASE("deploy commands run in a copy, checks only after a deployment, and a failure is told") {
  approved_workspace ws;
  ws.start("one");
  ws.write("one/lib.py", "x = 1\n");
  ws.commit("one", "one");
  ws.merge();
  const auto head = ws.monorepo().line({"rev-parse", "HEAD"});
  ws.context.config.run.deploy = {
      shell("ship", "git rev-parse HEAD; touch here; test -n \"$AEO_COMMIT\"")};
  ws.context.config.run.post_deploy = {shell("ask", "exit 3"), shell("never", "true")};
  const auto result = ws.last();
  CHECK(result["deployment"] == "succeeded");
  CHECK(result["post_deployment"] == "failed");
  CHECK(result["all_checks_passed"] == false);
  const auto post = ordered::parse(ws.read("consolidation/validation/post_deployment_report.json"));
  CHECK(post["commands_run"] == 1);
  CHECK(post["commands"][0]["exit_code"] == 3);
  CHECK(ws.read("consolidation/validation/logs/deploy-1.log").find(head) != std::string::npos);
  CHECK_FALSE(fs::exists(ws.root + "/consolidation/monorepo/here"));
  CHECK(ws.monorepo().output({"status", "--porcelain"}).empty());
}

TEST_CASE("nothing is deployed when the audit fails") {
  approved_workspace ws;
  ws.context.config.run.deploy = {shell("ship", "true")};
  ws.state["phases"]["1"]["status"] = "blocked";
  const auto result = ws.last();
  CHECK(result["deployment"] == "not_run");
  CHECK(result["all_checks_passed"] == false);
}

TEST_CASE("without a state on record there is no sign-off, and how to get one is said") {
  const temporary_workspace ws;
  try {
    ws.run("readiness-audit", audit_out);
    FAIL("accepted");
  } catch (const failure& error) {
    CHECK(error.status() == exit_status::no_input);
    CHECK(std::string(error.what()).find("aeo-node") != std::string::npos);
  }
}

TEST_CASE("a metric is found by dotted path and by pointer, and nothing else is guessed") {
  const auto document = ordered::parse(R"({"a": {"b": [1, 2]}, "c.d": 3})");
  CHECK(metric_of(document, "a.b.1") == 2);
  CHECK(metric_of(document, "/a/b/0") == 1);
  CHECK(metric_of(document, "/c.d") == 3);
  CHECK(metric_of(document, "a.b.2").is_null());
  CHECK(metric_of(document, "a.x").is_null());
}

TEST_CASE("an output has the digest under which the node records it, a folder too") {
  const temporary_workspace ws;
  ws.write("out/a", "text");
  ws.write("out/deep/b", std::string(200'000, 'x'));
  ws.write("out/empty", "");
  fs::create_directories(ws.root + "/out/none");
  fs::create_symlink("gone", ws.root + "/out/link");
  aeo::io::workspace_files node(ws.root);
  for (const std::string path : {"out", "out/a", "out/deep/b", "out/empty", "out/none"}) {
    auto recorded = node.digest(path);
    REQUIRE(recorded);
    CHECK(output_digest(ws.root + "/" + path) == recorded->sha256);
  }
  CHECK(output_digest(ws.root + "/absent").empty());
}

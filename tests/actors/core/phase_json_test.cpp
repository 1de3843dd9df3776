#include "actors/core/phase_json.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <random>

using namespace aeo;
using namespace aeo::core;
using enum aeo::phase_status;

namespace {

phase_state random_phase(std::mt19937_64& random) {
  const std::vector<std::string> objects = {"", R"({"a":[1,2,{"b":"}\"]"}],"outputs":["x"]})",
                                            R"({"by":"alice","n":1.5})"};
  const std::vector<std::string> texts = {"", "plain", "quote \" and \\ and \n", "gr\u00fc\u00df"};
  auto any = [&random](const auto& list) { return list[random() % list.size()]; };
  auto time = [&random] { return static_cast<std::int64_t>(random() % 2'000'000'000'000'000); };
  phase_state p;
  p.status = static_cast<phase_status>(random() % 11);
  p.attempt = random() % 5;
  p.retry_count = random() % 5;
  p.started_us = time();
  p.attempt_us = time();
  p.ended_us = time();
  p.retry_at_us = random() % 2 ? time() : 0;
  p.criteria_met = random() % 2;
  for (auto n = random() % 3; n > 0; --n)
    p.errors.push_back({time(), "transient", any(texts), any(texts), 2});
  p.earlier_errors = static_cast<std::uint32_t>(random() % 2 * 7);
  p.detail = any(objects);
  p.before = any(objects);
  for (auto n = random() % 3; n > 0; --n)
    p.done.push_back("T" + any(texts) + std::to_string(n));
  if (random() % 2)
    p.metadata = R"({"note":"kept","deep":{"x":[]}})";
  return p;
}

std::string text_of(const phase_state& p) {
  std::string result;
  append_json(result, p);
  return result;
}

phase_state foreign(const std::string& text, std::size_t warnings = 0) {
  auto result = parse_phase(text);
  INFO(text << ' ' << result.problem);
  REQUIRE(result.state);
  CHECK(result.warnings.size() == warnings);
  return *result.state;
}

} // namespace

TEST_CASE("a phase comes back from its JSON as it was") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 5'000; ++i) {
    const auto p = random_phase(random);
    const auto back = parse_phase(text_of(p));
    INFO(text_of(p) << ' ' << back.problem);
    REQUIRE(back.state);
    CHECK(back.warnings.empty());
    CHECK(*back.state == p);
  }
}

TEST_CASE("a phase has the documented keys") {
  phase_state p;
  p.status = approved;
  p.started_us = 1738326896789012;
  p.ended_us = 1738326897000000;
  p.criteria_met = true;
  p.detail = R"({"by":"a","outputs":[{"path":"o","bytes":1}]})";
  const auto object = nlohmann::json::parse(text_of(p));
  CHECK(object["status"] == "approved");
  CHECK(object["started_at"] == "2025-01-31T12:34:56.789012Z");
  CHECK(object["completed_at"] == "2025-01-31T12:34:57.000000Z");
  CHECK(object["approved"] == true);
  CHECK(object["approval_criteria_met"] == true);
  CHECK(object["outputs"][0]["path"] == "o");
  CHECK(object["errors"].empty());
  CHECK(object["retry_count"] == 0);
  CHECK(object["metadata"].is_object());
}

TEST_CASE("the JSON is valid whatever the texts are") {
  phase_state p;
  p.detail = "{\"outputs\":[";
  p.before = "\xff\xfe";
  p.metadata = "{ }";
  p.done = {"\x80", std::string("\0x", 2)};
  p.errors.push_back({1, "\xc3\x28", "\x01", "", 0});
  CHECK(nlohmann::json::accept(text_of(p)));
}

TEST_CASE("an approved phase of another tool stays approved") {
  CHECK(foreign(R"({"status":"completed","approved":true})").status == approved);
  CHECK(foreign(R"({"status":"approved"})").status == approved);
  CHECK(foreign(R"({"status":"APPROVED","approved":null})").status == approved);
}

TEST_CASE("a gate is never opened by a contradiction") {
  CHECK(foreign(R"({"status":"approved","approved":false})", 1).status == pending);
  CHECK(foreign(R"({"status":"completed","approved":"yes"})", 2).status == pending);
  CHECK(foreign(R"({"status":"completed","approved":1})", 2).status == pending);
  CHECK(foreign(R"({"status":"failed","approved":true})", 1).status == failed);
  CHECK(foreign(R"({"status":"pending","approved":true})", 1).status == pending);
}

TEST_CASE("what ran elsewhere runs again") {
  CHECK(foreign(R"({"status":"in_progress"})", 1).status == pending);
  CHECK(foreign(R"({"status":"waiting_approval"})", 1).status == pending);
  CHECK(foreign(R"({"status":"completed"})", 1).status == pending);
  CHECK(foreign(R"({"status":"rejected"})").status == rejected);
  CHECK(foreign(R"({"status":"skipped"})").status == skipped);
}

TEST_CASE("errors may be texts or objects, and wrong values are warned of") {
  const auto p = foreign(R"({"status":"failed","retry_count":2,"started_at":"2025-01-31T12:34:56Z",
    "errors":["boom",{"message":"m","timestamp":"2025-01-31T12:34:56+00:00"},7],
    "outputs":{"report":"a.json"},"metadata":{"k":1},"unknown":[1]})");
  CHECK(p.attempt == 3);
  REQUIRE(p.errors.size() == 3);
  CHECK(p.errors[0].message == "boom");
  CHECK(p.errors[1].time_us == 1738326896000000);
  CHECK(p.errors[2].message == "7");
  CHECK(p.metadata == R"({"k":1})");
  CHECK(raw_member(p.detail, "outputs") == R"({"report":"a.json"})");
  CHECK(foreign(R"({"status":"failed","retry_count":-1,"completed_at":"soon","errors":{}})", 3)
            .retry_count
        == 0);
}

TEST_CASE("an unknown status is a problem that lists the known ones") {
  for (const auto* text : {R"({"status":"exploded"})", R"({"status":null})", R"({"status":3})",
                           R"({})", R"([])", "nonsense"}) {
    const auto result = parse_phase(text);
    CHECK_FALSE(result.state);
    CHECK_FALSE(result.problem.empty());
  }
  CHECK(parse_phase(R"({"status":"exploded"})").problem.find("waiting_approval")
        != std::string::npos);
}

TEST_CASE("a member is found without parsing") {
  CHECK(raw_member(R"({"a":1,"b":[1,{"c":"]}"}],"c":2})", "b") == R"([1,{"c":"]}"}])");
  CHECK(raw_member(R"({"a":1,"b":[1,{"c":"]}"}],"c":2})", "c") == "2");
  CHECK(raw_member(R"({"x":{"b":1}})", "b").empty());
  CHECK(raw_member(R"({"x":"b","b" : "v" })", "b") == R"("v")");
  CHECK(raw_member("", "b").empty());
  CHECK(raw_member("{\"b", "b").empty());
}

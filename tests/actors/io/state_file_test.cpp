#include "actors/io/state_file.hpp"
#include "messages/type_ids.hpp"
#include "tests/fixtures/temp_dir.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <sys/resource.h>
#include <sys/stat.h>

#include <random>

using namespace aeo;
using namespace aeo::test;
using enum aeo::phase_status;

namespace {

plan make_plan(std::size_t phases) {
  plan p;
  p.hash = "plan-hash";
  for (std::size_t i = 0; i < phases; ++i)
    p.phases.emplace_back().id = std::to_string(i);
  return p;
}

core::execution_state make_state(std::size_t phases) {
  core::execution_state s;
  s.id = "0d9f6a1e-0000-4000-8000-000000000001";
  s.started_us = 1738326896789012;
  s.updated_us = 1738326999000000;
  s.overall = overall_status::in_progress;
  s.started_by = "alice@box";
  s.last_seq = 42;
  s.chain_head = "head";
  for (std::size_t i = 0; i < phases; ++i) {
    auto& p = s.phases.emplace_back();
    p.status = static_cast<phase_status>(i % 11);
    p.attempt = 1;
    p.started_us = s.started_us + static_cast<std::int64_t>(i);
    p.ended_us = p.started_us + 1'000'000;
    p.detail = R"({"by":"criteria","outputs":[{"path":"a/b.json","bytes":7,"sha256":"ab"}]})";
    p.before = R"({"a/b.json":"1:2:3:4"})";
    p.done = {"T1", "T2"};
    if (i % 5 == 0)
      p.errors.push_back({p.started_us, "transient", "it \"broke\"\n", "T1", 1});
  }
  return s;
}

io::imported_state read(const std::filesystem::path& file, const plan& p) {
  auto result = io::read_state_file(file, p);
  INFO((result ? std::string{} : message_of(result.error())));
  REQUIRE(result);
  REQUIRE(*result);
  return std::move(**result);
}

std::string refusal(const std::filesystem::path& file, const plan& p) {
  const auto bytes = read_bytes(file);
  const auto result = io::read_state_file(file, p);
  REQUIRE_FALSE(result);
  CHECK(result.error() == ec::corrupt_state);
  auto text = message_of(result.error());
  INFO(text);
  CHECK(text.find(file.string()) != text.npos);
  CHECK(text.find("It is kept as it is") != text.npos);
  CHECK(read_bytes(file) == bytes);
  return text;
}

} // namespace

TEST_CASE("a state comes back from its file as it was") {
  for (std::size_t phases : {0, 1, 16, 1500}) {
    temp_dir dir;
    const auto file = dir / "execution_state.json";
    const auto p = make_plan(phases);
    auto s = make_state(phases);
    REQUIRE_FALSE(io::write_state_file(file, p, s));
    const auto back = read(file, p);
    CHECK(back.ours);
    CHECK(back.warnings.empty());
    CHECK(back.unknown_phases.empty());
    CHECK(back.plan_hash == "plan-hash");
    CHECK(back.chain_head == "head");
    CHECK(back.last_seq == 42);
    s.last_seq = 0;
    s.chain_head.clear();
    CHECK(back.state == s);
  }
}

TEST_CASE("the file has the documented keys and is private") {
  temp_dir dir;
  const auto file = dir / "execution_state.json";
  REQUIRE_FALSE(io::write_state_file(file, make_plan(16), make_state(16)));
  struct stat info {};
  REQUIRE(stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK_FALSE(std::filesystem::exists(dir / "execution_state.json.tmp"));
  const auto document = nlohmann::json::parse(read_bytes(file));
  CHECK(document["execution_id"] == "0d9f6a1e-0000-4000-8000-000000000001");
  CHECK(document["started_at"] == "2025-01-31T12:34:56.789012Z");
  CHECK(document["last_updated"] == "2025-01-31T12:36:39.000000Z");
  CHECK(document["overall_status"] == "in_progress");
  CHECK(document["current_phase"] == "0");
  CHECK(document["phases"].size() == 16);
  for (const auto* key : {"status", "started_at", "completed_at", "approved",
                          "approval_criteria_met", "outputs", "errors", "retry_count", "metadata"})
    CHECK(document["phases"]["4"].contains(key));
  CHECK(document["phases"]["4"]["approved"] == true);
  for (const auto* key : {"message", "timestamp", "class", "task", "attempt"})
    CHECK(document["phases"]["0"]["errors"][0].contains(key));
}

TEST_CASE("the current phase is the lowest-numbered one that is not terminal") {
  temp_dir dir;
  const auto file = dir / "s.json";
  auto p = make_plan(3);
  p.phases[0].id = "10";
  p.phases[1].id = "9";
  p.phases[2].id = "2";
  core::execution_state s;
  s.phases.resize(3);
  s.phases[2].status = approved;
  REQUIRE_FALSE(io::write_state_file(file, p, s));
  CHECK(nlohmann::json::parse(read_bytes(file))["current_phase"] == "9");
  s.phases[0].status = s.phases[1].status = failed;
  REQUIRE_FALSE(io::write_state_file(file, p, s));
  CHECK(nlohmann::json::parse(read_bytes(file))["current_phase"].is_null());
}

TEST_CASE("a file that cannot be replaced stays as it was") {
  temp_dir dir;
  CHECK(io::write_state_file(dir / "no/such/folder.json", make_plan(1), make_state(1))
        == ec::storage_failed);
  std::filesystem::create_directories(dir / "s.json/x");
  const auto err = io::write_state_file(dir / "s.json", make_plan(1), make_state(1));
  CHECK(err == ec::storage_failed);
  CHECK_FALSE(std::filesystem::exists(dir / "s.json.tmp"));
}

TEST_CASE("the events of an import give the state that was imported") {
  temp_dir dir;
  const auto p = make_plan(16);
  REQUIRE_FALSE(io::write_state_file(dir / "s.json", p, make_state(16)));
  const auto imported = read(dir / "s.json", p);
  core::execution_state s;
  s.phases.resize(16);
  const core::phase_lookup lookup(p);
  const auto events = io::import_events(imported, p, 5);
  CHECK(events.size() == 16);
  for (const auto& e : events)
    REQUIRE(core::apply(s, lookup, e));
  CHECK(s.phases == imported.state.phases);
}

TEST_CASE("a file of another tool goes on where that tool stopped") {
  const auto p = make_plan(15);
  const auto imported =
      read(std::filesystem::path(AEO_SOURCE_DIR) / "tests/data/state/foreign.json", p);
  CHECK_FALSE(imported.ours);
  CHECK(imported.plan_hash.empty());
  CHECK(imported.state.id == "consolidation-20250131-123456");
  CHECK(imported.unknown_phases == std::vector<std::string>{"15"});
  CHECK(imported.found.size() == 6);
  CHECK(imported.warnings.size() == 2);
  const auto& phases = imported.state.phases;
  CHECK(phases[0].status == approved);
  CHECK(phases[0].criteria_met);
  CHECK(phases[0].metadata == R"({"operator":"bob","tickets":[1,2]})");
  CHECK(phases[0].started_us != 0);
  CHECK(phases[1].status == approved);
  CHECK(phases[1].ended_us == 1738327800000000);
  CHECK(phases[1].attempt == 2);
  CHECK(phases[2].status == failed);
  CHECK(phases[2].errors.size() == 2);
  CHECK(phases[2].errors[1].cls == "TaskError");
  CHECK(phases[3].status == pending);
  CHECK(phases[4].status == pending);
  CHECK(phases[5].status == pending);
  CHECK(phases[14].status == pending);
  core::execution_state s;
  s.phases.resize(15);
  const core::phase_lookup lookup(p);
  for (const auto& e : io::import_events(imported, p, 5))
    REQUIRE(core::apply(s, lookup, e));
  CHECK(s.phases == phases);
}

TEST_CASE("a file of ours that another tool wrote again is taken as that tool's") {
  temp_dir dir;
  const auto p = make_plan(3);
  auto s = make_state(3);
  s.phases[0].status = approved;
  REQUIRE_FALSE(io::write_state_file(dir / "s.json", p, s));
  auto document = nlohmann::json::parse(read_bytes(dir / "s.json"));
  write_bytes(dir / "s.json", document.dump());
  CHECK(refusal(dir / "s.json", p).find("remove \"checksum\"") != std::string::npos);
  document["metadata"].erase("checksum");
  write_bytes(dir / "s.json", document.dump());
  const auto back = read(dir / "s.json", p);
  CHECK_FALSE(back.ours);
  CHECK(back.state.phases[0].status == approved);
}

TEST_CASE("no file is no error") {
  temp_dir dir;
  const auto result = io::read_state_file(dir / "s.json", make_plan(1));
  REQUIRE(result);
  CHECK_FALSE(*result);
}

TEST_CASE("what cannot be understood is refused with its place and never changed") {
  temp_dir dir;
  const auto file = dir / "s.json";
  const auto p = make_plan(2);
  const auto said = [&](const std::string& text) {
    write_bytes(file, text);
    return refusal(file, p);
  };
  CHECK(said("").find("line 1") != std::string::npos);
  CHECK(said("{\n  \"phases\": {\n    oops").find("line 3, column") != std::string::npos);
  CHECK(said("[]").find("\"phases\"") != std::string::npos);
  CHECK(said("{}").find("\"phases\"") != std::string::npos);
  CHECK(said(R"({"phases":[]})").find("\"phases\"") != std::string::npos);
  CHECK(said(R"({"phases":{"0":null}})").find("phase 0") != std::string::npos);
  CHECK(said(R"({"phases":{"0":[]}})").find("phase 0") != std::string::npos);
  CHECK(said(R"({"phases":{"0":{"status":"gone"}}})").find("\"gone\"") != std::string::npos);
  CHECK(said(R"({"phases":{"0":{"status":"pending"},"0":{"status":"approved"}}})").find("twice")
        != std::string::npos);
  CHECK(said(R"({"phases":{"0":{"status":"pending"}},"phases":{}})").find("twice")
        != std::string::npos);
  CHECK(said(R"({"phases":{"0":{"status":"pending"}},"x":1e999})").find("1e999")
        != std::string::npos);
  CHECK_FALSE(said("{\"phases\":{\"0\":" + std::string(100'000, '[')).empty());
  CHECK(said(R"({"phases":{"0":{"status":"approved","metadata":{"a":)" + std::string(100'000, '[')
             + std::string(100'000, ']') + "}}}}")
            .find("nested")
        != std::string::npos);
}

TEST_CASE("a damaged byte is never taken for a different state") {
  temp_dir dir;
  const auto file = dir / "s.json";
  const auto p = make_plan(16);
  auto s = make_state(16);
  REQUIRE_FALSE(io::write_state_file(file, p, s));
  s.last_seq = 0;
  s.chain_head.clear();
  const auto good = read_bytes(file);
  std::mt19937 random(99);
  std::size_t detected = 0;
  for (std::size_t at = 0; at < good.size(); at += 1 + random() % 12) {
    auto bad = good;
    flip_a_bit(bad, at, random);
    write_bytes(file, bad);
    const auto result = io::read_state_file(file, p);
    if (!result)
      ++detected;
    else if (*result)
      REQUIRE((*result)->state.phases == s.phases);
  }
  CHECK(detected > 0);
  for (std::size_t size = 0; size < good.size() - 1; size += 1 + random() % 200) {
    write_bytes(file, good.substr(0, size));
    REQUIRE_FALSE(io::read_state_file(file, p));
  }
}

TEST_CASE("a plan of 100,000 phases is written without holding the document") {
  temp_dir dir;
  const auto p = make_plan(100'000);
  const auto s = make_state(100'000);
  const auto peak_kb = [] {
    struct rusage usage {};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  [[maybe_unused]] const auto before = peak_kb();
  REQUIRE_FALSE(io::write_state_file(dir / "s.json", p, s));
  CHECK(std::filesystem::file_size(dir / "s.json") > 40'000'000);
#ifndef __SANITIZE_ADDRESS__
  CHECK(peak_kb() - before < 2'000);
#endif
}

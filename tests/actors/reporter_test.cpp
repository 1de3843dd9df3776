#include "actors/reporter.hpp"
#include "tests/fixtures/recording_view.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

using namespace aeo;
using namespace aeo::testing;
using namespace std::chrono_literals;

namespace {

const std::string folder = "/workspace/consolidation/reports/";

struct reporter_fixture : actor_fixture {
  transcript_ptr log = std::make_shared<transcript>();
  std::shared_ptr<mock_state> store = std::make_shared<mock_state>();
  std::shared_ptr<written_files> files = std::make_shared<written_files>();
  std::shared_ptr<core::execution_state> state = std::make_shared<core::execution_state>();
  recording_view* view = nullptr;
  context_ptr context;
  reporter_actor uut;

  explicit reporter_fixture(std::size_t phases = 2) {
    plan p;
    for (std::size_t i = 0; i < phases; ++i)
      p.phases.push_back(make_phase(std::to_string(i)));
    context = make_context(std::move(p));
    state->id = context->execution;
    state->started_us = now_us;
    state->phases.resize(phases);
    state->chain_head = std::string(64, 'c');
    store->log = std::make_shared<transcript>();
    store->snapshot = state;
    auto recorder = std::make_unique<recording_view>(log);
    view = recorder.get();
    reporter_deps deps{.context = context,
                       .store = spawn(state_mock, store),
                       .view = std::move(recorder),
                       .history = std::make_unique<core::run_history>(*context->the_plan),
                       .write_file = write_to(files),
                       .workspace = ".",
                       .mask = {}};
    uut = system.spawn(reporter, std::move(deps), snapshot_ptr{state});
    to_end.push_back(caf::actor_cast<caf::actor>(uut));
    run();
    CHECK(log->take() == lines{"begin " + std::to_string(phases)});
  }

  lines hear(event_kind kind, const std::string& phase) {
    self->send(uut, atom::publish_v, event_batch{make_event(kind, phase)});
    run();
    return log->take();
  }

  std::size_t status_reports() const {
    std::size_t count = 0;
    for (const auto& [path, text] : files->text)
      count += path.starts_with(folder + "status_report_") ? 1 : 0;
    return count;
  }

  /// Whether it was answered without an error.
  bool finish(int exit_code) {
    auto request = self->request(uut, caf::infinite, atom::finish_v, exit_code);
    run();
    bool good = false;
    request.receive([&] { good = true; }, [](const caf::error&) {});
    return good;
  }
};

} // namespace

TEST_CASE("the view sees every durable event, in order") {
  reporter_fixture f;
  CHECK(f.hear(event_kind::phase_started, "0") == lines{"phase_started 0"});
  CHECK(f.hear(event_kind::phase_completed, "0") == lines{"phase_completed 0"});
}

TEST_CASE("the view hears lines that are no event") {
  reporter_fixture f;
  f.self->send(f.uut, atom::say_v, "storage fails");
  f.run();
  CHECK(f.log->take() == lines{"say storage fails"});
}

TEST_CASE("the view is told of the time until the end") {
  reporter_fixture f;
  auto before = f.view->ticks;
  f.pass(100ms);
  CHECK(f.view->ticks == before + 1);
  f.finish(0);
  f.pass(1s);
  CHECK(f.view->ticks == before + 1);
}

TEST_CASE("a status report is written at a phase's end, not before") {
  reporter_fixture f;
  f.hear(event_kind::phase_started, "0");
  f.hear(event_kind::phase_completed, "0");
  CHECK(f.status_reports() == 0);
  f.hear(event_kind::phase_approved, "0");
  // 1700000000 is 2023-11-14 22:13:20 UTC.
  auto file = f.files->text.find(folder + "status_report_20231114_221320.json");
  REQUIRE(file != f.files->text.end());
  CHECK(nlohmann::json::parse(file->second)["execution_id"] == f.context->execution);
}

TEST_CASE("phases that end within a second share the next status report") {
  reporter_fixture f;
  f.hear(event_kind::phase_approved, "0");
  f.hear(event_kind::phase_approved, "1");
  CHECK(f.status_reports() == 1);
  f.pass(1s);
  CHECK(f.status_reports() == 2);
  f.pass(1h);
  CHECK(f.status_reports() == 2);
}

TEST_CASE("of a large plan a status report is written every 30 seconds at most") {
  reporter_fixture f{201};
  f.hear(event_kind::phase_approved, "0");
  f.hear(event_kind::phase_approved, "1");
  f.pass(29s);
  CHECK(f.status_reports() == 1);
  f.pass(1s);
  CHECK(f.status_reports() == 2);
}

TEST_CASE("the final report is written before the end is answered, with the exit code") {
  reporter_fixture f;
  CHECK(f.finish(1));
  CHECK(f.log->take() == lines{"finish 1 " + folder + "final_report.md"});
  CHECK(f.files->text.contains(folder + "final_report.md"));
  auto report = nlohmann::json::parse(f.files->text.at(folder + "final_report.json"));
  CHECK(report["execution_id"] == f.context->execution);
  CHECK(report.dump().find(std::string(64, 'c')) != std::string::npos);
}

TEST_CASE("after the final report no status report follows") {
  reporter_fixture f;
  f.hear(event_kind::phase_approved, "0");
  f.hear(event_kind::phase_approved, "1");
  f.finish(0);
  f.pass(1h);
  CHECK(f.status_reports() == 1);
}

TEST_CASE("a report that cannot be written is said and ends nothing") {
  reporter_fixture f;
  f.files->trouble = caf::make_error(ec::storage_failed, "disk full");
  CHECK(f.hear(event_kind::phase_approved, "0") == lines{"phase_approved 0", "say disk full"});
  CHECK(f.finish(0));
  CHECK(f.log->take() == lines{"say disk full", "finish 0 "});
}

TEST_CASE("a status report that could not be written does not stop the later ones") {
  reporter_fixture f;
  f.files->trouble = caf::make_error(ec::storage_failed, "disk full");
  f.hear(event_kind::phase_approved, "0");
  f.files->trouble = {};
  f.pass(1s);
  f.hear(event_kind::phase_approved, "1");
  CHECK(f.status_reports() == 1);
}

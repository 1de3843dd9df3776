// An execution_state.json, by whomever it was written.

#include "actors/core/execution_state.hpp"
#include "actors/io/state_file.hpp"
#include "messages/actors.hpp"
#include "tests/fixtures/temp_dir.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace aeo;
using fuzz::expect;

namespace {

plan two_phases() {
  plan result;
  for (const auto* id : {"0", "1"}) {
    auto& phase = result.phases.emplace_back();
    phase.id = id;
    phase.tasks.emplace_back().id = "t";
  }
  return result;
}

} // namespace

void fuzz_one(std::string_view input) {
  [[maybe_unused]] static const bool once = [] {
    init_messages();
    return true;
  }();
  static const test::temp_dir dir;
  static const auto the_plan = two_phases();
  static const core::phase_lookup lookup{the_plan};
  const auto file = dir / "execution_state.json";
  test::write_bytes(file, input);
  const auto result = io::read_state_file(file, the_plan);
  expect(test::read_bytes(file) == input, "reading changes nothing");
  if (!result) {
    expect(!message_of(result.error()).empty(), "a refusal says why");
    return;
  }
  expect(result->has_value(), "the file is there");
  // What it says is what an execution can go on from.
  core::execution_state state;
  state.phases.resize(the_plan.phases.size());
  for (auto& e : io::import_events(**result, the_plan, 1)) {
    e.seq = state.last_seq + 1;
    expect(core::apply(state, lookup, e), "what was imported fits a new execution");
  }
  for (std::size_t i = 0; i < state.phases.size(); ++i)
    expect(state.phases[i].status == (*result)->state.phases[i].status, "a phase is as was read");
}

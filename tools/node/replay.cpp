#include "tools/node/replay.hpp"

#include "actors/core/event_data.hpp"

#include <algorithm>

namespace aeo::node {

namespace {

void note_attempt(replay& r, phase_index i, const event& e) {
  auto& origin = r.attempts[i];
  if (e.kind == event_kind::phase_started) {
    origin = {};
  } else if (e.kind == event_kind::task_started) {
    std::erase(origin.unfinished, e.task);
    origin.unfinished.push_back(e.task);
  } else if (e.kind == event_kind::task_finished) {
    std::erase(origin.unfinished, e.task);
    if (auto exit = core::exit_from_data(e); exit && !exit->ok())
      origin.failed.push_back(std::move(*exit));
  } else if (core::status_after(e.kind)) {
    r.attempts.erase(i);
  }
}

void note_pause(replay& r, const event& e) {
  const auto now = r.state.overall;
  if (e.kind == event_kind::execution_paused && !r.paused)
    r.paused = e; // A resume says it again.
  else if (e.kind == event_kind::execution_continued || now == overall_status::completed
           || now == overall_status::cancelled)
    r.paused.reset();
}

std::shared_ptr<const core::execution_state> nothing_yet() {
  return nullptr;
}

} // namespace

bool replay::is_finished() const {
  return std::ranges::all_of(state.phases, is_open, &phase_state::status);
}

std::filesystem::path database_file(const options& o) {
  return o.workspace / "consolidation" / "execution.db";
}

caf::error replay_events(io::event_store& store, const core::phase_lookup& lookup, replay& r,
                         core::run_history* history) {
  // Until the first event says it: a node may have been killed before that was stored.
  r.state.started_us = r.row.started_us;
  r.state.started_by = r.row.started_by;
  caf::error damage;
  auto err = store.read(r.row.id, 0, [&](event&& e) {
    auto i = e.phase.empty() ? core::phase_lookup::npos : lookup(e.phase);
    const auto changes_nothing = e.kind == event_kind::note || e.kind == event_kind::audit;
    if (!e.phase.empty() && i == core::phase_lookup::npos && !changes_nothing) {
      ++r.unknown;
      r.state.last_seq = e.seq;
      return true;
    }
    if (!core::apply(r.state, lookup, e)) {
      damage =
          caf::make_error(ec::corrupt_state,
                          "the event log does not fit together at event " + std::to_string(e.seq)
                              + " (" + std::string{to_string(e.kind)} + ", phase " + e.phase + ")");
      return false;
    }
    if (i != core::phase_lookup::npos)
      note_attempt(r, i, e);
    note_pause(r, e);
    if (history)
      history->add(e);
    return true;
  });
  return err ? err : damage;
}

caf::expected<std::shared_ptr<const core::execution_state>> peek_state(const options& o,
                                                                       const plan& p) {
  auto store = io::open_store_read_only(database_file(o));
  if (!store)
    return store.error() == ec::not_found
               ? caf::expected<std::shared_ptr<const core::execution_state>>{nothing_yet()}
               : store.error();
  auto last = (*store)->last_execution();
  if (!last)
    return last.error();
  if (!*last)
    return nothing_yet();
  core::phase_lookup lookup{p};
  replay r;
  r.row = **last;
  r.state.id = r.row.id;
  r.state.phases.resize(p.phases.size());
  if (auto err = replay_events(**store, lookup, r, nullptr))
    return err;
  if (r.is_finished())
    return nothing_yet();
  return std::make_shared<const core::execution_state>(std::move(r.state));
}

} // namespace aeo::node

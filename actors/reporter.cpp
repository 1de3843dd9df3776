#include "actors/reporter.hpp"

#include <ostream>
#include <utility>

namespace aeo {

namespace {

constexpr auto tick_interval = std::chrono::milliseconds{100};
constexpr std::int64_t small_interval_us = 1'000'000; // Report names count seconds.
constexpr std::int64_t large_interval_us = 30'000'000;

} // namespace

std::filesystem::path reporter_state::folder() const {
  return deps.context->workspace / "consolidation" / "reports";
}

core::report_input reporter_state::input(const core::execution_state& state, int exit_code) const {
  return {.definition = *deps.context->the_plan,
          .state = state,
          .history = deps.history.get(),
          .chain_head = state.chain_head,
          .now_us = deps.context->now_us(),
          .exit_code = exit_code,
          .workspace = deps.workspace,
          .mask = deps.mask,
          .files = deps.files.get()};
}

void reporter_state::hear(const event_batch& batch) {
  for (const auto& e : batch) {
    deps.history->add(e);
    deps.view->on_event(e);
    auto to = core::status_after(e.kind);
    due = due || (to && is_terminal(*to));
  }
  write_status_if_due();
}

void reporter_state::write_status_if_due() {
  auto now = deps.context->now_us();
  if (!due || writing || over)
    return;
  if (now < next_status_us) {
    if (!std::exchange(timer, true))
      self->run_delayed(std::chrono::microseconds{next_status_us - now}, [this] {
        timer = false;
        write_status_if_due();
      });
    return;
  }
  writing = true;
  due = false;
  auto small = deps.context->the_plan->phases.size() <= small_plan;
  next_status_us = now + (small ? small_interval_us : large_interval_us);
  self->request(deps.store, caf::infinite, atom::get_v)
      .then([this](const snapshot_ptr& state) { write_status(*state); },
            [this](const caf::error& err) { deps.view->say(message_of(err)); });
}

void reporter_state::write_status(const core::execution_state& state) {
  writing = false;
  if (over)
    return;
  auto report = input(state, -1);
  auto file = folder() / core::status_report_name(report.now_us);
  if (auto err =
          deps.write_file(file, [&](std::ostream& out) { core::write_status_json(out, report); }))
    deps.view->say(message_of(err));
}

caf::result<void> reporter_state::finish(int exit_code) {
  over = true;
  auto promise = self->make_response_promise<void>();
  self->request(deps.store, caf::infinite, atom::get_v)
      .then(
          [this, promise, exit_code](const snapshot_ptr& state) mutable {
            write_final(*state, exit_code);
            promise.deliver();
          },
          [promise](const caf::error& err) mutable { promise.deliver(err); });
  return promise;
}

void reporter_state::write_final(const core::execution_state& state, int exit_code) {
  auto report = input(state, exit_code);
  auto text = folder() / "final_report.md";
  auto err = deps.write_file(folder() / "final_report.json",
                             [&](std::ostream& out) { core::write_final_json(out, report); });
  if (!err)
    err =
        deps.write_file(text, [&](std::ostream& out) { core::write_final_markdown(out, report); });
  if (err)
    deps.view->say(message_of(err));
  deps.view->finish(report, err ? std::string{} : text.string());
}

void reporter_state::tick() {
  if (over)
    return;
  deps.view->tick(deps.context->now_us());
  self->run_delayed(tick_interval, [this] { tick(); });
}

reporter_actor::behavior_type reporter(reporter_actor::stateful_pointer<reporter_state> self,
                                       reporter_deps deps, snapshot_ptr initial) {
  auto& st = self->state;
  st.self = self;
  st.deps = std::move(deps);
  st.deps.view->begin(*initial);
  st.tick();
  return {
      [self](atom::publish, const event_batch& batch) { self->state.hear(batch); },
      [self](atom::say, const std::string& line) { self->state.deps.view->say(line); },
      [self](atom::finish, int exit_code) { return self->state.finish(exit_code); },
  };
}

} // namespace aeo

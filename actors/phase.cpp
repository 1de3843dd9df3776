#include "actors/phase.hpp"

#include "actors/core/decisions.hpp"
#include "actors/core/retry_rules.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace aeo {

namespace {

constexpr std::int64_t us_per_ms = 1000;

std::int64_t count_ms(duration d) {
  return d.count();
}

constexpr const char* launcher_lost =
    "the launcher was lost before it said whether it had started the task: it is started anew";

/// No process of it was seen. A launcher that is lost may have started one: a task that waits with
/// it is one that may be run again.
bool is_unstarted(const task_exit& exit) {
  return exit.pid == 0
         && (exit.kind == exit_kind::cancelled || exit.kind == exit_kind::lost
             || (exit.kind == exit_kind::not_started && exit.code == ECANCELED));
}

} // namespace

std::string log_path(const task_key& key) {
  return "consolidation/logs/" + key.phase + "/" + key.task + "." + std::to_string(key.attempt)
         + ".log";
}

event phase_actor_state::make_event(event_kind kind, std::string task, std::string data) const {
  return {.time_us = deps->context->now_us(),
          .kind = kind,
          .phase = def().id,
          .task = std::move(task),
          .attempt = attempt,
          .data = std::move(data)};
}

/// The events that were held back, then this one: one batch is stored as a whole or not at all.
event_batch phase_actor_state::with_held(event&& e) {
  auto batch = std::exchange(held, {});
  batch.push_back(std::move(e));
  return batch;
}

void phase_actor_state::record(event&& e) {
  self->send(deps->store, atom::record_v, with_held(std::move(e)));
}

/// The attempt has ended: a person who decides in the same moment comes first.
void phase_actor_state::propose(event&& e) {
  self->request(deps->store, caf::infinite, atom::record_v, with_held(std::move(e)))
      .then([] {}, [this](const caf::error& err) { fail_on_error(err); });
}

/// The phase's last word: durable before this actor goes.
void phase_actor_state::finish(event&& e) {
  ended = true;
  self->request(deps->store, caf::infinite, atom::record_v, with_held(std::move(e)))
      .then([this] { self->quit(); }, [this](const caf::error& err) { fail_on_error(err); });
}

void phase_actor_state::fail_on_error(const caf::error& err) {
  if (ended && err == ec::wrong_state)
    return; // A person decided in the same moment; the trigger hears of it and ends this actor.
  self->quit(err);
}

bool phase_actor_state::is_strict() const {
  return std::ranges::any_of(def().tasks, core::is_strict);
}

std::size_t phase_actor_state::count(stage wanted) const {
  return static_cast<std::size_t>(std::ranges::count(stages, wanted));
}

bool phase_actor_state::needs_done(const task_def& task) const {
  return std::ranges::all_of(task.needs, [this](task_index i) { return stages[i] == stage::done; });
}

void phase_actor_state::start() {
  if (cancelled)
    return; // Its turn came in the same moment; the last word is said.
  ++attempt;
  ended = false;
  failure.reset();
  stages.assign(def().tasks.size(), stage::waiting);
  begun = false;
  if (core::begins_with_its_task(def())) {
    before.clear();
    run_task(0);
    return;
  }
  before = core::take_fingerprints(def(), *deps->files);
  auto e = begin(deps->context->now_us());
  if (!is_strict() && before.empty()) {
    // Should the node die first, the launcher's word on the task tells of this start.
    record(std::move(e));
    run_ready_tasks();
    return;
  }
  // Whether a task may have run, or what was there before, must be known after any crash.
  event_batch batch;
  batch.push_back(std::move(e));
  self->request(deps->store, caf::infinite, atom::record_v, std::move(batch))
      .then([this] { run_ready_tasks(); }, [this](const caf::error& err) { fail_on_error(err); });
}

/// The attempt began at that time of day, just now.
event phase_actor_state::begin(std::int64_t started_us) {
  begun = true;
  attempt_start_us = deps->context->steady_us();
  if (!first_start_us)
    first_start_us = attempt_start_us;
  auto e = make_event(event_kind::phase_started, {},
                      before.empty() ? std::string{} : core::to_json(before));
  e.time_us = started_us;
  return e;
}

void phase_actor_state::withdraw() {
  if (!begun && !cancelled)
    self->send(deps->executor, atom::withdraw_v,
               task_key{def().id, def().tasks.front().id, attempt});
}

/// The attempt has not begun: all is as before its slot was granted.
void phase_actor_state::give_back() {
  begun = true;
  --attempt;
  stages.clear();
  if (cancelled) {
    self->send(trigger, atom::release_v, index);
    finish_cancelled();
  } else {
    self->send(trigger, atom::withdraw_v, index);
  }
}

void phase_actor_state::run_ready_tasks() {
  for (task_index i = 0; i < stages.size() && !failure && !cancelled && asking.empty(); ++i)
    if (stages[i] == stage::waiting && needs_done(def().tasks[i]))
      run_task(i);
  proceed();
}

void phase_actor_state::run_task(task_index i) {
  stages[i] = stage::running;
  auto listener = caf::actor_cast<task_listener_actor>(self);
  if (begun)
    self->send(deps->executor, atom::run_v, make_spec(i), std::move(listener));
  else
    self->send(deps->executor, atom::stage_v, make_spec(i), std::move(listener));
}

task_spec phase_actor_state::make_spec(task_index i) const {
  const auto& task = def().tasks[i];
  task_spec spec;
  spec.key = {def().id, task.id, attempt};
  spec.argv = task.command;
  spec.env = task.env;
  for (auto& variable : deps->context->task_variables(spec.key))
    spec.env.push_back(std::move(variable));
  const auto& workspace = deps->context->workspace;
  spec.cwd = task.cwd.empty() ? workspace.string() : (workspace / task.cwd).string();
  spec.log = (workspace / log_path(spec.key)).string();
  spec.timeout_ms = timeout_ms(task);
  spec.grace_ms = count_ms(deps->context->the_plan->options.kill_grace);
  spec.max_processes = deps->context->the_plan->processes_of(task);
  return spec;
}

/// What is left of the task's, the attempt's and the phase's time; the launcher keeps to it, so
/// that it holds while no node runs.
std::int64_t phase_actor_state::timeout_ms(const task_def& task) const {
  auto now = deps->context->steady_us();
  auto passed_ms = [now](std::int64_t since_us) { return (now - since_us) / us_per_ms; };
  auto left = count_ms(deps->context->the_plan->timeout_of(def()));
  if (begun)
    left -= passed_ms(attempt_start_us);
  if (task.timeout.count() > 0)
    left = std::min(left, count_ms(task.timeout));
  if (def().total_timeout.count() > 0)
    left = std::min(left, count_ms(def().total_timeout)
                              - (first_start_us ? passed_ms(*first_start_us) : 0));
  return std::max<std::int64_t>(left, 1);
}

void phase_actor_state::heard_start(const task_start& start) {
  if (start.key.attempt != attempt)
    return;
  event_batch batch;
  if (!begun)
    batch.push_back(begin(start.started_us));
  batch.push_back(make_event(event_kind::task_started, start.key.task, core::started_data(start)));
  self->send(deps->store, atom::record_v, std::move(batch));
}

void phase_actor_state::heard_exit(const task_exit& exit) {
  const auto& tasks = def().tasks;
  auto found = std::ranges::find(tasks, exit.key.task, &task_def::id);
  if (found == tasks.end() || exit.key.attempt != attempt || ended)
    return;
  if (!begun && is_unstarted(exit)) {
    if (exit.kind == exit_kind::lost)
      record(make_event(event_kind::note, found->id, core::warning_data(launcher_lost)));
    give_back();
    return;
  }
  auto i = static_cast<task_index>(found - tasks.begin());
  if (exit.kind == exit_kind::lost && core::is_strict(*found)) {
    outcome_lost(i, exit.detail);
    proceed();
    return;
  }
  event_batch batch;
  if (!begun) // Its process could not be started, or its start was not heard.
    batch.push_back(begin(exit.started_us != 0 ? exit.started_us : deps->context->now_us()));
  batch.push_back(make_event(event_kind::task_finished, found->id, core::finished_data(exit)));
  // What nobody here has cancelled a node before us has, which did not come to its end: the task
  // did not fail.
  if ((stages[i] == stage::repeating || exit.kind == exit_kind::cancelled) && !cancelled) {
    stages[i] = stage::repeating;
    repeat_when_durable(i, std::move(batch));
    return;
  }
  auto good = exit.ok() || (found->continue_on_error && exit.kind != exit_kind::cancelled);
  stages[i] = good ? stage::done : stage::failed;
  if (!good && !failure)
    failure = exit;
  if (count(stage::done) == stages.size()) {
    complete(std::move(batch));
    return;
  }
  self->send(deps->store, atom::record_v, std::move(batch));
  run_ready_tasks();
}

/// The launcher answers the start of a task whose exit it keeps with that exit: it has to know
/// first that the exit is durable.
void phase_actor_state::repeat_when_durable(task_index i, event_batch&& batch) {
  self->request(deps->store, caf::infinite, atom::record_v, std::move(batch))
      .then(
          [this, i] {
            stages[i] = stage::waiting;
            run_ready_tasks();
          },
          [this](const caf::error& err) { fail_on_error(err); });
}

/// Ends the attempt when nothing of it runs and nothing more can be started.
void phase_actor_state::proceed() {
  if (ended || count(stage::running) + count(stage::repeating) > 0)
    return;
  if (cancelled && (canceller || asking.empty())) {
    self->send(trigger, atom::release_v, index);
    finish_cancelled();
  } else if (!asking.empty()) {
    ask();
  } else if (failure) {
    self->send(trigger, atom::release_v, index);
    attempt_failed();
  } else if (count(stage::done) == stages.size()) {
    complete({});
  }
}

void phase_actor_state::complete(event_batch&& batch) {
  ended = true;
  batch.push_back(make_event(event_kind::phase_completed));
  self->send(trigger, atom::release_v, index);
  if (core::has_empty_gate(def())) {
    // The verdict is there at once: it becomes durable together with what it is about.
    held = std::move(batch);
    review();
    return;
  }
  self->request(deps->store, caf::infinite, atom::record_v, std::move(batch))
      .then([this] { review(); }, [this](const caf::error& err) { fail_on_error(err); });
}

void phase_actor_state::review() {
  self->request(deps->approval, caf::infinite, atom::review_v,
                review_request{index, attempt, before, waited})
      .then([this](const verdict& v) { judged(v); },
            [this](const caf::error& err) { fail_on_error(err); });
}

void phase_actor_state::judged(const verdict& v) {
  switch (v.kind) {
  case verdict_kind::approved:
    finish(make_event(event_kind::phase_approved, {}, v.detail));
    break;
  case verdict_kind::failed:
    finish(make_event(event_kind::phase_failed, {}, v.detail));
    break;
  case verdict_kind::waiting:
    if (const auto lost = core::void_voices(waited, v.detail); !lost.empty())
      record(make_event(event_kind::note, {}, core::warning_data(lost)));
    propose(make_event(event_kind::phase_waiting, {}, v.detail));
    break;
  }
}

void phase_actor_state::attempt_failed() {
  ended = true;
  core::failure_text text;
  text.message = "task " + failure->key.task + " " + core::describe(*failure);
  auto log = log_path(failure->key);
  text.tail = deps->tail((deps->context->workspace / log).string());
  attempt_failure question{.phase = index,
                           .exit = *failure,
                           .tail = text.tail,
                           .retries = retries,
                           .losses = losses,
                           .elapsed_ms =
                               (deps->context->steady_us() - *first_start_us) / us_per_ms};
  // The rules see all of the tail, the operator its end.
  text.tail = core::last_lines(text.tail);
  if (!text.tail.empty())
    text.log = std::move(log);
  self->request(deps->retry, caf::infinite, atom::decide_v, std::move(question))
      .then([this, text](const retry_decision& decision) { decided(decision, text); },
            [this](const caf::error& err) { fail_on_error(err); });
}

void phase_actor_state::decided(const retry_decision& decision, const core::failure_text& partial) {
  if (cancelled)
    return; // cancel() has said the last word already.
  auto text = partial;
  text.cls = decision.cls;
  text.why = decision.why;
  const auto& task = failure->key.task;
  if (decision.retry) {
    const auto delay_us = decision.delay_ms * us_per_ms;
    const auto due_us = deps->context->steady_us() + delay_us;
    const auto at_us = deps->context->now_us() + delay_us;
    ++(decision.counted ? retries : losses);
    auto e =
        make_event(event_kind::phase_retry_wait, task,
                   core::retry_data(text, *failure, at_us, decision.delay_ms, decision.counted));
    // Durable first: whoever finds the next attempt's task running knows how this one ended.
    self->request(deps->store, caf::infinite, atom::record_v, with_held(std::move(e)))
        .then([this, due_us] { wait_for_retry(due_us - deps->context->steady_us()); },
              [this](const caf::error& err) { fail_on_error(err); });
    return;
  }
  auto blocked = decision.cls == to_string(error_class::dependency);
  finish(make_event(blocked ? event_kind::phase_blocked : event_kind::phase_failed, task,
                    core::failure_data(text, *failure)));
}

void phase_actor_state::wait_for_retry(std::int64_t left_us) {
  self->run_delayed(std::chrono::microseconds{std::max<std::int64_t>(left_us, 0)}, [this] {
    if (!cancelled)
      self->send(trigger, atom::ready_v, index);
  });
}

void phase_actor_state::cancel(const std::string& reason) {
  if (cancelled)
    return;
  cancelled = reason;
  // A stop does not answer what a person is asked.
  auto waits = ended ? failure.has_value() && (canceller || asking.empty()) : stages.empty();
  if (waits) {
    // Between attempts, or before the first: no process to end.
    finish_cancelled();
    return;
  }
  for (task_index i = 0; i < stages.size(); ++i)
    if (stages[i] == stage::running || stages[i] == stage::repeating)
      self->send(deps->executor, atom::cancel_v, task_key{def().id, def().tasks[i].id, attempt});
  proceed();
}

void phase_actor_state::cancel(const operator_decision& decision) {
  if (!cancelled)
    canceller = decision;
  cancel("cancelled by " + decision.by);
}

void phase_actor_state::finish_cancelled() {
  finish(canceller
             ? make_event(event_kind::phase_cancelled, {}, core::decided_data(*canceller))
             : make_event(event_kind::phase_reset, {}, core::decision_data("engine", *cancelled)));
}

void phase_actor_state::restore(phase_origin origin) {
  const auto& saved = origin.saved;
  attempt = saved.attempt;
  retries = saved.retry_count;
  if (saved.started_us != 0)
    first_start_us = steady_of(saved.started_us);
  attempt_start_us = steady_of(saved.attempt_us);
  if (!saved.before.empty())
    if (auto read = core::fingerprints_from_json(saved.before))
      before = *read;
  switch (saved.status) {
  case phase_status::in_progress:
    restore_attempt(origin);
    break;
  case phase_status::completed:
    ended = true;
    review();
    break;
  case phase_status::waiting_approval:
    ended = true;
    waited = saved.detail;
    if (!core::is_ask(saved.detail))
      review();
    break;
  case phase_status::retry_wait:
    wait_for_retry(left_of_retry_wait(saved));
    break;
  default:
    // To be run again: attempts go on counting, the time for all of them begins anew.
    first_start_us.reset();
    break;
  }
}

/// Of a time of day, which may lie ahead where the clock was set back since.
std::int64_t phase_actor_state::steady_of(std::int64_t time_us) const {
  const auto& c = *deps->context;
  return c.steady_us() - std::max<std::int64_t>(c.now_us() - time_us, 0);
}

/// Microseconds; never more than the whole wait, whatever became of the clock.
std::int64_t phase_actor_state::left_of_retry_wait(const phase_state& saved) const {
  const auto left = saved.retry_at_us - deps->context->now_us();
  return saved.errors.empty() ? left
                              : std::min(left, saved.retry_at_us - saved.errors.back().time_us);
}

void phase_actor_state::restore_attempt(const phase_origin& origin) {
  stages.assign(def().tasks.size(), stage::waiting);
  for (task_index i = 0; i < stages.size(); ++i)
    if (std::ranges::count(origin.saved.done, def().tasks[i].id) > 0)
      stages[i] = stage::done;
  for (task_index i = 0; i < stages.size(); ++i)
    if (stages[i] == stage::waiting)
      restore_task(origin, i);
  if (!ended)
    run_ready_tasks();
}

void phase_actor_state::restore_task(const phase_origin& origin, task_index i) {
  const auto& task = def().tasks[i];
  task_key key{def().id, task.id, attempt};
  auto rerun = task.on_crash == crash_policy::rerun;
  if (std::ranges::count(origin.running, key, &task_start::key) > 0) {
    stages[i] = rerun ? stage::repeating : stage::running;
    self->send(deps->executor, atom::adopt_v, key, caf::actor_cast<task_listener_actor>(self));
    if (rerun)
      self->send(deps->executor, atom::cancel_v, key);
    return;
  }
  auto recorded = std::ranges::find(origin.failed, key, &task_exit::key);
  // A task that a node ended, to run it again or because it stopped, did not fail. One whose
  // outcome was lost did, where the plan says so (on_crash: fail); the log has it as cancelled,
  // too.
  if (recorded != origin.failed.end()
      && (recorded->kind != exit_kind::cancelled || task.on_crash == crash_policy::fail)) {
    const auto passes = task.continue_on_error && recorded->kind != exit_kind::cancelled;
    stages[i] = passes ? stage::done : stage::failed;
    if (!passes && !failure)
      failure = *recorded;
    return;
  }
  if (recorded != origin.failed.end())
    return; // It runs again.
  auto known = std::ranges::find(origin.ended, key, &task_exit::key);
  if (known != origin.ended.end() && known->kind != exit_kind::lost) {
    stages[i] = stage::running;
    self->send(self, *known);
    return;
  }
  auto started = std::ranges::count(origin.unfinished, task.id) > 0;
  // Without the launcher's word a task may have run although its start was not yet durable.
  auto may_have_run = !origin.launcher_found && is_strict() && needs_done(task);
  if ((started || may_have_run) && !rerun)
    outcome_lost(i, "the node died while it ran");
}

void phase_actor_state::outcome_lost(task_index i, const std::string& why) {
  const auto& task = def().tasks[i];
  if (task.on_crash == crash_policy::ask) {
    stages[i] = stage::failed;
    asking = task.id;
    asking_why = why;
    return;
  }
  task_exit exit;
  exit.key = {def().id, task.id, attempt};
  exit.started_us = exit.ended_us = deps->context->now_us();
  if (task.on_crash == crash_policy::fail) {
    exit.kind = exit_kind::cancelled;
    exit.detail = "outcome lost: " + why + " (on_crash: fail)";
    stages[i] = stage::failed;
    if (!failure)
      failure = exit;
    record(make_event(event_kind::task_finished, task.id, core::finished_data(exit)));
    return;
  }
  stages[i] = stage::running;
  exit.kind = exit_kind::lost;
  exit.detail = why + " and its outcome is unknown";
  self->send(self, exit);
}

void phase_actor_state::ask() {
  ended = true;
  self->send(trigger, atom::release_v, index);
  propose(make_event(event_kind::phase_waiting, asking,
                     core::ask_data("the outcome of " + asking + " is unknown: " + asking_why
                                    + " (on_crash: ask); find out what it did, then retry or "
                                      "skip the phase")));
}

phase_actor::behavior_type phase(phase_actor::stateful_pointer<phase_actor_state> self,
                                 std::shared_ptr<const phase_deps> deps, trigger_actor trigger,
                                 phase_index index, std::optional<phase_origin> origin) {
  auto& st = self->state;
  st.self = self;
  st.deps = std::move(deps);
  st.trigger = std::move(trigger);
  st.index = index;
  if (origin)
    st.restore(std::move(*origin));
  return {
      [self](const task_start& start) { self->state.heard_start(start); },
      [self](const task_exit& exit) { self->state.heard_exit(exit); },
      [self](atom::start) { self->state.start(); },
      [self](atom::withdraw) { self->state.withdraw(); },
      [self](atom::cancel, const std::string& reason) { self->state.cancel(reason); },
      [self](atom::cancel, const operator_decision& decision) { self->state.cancel(decision); },
  };
}

} // namespace aeo

#include "actors/supervisor.hpp"

#include "actors/core/decisions.hpp"
#include "actors/core/event_data.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/core/retry_rules.hpp"

#include <caf/actor_system.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <iterator>
#include <utility>

namespace aeo {

namespace {

/// How long the end waits for a store that may be failing.
constexpr auto end_patience = std::chrono::seconds{10};
constexpr auto last_words = std::chrono::seconds{1};
/// Longer than that nobody's reading of logs holds up the end.
constexpr auto last_reading = std::chrono::seconds{5};
constexpr std::int64_t echo_us = 1'000'000;

std::string signal_name(int signo) {
  const char* name = sigabbrev_np(signo);
  return name != nullptr ? std::string{"SIG"} + name : "signal " + std::to_string(signo);
}

std::string end_data(int code, overall_status status, const std::string& reason) {
  return core::lenient::dump(nlohmann::ordered_json{
      {"status", to_string(status)}, {"exit_code", code}, {"reason", reason}});
}

} // namespace

caf::result<int> supervisor_state::run() {
  promise = self->make_response_promise<int>();
  spawn_actors();
  self->request(executor, caf::infinite, atom::connect_v)
      .then([this](launcher_inventory& inventory) { connected(std::move(inventory)); }, or_fail());
  return promise;
}

void supervisor_state::spawn_actors() {
  auto& d = *deps;
  storage = d.detached ? self->spawn<caf::detached>(writer, std::move(d.store),
                                                    d.context->execution, d.save)
                       : self->spawn(writer, std::move(d.store), d.context->execution, d.save);
  store = self->spawn(state, d.context, storage, supervisor_actor{self}, *d.initial, d.mask_data,
                      d.commit_interval);
  executor = self->spawn(aeo::executor, std::move(d.connect_launcher), d.slots);
  retry_ = self->spawn(retry, d.context, std::move(d.rules), std::move(d.random01));
  approval = self->spawn(
      aeo::approval, std::make_shared<const approval_deps>(approval_deps{.context = d.context,
                                                                         .store = store,
                                                                         .executor = executor,
                                                                         .files = d.files,
                                                                         .tail = d.tail,
                                                                         .manual = d.manual,
                                                                         .detached = d.detached}));
  reporter_deps reports{.context = d.context,
                        .store = store,
                        .view = std::move(d.view),
                        .history = std::move(d.history),
                        .write_file = d.write_file,
                        .workspace = d.workspace,
                        .mask = d.mask,
                        .files = d.files};
  reporter_ = self->spawn(reporter, std::move(reports), d.initial);
  if (d.remote) {
    archive_ = d.detached ? self->spawn<caf::detached>(archive, d.remote->archive)
                          : self->spawn(archive, d.remote->archive);
    feed_ = self->spawn(feed, d.context, store, archive_, d.initial->last_seq);
    self->monitor(archive_);
    self->monitor(feed_);
  }
  for (const auto& handle :
       {caf::actor_cast<caf::actor_addr>(storage), caf::actor_cast<caf::actor_addr>(store),
        caf::actor_cast<caf::actor_addr>(executor), caf::actor_cast<caf::actor_addr>(retry_),
        caf::actor_cast<caf::actor_addr>(approval), caf::actor_cast<caf::actor_addr>(reporter_)})
    self->monitor(handle);
}

phase_factory supervisor_state::make_phase_factory() {
  auto shared = std::make_shared<const phase_deps>(phase_deps{.context = deps->context,
                                                              .store = store,
                                                              .executor = executor,
                                                              .approval = approval,
                                                              .retry = retry_,
                                                              .files = deps->files,
                                                              .tail = deps->tail});
  return [shared, all = deps, system = &self->system()](trigger_actor trigger, phase_index i,
                                                        std::uint32_t attempt) {
    std::optional<phase_origin> origin;
    if (attempt > 0)
      origin.emplace().saved.attempt = attempt; // It goes on counting.
    if (auto found = all->origins.find(i); found != all->origins.end()) {
      origin = std::move(found->second);
      all->origins.erase(found);
    }
    return system->spawn(phase, shared, std::move(trigger), i, std::move(origin));
  };
}

/// The phase whose attempt waits for this task; null when none does (its end is stored already, or
/// it is a check, which the next judging repeats).
phase_origin* supervisor_state::origin_of(const task_key& key) {
  auto found = deps->origins.find((*deps->context->lookup)(key.phase));
  if (found == deps->origins.end())
    return nullptr;
  auto& origin = found->second;
  auto waits =
      origin.saved.status == phase_status::in_progress && origin.saved.attempt == key.attempt
      && std::ranges::count(origin.saved.done, key.task) == 0
      && std::ranges::count(origin.failed, key, &task_exit::key) == 0
      && std::ranges::count(deps->context->phase(found->first).tasks, key.task, &task_def::id) > 0;
  return waits ? &origin : nullptr;
}

/// phase_started of the attempts that the launcher knows and the log does not: the node that began
/// them died before they were durable. Their tasks are to be adopted, not run a second time.
event_batch supervisor_state::unrecorded_starts(const launcher_inventory& inventory) const {
  std::map<phase_index, event> starts;
  auto see = [&](const task_key& key, std::int64_t started_us) {
    auto i = (*deps->context->lookup)(key.phase);
    if (i == core::phase_lookup::npos)
      return;
    const auto& saved = deps->initial->phases[i];
    auto is_next =
        (saved.status == phase_status::pending || saved.status == phase_status::retry_wait)
        && key.attempt == saved.attempt + 1
        && std::ranges::count(deps->context->phase(i).tasks, key.task, &task_def::id) > 0;
    if (!is_next)
      return;
    event e{.time_us = started_us,
            .kind = event_kind::phase_started,
            .phase = key.phase,
            .task = {},
            .attempt = key.attempt,
            .data = {}};
    auto [start, is_new] = starts.try_emplace(i, std::move(e));
    if (!is_new)
      start->second.time_us = std::min(start->second.time_us, started_us);
  };
  for (const auto& x : inventory.running)
    see(x.key, x.started_us);
  for (const auto& x : inventory.ended)
    see(x.key, x.started_us);
  event_batch batch;
  for (auto& [i, e] : starts)
    batch.push_back(std::move(e));
  return batch;
}

/// What the launcher ran, and the plan does not say so any more.
event_batch supervisor_state::notes_about(const launcher_inventory& inventory,
                                          const event_batch& starts) const {
  event_batch batch;
  const auto& c = *deps->context;
  const auto note = [&](const std::string& phase, const std::string& text) {
    batch.push_back({.time_us = c.now_us(),
                     .kind = event_kind::note,
                     .phase = phase,
                     .task = {},
                     .data = core::warning_data(text)});
  };
  for (const auto& e : starts)
    if (deps->redefined.contains((*c.lookup)(e.phase)))
      note(e.phase,
           core::made_before_change("the attempt that the launcher tells of", e.phase, true));
  const auto unknown = [&](const task_key& key) {
    return (*c.lookup)(key.phase) == core::phase_lookup::npos;
  };
  for (const auto& x : inventory.ended)
    if (unknown(x.key))
      note(x.key.phase, "the plan does not have this phase any more, and its task " + x.key.task
                            + " ran: it " + core::describe(x));
  for (const auto& x : inventory.running)
    if (unknown(x.key))
      note(x.key.phase, "the plan does not have this phase any more, and its task " + x.key.task
                            + " runs: it is ended");
  return batch;
}

void supervisor_state::connected(launcher_inventory&& inventory) {
  for (const auto& listener : {caf::actor_cast<event_listener_actor>(executor),
                               caf::actor_cast<event_listener_actor>(reporter_),
                               caf::actor_cast<event_listener_actor>(approval),
                               caf::actor_cast<event_listener_actor>(feed_)})
    if (listener)
      self->send(store, atom::subscribe_v, listener);
  auto starts = unrecorded_starts(inventory);
  auto batch = starts;
  std::ranges::move(notes_about(inventory, starts), std::back_inserter(batch));
  if (batch.empty()) {
    take_over(std::move(inventory));
    return;
  }
  self->request(store, caf::infinite, atom::record_v, std::move(batch))
      .then(
          [=, this] {
            self->request(store, caf::infinite, atom::get_v)
                .then(
                    [=, this](const snapshot_ptr& current) {
                      deps->initial = current;
                      for (const auto& e : starts) {
                        auto i = (*deps->context->lookup)(e.phase);
                        deps->origins[i] = {};
                        deps->origins[i].saved = current->phases[i];
                      }
                      take_over(launcher_inventory{inventory});
                    },
                    or_fail());
          },
          or_fail());
}

/// What the launcher knows goes to the phases that wait for it; then the run begins.
void supervisor_state::take_over(launcher_inventory&& inventory) {
  if (current == stage::failing)
    return;
  auto& d = *deps;
  for (auto& [i, origin] : d.origins)
    origin.launcher_found = inventory.found;
  task_keys disowned;
  for (auto& start : inventory.running)
    if (auto* origin = origin_of(start.key))
      origin->running.push_back(start);
    else
      disowned.push_back(start.key);
  for (auto& exit : inventory.ended)
    if (auto* origin = origin_of(exit.key))
      origin->ended.push_back(exit);
    else
      disowned.push_back(exit.key);
  self->send(executor, atom::disown_v, std::move(disowned));
  trigger_ = self->spawn(trigger, d.context, store, supervisor_actor{self}, make_phase_factory(),
                         d.initial, d.slots, d.selected);
  self->monitor(trigger_);
  const auto started_us = d.initial->started_us;
  d.initial.reset();
  self->send(store, atom::subscribe_v, caf::actor_cast<event_listener_actor>(trigger_));
  self->send(trigger_, atom::start_v);
  if (d.remote)
    open_door();
  if (d.github)
    open_github(started_us);
}

/// The last to come: nobody waits for it, and it asks the others.
void supervisor_state::open_github(std::int64_t started_us) {
  auto& d = *deps;
  github_deps with{.context = d.context,
                   .store = store,
                   .reporter = reporter_,
                   .approval = approval,
                   .trigger = trigger_,
                   .open = d.github->open,
                   .connect = d.github->connect,
                   .api_url = d.github->api_url,
                   .workspace = d.context->workspace.string(), // Who reads it stands elsewhere.
                   .mask = d.mask,
                   .started_us = started_us,
                   .commit = d.github->commit};
  github_ = d.detached ? self->spawn<caf::detached>(github, std::move(with))
                       : self->spawn(github, std::move(with));
  self->monitor(github_);
  self->send(store, atom::subscribe_v, caf::actor_cast<event_listener_actor>(github_));
  self->send(github_, atom::start_v);
}

void supervisor_state::open_door() {
  auto& remote = *deps->remote;
  gateway_ = self->spawn(gateway, gateway_deps{.context = deps->context,
                                               .store = store,
                                               .feed = feed_,
                                               .archive = archive_,
                                               .approval = approval,
                                               .trigger = trigger_,
                                               .find = remote.find,
                                               .credentials = remote.credentials,
                                               .log_until_us = remote.log_until_us,
                                               .address = remote.address,
                                               .program = remote.program});
  self->monitor(gateway_);
  auto opened = remote.publish(gateway_);
  if (opened)
    door = std::move(*opened);
  else
    self->send(reporter_, atom::say_v,
               "nobody can attach to this node: " + message_of(opened.error()));
}

void supervisor_state::done(const run_outcome& outcome) {
  if (current == stage::ending) {
    newer = outcome;
    if (outcome.interrupted)
      self->send(executor, atom::stop_v); // What we wait for is not waited for any more.
    return;
  }
  if (current != stage::executing || detaching)
    return;
  current = stage::ending;
  auto idle = [this, outcome] {
    self->request(store, end_patience, atom::get_v)
        .then([this, outcome](const snapshot_ptr& s) { end_or_wait(outcome, *s); }, or_fail());
  };
  // What runs still is the end of an earlier node's tasks, or checks: somebody approves just now.
  if (outcome.interrupted)
    self->request(executor, caf::infinite, atom::stop_v).then(idle, or_fail());
  else
    self->request(executor, caf::infinite, atom::finish_v).then(idle, or_fail());
}

/// The trigger says again when it is done after a person has changed something.
void supervisor_state::end_or_wait(const run_outcome& outcome, const core::execution_state& s) {
  if (detaching || current != stage::ending)
    return;
  if (const auto next = std::exchange(newer, {})) { // Somebody changed something, or a signal came.
    current = stage::executing;
    return done(*next);
  }
  const auto shut = std::ranges::any_of(s.phases, is_shut, &phase_state::status);
  const auto helpless = outcome.interrupted || outcome.configuration || outcome.stuck;
  if (!deps->wait || helpless || !(outcome.waiting || shut)) {
    close(outcome);
    return;
  }
  current = stage::executing;
  self->send(reporter_, atom::say_v,
             "nothing goes on without a person: waiting (--wait); see what for with aeo-control "
             "status, then approve, reject, retry or skip; SIGINT ends the node");
}

/// From here on nothing is decided any more, unless something was in this moment.
void supervisor_state::close(const run_outcome& outcome) {
  self->request(trigger_, caf::infinite, atom::finish_v)
      .then(
          [this, outcome](bool closed) {
            const auto last = std::exchange(newer, {}).value_or(outcome);
            if (detaching || current != stage::ending)
              return;
            if (!closed) {
              current = stage::executing; // The trigger says again when it is done.
              return;
            }
            current = stage::concluding;
            self->request(store, end_patience, atom::get_v)
                .then([this, last](const snapshot_ptr& s) { conclude(last, *s); }, or_fail());
          },
          or_fail());
}

void supervisor_state::conclude(const run_outcome& outcome, const core::execution_state& s) {
  auto any = [&s](auto predicate) {
    return std::ranges::any_of(s.phases, predicate, &phase_state::status);
  };
  if (outcome.interrupted)
    record_end(exit_code::interrupted, overall_status::interrupted, "stopped by a signal");
  else if (outcome.stuck)
    record_end(exit_code::internal, overall_status::interrupted,
               "phases are left that nothing would start");
  else if (outcome.configuration)
    record_end(exit_code::configuration, overall_status::failed,
               "a configuration error stopped the starting of phases");
  else if (core::conclude(s) == overall_status::cancelled)
    record_end(exit_code::failed, overall_status::cancelled, "phases were cancelled");
  else if (any(is_shut))
    record_end(exit_code::failed, overall_status::failed, "not every phase was approved");
  else if (any([](phase_status x) { return x == phase_status::waiting_approval; }))
    record_end(exit_code::waiting, overall_status::waiting_approval, "phases wait for a person");
  else if (any([](phase_status x) { return !is_open(x); }))
    record_end(exit_code::ok, overall_status::interrupted, "only the selected phases were to run");
  else
    record_end(exit_code::ok, overall_status::completed,
               any([](phase_status x) { return x == phase_status::skipped; })
                   ? "every phase was approved or skipped"
                   : "every phase was approved");
}

void supervisor_state::record_end(int code, overall_status status, const std::string& reason) {
  if (current >= stage::failing)
    return;
  current = stage::concluding;
  event_batch batch;
  batch.push_back({.time_us = deps->context->now_us(),
                   .kind = event_kind::execution_ended,
                   .phase = {},
                   .task = {},
                   .data = end_data(code, status, reason)});
  self->request(store, end_patience, atom::record_v, std::move(batch))
      .then([this, code] { report(code); },
            [this](const caf::error& err) { fail_unstored(message_of(err)); });
}

void supervisor_state::fail_unstored(const std::string& why) {
  fail("the end of the run could not be stored (" + why
           + "); when storage works again, --resume goes on",
       exit_code::internal);
}

/// No other node could adopt what runs: it is ended first.
void supervisor_state::lose_store(const std::string& why) {
  if (current >= stage::failing)
    return;
  current = stage::failing;
  if (trigger_)
    self->send(trigger_, atom::stalled_v, true);
  const auto go = [this] { leave(exit_code::internal); };
  self->request(reporter_, last_words, atom::say_v, why + "; the running tasks are ended")
      .then([] {}, [](const caf::error&) {});
  self->request(executor, caf::infinite, atom::stop_v).then(go, [go](const caf::error&) { go(); });
}

/// Whoever has told us to go does not wait for a disk: then the tasks are ended, and that is all.
void supervisor_state::leave_unstored() {
  const auto has_to = [this] {
    return signals > 0 && !detaching && !trouble.empty() && current < stage::concluding;
  };
  if (!has_to())
    return;
  self->run_delayed(end_patience, [this, has_to] {
    if (has_to())
      self->request(executor, caf::infinite, atom::stop_v)
          .then(
              [this, has_to] {
                if (has_to())
                  fail_unstored(trouble);
              },
              or_fail());
  });
}

/// The state file and the reports are written at once; the end waits for both.
void supervisor_state::report(int code) {
  auto one_done = [this, code, left = std::make_shared<int>(2)] {
    if (--*left == 0)
      detach(code);
  };
  // Why it cannot be written the operator has heard from the state actor.
  self->request(store, end_patience, atom::save_v)
      .then(one_done, [this, one_done](const caf::error&) {
        self->send(
            reporter_, atom::say_v,
            "execution_state.json could not be written and shows an earlier state; the event "
            "log has all of it, and aeo-node --resume writes the file anew");
        one_done();
      });
  self->request(reporter_, caf::infinite, atom::finish_v, code).then(one_done, or_fail());
}

void supervisor_state::detach(int code) {
  self->request(executor, caf::infinite, atom::detach_v)
      .then([this, code] { farewell(code); }, [this, code](const caf::error&) { farewell(code); });
}

/// Remote nodes hear that this is the end, and GitHub hears the rest.
void supervisor_state::farewell(int code) {
  if (current >= stage::failing)
    return;
  current = stage::farewell;
  ended_with = code;
  auto left = std::make_shared<int>(1);
  auto one_gone = [this, code, left] {
    if (--*left == 0)
      leave(code);
  };
  auto ask_to_finish = [&](const auto& whom, std::chrono::seconds at_most) {
    ++*left;
    self->request(whom, at_most, atom::finish_v).then(one_gone, [one_gone](const caf::error&) {
      one_gone();
    });
  };
  if (archive_) {
    ask_to_finish(feed_, last_words);
    ask_to_finish(archive_, last_reading);
  }
  if (github_) {
    ++*left;
    self->request(github_, caf::infinite, atom::finish_v)
        .then(
            [this, one_gone](const std::string& lacks) {
              if (!lacks.empty())
                self->send(reporter_, atom::say_v, lacks);
              one_gone();
            },
            [one_gone](const caf::error&) { one_gone(); });
  }
  one_gone();
}

/// Nothing said is lost by this: what was acknowledged is durable.
void supervisor_state::fail(const std::string& text, int code) {
  if (current == stage::over)
    return;
  current = stage::failing;
  // An exit message would overtake a plain one: the operator hears why before anyone goes.
  self->request(reporter_, last_words, atom::say_v, text)
      .then([this, code] { leave(code); }, [this, code](const caf::error&) { leave(code); });
}

void supervisor_state::leave(int code) {
  if (std::exchange(current, stage::over) == stage::over)
    return;
  promise.deliver(code);
  door.reset();
  // First those who speak, then those who listen; phases go with the trigger.
  for (const auto& handle :
       {caf::actor_cast<caf::actor>(github_), caf::actor_cast<caf::actor>(gateway_),
        caf::actor_cast<caf::actor>(feed_), caf::actor_cast<caf::actor>(archive_),
        caf::actor_cast<caf::actor>(trigger_), caf::actor_cast<caf::actor>(approval),
        caf::actor_cast<caf::actor>(retry_), caf::actor_cast<caf::actor>(executor),
        caf::actor_cast<caf::actor>(store), caf::actor_cast<caf::actor>(reporter_),
        caf::actor_cast<caf::actor>(storage)})
    if (handle)
      self->send_exit(handle, caf::exit_reason::user_shutdown);
  self->quit();
}

/// Who ends a process and then its group, as coreutils' timeout does, says the same thing twice.
bool supervisor_state::is_echo(int signo) {
  if (signo != SIGTERM)
    return false;
  const auto now_us = deps->context->steady_us();
  const auto first_us = std::exchange(first_term_us, first_term_us.value_or(now_us));
  return first_us && now_us - *first_us < echo_us;
}

void supervisor_state::interrupt(int signo) {
  if (current == stage::over || is_echo(signo))
    return;
  if (current == stage::farewell) {
    leave(ended_with);
    return;
  }
  if (++signals > 1) {
    // The launcher goes on ending what it was told to end.
    fail("stopped at once by a second " + signal_name(signo)
             + (detaching ? "; running tasks go on, --resume adopts them"
                          : "; the launcher ends the tasks"),
         exit_code::interrupted);
    return;
  }
  if (current == stage::concluding)
    return; // How the run ends is said already.
  if (!trigger_) {
    fail(signal_name(signo)
             + ": leaving before anything was started; tasks of an earlier node go "
               "on, --resume adopts them",
         exit_code::interrupted);
    return;
  }
  if (deps->detach_on_stop) {
    detach_tasks(signal_name(signo));
    return;
  }
  self->send(reporter_, atom::say_v,
             signal_name(signo) + ": ending the running tasks; a second signal leaves at once");
  self->send(trigger_, atom::stop_v, "interrupted by " + signal_name(signo));
  leave_unstored();
}

/// What the end says of the tasks is what the launcher says of them.
void supervisor_state::detach_tasks(const std::string& signal) {
  detaching = true;
  self->send(reporter_, atom::say_v, signal + ": leaving; what runs goes on, --resume adopts it");
  const auto end = [this, signal] {
    self->request(store, end_patience, atom::get_v)
        .then([this, signal](const snapshot_ptr& s) { conclude_detached(signal, *s); }, or_fail());
  };
  self->request(trigger_, end_patience, atom::detach_v).then(end, [this, end](const caf::error&) {
    self->send(reporter_, atom::say_v,
               "of what was to start or end just now it is not known whether it has: --resume "
               "asks the launcher");
    end();
  });
}

void supervisor_state::conclude_detached(const std::string& signal,
                                         const core::execution_state& s) {
  if (std::ranges::all_of(s.phases, is_open, &phase_state::status))
    conclude({}, s); // Nothing was left to stop.
  else
    record_end(exit_code::interrupted, overall_status::interrupted,
               signal + ", what ran was left running (--detach-on-stop)");
}

void supervisor_state::heard_stalled(const std::string& text) {
  auto bad = !text.empty();
  if (trigger_)
    self->send(trigger_, atom::stalled_v, bad);
  auto line = bad ? "storage fails: " + text : std::string{"storage works again: going on"};
  if (bad && current < stage::concluding && !detaching)
    line += "; no phase is started until it works again (tried every second)";
  self->send(reporter_, atom::say_v, std::move(line));
  trouble = text;
  leave_unstored();
}

void supervisor_state::down(const caf::down_msg& msg) {
  if (current >= stage::failing)
    return;
  if (msg.source == gateway_ || msg.source == feed_ || msg.source == archive_) {
    door.reset();
    self->send(reporter_, atom::say_v,
               "remote access ended (" + message_of(msg.reason) + "); the run goes on without it");
    return;
  }
  if (msg.source == github_) {
    self->send(reporter_, atom::say_v,
               "GitHub is told nothing more (" + message_of(msg.reason)
                   + "); the run goes on without it, the next start of a node tells the rest");
    github_ = github_actor{};
    return;
  }
  fail("an actor ended unexpectedly (" + message_of(msg.reason)
           + "); what was reported is stored, continue with --resume",
       exit_code::internal);
}

supervisor_actor::behavior_type
supervisor(supervisor_actor::stateful_pointer<supervisor_state> self,
           std::shared_ptr<supervisor_deps> deps) {
  self->state.self = self;
  self->state.deps = std::move(deps);
  self->set_down_handler([self](const caf::down_msg& msg) { self->state.down(msg); });
  return {
      [self](atom::run) { return self->state.run(); },
      [self](atom::done, const run_outcome& outcome) { self->state.done(outcome); },
      [self](atom::interrupt, int signo) { self->state.interrupt(signo); },
      [self](atom::stalled, const std::string& text) { self->state.heard_stalled(text); },
      [self](atom::gone, const std::string& why) { self->state.lose_store(why); },
  };
}

} // namespace aeo

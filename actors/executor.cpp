#include "actors/executor.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace aeo {

namespace {

// A launcher that cannot be kept alive is no reason to try for ever.
constexpr std::uint32_t max_reconnects = 5;
// One that was killed while it started is started again.
constexpr int max_starts = 3;
/// Exits that may come a second time: a launcher was killed before it read the acknowledgement.
constexpr std::size_t most_told = 128;

/// The process of a success criterion: see task_key.
bool is_check(const task_key& key) {
  return key.task.starts_with("criteria.");
}

task_exit make_exit(const task_key& key, exit_kind kind, std::string detail) {
  task_exit exit;
  exit.key = key;
  exit.kind = kind;
  exit.detail = std::move(detail);
  return exit;
}

task_exit never_started(const task_key& key) {
  return make_exit(key, exit_kind::cancelled, "cancelled before it was started");
}

} // namespace

caf::expected<io::launcher_link> executor_state::link_up() const {
  auto link = connect_to(self);
  for (int i = 1; !link && i < max_starts; ++i)
    link = connect_to(self);
  return link;
}

caf::result<launcher_inventory> executor_state::connect() {
  auto link = link_up();
  if (!link)
    return link.error();
  client = std::move(link->client);
  // Its end may come before whoever adopts it has spoken.
  for (const auto& start : link->inventory.running) {
    auto& task = tasks[start.key];
    task.started = task.told = true;
    ++sent;
  }
  return std::move(link->inventory);
}

void executor_state::run(task_spec spec, task_listener_actor listener, bool staged) {
  auto key = spec.key;
  auto& task = tasks[key];
  if (task.disowned) {
    task.next = entry::request{std::move(spec), std::move(listener), staged};
    return;
  }
  task.listener = std::move(listener);
  task.spec = std::move(spec);
  task.staged = staged;
  queue.push_back(std::move(key));
  start_queued();
}

void executor_state::start_queued() {
  std::vector<task_spec> batch;
  while (!queue.empty()) {
    auto& task = tasks.at(queue.front());
    if (sent >= slots && !task.staged)
      break;
    batch.push_back(std::move(task.spec));
    task.started = true;
    ++sent;
    queue.pop_front();
  }
  // A broken link is told by its reading thread: `gone` comes once and ends these tasks as lost.
  if (!batch.empty() && client)
    std::ignore = client->start(batch);
}

void executor_state::adopt(const task_key& key, task_listener_actor listener) {
  auto found = tasks.find(key);
  if (found == tasks.end()) {
    self->send(listener, make_exit(key, exit_kind::lost, "the launcher does not know it any more"));
    return;
  }
  found->second.listener = std::move(listener);
  if (auto exit = found->second.exit)
    end_task(found, *exit);
}

void executor_state::disown(const task_keys& keys) {
  task_keys ended;
  for (const auto& key : keys) {
    auto found = tasks.find(key);
    if (found == tasks.end() || found->second.exit) {
      ended.push_back(key);
      if (found != tasks.end())
        tasks.erase(found);
    } else {
      found->second.disowned = true;
      cancel(key);
    }
  }
  acknowledge(ended);
}

void executor_state::acknowledge(const task_keys& keys) {
  if (!keys.empty() && client)
    std::ignore = client->acknowledge(keys);
}

void executor_state::cancel(const task_key& key) {
  auto found = tasks.find(key);
  if (found == tasks.end())
    return;
  if (!found->second.started) {
    end_queued(found);
    return;
  }
  // What is to follow a task that is being ended is not to follow any more.
  if (auto next = std::exchange(found->second.next, {}))
    self->send(next->listener, never_started(key));
  if (client)
    std::ignore = client->cancel({key});
}

void executor_state::withdraw(const task_key& key) {
  auto found = tasks.find(key);
  if (found == tasks.end())
    return;
  if (auto next = std::exchange(found->second.next, {}))
    self->send(next->listener, never_started(key));
  else if (!found->second.started)
    end_queued(found);
  else if (client)
    std::ignore = client->withdraw({key});
}

void executor_state::end_queued(std::map<task_key, entry>::iterator task) {
  const auto key = task->first;
  std::erase(queue, key);
  end_task(task, never_started(key));
}

caf::result<void> executor_state::stop() {
  task_keys keys;
  for (const auto& [key, task] : tasks)
    keys.push_back(key);
  for (const auto& key : keys)
    cancel(key);
  return wait_until_idle();
}

caf::result<void> executor_state::wait_until_idle() {
  auto promise = self->make_response_promise<void>();
  idle_promises.push_back(promise);
  answer_if_idle();
  return promise;
}

void executor_state::detach() {
  if (client)
    client->close();
  client.reset();
}

void executor_state::started(const task_start& start) {
  auto found = tasks.find(start.key);
  if (found == tasks.end() || std::exchange(found->second.told, true))
    return;
  if (found->second.listener)
    self->send(found->second.listener, start);
}

void executor_state::exited(const task_exit& exit) {
  settle(exit);
  start_queued();
}

void executor_state::settle(const task_exit& exit) {
  auto found = tasks.find(exit.key);
  if (found != tasks.end() && found->second.started && !found->second.exit) {
    --sent;
    note_told(exit);
    if (found->second.listener)
      end_task(found, exit);
    else if (found->second.disowned)
      forget(found);
    else
      found->second.exit = exit;
  }
  // No event tells of a check's exit. Kept, it would be the answer when the gate is judged again.
  if (is_check(exit.key))
    acknowledge({exit.key});
}

void executor_state::note_told(const task_exit& exit) {
  if (exit.ended_us == 0)
    return; // Our own word.
  if (told.insert_or_assign(exit.key, exit.ended_us).second)
    told_order.push_back(exit.key);
  if (told_order.size() > most_told) {
    told.erase(told_order.front());
    told_order.pop_front();
  }
}

/// The same task may have been started anew since: this is not its end.
bool executor_state::is_told(const task_exit& exit) const {
  const auto found = told.find(exit.key);
  return found != told.end() && found->second == exit.ended_us;
}

void executor_state::end_task(std::map<task_key, entry>::iterator task, const task_exit& exit) {
  self->send(task->second.listener, exit);
  tasks.erase(task);
  answer_if_idle();
}

void executor_state::forget(std::map<task_key, entry>::iterator task) {
  acknowledge({task->first});
  auto next = std::move(task->second.next);
  tasks.erase(task);
  if (next)
    run(std::move(next->spec), std::move(next->listener), next->staged);
  answer_if_idle();
}

void executor_state::answer_if_idle() {
  if (!tasks.empty())
    return;
  for (auto& promise : std::exchange(idle_promises, {}))
    promise.deliver();
}

/// Exits that are durable with us need not be kept by the launcher.
void executor_state::hear(const event_batch& batch) {
  task_keys durable;
  for (const auto& e : batch)
    if (e.kind == event_kind::task_finished)
      durable.push_back({e.phase, e.task, e.attempt});
  acknowledge(durable);
}

void executor_state::gone(const std::string& reason) {
  if (!client)
    return;
  client.reset();
  if (++reconnects > max_reconnects) {
    self->quit(caf::make_error(ec::launcher_failed, "the launcher ended "
                                                        + std::to_string(reconnects)
                                                        + " times, the last time: " + reason));
    return;
  }
  auto link = link_up();
  if (!link) {
    self->quit(link.error());
    return;
  }
  client = std::move(link->client);
  // What the old launcher had noted down is known; of the rest nobody knows the outcome. All of it
  // is settled before anything is started on the new link.
  auto& known = link->inventory.ended;
  task_keys old_checks;
  std::erase_if(known, [this, &old_checks](const task_exit& exit) {
    const auto old = is_told(exit);
    if (old && is_check(exit.key))
      old_checks.push_back(exit.key);
    return old;
  });
  acknowledge(old_checks);
  std::vector<task_exit> lost;
  for (const auto& [key, task] : tasks)
    if (task.started && !task.exit
        && std::ranges::count(link->inventory.running, key, &task_start::key) == 0
        && std::ranges::count(known, key, &task_exit::key) == 0)
      lost.push_back(make_exit(key, exit_kind::lost, "the launcher ended: " + reason));
  for (const auto& start : link->inventory.running)
    started(start); // If the old link broke before it was told.
  for (const auto* exits : {&known, &lost})
    for (const auto& exit : *exits)
      settle(exit);
  start_queued();
}

executor_actor::behavior_type executor(executor_actor::stateful_pointer<executor_state> self,
                                       launcher_factory connect_to, std::size_t slots) {
  auto& st = self->state;
  st.self = self;
  st.connect_to = std::move(connect_to);
  st.slots = slots;
  return {
      [self](atom::publish, const event_batch& batch) { self->state.hear(batch); },
      [self](atom::connect) { return self->state.connect(); },
      [self](atom::run, task_spec& spec, const task_listener_actor& listener) {
        self->state.run(std::move(spec), listener);
      },
      [self](atom::stage, task_spec& spec, const task_listener_actor& listener) {
        self->state.run(std::move(spec), listener, true);
      },
      [self](atom::adopt, const task_key& key, const task_listener_actor& listener) {
        self->state.adopt(key, listener);
      },
      [self](atom::disown, const task_keys& keys) { self->state.disown(keys); },
      [self](atom::cancel, const task_key& key) { self->state.cancel(key); },
      [self](atom::withdraw, const task_key& key) { self->state.withdraw(key); },
      [self](atom::stop) { return self->state.stop(); },
      [self](atom::finish) { return self->state.wait_until_idle(); },
      [self](atom::detach) { self->state.detach(); },
      [self](const task_start& start) { self->state.started(start); },
      [self](const task_exit& exit) { self->state.exited(exit); },
      [self](atom::gone, const std::string& reason) { self->state.gone(reason); },
  };
}

} // namespace aeo

#include "actors/archive.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/text.hpp"
#include "actors/io/event_tail.hpp"
#include "actors/io/packed.hpp"
#include "actors/phase.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <utility>

namespace aeo {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t page_events = 2000;
constexpr std::size_t page_bytes = std::size_t{256} * 1024; // Before they are packed.
constexpr std::size_t log_bytes = std::size_t{64} * 1024;
constexpr std::int64_t still_following_us = 1'000'000;
constexpr auto farewell = std::chrono::milliseconds{300};

caf::error no_such_phase(const std::string& id) {
  return caf::make_error(ec::not_found, "the plan has no phase " + id);
}

constexpr std::size_t most_listed = 20;

std::string listed_ids(const std::vector<task_def>& tasks) {
  std::vector<std::string> ids;
  std::ranges::transform(tasks, std::back_inserter(ids), &task_def::id);
  return core::some_of(ids, most_listed);
}

/// "attempt 1", "attempts 1 and 2", "attempts 1 to 9", "attempts 1, 2 and 5".
std::string listed(const std::vector<std::uint32_t>& attempts) {
  const auto first = attempts.front();
  const auto last = attempts.back();
  if (attempts.size() == 1)
    return "attempt " + std::to_string(first);
  if (attempts.size() > 2 && last - first == attempts.size() - 1)
    return "attempts " + std::to_string(first) + " to " + std::to_string(last);
  std::vector<std::string> numbers;
  std::ranges::transform(attempts, std::back_inserter(numbers),
                         [](std::uint32_t x) { return std::to_string(x); });
  if (numbers.size() > most_listed)
    return "attempts " + core::some_of(numbers, most_listed);
  numbers.pop_back();
  return "attempts " + core::some_of(numbers, most_listed) + " and " + std::to_string(last);
}

ordered_json to_json(const event& e) {
  return {{"seq", e.seq},
          {"time_us", e.time_us},
          {"kind", to_string(e.kind)},
          {"phase", e.phase},
          {"task", e.task},
          {"attempt", e.attempt},
          {"data", core::lenient::object(e.data)}};
}

} // namespace

caf::error archive_state::ensure_open() {
  if (store)
    return {};
  auto opened = deps.open();
  if (!opened)
    return opened.error();
  store = std::move(*opened);
  return {};
}

caf::error archive_state::each_event(std::uint64_t from, const std::function<bool(event&&)>& each) {
  if (auto err = ensure_open())
    return err;
  return store->read(deps.context->execution, from, each);
}

caf::result<event_page> archive_state::next(std::uint64_t from) {
  event_page page;
  page.now_us = deps.context->now_us();
  std::vector<event> events;
  std::size_t size = 0;
  auto err = each_event(from, [&](event&& e) {
    size += io::size_of(e);
    if (!events.empty() && (events.size() >= page_events || size > page_bytes))
      return false;
    page.head = e.seq;
    events.push_back(std::move(e));
    return true;
  });
  if (err)
    return err;
  page.packed.push_back(io::pack(events));
  return page;
}

/// Read once: several may ask before the first has its answer.
const phase_durations& archive_state::durations() {
  if (!typical)
    typical = deps.typical ? deps.typical() : phase_durations{};
  return *typical;
}

caf::result<void> archive_state::finish() {
  if (deps.context->now_us() - last_read_us > still_following_us)
    return caf::unit;
  auto promise = self->make_response_promise<void>();
  stay_while_read(promise);
  return promise;
}

void archive_state::stay_while_read(caf::typed_response_promise<void> promise) {
  const auto before = news_read;
  self->run_delayed(farewell, [this, promise, before]() mutable {
    if (news_read == before)
      promise.deliver();
    else
      stay_while_read(promise);
  });
}

caf::error archive_state::index_tasks() {
  return each_event(indexed + 1, [this](event&& e) {
    indexed = e.seq;
    const task_key key{e.phase, e.task, e.attempt};
    if (e.kind == event_kind::task_started)
      ended[key] = false;
    else if (e.kind == event_kind::task_finished)
      ended[key] = true;
    else
      return true;
    newest[{e.phase, e.attempt}] = key;
    return true;
  });
}

caf::expected<log_page> archive_state::part_of_log(const log_request& request) {
  last_read_us = deps.context->now_us();
  if ((*deps.context->lookup)(request.phase) == core::phase_lookup::npos)
    return no_such_phase(request.phase);
  if (auto err = index_tasks())
    return err;
  const auto found = newest_of(request);
  if (!found)
    return no_such_log(request);
  const auto& key = *found;
  const auto known = ended.find(key);
  const auto has_ended = known != ended.end() && known->second;
  log_page page;
  page.task = key.task;
  page.attempt = key.attempt;
  page.next = request.offset;
  page.text = deps.read((deps.context->workspace / log_path(key)).string(), page.next, log_bytes,
                        has_ended);
  page.complete = has_ended && page.text.empty();
  news_read += page.text.empty() ? 0 : 1;
  return page;
}

/// Of the phase or of one of its tasks, in the attempt asked for or the last one.
std::optional<task_key> archive_state::newest_of(const log_request& request) const {
  const auto latest = request.attempt == 0 ? UINT32_MAX : request.attempt;
  const auto fits = [&](const task_key& key) {
    return key.phase == request.phase && (request.task.empty() || key.task == request.task)
           && (request.attempt == 0 || key.attempt == request.attempt);
  };
  if (request.task.empty()) {
    const auto after = newest.upper_bound({request.phase, latest});
    const auto found = after != newest.begin() && fits(std::prev(after)->second);
    return found ? std::optional{std::prev(after)->second} : std::nullopt;
  }
  // Attempts of one task stand together, the last one last.
  const auto after = ended.upper_bound({request.phase, request.task, latest});
  const auto found = after != ended.begin() && fits(std::prev(after)->first);
  return found ? std::optional{std::prev(after)->first} : std::nullopt;
}

/// In which tasks have begun.
std::vector<std::uint32_t> archive_state::attempts_of(const std::string& phase) const {
  std::vector<std::uint32_t> result;
  for (auto at = newest.lower_bound({phase, 0}); at != newest.end() && at->first.first == phase;
       ++at)
    result.push_back(at->first.second);
  return result;
}

/// What is lacking, and what there is.
caf::error archive_state::no_such_log(const log_request& request) const {
  const auto& def = deps.context->phase((*deps.context->lookup)(request.phase));
  const auto attempts = attempts_of(request.phase);
  const auto name = "phase " + request.phase;
  const auto attempt = std::to_string(request.attempt);
  std::string text;
  if (!request.task.empty() && std::ranges::count(def.tasks, request.task, &task_def::id) == 0)
    text = name + " has no task " + request.task + ": its tasks are " + listed_ids(def.tasks);
  else if (attempts.empty())
    text = "the event log has no task of " + name
           + " (it has not run, or its state was imported): look in consolidation/logs/"
           + request.phase;
  else if (request.attempt != 0 && std::ranges::count(attempts, request.attempt) == 0)
    text = name + " has no attempt " + attempt + ": it has had " + listed(attempts);
  else
    text = "task " + request.task + " of " + name + " has not run "
           + (request.attempt == 0 ? "yet" : "in attempt " + attempt);
  return caf::make_error(ec::not_found, text);
}

caf::expected<std::string> archive_state::why(const std::string& phase) {
  if ((*deps.context->lookup)(phase) == core::phase_lookup::npos)
    return no_such_phase(phase);
  ordered_json events = ordered_json::array();
  auto err = each_event(1, [&](event&& e) {
    if (e.phase == phase)
      events.push_back(to_json(e));
    return true;
  });
  if (err)
    return err;
  return core::lenient::dump(events);
}

caf::expected<std::string> archive_state::verify() {
  if (auto err = ensure_open())
    return err;
  auto fault = store->verify();
  if (!fault)
    return fault.error();
  ordered_json result{{"ok", !fault->has_value()}, {"head", store->head()}};
  if (*fault) {
    result["seq"] = (*fault)->seq;
    result["what"] = (*fault)->what;
  }
  return core::lenient::dump(result);
}

caf::expected<std::string> archive_state::history() {
  auto all = deps.executions();
  if (!all)
    return all.error();
  ordered_json rows = ordered_json::array();
  for (const auto& x : *all)
    rows.push_back({{"execution_id", x.id},
                    {"started_us", x.started_us},
                    {"started_by", x.started_by},
                    {"ended_us", x.ended_us},
                    {"outcome", core::lenient::object(x.outcome)}});
  return core::lenient::dump(rows);
}

caf::expected<std::string> archive_state::answer(const std::string& what,
                                                 const std::string& about) {
  if (what == "why")
    return why(about);
  if (what == "verify")
    return verify();
  if (what == "history")
    return history();
  return caf::make_error(ec::not_found, "this node does not know about " + what);
}

namespace {

template <class T>
caf::result<T> result_of(caf::expected<T>&& x) {
  if (!x)
    return std::move(x.error());
  return std::move(*x);
}

} // namespace

archive_actor::behavior_type archive(archive_actor::stateful_pointer<archive_state> self,
                                     archive_deps deps) {
  self->state.self = self;
  self->state.deps = std::move(deps);
  return {
      [self](atom::next, std::uint64_t from) { return self->state.next(from); },
      [self](atom::read, const log_request& request) {
        return result_of(self->state.part_of_log(request));
      },
      [self](atom::ask, const std::string& what, const std::string& about) {
        return result_of(self->state.answer(what, about));
      },
      [self](atom::get) { return self->state.durations(); },
      [self](atom::finish) { return self->state.finish(); },
  };
}

} // namespace aeo

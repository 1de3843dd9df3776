#include "actors/github.hpp"

#include <algorithm>
#include <utility>

namespace aeo {

namespace {

constexpr std::uint32_t patience = 3; ///< Failures in a row that are nobody's business.
constexpr std::int64_t longest_last_wait_us = 2'000'000;
constexpr std::int64_t look_again_us = 300'000'000;

} // namespace

std::string github_state::repository() const {
  const auto& settings = deps.context->the_plan->github;
  return settings.owner + "/" + settings.repo;
}

void github_state::start() {
  if (auto err = begin()) {
    self->quit(err);
    return;
  }
  client = deps.connect(github_actor{self});
  go_on();
}

caf::error github_state::catch_up(tracked& x) {
  const auto present = x.execution == deps.context->execution;
  return outbox->read(x.execution, x.track->last_seq() + 1, [&](event&& e) {
    if (present)
      absorb(e);
    else
      x.track->hear(e);
    return true;
  });
}

/// An event of the present execution.
void github_state::absorb(const event& e) {
  if (desk)
    desk->hear(e);
  tracks.front().track->hear(e);
}

void github_state::hear(const event_batch& batch) {
  if (tracks.empty() || batch.empty())
    return;
  auto& present = tracks.front();
  if (batch.front().seq > present.track->last_seq() + 1)
    if (auto err = catch_up(present))
      say("log", "GitHub lags behind: " + message_of(err));
  for (const auto& e : batch)
    absorb(e);
  go_on();
}

void github_state::go_on() {
  decide_next();
  if (!client || under_way || over)
    return;
  const auto now = now_us();
  if (now < not_before_us) {
    wake_at(not_before_us);
    return;
  }
  std::int64_t due_us = 0;
  if (auto chosen = choose(now, due_us))
    send(std::move(*chosen));
  else if (due_us > 0)
    wake_at(due_us);
  else if (finishing)
    end();
}

std::optional<github_state::request> github_state::choose(std::int64_t now, std::int64_t& due_us) {
  if (auto first = preparation())
    return first;
  const auto create_us = budget.next_us(now);
  auto sooner = [&due_us](std::int64_t due) {
    if (due > 0)
      due_us = due_us == 0 ? due : std::min(due_us, due);
  };
  std::int64_t chat_us = 0;
  if (auto chat = chat_or_status(now, false, chat_us))
    return chat;
  sooner(chat_us);
  for (std::size_t i = 0; tells() && i < tracks.size(); ++i) {
    std::int64_t due = 0;
    if (auto job = tracks[i].track->next(now, finishing || i > 0, create_us, due))
      return request{.what = question::track, .job = std::move(*job), .chat = {}, .track = i};
    sooner(due);
    store_delivery(tracks[i]);
  }
  return chat_or_status(now, now >= create_us, due_us);
}

/// Reading comments comes before telling anything, commit statuses come last.
std::optional<github_state::request> github_state::chat_or_status(std::int64_t now, bool may_create,
                                                                  std::int64_t& due_us) {
  const auto& present = *tracks.front().track;
  if (!may_create && desk && !finishing && present.ready()) {
    if (auto asked = desk->next(now, present.issue(), due_us)) {
      request result{.what = question::chat, .job = {}, .chat = std::move(*asked)};
      result.job.path = result.chat.path;
      result.job.what = result.chat.words;
      return result;
    }
  }
  if (may_create && board)
    if (auto job = board->next(present.state(), *deps.context->the_plan, present.url()))
      return request{.what = question::status, .job = std::move(*job), .chat = {}};
  return std::nullopt;
}

void github_state::send(request next) {
  if (next.job.creates)
    budget.created(now_us());
  const auto& path = next.job.path;
  client->send({.method = next.job.method,
                .url = path.starts_with('/') ? deps.api_url + path : path,
                .body = next.job.body,
                .etag = next.chat.etag});
  under_way = std::move(next);
}

void github_state::heard(const http_reply& reply) {
  if (!under_way || over)
    return;
  const auto asked = std::move(*std::exchange(under_way, std::nullopt));
  const auto now = now_us();
  auto verdict = core::judge_reply(
      reply,
      {asked.job.what, asked.what == question::status ? deps.commit->repository : repository(),
       deps.api_url.substr(deps.api_url.find("//") + 2)},
      deps.context->now_us(), failures);
  if (asked.what == question::repository && verdict.outcome == core::github_outcome::done)
    if (auto why = why_unusable(reply); !why.empty())
      verdict = {core::github_outcome::refused, look_again_us, std::move(why)};
  if (!reply.moved_to.empty())
    say("moved",
        "the repository " + repository()
            + " has moved (was it renamed?): GitHub still leads there; set GITHUB_OWNER and "
              "GITHUB_REPO to its new name");
  const auto goes_on = took(asked, verdict, reply);
  if (verdict.outcome == core::github_outcome::done) {
    failures = 0;
    unheard = 0;
    hopeless = false;
    last_problem.clear();
    not_before_us = now + verdict.wait_us; // Nothing is left of the hour's requests.
    if (std::exchange(blocked, false))
      say("", "GitHub works again: going on");
  } else if (verdict.outcome != core::github_outcome::refused || !goes_on) {
    failed(verdict, reply);
  } else if (asked.what == question::track || asked.what == question::status) {
    say("refused " + asked.job.what, verdict.problem);
  }
  go_on();
}

/// False: a person has to put something right first.
bool github_state::took(const request& asked, const core::github_verdict& verdict,
                        const http_reply& reply) {
  const auto now = now_us();
  const auto refused = verdict.outcome == core::github_outcome::refused;
  switch (asked.what) {
  case question::track: {
    auto& x = tracks[asked.track];
    const auto goes_on = x.track->took(asked.job, verdict, reply, now);
    for (const auto at : x.track->take_creations())
      if (at < began_us) // Those of this node have been counted when they were sent.
        budget.created(at);
    store_delivery(x);
    if (asked.track == 0 && !x.track->url().empty() && told_url.empty()) {
      told_url = x.track->url();
      self->send(deps.reporter, atom::say_v, "GitHub: this execution is told in " + told_url);
    }
    if (x.track->lost())
      say("lost", "the issue of execution " + x.execution
                      + " was deleted on GitHub: nothing more is told about it");
    return goes_on;
  }
  case question::chat:
    desk->took(asked.chat, verdict, reply, now);
    return true;
  case question::status:
    board->took(verdict);
    return true;
  default:
    prepared(asked, verdict, reply);
    return asked.what != question::repository || !refused;
  }
}

void github_state::failed(const core::github_verdict& verdict, const http_reply& reply) {
  using core::github_outcome;
  ++failures;
  unheard = verdict.outcome == github_outcome::again ? unheard + 1 : 0;
  const auto refused = verdict.outcome == github_outcome::refused;
  const auto limited = verdict.outcome == github_outcome::limited;
  hopeless = refused || unheard >= patience;
  not_before_us =
      now_us()
      + (finishing && !limited ? std::min(verdict.wait_us, longest_last_wait_us) : verdict.wait_us);
  if (limited) { // That counts for the next node, too.
    tracks.front().stored.not_before_us = not_before_us;
    limits_changed = true;
    store_delivery(tracks.front());
  }
  repository_known = repository_known && !refused;
  blocked = blocked || refused || failures >= patience;
  last_problem = verdict.problem;
  if (refused || limited || failures >= patience) {
    const auto key = std::to_string(static_cast<int>(verdict.outcome)) + " "
                     + std::to_string(static_cast<int>(reply.fault)) + " "
                     + std::to_string(refused ? reply.status : 0);
    say(key, verdict.problem + (limited ? "" : "; the run goes on meanwhile"));
    last_problem.clear();
  }
  if (finishing && hopeless)
    end();
}

void github_state::store_delivery(tracked& x) {
  if (!tells())
    return;
  auto now = x.stored;
  now.issue = x.track->issue();
  now.delivered = x.track->delivered();
  now.closed = x.track->closed();
  now.settled = x.track->settled();
  if (now == x.stored && !limits_changed)
    return;
  limits_changed = false;
  if (auto err = outbox->put(x.execution, now))
    say("store", "what GitHub has been told cannot be noted: " + message_of(err)
                     + "; after a restart it is asked");
  else
    x.stored = now;
}

/// The time of day, which goes on where it was when somebody sets it back: it orders what there is
/// to tell, and nothing is to wait for the same time to come again.
std::int64_t github_state::now_us() {
  const auto steady = deps.context->steady_us();
  day_us = std::max(day_us, deps.context->now_us() - steady);
  return steady + day_us;
}

void github_state::wake_at(std::int64_t time_us) {
  const auto now = now_us();
  if (wake_us > now && wake_us <= time_us)
    return;
  wake_us = time_us;
  self->run_delayed(std::chrono::microseconds{std::max<std::int64_t>(time_us - now, 1000)},
                    [this, time_us] {
                      if (wake_us == time_us)
                        wake_us = 0;
                      go_on();
                    });
}

/// Once: whoever runs a plan for a week does not want to read it every five minutes.
void github_state::say(const std::string& key, const std::string& text) {
  if (!key.empty() && !said.insert(key).second)
    return;
  if (key.empty())
    said.clear();
  self->send(deps.reporter, atom::say_v, (text.starts_with("GitHub") ? "" : "GitHub: ") + text);
}

caf::result<std::string> github_state::finish() {
  finishing = true;
  promise = self->make_response_promise<std::string>();
  const auto limit = deps.context->the_plan->github.drain_time;
  self->run_delayed(limit, [this] { end(); });
  if (hopeless)
    end();
  else
    go_on();
  return promise;
}

std::string github_state::what_is_left() const {
  std::size_t comments = 0;
  auto told = true;
  for (const auto& x : tracks) {
    comments += x.track->waiting();
    told = told && x.track->told();
  }
  if (!tells() || told)
    return {};
  return "GitHub lacks " + std::to_string(comments) + (comments == 1 ? " comment" : " comments")
         + " and the newest state of the issue: the next start of a node in this workspace tells it"
         + (last_problem.empty() ? "" : " (" + last_problem + ")");
}

void github_state::end() {
  if (std::exchange(over, true))
    return;
  for (auto& x : tracks)
    store_delivery(x);
  if (promise.pending())
    promise.deliver(client ? what_is_left() : std::string{});
}

github_actor::behavior_type github(github_actor::stateful_pointer<github_state> self,
                                   github_deps deps) {
  auto& st = self->state;
  st.self = self;
  st.deps = std::move(deps);
  return {
      [self](atom::publish, const event_batch& batch) { self->state.hear(batch); },
      [self](atom::start) { self->state.start(); },
      [self](atom::finish) { return self->state.finish(); },
      [self](const http_reply& reply) { self->state.heard(reply); },
  };
}

} // namespace aeo

#include "actors/github.hpp"

#include "actors/core/event_data.hpp"
#include "actors/core/lenient_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace aeo {

namespace {

using nlohmann::ordered_json;

constexpr std::uint32_t patience = 3; ///< Failures in a row that are nobody's business.
constexpr std::int64_t longest_last_wait_us = 2'000'000;

/// An execution's plan as far as its issue shows it, from what the log keeps: ids, no names.
std::shared_ptr<const plan> outline_of(const io::execution_row& row, const context_ptr& context) {
  if (row.plan_hash == context->the_plan->hash)
    return context->the_plan;
  auto result = std::make_shared<plan>();
  result->hash = row.plan_hash;
  for (const auto& phase : core::lenient::array(core::lenient::object(row.plan_text), "phases"))
    result->phases.emplace_back().id = core::lenient::text(phase, "id");
  return result;
}

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

caf::error github_state::begin() {
  auto opened = deps.open();
  if (!opened)
    return opened.error();
  outbox = std::move(*opened);
  const auto& c = *deps.context;
  const io::execution_row present{.id = c.execution,
                                  .started_us = deps.started_us,
                                  .plan_hash = {},
                                  .plan_text = {},
                                  .started_by = c.started_by};
  if (!c.the_plan->github.create_issues)
    return {};
  if (auto err = add_track(present, c.the_plan, {}))
    return err;
  auto earlier = outbox->unsettled(c.execution);
  if (!earlier)
    return earlier.error();
  for (const auto& row : *earlier)
    if (auto err = add_track(row, outline_of(row, deps.context), c.execution))
      return err;
  return {};
}

caf::error github_state::add_track(const io::execution_row& row,
                                   std::shared_ptr<const plan> its_plan, std::string superseded) {
  auto known = outbox->get(row.id);
  if (!known)
    return known.error();
  auto stored = known->value_or(io::delivery{});
  const auto where = deps.api_url + "/repos/" + repository();
  // Another repository has no issue of it yet; what was told elsewhere is not told again.
  if (stored.repository != where)
    stored = {.repository = where, .delivered = stored.delivered};
  core::track_options options;
  options.the_plan = std::move(its_plan);
  options.settings = deps.context->the_plan->github;
  options.execution = row.id;
  options.started_us = row.started_us;
  options.started_by = row.started_by;
  options.workspace = deps.workspace;
  options.superseded = std::move(superseded);
  options.mask = deps.mask;
  options.identity = identity;
  options.read = [this, id = row.id](std::uint64_t from, std::uint64_t to,
                                     std::vector<event>& into) {
    return !outbox->read(id, from, [&](event&& e) {
      if (e.seq <= to)
        into.push_back(std::move(e));
      return e.seq < to;
    });
  };
  options.chain = [this] { return outbox->chain_tip(); };
  auto& added = tracks.emplace_back();
  added.execution = row.id;
  added.stored = stored;
  added.track = std::make_unique<core::issue_track>(
      std::move(options), stored.issue, stored.delivered, stored.closed, known->has_value());
  // Before anything is sent: from now on an issue may be there.
  if (auto err = outbox->put(row.id, stored))
    return err;
  return catch_up(added);
}

caf::error github_state::catch_up(tracked& x) {
  return outbox->read(x.execution, x.track->last_seq() + 1, [&](event&& e) {
    x.track->hear(e);
    return true;
  });
}

void github_state::hear(const event_batch& batch) {
  if (tracks.empty() || batch.empty())
    return;
  auto& present = tracks.front();
  if (batch.front().seq > present.track->last_seq() + 1)
    if (auto err = catch_up(present))
      say("log", "GitHub lags behind: " + message_of(err));
  for (const auto& e : batch)
    present.track->hear(e);
  go_on();
}

void github_state::go_on() {
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
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    std::int64_t due = 0;
    if (auto job = tracks[i].track->next(now, finishing || i > 0, create_us, due))
      return request{.what = question::track, .job = std::move(*job), .track = i};
    if (due > 0)
      due_us = due_us == 0 ? due : std::min(due_us, due);
    store_delivery(tracks[i]);
  }
  return std::nullopt;
}

/// What has to be known first: who the token is, whether the repository takes issues, its labels.
std::optional<github_state::request> github_state::preparation() const {
  const auto& settings = deps.context->the_plan->github;
  const auto base =
      "/repos/" + core::url_segment(settings.owner) + "/" + core::url_segment(settings.repo);
  auto get = [](question what, std::string path, std::string words) {
    request result{.what = what, .job = {}};
    result.job.path = std::move(path);
    result.job.what = std::move(words);
    return result;
  };
  if (!user_known)
    return get(question::user, "/user", "tell whose token it is");
  if (!repository_known)
    return get(question::repository, base, "look at the repository");
  if (labels_known < settings.labels.size())
    return get(question::label,
               base + "/labels/" + core::url_segment(settings.labels[labels_known]),
               "look for a label");
  return std::nullopt;
}

void github_state::send(request next) {
  if (next.job.creates)
    budget.created(now_us());
  const auto& path = next.job.path;
  client->send({.method = next.job.method,
                .url = path.starts_with('/') ? deps.api_url + path : path,
                .body = next.job.body,
                .etag = {}});
  under_way = std::move(next);
}

void github_state::heard(const http_reply& reply) {
  if (!under_way || over)
    return;
  const auto asked = std::move(*std::exchange(under_way, std::nullopt));
  const auto now = now_us();
  const auto verdict = core::judge_reply(
      reply, {asked.job.what, repository(), deps.api_url.substr(deps.api_url.find("//") + 2)}, now,
      failures);
  if (!reply.moved_to.empty())
    say("moved", "the repository " + repository()
                     + " was renamed or moved: GitHub still leads there; set GITHUB_OWNER and "
                       "GITHUB_REPO to its new name");
  auto goes_on = true;
  if (asked.what == question::track) {
    auto& x = tracks[asked.track];
    goes_on = x.track->took(asked.job, verdict, reply, now);
    for (const auto at : x.track->take_creations())
      if (at < now - 60'000'000) // Those of this node have been counted when they were sent.
        budget.created(at);
    store_delivery(x);
    if (x.track->lost())
      say("lost", "the issue of execution " + x.execution
                      + " was deleted on GitHub: nothing more is told about it");
  } else {
    prepared(asked, verdict, reply);
    goes_on =
        asked.what != question::repository || verdict.outcome != core::github_outcome::refused;
  }
  if (verdict.outcome == core::github_outcome::done) {
    failures = 0;
    hopeless = false;
    if (std::exchange(blocked, false))
      say("", "GitHub works again: going on");
  } else if (verdict.outcome != core::github_outcome::refused || !goes_on) {
    failed(verdict, reply);
  } else if (asked.what == question::track) {
    say("refused " + asked.job.what, verdict.problem);
  }
  go_on();
}

void github_state::prepared(const request& asked, const core::github_verdict& verdict,
                            const http_reply& reply) {
  using core::github_outcome;
  const auto refused = verdict.outcome == github_outcome::refused;
  const auto done = verdict.outcome == github_outcome::done;
  const auto body = core::lenient::object(reply.body);
  if (!refused && !done)
    return;
  switch (asked.what) {
  case question::user:
    // An app's token is no user's; that a token is not accepted at all, the next answer tells.
    user_known = true;
    identity->login = core::lenient::text(body, "login");
    if (const auto id = core::lenient::number(body, "id"); done && id)
      identity->users.insert(*id);
    break;
  case question::repository:
    repository_known = done;
    if (done)
      note_repository(reply);
    break;
  case question::label:
    if (done || reply.status != 404) {
      ++labels_known;
    } else {
      request make{.what = question::new_label, .job = {}};
      make.job.method = "POST";
      make.job.path = asked.job.path.substr(0, asked.job.path.rfind('/'));
      make.job.what = "create a label";
      make.job.creates = true;
      make.job.body = core::lenient::dump(
          ordered_json{{"name", deps.context->the_plan->github.labels[labels_known]},
                       {"description", "An execution of the Automated Execution Orchestrator"}});
      send(std::move(make));
    }
    break;
  default: // A label that may not be made is left out by GitHub.
    ++labels_known;
    if (refused && reply.status != 422)
      say("labels", verdict.problem + "; the issue goes without labels");
    break;
  }
}

/// What the repository says of itself before it refuses anything.
void github_state::note_repository(const http_reply& reply) {
  const auto body = core::lenient::object(reply.body);
  if (core::lenient::flag(body, "archived"))
    say("archived", repository()
                        + " is archived and takes nothing new: unarchive it, or set GITHUB_REPO to "
                          "another repository");
  else if (body.contains("has_issues") && !core::lenient::flag(body, "has_issues"))
    say("issues", "issues are disabled in " + repository()
                      + ": enable them in its settings, or set create_issues to false");
}

void github_state::failed(const core::github_verdict& verdict, const http_reply& reply) {
  using core::github_outcome;
  ++failures;
  const auto refused = verdict.outcome == github_outcome::refused;
  const auto limited = verdict.outcome == github_outcome::limited;
  hopeless = refused || (verdict.outcome == github_outcome::again && failures >= patience);
  not_before_us =
      now_us()
      + (finishing && !limited ? std::min(verdict.wait_us, longest_last_wait_us) : verdict.wait_us);
  if (finishing && hopeless)
    end();
  if (verdict.outcome == github_outcome::unknown && failures < patience)
    return;
  blocked = blocked || refused || failures >= patience;
  const auto key = std::to_string(static_cast<int>(verdict.outcome)) + " "
                   + std::to_string(static_cast<int>(reply.fault)) + " "
                   + std::to_string(refused ? reply.status : 0);
  say(key, verdict.problem
               + (limited ? "" : "; the run goes on, and GitHub is told when it works again"));
  repository_known = repository_known && !refused;
}

void github_state::store_delivery(tracked& x) {
  auto now = x.stored;
  now.issue = x.track->issue();
  now.delivered = x.track->delivered();
  now.closed = x.track->closed();
  now.settled = x.track->settled();
  if (now == x.stored)
    return;
  if (auto err = outbox->put(x.execution, now))
    say("store", "what GitHub has been told cannot be noted: " + message_of(err)
                     + "; after a restart it is asked");
  else
    x.stored = now;
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
  self->send(deps.reporter, atom::say_v, "GitHub: " + text);
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
  auto settled = true;
  for (const auto& x : tracks) {
    comments += x.track->waiting();
    settled = settled && (x.track->settled() || x.track->lost());
  }
  if (settled && comments == 0)
    return {};
  return "GitHub lacks " + std::to_string(comments) + (comments == 1 ? " comment" : " comments")
         + " and the newest state of the issue: the next start of a node in this workspace tells "
           "it";
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

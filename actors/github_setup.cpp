// How the github actor begins: what it takes from the log, and what it asks GitHub first.

#include "actors/core/lenient_json.hpp"
#include "actors/github.hpp"

#include <algorithm>
#include <utility>

namespace aeo {

namespace {

using nlohmann::ordered_json;

/// An execution's plan as far as its issue shows it, from what the log keeps: ids, no names.
std::shared_ptr<const plan> outline_of(const io::execution_row& row, const context_ptr& context) {
  if (row.plan_hash == context->the_plan->hash)
    return context->the_plan;
  auto result = std::make_shared<plan>();
  result->hash = row.plan_hash;
  const auto text = core::lenient::object(row.plan_text);
  for (const auto& phase : core::lenient::array(text, "phases"))
    result->phases.emplace_back().id = core::lenient::text(phase, "id");
  return result;
}

} // namespace

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
  began_us = now_us();
  const auto& settings = c.the_plan->github;
  if (settings.chatops && tells())
    desk.emplace(settings, identity);
  if (settings.commit_statuses && deps.commit)
    board.emplace(*deps.commit);
  if (auto err = add_track(present, c.the_plan, {}); err || !tells())
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
  // By a clock that may have been set since.
  not_before_us =
      std::max(not_before_us, std::min(stored.not_before_us, now_us() + core::longest_limit_us));
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
      const auto seq = e.seq;
      if (seq <= to)
        into.push_back(std::move(e));
      return seq < to;
    });
  };
  options.chain = [this] { return outbox->chain_tip(); };
  auto& added = tracks.emplace_back();
  added.execution = row.id;
  added.stored = stored;
  added.track = std::make_unique<core::issue_track>(
      std::move(options), stored.issue, stored.delivered, stored.closed, known->has_value());
  // Before anything is sent: from now on an issue may be there.
  if (tells())
    if (auto err = outbox->put(row.id, stored))
      return err;
  return catch_up(added);
}

/// What has to be known first: who the token is, whether the repository takes issues, its labels.
std::optional<github_state::request> github_state::preparation() const {
  const auto& settings = deps.context->the_plan->github;
  const auto base =
      "/repos/" + core::url_segment(settings.owner) + "/" + core::url_segment(settings.repo);
  auto get = [](question what, std::string path, std::string words) {
    request result{.what = what, .job = {}, .chat = {}};
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
    break;
  case question::label:
    if (done || reply.status != 404) {
      ++labels_known;
    } else {
      request make{.what = question::new_label, .job = {}, .chat = {}};
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

/// Empty, or what the repository says of itself before it refuses anything.
std::string github_state::why_unusable(const http_reply& reply) const {
  const auto body = core::lenient::object(reply.body);
  if (core::lenient::flag(body, "archived"))
    return repository()
           + " is archived and takes nothing new: unarchive it, or set GITHUB_REPO to another "
             "repository";
  if (tells() && body.contains("has_issues") && !core::lenient::flag(body, "has_issues"))
    return "issues are disabled in " + repository()
           + ": enable them in its settings, or set create_issues to false";
  return {};
}

} // namespace aeo

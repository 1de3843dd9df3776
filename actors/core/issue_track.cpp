#include "actors/core/issue_track.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/timestamp.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t most_shown = 10'000;
constexpr std::int64_t day_us = std::int64_t{86'400} * 1'000'000;

execution_state initial_state(const track_options& o) {
  execution_state result;
  result.id = o.execution;
  result.started_us = o.started_us;
  result.started_by = o.started_by;
  result.phases.resize(o.the_plan->phases.size());
  return result;
}

/// ISO 8601 to the second, as GitHub takes it.
std::string since_text(std::int64_t time_us) {
  return short_time(std::max<std::int64_t>(time_us, 1));
}

std::int64_t time_of(const ordered_json& x, const char* key) {
  return parse_time(lenient::text(x, key)).value_or(0);
}

std::int64_t author_of(const ordered_json& x) {
  return lenient::number(lenient::member(x, "user"), "id").value_or(0);
}

/// The number of a command's comment, of which an audit's "from" is the address; 0: none.
std::int64_t commented_in(const ordered_json& audit) {
  constexpr std::string_view mark = "#issuecomment-";
  const auto from = lenient::text(audit, "from");
  const auto at = from.rfind(mark);
  if (at == from.npos || !lenient::text(audit, "by").starts_with("github:"))
    return 0;
  std::int64_t result = 0;
  std::from_chars(from.data() + at + mark.size(), from.data() + from.size(), result);
  return result;
}

std::string close_reason(std::string_view status) {
  if (status == to_string(overall_status::completed))
    return "completed";
  const auto over =
      status == to_string(overall_status::failed) || status == to_string(overall_status::cancelled);
  return over ? "not_planned" : "";
}

} // namespace

issue_track::issue_track(track_options options, std::uint64_t issue, std::uint64_t delivered,
                         bool closed, bool known_before)
    : options_(std::move(options)), lookup_(*options_.the_plan), state_(initial_state(options_)),
      history_(*options_.the_plan, lookup_), issue_(issue), delivered_(delivered), closed_(closed),
      looks_(known_before ? 2 : 1) {
  if (!options_.superseded.empty())
    close_as_ = "not_planned";
}

bool issue_track::wants(const event& e) const {
  const auto& s = options_.settings;
  switch (e.kind) {
  case event_kind::phase_started:
    return s.update_on_phase_start;
  case event_kind::phase_completed:
    return s.update_on_phase_complete;
  case event_kind::phase_waiting:
  case event_kind::phase_approved:
  case event_kind::phase_rejected:
  case event_kind::phase_skipped:
    return s.update_on_approval;
  case event_kind::phase_failed:
  case event_kind::phase_retry_wait:
  case event_kind::phase_cancelled:
    return s.update_on_error;
  case event_kind::execution_ended:
    return true;
  default:
    return false;
  }
}

void issue_track::hear(const event& e) {
  if (e.seq <= state_.last_seq)
    return;
  // Phases that the plan does not have any more are passed over.
  if (!apply(state_, lookup_, e))
    state_.last_seq = e.seq;
  history_.add(e);
  if (e.kind == event_kind::execution_ended) {
    const auto data = lenient::object(e.data);
    exit_code_ = static_cast<int>(lenient::number(data, "exit_code").value_or(0));
    close_as_ = close_reason(lenient::text(data, "status"));
  } else if (e.kind == event_kind::execution_resumed) {
    exit_code_ = -1;
    close_as_.clear();
  }
  if (!options_.superseded.empty())
    close_as_ = "not_planned";
  dirty_ = dirty_ || (e.kind != event_kind::task_started && e.kind != event_kind::task_finished);
  if (e.seq <= delivered_)
    return;
  if (e.kind == event_kind::audit) {
    const auto data = lenient::object(e.data);
    if (const auto comment = commented_in(data); comment != 0)
      pending_.push_back(
          {.seq = e.seq, .kind = e.kind, .answers = comment, .done = lenient::flag(data, "done")});
  } else if (wants(e)) {
    pending_.push_back({.seq = e.seq, .kind = e.kind});
  }
}

report_input issue_track::input(std::int64_t now_us) const {
  return {.definition = *options_.the_plan,
          .state = state_,
          .history = &history_,
          .chain_head = {},
          .now_us = now_us,
          .exit_code = exit_code_,
          .workspace = options_.workspace,
          .mask = options_.mask};
}

issue_notes issue_track::notes() const {
  issue_notes result;
  if (options_.chain)
    std::tie(result.chain_seq, result.chain_head) = options_.chain();
  result.chatops = options_.settings.chatops;
  result.superseded = options_.superseded;
  return result;
}

bool issue_track::digests() const {
  return options_.the_plan->phases.size() > small_plan || pending_.size() > most_comments;
}

bool issue_track::settled() const {
  const auto over = exit_code_ >= 0 || !options_.superseded.empty();
  return lost_
         || (over && issue_ != 0 && pending_.empty() && !dirty_ && closed_ == !close_as_.empty());
}

std::string issue_track::path(std::string_view rest) const {
  return "/repos/" + url_segment(options_.settings.owner) + "/"
         + url_segment(options_.settings.repo) + std::string{rest};
}

github_job issue_track::find_job() const {
  // By time of creation, newest first: those before the execution need not be read. Labels are no
  // help: a token that may not label has none of them set.
  return {.step = github_step::find_issue,
          .path = !page_.empty()
                      ? page_
                      : path("/issues?state=all&sort=created&direction=desc&per_page=100&since="
                             + since_text(options_.started_us - day_us)),
          .body = {},
          .what = "list the issues"};
}

github_job issue_track::read_job() const {
  return {.step = github_step::read_comments,
          .path = !page_.empty()
                      ? page_
                      : path("/issues/" + std::to_string(issue_) + "/comments?per_page=100"
                             + (since_us_ > 0 ? "&since=" + since_text(since_us_) : "")),
          .body = {},
          .what = "read the issue's comments"};
}

github_job issue_track::create_job(std::int64_t now_us) {
  const auto in = input(now_us);
  const auto text = issue_body(in, notes());
  next_body_ = std::hash<std::string>{}(text);
  dirty_ = false;
  ordered_json body{{"title", issue_title(in)}, {"body", text}};
  if (!options_.settings.labels.empty())
    body["labels"] = options_.settings.labels;
  return {.step = github_step::create_issue,
          .method = "POST",
          .path = path("/issues"),
          .body = lenient::dump(body),
          .what = "create the issue",
          .creates = true};
}

std::optional<github_job> issue_track::next(std::int64_t now_us, bool hurry, std::int64_t create_us,
                                            std::int64_t& due_us) {
  if (lost_)
    return std::nullopt;
  if (now_us < not_before_us_) {
    due_us = not_before_us_;
    return std::nullopt;
  }
  if (issue_ == 0 && looks_ > 0)
    return find_job();
  if (issue_ != 0 && !comments_known_)
    return read_job();
  if (now_us < create_us) {
    if (issue_ == 0 || !pending_.empty())
      due_us = create_us;
  } else if (issue_ == 0) {
    return create_job(now_us);
  } else if (auto job = next_comment(now_us, hurry, due_us)) {
    return job;
  }
  if (issue_ == 0)
    return std::nullopt;
  auto edit_us = due_us;
  auto job = next_edit(now_us, hurry, edit_us);
  due_us = due_us == 0 ? edit_us : std::min(due_us, edit_us);
  return job;
}

std::optional<github_job> issue_track::next_comment(std::int64_t now_us, bool hurry,
                                                    std::int64_t& due_us) {
  if (pending_.empty())
    return std::nullopt;
  auto& front = pending_.front();
  if (front.answers != 0 && !front.reacted)
    return github_job{.step = github_step::react,
                      .method = "POST",
                      .path =
                          path("/issues/comments/" + std::to_string(front.answers) + "/reactions"),
                      .body = lenient::dump(ordered_json{{"content", front.done ? "+1" : "-1"}}),
                      .what = "react to a comment",
                      .creates = true,
                      .seq = front.seq};
  if (front.answers != 0 || !digests())
    return make_comment(1, now_us);
  const auto end = std::ranges::find_if(pending_, [](const entry& x) { return x.answers != 0; });
  const auto urgent =
      std::any_of(pending_.begin(), end, [](const entry& x) { return is_noteworthy(x.kind); });
  const auto early = digest_interval_us - edit_interval_us;
  const auto due = next_digest_us_ - (urgent ? early : 0);
  if (!hurry && end == pending_.end() && now_us < due) {
    due_us = due;
    return std::nullopt;
  }
  return make_comment(static_cast<std::size_t>(end - pending_.begin()), now_us);
}

github_job issue_track::make_comment(std::size_t count, std::int64_t now_us) {
  const auto from = pending_.front();
  const auto seq = pending_[count - 1].seq;
  const auto in = input(now_us);
  std::vector<event> events;
  std::string text;
  if (!options_.read(from.seq, seq, events) || events.empty())
    text = "The event log cannot be read now.\n\n" + event_marker(options_.execution, seq);
  else if (plain_)
    text = "GitHub refused the text of what is to be told here; see the reports.\n\n"
           + event_marker(options_.execution, seq);
  else if (from.answers != 0)
    text = reply_comment(in, events.front());
  else if (!digests())
    text = event_comment(in, notes(), events.front());
  else {
    std::erase_if(events, [this](const event& e) { return !wants(e); });
    text = digest_comment(in, notes(), events);
  }
  return {.step = github_step::comment,
          .method = "POST",
          .path = path("/issues/" + std::to_string(issue_) + "/comments"),
          .body = lenient::dump(ordered_json{{"body", text}}),
          .what = "comment on the issue",
          .creates = true,
          .seq = seq};
}

std::optional<github_job> issue_track::next_edit(std::int64_t now_us, bool hurry,
                                                 std::int64_t& due_us) {
  const auto wants_closed = !close_as_.empty();
  if (!dirty_ && closed_ == wants_closed)
    return std::nullopt;
  if (!hurry && now_us < next_edit_us_) {
    due_us = next_edit_us_;
    return std::nullopt;
  }
  const auto text = issue_body(input(now_us), notes());
  next_body_ = std::hash<std::string>{}(text);
  dirty_ = false;
  if (next_body_ == sent_body_ && closed_ == wants_closed)
    return std::nullopt;
  ordered_json body{{"body", text}};
  if (closed_ != wants_closed) {
    body["state"] = wants_closed ? "closed" : "open";
    if (wants_closed)
      body["state_reason"] = close_as_;
  }
  return github_job{.step = github_step::edit,
                    .method = "PATCH",
                    .path = path("/issues/" + std::to_string(issue_)),
                    .body = lenient::dump(body),
                    .what = "edit the issue"};
}

bool issue_track::took(const github_job& job, const github_verdict& verdict,
                       const http_reply& reply, std::int64_t now_us) {
  switch (verdict.outcome) {
  case github_outcome::refused:
    return refused(job, reply);
  case github_outcome::again:
  case github_outcome::limited:
    dirty_ = dirty_ || job.step == github_step::edit || job.step == github_step::create_issue;
    return true;
  default:
    done(job, verdict, reply, now_us);
    return true;
  }
}

/// It was done, or perhaps.
void issue_track::done(const github_job& job, const github_verdict& verdict,
                       const http_reply& reply, std::int64_t now_us) {
  const auto json = ordered_json::parse(reply.body, nullptr, false);
  const auto surely = verdict.outcome == github_outcome::done;
  const auto known = surely && !json.is_discarded();
  switch (job.step) {
  case github_step::find_issue:
    if (known)
      found_issues(reply, now_us);
    break;
  case github_step::read_comments:
    if (known)
      found_comments(reply, now_us);
    break;
  case github_step::create_issue:
    if (!known || !lenient::number(json, "number")) {
      dirty_ = true;
      return look_again(now_us);
    }
    adopt(json);
    comments_known_ = true;
    sent_body_ = next_body_;
    next_edit_us_ = now_us + edit_interval_us;
    break;
  case github_step::comment:
    if (!known || !lenient::number(json, "id"))
      return look_again(now_us);
    options_.identity->users.insert(author_of(json));
    if (digests())
      next_digest_us_ = now_us + digest_interval_us;
    note_comment(json);
    break;
  case github_step::react: // Doing it twice is doing it once.
    if (surely && !pending_.empty())
      pending_.front().reacted = true;
    break;
  case github_step::edit: // As is this.
    next_edit_us_ = now_us + edit_interval_us;
    dirty_ = dirty_ || !surely;
    if (!surely)
      break;
    sent_body_ = next_body_;
    closed_ = known && json.contains("state")
                  ? lenient::text(json, "state") == "closed"
                  : job.body.find(R"("state":"closed")") != job.body.npos;
    break;
  }
}

void issue_track::look_again(std::int64_t now_us) {
  looks_ = 2;
  page_.clear();
  comments_known_ = false;
  not_before_us_ = now_us + 1'000'000;
}

void issue_track::adopt(const ordered_json& issue) {
  issue_ = static_cast<std::uint64_t>(lenient::number(issue, "number").value_or(0));
  closed_ = lenient::text(issue, "state") == "closed";
  if (const auto author = author_of(issue); author != 0)
    options_.identity->users.insert(author);
  if (const auto at = time_of(issue, "created_at"); at != 0)
    creations_.push_back(at);
  page_.clear();
}

void issue_track::found_issues(const http_reply& reply, std::int64_t now_us) {
  const auto list = ordered_json::parse(reply.body, nullptr, false);
  auto too_old = false;
  const ordered_json* found = nullptr;
  for (const auto& issue : list) {
    const auto created = time_of(issue, "created_at");
    too_old = created != 0 && created < options_.started_us - day_us;
    if (issue.is_object() && !issue.contains("pull_request")
        && has_execution_marker(lenient::text(issue, "body"), options_.execution))
      found = &issue; // The oldest: whoever knows the marker copied it from there.
  }
  if (found != nullptr) {
    adopt(*found);
    return;
  }
  page_ = too_old ? std::string{} : next_page(reply);
  if (!page_.empty())
    return;
  if (--looks_ > 0)
    not_before_us_ = now_us + second_look_us;
}

void issue_track::note_comment(const ordered_json& comment) {
  const auto seq = find_event_marker(lenient::text(comment, "body"), options_.execution);
  if (!seq || *seq > state_.last_seq || !options_.identity->users.contains(author_of(comment)))
    return;
  const auto at = time_of(comment, "created_at");
  since_us_ = std::max(since_us_, at);
  if (*seq <= delivered_ && !shown_.empty() && *seq <= shown_.back().first)
    return;
  creations_.push_back(at);
  if (shown_.size() < most_shown)
    shown_.emplace_back(*seq, lenient::number(comment, "id").value_or(0));
  delivered_ = std::max(delivered_, *seq);
  plain_ = false;
  drop_delivered();
}

void issue_track::drop_delivered() {
  while (!pending_.empty() && pending_.front().seq <= delivered_)
    pending_.pop_front();
}

void issue_track::found_comments(const http_reply& reply, std::int64_t now_us) {
  const auto before = delivered_;
  for (const auto& comment : ordered_json::parse(reply.body, nullptr, false))
    note_comment(comment);
  page_ = next_page(reply);
  if (!page_.empty())
    return;
  if (delivered_ > before)
    looks_ = 0;
  if (--looks_ > 0) {
    not_before_us_ = now_us + second_look_us;
    return;
  }
  comments_known_ = true;
}

bool issue_track::refused(const github_job& job, const http_reply& reply) {
  switch (job.step) {
  case github_step::react:
    // The comment was deleted, or reactions are not for us: the answer goes without.
    if (!pending_.empty())
      pending_.front().reacted = true;
    return true;
  case github_step::create_issue:
    dirty_ = true;
    return false;
  case github_step::comment:
    if (reply.status != 422)
      break;
    // Its text is not taken: a plain line instead, and if that is not either, nothing.
    if (std::exchange(plain_, !plain_)) {
      delivered_ = std::max(delivered_, job.seq);
      drop_delivered();
    }
    return true;
  default:
    dirty_ = dirty_ || job.step == github_step::edit;
    break;
  }
  lost_ = issue_ != 0 && reply.status == 410 && reply.body.find("deleted") != reply.body.npos;
  return lost_;
}

std::int64_t issue_track::shown_in(std::uint64_t seq) const {
  const auto found =
      std::ranges::lower_bound(shown_, seq, {}, [](const auto& x) { return x.first; });
  return found == shown_.end() ? 0 : found->second;
}

} // namespace aeo::core

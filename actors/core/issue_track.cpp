#include "actors/core/issue_track.hpp"

#include "actors/core/chat_desk.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/core/timestamp.hpp"

#include <algorithm>
#include <utility>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

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
      looks_(known_before ? 2 : 1) {}

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
  dirty_ = dirty_ || (e.kind != event_kind::task_started && e.kind != event_kind::task_finished);
  if (e.seq <= delivered_)
    return;
  if (e.kind == event_kind::audit) {
    const auto data = lenient::object(e.data);
    if (const auto comment = command_comment(data); comment != 0)
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
  if (given_up())
    result.superseded = options_.superseded;
  return result;
}

bool issue_track::digests() const {
  return options_.the_plan->phases.size() > small_plan || pending_.size() > most_comments;
}

bool issue_track::told() const {
  const auto known = issue_ != 0 && comments_known_ && pending_.empty();
  return lost_ || (known && !dirty_ && closed_ == !close_as().empty());
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
    return make_comment(1, now_us, due_us);
  const auto end = std::ranges::find_if(pending_, [](const entry& x) { return x.answers != 0; });
  const auto urgent =
      std::any_of(pending_.begin(), end, [](const entry& x) { return is_noteworthy(x.kind); });
  const auto early = digest_interval_us - edit_interval_us;
  const auto due = next_digest_us_ - (urgent ? early : 0);
  if (!hurry && end == pending_.end() && now_us < due) {
    due_us = due;
    return std::nullopt;
  }
  return make_comment(static_cast<std::size_t>(end - pending_.begin()), now_us, due_us);
}

std::optional<github_job> issue_track::make_comment(std::size_t count, std::int64_t now_us,
                                                    std::int64_t& due_us) {
  const auto& first = pending_.front();
  const auto seq = pending_[count - 1].seq;
  std::vector<event> events;
  if (!options_.read(first.seq, seq, events) || events.empty()) {
    due_us = not_before_us_ = now_us + log_retry_us;
    return std::nullopt;
  }
  const auto text = comment_text(first, seq, std::move(events), now_us);
  return github_job{.step = github_step::comment,
                    .method = "POST",
                    .path = path("/issues/" + std::to_string(issue_) + "/comments"),
                    .body = lenient::dump(ordered_json{{"body", text}}),
                    .what = "comment on the issue",
                    .creates = true,
                    .seq = seq};
}

std::string issue_track::comment_text(const entry& first, std::uint64_t seq,
                                      std::vector<event>&& events, std::int64_t now_us) const {
  const auto in = input(now_us);
  if (plain_)
    return "GitHub refused the text of what is to be told here; see the reports.\n\n"
           + event_marker(options_.execution, seq);
  if (first.answers != 0)
    return reply_comment(in, events.front());
  if (!digests())
    return event_comment(in, notes(), events.front());
  std::erase_if(events, [this](const event& e) { return !wants(e); });
  return digest_comment(in, notes(), events);
}

std::optional<github_job> issue_track::next_edit(std::int64_t now_us, bool hurry,
                                                 std::int64_t& due_us) {
  // The last comment comes before the issue is closed.
  const auto wants_closed = !close_as().empty() && (closed_ || pending_.empty());
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
      body["state_reason"] = close_as();
  }
  return github_job{.step = github_step::edit,
                    .method = "PATCH",
                    .path = path("/issues/" + std::to_string(issue_)),
                    .body = lenient::dump(body),
                    .what = "edit the issue"};
}

std::int64_t issue_track::shown_in(std::uint64_t seq) const {
  const auto found =
      std::ranges::lower_bound(shown_, seq, {}, [](const auto& x) { return x.first; });
  return found == shown_.end() ? 0 : found->second;
}

} // namespace aeo::core

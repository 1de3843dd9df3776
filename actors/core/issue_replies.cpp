// What GitHub's replies mean for an execution's issue: a part of issue_track.hpp.

#include "actors/core/issue_track.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/core/timestamp.hpp"

#include <algorithm>
#include <utility>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t most_shown = 10'000;
constexpr std::int64_t one_day_us = std::int64_t{86'400} * 1'000'000;

std::int64_t time_of(const ordered_json& x, const char* key) {
  return parse_time(lenient::text(x, key)).value_or(0);
}

std::int64_t author_of(const ordered_json& x) {
  return lenient::number(lenient::member(x, "user"), "id").value_or(0);
}

} // namespace

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
    if (const auto author = author_of(json); author != 0)
      options_.identity->users.insert(author);
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
    if (url_.empty())
      url_ = lenient::text(json, "html_url");
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
  not_before_us_ = now_us + second_look_us / 2;
}

void issue_track::adopt(const ordered_json& issue) {
  issue_ = static_cast<std::uint64_t>(lenient::number(issue, "number").value_or(0));
  url_ = lenient::text(issue, "html_url");
  closed_ = lenient::text(issue, "state") == "closed";
  if (const auto author = author_of(issue); author != 0)
    options_.identity->users.insert(author);
  if (const auto at = time_of(issue, "created_at"); at != 0)
    creations_.push_back(at);
  page_.clear();
}

/// An issue or a comment. Of a token that is no user's, only that some program has made it can be
/// told.
bool issue_track::is_ours(const ordered_json& x) const {
  const auto& users = options_.identity->users;
  return users.empty() ? lenient::text(lenient::member(x, "user"), "type") == "Bot"
                       : users.contains(author_of(x));
}

void issue_track::found_issues(const http_reply& reply, std::int64_t now_us) {
  const auto list = ordered_json::parse(reply.body, nullptr, false);
  auto too_old = false;
  const ordered_json* found = nullptr;
  for (const auto& issue : list) {
    const auto created = time_of(issue, "created_at");
    too_old = created != 0 && created < options_.started_us - one_day_us;
    if (is_ours(issue) && !issue.contains("pull_request")
        && has_execution_marker(lenient::text(issue, "body"), options_.execution))
      found = &issue; // The oldest.
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
  if (!seq || *seq > state_.last_seq || !is_ours(comment))
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
    page_.clear();
    break;
  }
  lost_ = issue_ != 0 && reply.status == 410 && reply.body.find("deleted") != reply.body.npos;
  return lost_;
}

} // namespace aeo::core

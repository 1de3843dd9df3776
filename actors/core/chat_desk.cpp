#include "actors/core/chat_desk.hpp"

#include "actors/core/decisions.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/core/timestamp.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

constexpr std::int64_t refusal_window_us = std::int64_t{3600} * 1'000'000;

bool may_write(const ordered_json& answer) {
  constexpr std::array<std::string_view, 3> enough = {"write", "maintain", "admin"};
  const auto is_enough = [&](const std::string& x) { return std::ranges::count(enough, x) > 0; };
  return is_enough(lenient::text(answer, "permission"))
         || is_enough(lenient::text(answer, "role_name"));
}

} // namespace

std::int64_t command_comment(const ordered_json& audit) {
  constexpr std::string_view mark = "#issuecomment-";
  const auto from = lenient::text(audit, "from");
  const auto at = from.rfind(mark);
  if (at == from.npos || !lenient::text(audit, "by").starts_with(github_prefix))
    return 0;
  std::int64_t result = 0;
  std::from_chars(from.data() + at + mark.size(), from.data() + from.size(), result);
  return result;
}

chat_desk::chat_desk(github_settings settings, std::shared_ptr<const github_identity> identity)
    : settings_(std::move(settings)), identity_(std::move(identity)) {}

void chat_desk::hear(const event& e) {
  if (e.kind == event_kind::audit) {
    last_comment_ = std::max(last_comment_, command_comment(lenient::object(e.data)));
  } else if (e.kind == event_kind::phase_waiting) {
    auto& gate = gates_[e.phase];
    auto digest = read_waiting(e.data).digest;
    if (gate.second == 0 || gate.first != digest)
      gate = {std::move(digest), e.seq};
  }
}

std::optional<chat_desk::job> chat_desk::next(std::int64_t now_us, std::uint64_t issue,
                                              std::int64_t& due_us) {
  if (issue == 0)
    return std::nullopt;
  const auto repo = "/repos/" + url_segment(settings_.owner) + "/" + url_segment(settings_.repo);
  if (!waiting_.empty() && rights_[waiting_.front().login].until_us <= now_us)
    return job{.what = step::permission,
               .path =
                   repo + "/collaborators/" + url_segment(waiting_.front().login) + "/permission",
               .etag = {},
               .words = "ask for a person's permission"};
  if (now_us < next_poll_us_) {
    due_us = next_poll_us_;
    return std::nullopt;
  }
  job result{.what = step::poll, .path = page_, .etag = {}, .words = "read the issue's comments"};
  if (page_.empty())
    result.path = repo + "/issues/" + std::to_string(issue) + "/comments?per_page=100"
                  + (since_us_ > 0 ? "&since=" + short_time(since_us_) : "");
  if (result.path == etag_path_)
    result.etag = etag_;
  return result;
}

void chat_desk::took(const job& asked, const github_verdict& verdict, const http_reply& reply,
                     std::int64_t now_us) {
  const auto done = verdict.outcome == github_outcome::done;
  const auto refused = verdict.outcome == github_outcome::refused;
  if (asked.what == step::poll) {
    if (done && reply.status != 304) {
      const auto tag = reply.headers.find("etag");
      etag_ = tag == reply.headers.end() ? std::string{} : tag->second;
      etag_path_ = asked.path;
      read_comments(reply, now_us);
    } else if (done || refused) {
      next_poll_us_ = now_us + settings_.poll_interval.count() * 1000;
    }
    return;
  }
  if (waiting_.empty() || (!done && !refused))
    return;
  auto may = right::none; // 404: nobody whom the repository knows.
  if (done)
    may = may_write(lenient::object(reply.body)) ? right::write : right::none;
  else if (reply.status != 404)
    may = right::unknown;
  rights_[waiting_.front().login] = {may, now_us + right_lasts_us};
}

void chat_desk::read_comments(const http_reply& reply, std::int64_t now_us) {
  for (const auto& comment : ordered_json::parse(reply.body, nullptr, false)) {
    const auto id = lenient::number(comment, "id").value_or(0);
    const auto created = lenient::text(comment, "created_at");
    const auto updated = lenient::text(comment, "updated_at");
    if (waiting_.size() >= most_waiting)
      break; // The rest is read again.
    since_us_ = std::max(since_us_, parse_time(updated).value_or(0));
    if (id <= last_comment_)
      continue;
    last_comment_ = id;
    auto command = parse_command(lenient::text(comment, "body"));
    auto login = lenient::text(lenient::member(comment, "user"), "login");
    if (!command || created != updated || login.empty() || is_ours(comment))
      continue;
    waiting_.push_back({.command = std::move(*command),
                        .comment = id,
                        .login = std::move(login),
                        .url = lenient::text(comment, "html_url")});
  }
  page_ = next_page(reply);
  if (page_.empty())
    next_poll_us_ = now_us + settings_.poll_interval.count() * 1000;
}

/// Who runs the node with a token of their own may give commands, too: only texts with a marker are
/// the node's.
bool chat_desk::is_ours(const ordered_json& comment) const {
  const auto author = lenient::number(lenient::member(comment, "user"), "id").value_or(0);
  return identity_->users.contains(author)
         && lenient::text(comment, "body").find("<!-- aeo:") != std::string::npos;
}

std::optional<chat_desk::order> chat_desk::ready(std::int64_t now_us) {
  if (waiting_.empty())
    return std::nullopt;
  const auto known = rights_.find(waiting_.front().login);
  if (known == rights_.end() || known->second.until_us <= now_us)
    return std::nullopt;
  auto result = waiting_.front();
  result.may = known->second.may;
  return result;
}

std::pair<std::string, std::uint64_t> chat_desk::gate(const std::string& phase) const {
  const auto found = gates_.find(phase);
  return found == gates_.end() ? std::pair<std::string, std::uint64_t>{} : found->second;
}

bool chat_desk::may_be_answered(const std::string& login, std::int64_t now_us) {
  auto& times = refusals_[login];
  while (!times.empty() && times.front() + refusal_window_us <= now_us)
    times.pop_front();
  if (times.size() >= refusals_an_hour)
    return false;
  times.push_back(now_us);
  return true;
}

} // namespace aeo::core

#include "actors/core/status_board.hpp"

#include "actors/core/lenient_json.hpp"
#include "config/values.hpp"

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t longest_description = 130; // GitHub takes 140 characters.

/// Empty: the phase has nothing to show.
std::string_view commit_state(phase_status s) {
  switch (s) {
  case phase_status::approved:
  case phase_status::skipped:
    return "success";
  case phase_status::failed:
  case phase_status::rejected:
    return "failure";
  case phase_status::blocked:
  case phase_status::cancelled:
    return "error";
  case phase_status::pending:
    return {};
  default:
    return "pending";
  }
}

/// What became of it, and by whom when a person decided that.
std::string words_of(const phase_state& x) {
  std::string words{to_string(x.status)};
  if (x.status != phase_status::skipped && x.status != phase_status::rejected)
    return words;
  const auto by = lenient::text(lenient::object(x.detail), "by");
  return by.empty() ? words : words + " by " + by;
}

} // namespace

status_board::status_board(commit_target target) : target_(std::move(target)) {}

std::optional<github_job> status_board::next(const execution_state& state, const plan& p,
                                             const std::string& url) {
  if (off_ || p.phases.size() > largest_plan)
    return std::nullopt;
  sent_.resize(p.phases.size());
  for (std::size_t i = 0; i < p.phases.size() && i < state.phases.size(); ++i) {
    const auto status = state.phases[i].status;
    const auto wanted = commit_state(status);
    auto words = words_of(state.phases[i]);
    if (wanted.empty() || sent_[i] == words)
      continue;
    const auto slash = target_.repository.find('/');
    ordered_json body{
        {"state", wanted},
        {"context", "aeo/phase-" + p.phases[i].id},
        {"description",
         config::shortened(std::string{p.phases[i].label()} + ": " + words, longest_description)}};
    if (!url.empty())
      body["target_url"] = url;
    asked_ = {i, std::move(words)};
    return github_job{.step = github_step::edit,
                      .method = "POST",
                      .path = "/repos/" + url_segment(target_.repository.substr(0, slash)) + "/"
                              + url_segment(target_.repository.substr(slash + 1)) + "/statuses/"
                              + target_.sha,
                      .body = lenient::dump(body),
                      .what = "set a commit status",
                      .creates = true};
  }
  return std::nullopt;
}

bool status_board::took(const github_verdict& verdict) {
  if (verdict.outcome == github_outcome::done && asked_)
    sent_[asked_->first] = asked_->second;
  asked_.reset();
  off_ = off_ || verdict.outcome == github_outcome::refused;
  return !off_;
}

} // namespace aeo::core

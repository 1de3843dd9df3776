#include "actors/core/github_check.hpp"

#include "actors/core/lenient_json.hpp"

#include <algorithm>
#include <utility>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

/// Asks step by step and writes down what it learns.
class github_checker {
public:
  github_checker(const github_settings& settings, const std::string& server, std::int64_t now_us,
                 const std::function<http_reply(const std::string&)>& get)
      : settings_(settings), server_(server), now_us_(now_us), get_(get),
        name_(settings.owner + "/" + settings.repo),
        path_("/repos/" + url_segment(settings.owner) + "/" + url_segment(settings.repo)) {}

  std::vector<check_line> run() {
    if (check_token() && check_repository()) {
      check_issues();
      check_rights();
    }
    return std::move(lines_);
  }

private:
  void add(std::optional<bool> good, std::string what, std::string text) {
    lines_.push_back({good, std::move(what), std::move(text)});
  }

  std::optional<http_reply> ask(const std::string& path, const std::string& what,
                                const std::string& words) {
    auto reply = get_(path);
    const auto verdict = judge_reply(reply, {words, name_, server_}, now_us_, 0);
    if (verdict.outcome == github_outcome::done)
      return reply;
    add(false, what, verdict.problem);
    return std::nullopt;
  }

  bool check_token() {
    auto reply = get_("/user");
    const auto verdict = judge_reply(reply, {"tell whose token it is", name_, server_}, now_us_, 0);
    if (verdict.outcome == github_outcome::done) {
      login_ = lenient::text(lenient::object(reply.body), "login");
      add(true, "token", "GitHub takes it as " + login_ + "'s");
    } else if (reply.status == 403 && verdict.outcome == github_outcome::refused) {
      add(true, "token", "GitHub accepts it; it is no user's (an app's or a workflow's)");
    } else {
      add(false, "token", verdict.problem);
      return false;
    }
    if (const auto scopes = reply.headers.find("x-oauth-scopes"); scopes != reply.headers.end())
      scopes_ = scopes->second;
    return true;
  }

  bool check_repository() {
    const auto reply = ask(path_, "repository", "look at the repository");
    if (!reply)
      return false;
    repository_ = lenient::object(reply->body);
    if (!reply->moved_to.empty())
      add(false, "repository",
          name_ + " is " + lenient::text(repository_, "full_name")
              + " now: set GITHUB_OWNER and GITHUB_REPO to that");
    else if (lenient::flag(repository_, "archived"))
      add(false, "repository", name_ + " is archived and takes nothing new: unarchive it");
    else
      add(true, "repository",
          name_ + " is there"
              + (lenient::flag(repository_, "private") ? " (private)"
                                                       : " (public: everybody can "
                                                         "read what is told)"));
    return true;
  }

  void check_issues() {
    if (!settings_.create_issues)
      return;
    if (repository_.contains("has_issues") && !lenient::flag(repository_, "has_issues"))
      return add(false, "issues",
                 "they are disabled in " + name_
                     + ": enable them in its settings, or set create_issues to false");
    if (!ask(path_ + "/issues?per_page=1&state=all", "issues", "list the issues"))
      return;
    if (!scopes_) // A fine-grained or an app's token.
      return add(std::nullopt, "issues",
                 "they can be read; whether the token may write them GitHub tells only when it "
                 "does: it needs issues (read and write)");
    const auto is_private = lenient::flag(repository_, "private");
    if (has_scope("repo") || (!is_private && has_scope("public_repo")))
      add(true, "issues", "the token has the scope to write them");
    else
      add(false, "issues",
          std::string{"the token lacks the scope "} + (is_private ? "repo" : "repo or public_repo")
              + ": it has " + (scopes_->empty() ? "none" : *scopes_));
  }

  void check_rights() {
    const auto& permissions = lenient::member(repository_, "permissions");
    const auto may_push = lenient::flag(permissions, "push");
    if (settings_.create_issues && !settings_.labels.empty())
      add(may_push || lenient::flag(permissions, "triage"), "labels",
          may_push ? "missing ones will be made"
                   : "without push access to " + name_ + " GitHub leaves labels out");
    if (settings_.commit_statuses)
      add(may_push, "commit statuses",
          may_push ? "possible for commits of " + name_ : "they need push access to " + name_);
    if (settings_.chatops && !login_.empty()
        && ask(path_ + "/collaborators/" + url_segment(login_) + "/permission", "chatops",
               "ask for a person's permission"))
      add(true, "chatops", "GitHub tells who may write to " + name_);
  }

  bool has_scope(std::string_view wanted) const {
    for (std::string_view rest{*scopes_}; !rest.empty();) {
      const auto end = std::min(rest.find(','), rest.size());
      auto one = rest.substr(0, end);
      one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
      if (one == wanted)
        return true;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
  }

  const github_settings& settings_;
  const std::string& server_;
  std::int64_t now_us_;
  const std::function<http_reply(const std::string&)>& get_;
  std::string name_;
  std::string path_;
  std::string login_;
  std::optional<std::string> scopes_;
  ordered_json repository_;
  std::vector<check_line> lines_;
};

} // namespace

std::vector<check_line> check_github(const github_settings& settings, const std::string& server,
                                     std::int64_t now_us,
                                     const std::function<http_reply(const std::string&)>& get) {
  return github_checker{settings, server, now_us, get}.run();
}

} // namespace aeo::core

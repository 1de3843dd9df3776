#pragma once

#include "actors/context.hpp"
#include "actors/core/chat_desk.hpp"
#include "actors/core/github_rules.hpp"
#include "actors/core/issue_track.hpp"
#include "actors/core/status_board.hpp"
#include "actors/io/http.hpp"
#include "actors/io/outbox.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace aeo {

/// What GitHub is told with; the token is in the client alone.
struct github_deps {
  context_ptr context;
  state_actor store;
  reporter_actor reporter; ///< Tells the operator.
  approval_actor approval;
  trigger_actor trigger;
  std::function<caf::expected<std::unique_ptr<io::outbox>>()> open;
  std::function<std::unique_ptr<io::http_client>(const github_actor&)> connect;
  std::string api_url;   ///< Without a slash at the end.
  std::string workspace; ///< As the operator would type it.
  core::mask_function mask;
  std::int64_t started_us = 0;               ///< Of the execution.
  std::optional<core::commit_target> commit; ///< Whose statuses show the phases; none: none do.
};

/// Keeps GitHub's picture of the execution, and of earlier ones that it still lacks something of.
/// One request at a time; what is to be asked next follows from the event log and from GitHub's
/// answers (core/issue_track.hpp), so that nothing is lost when the node dies. Trouble with GitHub
/// is said once and waited out; it never reaches the run.
struct github_state {
  static inline const char* name = "github";

  /// What is under way.
  enum class question : std::uint8_t { user, repository, label, new_label, chat, track, status };
  struct request {
    question what = question::track;
    core::github_job job;
    core::chat_desk::job chat;
    std::size_t track = 0;
  };
  /// One execution and what is known of its delivery.
  struct tracked {
    std::string execution;
    std::unique_ptr<core::issue_track> track;
    io::delivery stored;
  };

  github_actor::pointer self = nullptr;
  github_deps deps;
  std::unique_ptr<io::outbox> outbox;
  std::unique_ptr<io::http_client> client;
  std::shared_ptr<core::github_identity> identity = std::make_shared<core::github_identity>();
  std::vector<tracked> tracks;             ///< The present execution first, then earlier ones.
  std::optional<core::chat_desk> desk;     ///< Takes commands from comments.
  std::optional<core::status_board> board; ///< Shows phases at a commit.
  bool deciding = false;                   ///< A command is being decided.
  std::optional<request> under_way;
  core::creation_budget budget;

  // What has to be known before anything is told; learned anew after a refusal.
  bool user_known = false;
  bool repository_known = false;
  std::size_t labels_known = 0;

  bool finishing = false;
  bool over = false;
  caf::typed_response_promise<std::string> promise;
  std::int64_t began_us = 0;
  std::int64_t not_before_us = 0;
  std::int64_t wake_us = 0;    ///< When the timer goes off; 0: there is none.
  std::uint32_t failures = 0;  ///< In a row.
  std::uint32_t unheard = 0;   ///< Of these the last ones, which never reached GitHub.
  bool blocked = false;        ///< It does not work, and the operator has been told.
  bool hopeless = false;       ///< Nor will it soon: nobody need wait for it.
  bool limits_changed = false; ///< Not stored yet.
  std::int64_t day_us = 0;     ///< When the steady clock was at 0, by the latest time of day.
  std::string told_url;        ///< Of the issue, that the operator knows.
  std::string last_problem;    ///< Since the last success.
  std::set<std::string> said;  ///< What the operator has been told.

  void start();
  void hear(const event_batch&);
  void heard(const http_reply&);
  caf::result<std::string> finish();

private:
  caf::error begin();
  caf::error add_track(const io::execution_row&, std::shared_ptr<const plan>,
                       std::string superseded);
  caf::error catch_up(tracked&);
  void go_on();
  std::optional<request> choose(std::int64_t now_us, std::int64_t& due_us);
  std::optional<request> preparation() const;
  std::optional<request> chat_or_status(std::int64_t now_us, bool may_create, std::int64_t& due_us);
  void send(request);
  void prepared(const request&, const core::github_verdict&, const http_reply&);
  void failed(const core::github_verdict&, const http_reply&);
  std::string why_unusable(const http_reply& repository) const;
  bool took(const request&, const core::github_verdict&, const http_reply&);
  void absorb(const event&);
  bool tells() const { return deps.context->the_plan->github.create_issues; }

  void decide_next();
  std::string why_not(const core::chat_desk::order&, const operator_decision&) const;
  void refuse(const core::chat_desk::order&, const operator_decision&, const std::string& why);
  void record(event);
  void decided();
  void store_delivery(tracked&);
  void wake_at(std::int64_t time_us);
  void say(const std::string& key, const std::string& text);
  void end();
  std::string what_is_left() const;
  std::string repository() const;
  std::int64_t now_us();
};

github_actor::behavior_type github(github_actor::stateful_pointer<github_state> self,
                                   github_deps deps);

} // namespace aeo

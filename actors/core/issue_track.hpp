#pragma once

// What GitHub is to have of one execution, step by step: each job is one request, its reply leads
// to the next. Pure: no I/O, no clock. One job is under way at a time, so comments keep their
// order.
//
//   find_issue ─► create_issue ─┐
//       │                       ▼
//       └─► read_comments ─► comment*, edit*          (react goes before the answer to a command)
//
// Whatever is sent carries a marker. When nobody knows whether a create arrived (a lost reply, a
// crash), GitHub is read twice, a while apart, before it is sent once more.

#include "actors/core/execution_state.hpp"
#include "actors/core/github_rules.hpp"
#include "actors/core/issue_text.hpp"
#include "actors/core/run_history.hpp"

#include <nlohmann/json_fwd.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace aeo::core {

enum class github_step : std::uint8_t {
  find_issue,
  create_issue,
  read_comments,
  comment,
  react,
  edit
};

/// One request.
struct github_job {
  github_step step = github_step::find_issue;
  std::string method = "GET";
  std::string path; ///< Below the API's URL, or a whole URL.
  std::string body;
  std::string what;      ///< As in github_question.
  bool creates = false;  ///< Counts for creation_budget.
  std::uint64_t seq = 0; ///< comment: the event up to which it tells.
};

/// Whose comments are ours: markers in those of others mean nothing.
struct github_identity {
  std::set<std::int64_t> users; ///< Ids: the token's, and the issue's author's.
  std::string login;            ///< The token's; empty: it has none (an app's).
};

struct track_options {
  std::shared_ptr<const plan> the_plan; ///< Of the execution.
  github_settings settings;
  std::string execution;
  std::int64_t started_us = 0;
  std::string started_by;
  std::string workspace;  ///< As the operator would type it.
  std::string superseded; ///< The execution begun after it, which then goes on no more.
  mask_function mask;
  /// The log's events with numbers from..to; false: they cannot be read now.
  std::function<bool(std::uint64_t from, std::uint64_t to, std::vector<event>&)> read;
  /// Number and hash of the log's newest event.
  std::function<std::pair<std::uint64_t, std::string>()> chain;
  std::shared_ptr<github_identity> identity;
};

class issue_track {
public:
  static constexpr std::size_t small_plan = 50;     ///< Larger ones have digests, not comments.
  static constexpr std::size_t most_comments = 100; ///< Waiting for GitHub; more become a digest.
  static constexpr std::int64_t edit_interval_us = 10'000'000;
  static constexpr std::int64_t digest_interval_us = 60'000'000;
  static constexpr std::int64_t second_look_us = 1'000'000;
  static constexpr std::int64_t log_retry_us = 10'000'000;

  /// `issue` 0: not known; `delivered`: GitHub has been told up to there; `known_before`: something
  /// may have been sent by an earlier node.
  issue_track(track_options, std::uint64_t issue, std::uint64_t delivered, bool closed,
              bool known_before);

  /// The next event of the log; one that was heard before changes nothing.
  void hear(const event&);
  std::uint64_t last_seq() const { return state_.last_seq; }

  /// What is to be asked now; nullopt: nothing before `due_us` (0: nothing until the next event).
  /// `hurry`: the node leaves, digests and edits wait for nothing. Nothing that creates before
  /// `create_us`.
  std::optional<github_job> next(std::int64_t now_us, bool hurry, std::int64_t create_us,
                                 std::int64_t& due_us);
  /// What came of it. False: nothing goes on until a person has put something right.
  bool took(const github_job&, const github_verdict&, const http_reply&, std::int64_t now_us);

  std::uint64_t issue() const { return issue_; }
  std::uint64_t delivered() const { return delivered_; }
  bool closed() const { return closed_; }
  /// GitHub has all that there is now.
  bool told() const;
  /// Nor will there be more: the execution has come to its end, or was given up.
  bool settled() const { return lost_ || (told() && closed_); }
  /// The issue is there, and what it has been told is known.
  bool ready() const { return issue_ != 0 && comments_known_; }
  std::string url() const { return url_; }
  /// The issue was deleted: nothing more can be told.
  bool lost() const { return lost_; }
  std::size_t waiting() const { return pending_.size(); }
  const execution_state& state() const { return state_; }
  report_input input(std::int64_t now_us) const;
  /// Times of our comments and of the issue as GitHub tells them; each once.
  std::vector<std::int64_t> take_creations() { return std::exchange(creations_, {}); }
  /// Number of the comment that first showed events up to `seq`; 0: none has.
  std::int64_t shown_in(std::uint64_t seq) const;

private:
  struct entry {
    std::uint64_t seq = 0;
    event_kind kind = event_kind::note;
    std::int64_t answers = 0; ///< A command's comment; 0: no answer.
    bool reacted = false;
    bool done = false; ///< Of the command.
  };
  bool wants(const event&) const;
  void drop_delivered();
  std::optional<github_job> next_comment(std::int64_t now_us, bool hurry, std::int64_t& due_us);
  std::optional<github_job> next_edit(std::int64_t now_us, bool hurry, std::int64_t& due_us);
  void done(const github_job&, const github_verdict&, const http_reply&, std::int64_t now_us);
  std::optional<github_job> make_comment(std::size_t count, std::int64_t now_us,
                                         std::int64_t& due_us);
  std::string comment_text(const entry& first, std::uint64_t seq, std::vector<event>&& events,
                           std::int64_t now_us) const;
  github_job find_job() const;
  github_job read_job() const;
  github_job create_job(std::int64_t now_us);
  bool is_ours(const nlohmann::ordered_json&) const;
  void found_issues(const http_reply&, std::int64_t now_us);
  void found_comments(const http_reply&, std::int64_t now_us);
  void adopt(const nlohmann::ordered_json& issue);
  void note_comment(const nlohmann::ordered_json& comment);
  void look_again(std::int64_t now_us);
  bool refused(const github_job&, const http_reply&);
  issue_notes notes() const;
  bool digests() const;
  bool given_up() const { return !options_.superseded.empty() && close_as_.empty(); }
  std::string_view close_as() const {
    return given_up() ? std::string_view{"not_planned"} : std::string_view{close_as_};
  }
  std::string path(std::string_view rest) const;

  track_options options_;
  phase_lookup lookup_;
  execution_state state_;
  run_history history_;
  int exit_code_ = -1;
  std::string close_as_; ///< state_reason of the closed issue; empty: it is to be open.

  std::deque<entry> pending_; ///< Events that want a comment, oldest first.
  std::uint64_t issue_ = 0;
  std::string url_; ///< Of the issue, for people; empty: not known.
  std::uint64_t delivered_ = 0;
  bool closed_ = false;
  bool lost_ = false;
  std::int64_t since_us_ = 0; ///< Where reading comments begins, by GitHub's clock.

  int looks_ = 1; ///< How often GitHub must still be read before something is created.
  bool comments_known_ = false;
  std::string page_; ///< The next page of what is being read.
  std::int64_t not_before_us_ = 0;
  bool plain_ = false; ///< GitHub refused the comment's text: only a line of it is sent.

  bool dirty_ = true;
  std::size_t sent_body_ = 0; ///< Its hash.
  std::size_t next_body_ = 0;
  std::int64_t next_edit_us_ = 0;
  std::int64_t next_digest_us_ = 0;
  std::vector<std::int64_t> creations_;
  std::vector<std::pair<std::uint64_t, std::int64_t>> shown_; ///< Event and comment, in order.
};

} // namespace aeo::core

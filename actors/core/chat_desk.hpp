#pragma once

// Commands in the comments of an execution's issue: which there are, in their order, and who may
// give them. Pure: requests go out as jobs, replies come in as data.
//
// A command is answered once: the answer is made from its audit event, which names its comment, so
// that whoever reads the event log knows which commands have been decided.

#include "actors/core/github_rules.hpp"
#include "actors/core/issue_track.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace aeo::core {

class chat_desk {
public:
  static constexpr std::int64_t right_lasts_us = 60'000'000;
  static constexpr std::size_t most_waiting = 100;
  static constexpr std::uint32_t refusals_an_hour = 5; ///< A person's; more are not answered.

  enum class step : std::uint8_t { poll, permission };
  struct job {
    step what = step::poll;
    std::string path;
    std::string etag;
    std::string words; ///< As in github_question.
  };
  enum class right : std::uint8_t { write, none, unknown };
  /// A command that is to be decided now.
  struct order {
    chat_command command;
    std::int64_t comment = 0; ///< Its number.
    std::string login;
    std::string url; ///< Of the comment.
    right may = right::unknown;
  };

  chat_desk(github_settings, std::shared_ptr<const github_identity>);

  /// An event of the log: decided commands, and what waits for approval.
  void hear(const event&);
  /// What is to be asked now; nullopt: nothing before `due_us`.
  std::optional<job> next(std::int64_t now_us, std::uint64_t issue, std::int64_t& due_us);
  void took(const job&, const github_verdict&, const http_reply&, std::int64_t now_us);
  /// The oldest command, once it is known whether its author may give it.
  std::optional<order> ready(std::int64_t now_us);
  /// It has been decided, or never will be.
  void pop() { waiting_.pop_front(); }

  /// Digest and event of what waits for approval in the phase; the event is the first that showed
  /// it. Event 0: nothing has waited there.
  std::pair<std::string, std::uint64_t> gate(const std::string& phase) const;
  /// False: this person was refused often enough not to be answered for a while.
  bool may_be_answered(const std::string& login, std::int64_t now_us);

private:
  struct known_right {
    right may = right::unknown;
    std::int64_t until_us = 0;
  };
  void read_comments(const http_reply&, std::int64_t now_us);
  bool is_ours(const nlohmann::ordered_json& comment) const;

  github_settings settings_;
  std::shared_ptr<const github_identity> identity_;
  std::deque<order> waiting_;
  std::map<std::string, known_right> rights_;
  std::map<std::string, std::deque<std::int64_t>> refusals_;
  std::map<std::string, std::pair<std::string, std::uint64_t>> gates_;
  std::int64_t last_comment_ = 0; ///< Comments up to this one have been seen.
  std::int64_t since_us_ = 0;
  std::int64_t next_poll_us_ = 0;
  std::string page_;
  std::string etag_;
  std::string etag_path_;
};

/// The number of the comment that an audit event answers to; 0: it did not come from a comment.
std::int64_t command_comment(const nlohmann::ordered_json& audit);

} // namespace aeo::core

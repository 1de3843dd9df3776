#pragma once

// Commit statuses: each phase's state as a check on the commit that the workspace has checked out.

#include "actors/core/execution_state.hpp"
#include "actors/core/github_rules.hpp"
#include "actors/core/issue_track.hpp"

#include <optional>
#include <string>
#include <vector>

namespace aeo::core {

/// The commit that a workspace has checked out of a repository on GitHub.
struct commit_target {
  std::string repository; ///< "owner/name".
  std::string sha;
};

class status_board {
public:
  /// GitHub takes 1,000 statuses of a commit; larger plans have none.
  static constexpr std::size_t largest_plan = 100;

  explicit status_board(commit_target);

  /// The next status that GitHub does not have. The newest counts, so nothing is told twice but
  /// after a lost reply, where it does no harm.
  std::optional<github_job> next(const execution_state&, const plan&, const std::string& url);
  /// False: the commit takes none; nothing more is told.
  bool took(const github_verdict&);

private:
  commit_target target_;
  std::vector<std::string> sent_; ///< By phase.
  std::optional<std::pair<std::size_t, std::string>> asked_;
  bool off_ = false;
};

} // namespace aeo::core

#pragma once

// What GitHub's answers mean, and how fast it may be asked. No I/O; replies come as data.

#include "messages/http.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace aeo::core {

/// What follows from an answer.
enum class github_outcome : std::uint8_t {
  done,    ///< As asked (2xx), or not modified (304).
  again,   ///< Nothing happened there: the same once more, later.
  unknown, ///< It may have happened, or not: look before asking once more.
  limited, ///< Too much was asked: the same once more when the time has come.
  refused  ///< Asking once more changes nothing until a person has put something right.
};

struct github_verdict {
  github_outcome outcome = github_outcome::done;
  std::int64_t wait_us = 0; ///< Not before now plus this; 0: as the asker likes.
  std::string problem;      ///< What is wrong and what to do; one sentence. Empty when done.
};

/// What was asked, in words for problem texts.
struct github_question {
  std::string what;       ///< "create the issue".
  std::string repository; ///< "owner/name".
  std::string server;     ///< "api.github.com".
};

/// What is rationed by the hour is there again after that, by whichever clock.
constexpr std::int64_t longest_limit_us = 3'601'000'000;

/// `failures`: of this question in a row so far; each makes the wait longer.
github_verdict judge_reply(const http_reply&, const github_question&, std::int64_t now_us,
                           std::uint32_t failures);

/// The URL of the next page as the Link header says; empty: this was the last one.
std::string next_page(const http_reply&);

/// GitHub's limits for requests that create content: 80 a minute and 500 an hour.
class creation_budget {
public:
  static constexpr std::size_t per_minute = 80;
  static constexpr std::size_t per_hour = 500;

  void created(std::int64_t at_us);
  /// 0: at once; else not before this time.
  std::int64_t next_us(std::int64_t now_us);

private:
  std::deque<std::int64_t> times_; ///< Of the last hour, oldest first.
};

/// A command in a comment.
struct chat_command {
  enum class verb : std::uint8_t { approve, reject, retry, skip, status };
  verb what = verb::status;
  std::string phase;
  std::string text;  ///< Reason or comment, one line.
  std::string wrong; ///< Not to be obeyed: how it should be written.
};
std::string_view to_string(chat_command::verb);

/// The command that a comment begins with; nullopt: it is none. Only a first line that starts with
/// one of the five words, so that what people quote or discuss is none.
std::optional<chat_command> parse_command(std::string_view comment);

/// "owner/name" of a clone of `server`'s ("api.github.com" or a GitHub Enterprise host) repository,
/// by its remote's URL; empty: it is another server's.
std::string repository_of_remote(std::string_view url, std::string_view server);

/// A segment of a URL's path.
std::string url_segment(std::string_view);

} // namespace aeo::core

#include "actors/core/github_rules.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/text.hpp"
#include "config/characters.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace aeo::core {

namespace {

using nlohmann::ordered_json;

constexpr std::int64_t one_second_us = 1'000'000;
constexpr std::int64_t minute_us = 60 * one_second_us;
constexpr std::int64_t hour_us = 60 * minute_us;
// As a time of day, the year 5138: microseconds do not overflow.
constexpr std::int64_t most_seconds = 100'000'000'000;
constexpr std::int64_t longest_backoff_us = 5 * minute_us;
// Longer than GitHub's own windows by what a request may take, and by GitHub's whole seconds.
constexpr std::int64_t minute_window_us = minute_us + 2 * one_second_us;
constexpr std::int64_t hour_window_us = hour_us + 5 * one_second_us;

std::string_view header(const http_reply& r, const char* name) {
  const auto found = r.headers.find(name);
  return found == r.headers.end() ? std::string_view{} : std::string_view{found->second};
}

std::optional<std::int64_t> number_header(const http_reply& r, const char* name) {
  const auto text = header(r, name);
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || read.ec != std::errc{} || value < 0)
    return std::nullopt;
  return std::min(value, most_seconds);
}

/// 1 s, 2 s, 4 s, ... 5 minutes.
std::int64_t backoff(std::uint32_t failures) {
  return std::min(one_second_us << std::min(failures, 10U), longest_backoff_us);
}

/// What GitHub says itself, as one short line.
std::string message_in(const http_reply& r) {
  const auto body = lenient::object(r.body);
  auto text = lenient::text(body, "message");
  for (const auto& e : lenient::array(body, "errors")) {
    auto detail = lenient::text(e, "message");
    if (detail.empty() && e.is_object())
      detail = lenient::text(e, "field") + " " + lenient::text(e, "code");
    if (!detail.empty())
      text += (text.empty() ? "" : ": ") + detail;
  }
  return config::shortened(plain_line(text), 300);
}

bool contains_words(std::string_view text, std::string_view words) {
  using config::to_lower;
  // Not ranges::search, whose result clang 14 does not understand.
  const auto* const at = std::search(text.begin(), text.end(), words.begin(), words.end(),
                                     [](char a, char b) { return to_lower(a) == to_lower(b); });
  return at != text.end();
}

/// Until the hour's requests are given out anew; 0: some are left.
std::int64_t primary_wait(const http_reply& r, std::int64_t now_us) {
  const auto reset = number_header(r, "x-ratelimit-reset");
  if (header(r, "x-ratelimit-remaining") != "0" || !reset)
    return 0;
  return std::clamp((*reset + 1) * one_second_us - now_us, 2 * one_second_us, longest_limit_us);
}

/// Of a 403 or 429: when to ask again; nullopt: it is not about too much.
std::optional<std::int64_t> limit_wait(const http_reply& r, std::int64_t now_us,
                                       std::uint32_t failures) {
  if (const auto seconds = number_header(r, "retry-after"))
    return std::max<std::int64_t>(*seconds, 1) * one_second_us;
  if (const auto wait = primary_wait(r, now_us); wait > 0)
    return wait;
  const auto text = message_in(r);
  if (r.status == 429 || contains_words(text, "secondary rate limit")
      || contains_words(text, "abuse detection") || contains_words(text, "rate limit exceeded"))
    return std::min(minute_us << std::min(failures, 5U), hour_us); // "At least one minute."
  return std::nullopt;
}

std::string fault_text(const http_reply& r, const github_question& q) {
  switch (r.fault) {
  case http_fault::resolve:
    return "the name of GitHub's server cannot be resolved (" + r.problem
           + "): check the network, DNS, and GITHUB_API_URL";
  case http_fault::connect:
    return "no connection to GitHub (" + r.problem
           + "): check the network, a firewall, HTTPS_PROXY, and GITHUB_API_URL";
  case http_fault::tls:
    return "there is no trusted TLS connection to GitHub (" + r.problem
           + "): nothing was sent; install its certificate authority (or name its file in "
             "SSL_CERT_FILE), and check the clock and GITHUB_API_URL";
  case http_fault::handshake:
    return "no encrypted connection to GitHub came about (" + r.problem
           + "): nothing was sent; check GITHUB_API_URL (a server there that speaks https?), a "
             "proxy between, and the TLS versions on both sides";
  case http_fault::proxy:
    return "the proxy does not let requests to GitHub through (" + r.problem
           + "): check HTTPS_PROXY and NO_PROXY";
  case http_fault::redirect:
    return "GitHub's answer was not followed (" + r.problem + "): check GITHUB_API_URL";
  case http_fault::too_large:
    return q.server + " sent a longer answer than GitHub ever does: check GITHUB_API_URL";
  default:
    return "GitHub did not answer the request to " + q.what + " (" + r.problem + ")";
  }
}

github_verdict judge_fault(const http_reply& r, const github_question& q, std::uint32_t failures) {
  switch (r.fault) {
  case http_fault::timeout:
  case http_fault::broken:
  case http_fault::too_large:
  case http_fault::stopped:
  case http_fault::redirect: // A server before it may have passed the request on.
    return {github_outcome::unknown, backoff(failures), fault_text(r, q)};
  default:
    return {github_outcome::again, backoff(failures), fault_text(r, q)};
  }
}

/// Of a classic token that may not write: what it lacks. Others do not tell their permissions.
std::string scope_text(const http_reply& r) {
  const auto found = r.headers.find("x-oauth-scopes");
  if (found == r.headers.end() || contains_words(found->second, "repo"))
    return {};
  return "; the token lacks the scope repo (for a public repository: public_repo), it has "
         + (found->second.empty() ? "none" : plain_line(found->second));
}

/// Why GitHub does not let us, and who can change that.
std::string forbidden_text(const http_reply& r, const github_question& q) {
  const auto said = message_in(r);
  if (contains_words(said, "archived"))
    return q.repository
           + " is archived and takes nothing new: unarchive it, or set GITHUB_REPO to "
             "another repository";
  if (contains_words(said, "locked"))
    return "the issue in " + q.repository + " is locked: unlock it";
  if (contains_words(said, "SAML") || contains_words(said, "SSO"))
    return "the organisation of " + q.repository
           + " wants the token to be authorized for single sign-on: do that in the token's "
             "settings";
  std::string text = "the token may not " + q.what + " in " + q.repository;
  if (const auto needed = header(r, "x-accepted-github-permissions"); !needed.empty())
    text += "; it needs " + plain_line(needed);
  else
    text += "; it needs the permission issues (read and write), or the scope repo" + scope_text(r);
  if (!said.empty())
    text += " (GitHub: " + said + ")";
  return text;
}

std::string refusal_text(const http_reply& r, const github_question& q) {
  const auto said = message_in(r);
  switch (r.status) {
  case 401:
    return "GitHub does not accept the token (GITHUB_TOKEN): it is wrong, expired or revoked; make "
           "a new one and start the node again with --resume";
  case 403:
    return forbidden_text(r, q);
  case 404:
    return "GitHub finds no " + q.repository
           + ", or the token has no access to it: check GITHUB_OWNER and GITHUB_REPO, and which "
             "repositories the token is for"
           + scope_text(r);
  case 410:
    return contains_words(said, "deleted")
               ? "the issue in " + q.repository + " was deleted"
               : "issues are disabled in " + q.repository
                     + ": enable them in its settings, or set create_issues to false";
  case 422:
    return "GitHub refuses to " + q.what + " in " + q.repository + ": "
           + (said.empty() ? "it does not say why" : said);
  default:
    return "GitHub answered " + std::to_string(r.status) + " to the request to " + q.what
           + (said.empty() ? "" : " (" + said + ")") + ": is GITHUB_API_URL right?";
  }
}

std::string trimmed_line(std::string_view text) {
  auto line = plain_line(text);
  const auto begin = line.find_first_not_of(' ');
  if (begin == line.npos)
    return {};
  return line.substr(begin, line.find_last_not_of(' ') - begin + 1);
}

/// Takes the first word of `text` away.
std::string_view take_word(std::string_view& text) {
  const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  const auto end = std::min(text.find_first_of(" \t"), text.size());
  const auto word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

} // namespace

github_verdict judge_reply(const http_reply& r, const github_question& q, std::int64_t now_us,
                           std::uint32_t failures) {
  if (r.fault != http_fault::none)
    return judge_fault(r, q, failures);
  if (r.status == 304 || (r.status >= 200 && r.status < 300)) {
    if (r.status == 304 || r.status == 204 || ordered_json::accept(r.body))
      return {github_outcome::done, primary_wait(r, now_us), {}};
    return {github_outcome::unknown, backoff(failures),
            "the answer to the request to " + q.what
                + " is no JSON: is GITHUB_API_URL right, and nothing between this machine and "
                  "GitHub?"};
  }
  if (r.status == 403 || r.status == 429)
    if (const auto wait = limit_wait(r, now_us, failures))
      return {github_outcome::limited, *wait,
              "GitHub's rate limit is reached: going on in "
                  + format_duration(duration{*wait / 1000})};
  if (r.status >= 500 || r.status == 408) {
    const auto seconds = number_header(r, "retry-after");
    return {github_outcome::unknown,
            std::max(backoff(failures), seconds.value_or(0) * one_second_us),
            "GitHub answered " + std::to_string(r.status) + " to the request to " + q.what};
  }
  return {github_outcome::refused, longest_backoff_us, refusal_text(r, q)};
}

std::string next_page(const http_reply& r) {
  // Link: <https://…?page=2>; rel="next", <https://…?page=9>; rel="last"
  auto rest = header(r, "link");
  while (!rest.empty()) {
    const auto open = rest.find('<');
    const auto close = rest.find('>', open == rest.npos ? 0 : open);
    if (open == rest.npos || close == rest.npos)
      return {};
    const auto end = std::min(rest.find('<', close), rest.size());
    if (rest.substr(close, end - close).find(R"(rel="next")") != rest.npos)
      return std::string{rest.substr(open + 1, close - open - 1)};
    rest.remove_prefix(end);
  }
  return {};
}

void creation_budget::created(std::int64_t at_us) {
  times_.insert(std::ranges::upper_bound(times_, at_us), at_us);
  while (times_.size() > per_hour)
    times_.pop_front();
}

std::int64_t creation_budget::next_us(std::int64_t now_us) {
  while (!times_.empty()
         && (times_.front() + hour_window_us <= now_us || times_.front() > now_us + hour_window_us))
    times_.pop_front();
  std::int64_t result = 0;
  if (times_.size() >= per_hour)
    result = times_.front() + hour_window_us;
  if (times_.size() >= per_minute) {
    const auto oldest = times_[times_.size() - per_minute];
    if (oldest + minute_window_us > now_us)
      result = std::max(result, oldest + minute_window_us);
  }
  return result;
}

std::string_view to_string(chat_command::verb x) {
  constexpr std::array<std::string_view, 5> names = {"approve", "reject", "retry", "skip",
                                                     "status"};
  return names.at(static_cast<std::size_t>(x));
}

std::optional<chat_command> parse_command(std::string_view comment) {
  using verb = chat_command::verb;
  const auto begin = std::min(comment.find_first_not_of(" \t\r\n"), comment.size());
  comment.remove_prefix(begin);
  if (!comment.starts_with('/'))
    return std::nullopt;
  comment = comment.substr(0, comment.find_first_of("\r\n"));
  comment.remove_prefix(1);
  if (comment.starts_with(' '))
    return std::nullopt;
  const auto word = take_word(comment);
  chat_command result;
  const std::array verbs = {verb::approve, verb::reject, verb::retry, verb::skip, verb::status};
  const auto* found = std::ranges::find(verbs, word, [](verb v) { return to_string(v); });
  if (found == verbs.end())
    return std::nullopt;
  result.what = *found;
  if (result.what == verb::status)
    return result;
  result.phase = config::shortened(trimmed_line(take_word(comment)), 64);
  result.text = config::shortened(trimmed_line(comment), 2000);
  const auto reason_needed = result.what == verb::reject || result.what == verb::skip;
  const auto form = "/" + std::string{word} + " ID"
                    + (result.what == verb::approve ? " [text]"
                       : reason_needed              ? " reason"
                                                    : "");
  if (result.phase.empty())
    result.wrong = "it does not say which phase: write " + form;
  else if (reason_needed && result.text.empty())
    result.wrong = "it needs a reason: write " + form;
  return result;
}

std::string repository_of_remote(std::string_view url, std::string_view server) {
  const auto host = server.starts_with("api.") ? server.substr(4) : server;
  for (const std::string_view prefix : {"https://", "http://", "ssh://git@", "ssh://", "git://"})
    if (url.starts_with(prefix)) {
      url.remove_prefix(prefix.size());
      break;
    }
  if (const auto at = url.find('@'); at < url.find('/'))
    url.remove_prefix(at + 1);
  if (!url.starts_with(host))
    return {};
  url.remove_prefix(host.size());
  if (url.starts_with(':') || url.starts_with('/'))
    url.remove_prefix(1);
  else
    return {};
  while (url.ends_with('/'))
    url.remove_suffix(1);
  if (url.ends_with(".git"))
    url.remove_suffix(4);
  return std::ranges::count(url, '/') == 1 ? std::string{url} : std::string{};
}

std::string url_segment(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (const auto c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z')
        || c == '-' || c == '.' || c == '_' || c == '~') {
      result += c;
    } else {
      result += '%';
      result += digits[byte >> 4];
      result += digits[byte & 15];
    }
  }
  return result;
}

} // namespace aeo::core

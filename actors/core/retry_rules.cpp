#include "actors/core/retry_rules.hpp"

#include "actors/core/text.hpp"

#include <regex.h>
#include <sysexits.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstring>
#include <ctime>

namespace aeo::core {

namespace {

constexpr std::size_t max_tail = 64 * 1024;
constexpr std::size_t max_line = 4 * 1024;
constexpr duration max_retry_after = std::chrono::hours{24};

std::string_view last_part(std::string_view tail) {
  return tail.size() > max_tail ? tail.substr(tail.size() - max_tail) : tail;
}

/// Calls `f` with each line until it says true; says whether one did.
template <class F>
bool any_line(std::string_view text, F f) {
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.empty() && line.back() == '\r')
      line.remove_suffix(1);
    if (f(line.substr(0, max_line)))
      return true;
  }
  return false;
}

} // namespace

struct rule_set::rule {
  error_rule def;
  regex_t expression{};
  bool compiled = false;

  rule() = default;
  rule(const rule&) = delete;
  rule& operator=(const rule&) = delete;
  ~rule() {
    if (compiled)
      regfree(&expression);
  }

  bool matches_line(std::string_view line) const {
    // REG_STARTEND: no copy, and a zero byte in the log does not end the line.
    regmatch_t range{};
    range.rm_so = 0;
    range.rm_eo = static_cast<regoff_t>(line.size());
    return regexec(&expression, line.data(), 0, &range, REG_STARTEND) == 0;
  }

  bool matches(const failure& f) const {
    if (!def.exit_code && !compiled)
      return false;
    if (def.exit_code && (f.exit.kind != exit_kind::exited || f.exit.code != *def.exit_code))
      return false;
    return !compiled
           || any_line(last_part(f.tail), [this](auto line) { return matches_line(line); });
  }
};

result<rule_set> rule_set::compile(const std::vector<error_rule>& defs) {
  using failed = result<rule_set>;
  rule_set set;
  for (const auto& def : defs) {
    auto r = std::make_shared<rule>();
    r->def = def;
    if (!def.output.empty()) {
      auto where = "error rule " + std::to_string(set.rules_.size() + 1) + ": \"" + def.output
                   + "\" is not a POSIX extended regular expression: ";
      if (def.output.find('\0') != std::string::npos)
        return failed::failed(where + "it contains a zero byte");
      if (int code = regcomp(&r->expression, def.output.c_str(), REG_EXTENDED | REG_NOSUB)) {
        std::array<char, 256> text{};
        regerror(code, &r->expression, text.data(), text.size());
        return failed::failed(where + text.data());
      }
      r->compiled = true;
    }
    set.rules_.push_back(std::move(r));
  }
  return set;
}

std::optional<error_class> rule_set::match(const failure& f) const {
  if (f.exit.kind == exit_kind::lost || f.exit.kind == exit_kind::cancelled
      || f.exit.kind == exit_kind::over_limit) // Why it ended is no question of what it wrote.
    return std::nullopt;
  for (const auto& r : rules_)
    if (r->matches(f))
      return r->def.cls;
  return std::nullopt;
}

namespace {

/// A start that failed for want of something that may be there later.
bool is_shortage(int error) {
  return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE
         || error == ETXTBSY || error == EINTR || error == EIO || error == ENOSPC
         || error == ECANCELED;
}

error_class classify_exit(int code, bool shell) {
  if (code == EX_TEMPFAIL)
    return error_class::transient;
  if (code == EX_CONFIG || (shell && (code == 126 || code == 127)))
    return error_class::configuration;
  if (code == EX_NOINPUT)
    return error_class::dependency;
  return error_class::permanent;
}

} // namespace

error_class classify(const failure& f, const rule_set& rules) {
  if (auto cls = rules.match(f))
    return *cls;
  if (f.command_missing || f.cwd_missing)
    return error_class::configuration;
  if (f.input_missing)
    return error_class::dependency;
  switch (f.exit.kind) {
  case exit_kind::exited:
    return classify_exit(f.exit.code, f.shell);
  case exit_kind::not_started:
    return is_shortage(f.exit.code) ? error_class::transient : error_class::configuration;
  case exit_kind::signalled:
  case exit_kind::timed_out:
  case exit_kind::lost:
    return error_class::transient;
  case exit_kind::cancelled:
  case exit_kind::over_limit: // It would have as many again.
    break;
  }
  return error_class::permanent;
}

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return text;
}

/// Seconds since the epoch of "Wed, 21 Oct 2026 07:28:00 GMT". By hand: strptime follows the
/// locale.
std::optional<std::int64_t> http_date(std::string_view text) {
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  auto comma = text.find(", ");
  if (comma == std::string_view::npos || text.size() < comma + 26)
    return std::nullopt;
  auto field = text.substr(comma + 2); // 21 Oct 2026 07:28:00 GMT
  auto number = [&field](std::size_t at, std::size_t length) {
    int x = -1;
    auto end = field.data() + at + length;
    auto parsed = std::from_chars(field.data() + at, end, x);
    return parsed.ptr == end ? x : -1;
  };
  auto month = months.find(field.substr(3, 3));
  if (month == std::string_view::npos || month % 3 != 0 || field.substr(20, 4) != " GMT")
    return std::nullopt;
  std::tm tm{};
  tm.tm_mday = number(0, 2);
  tm.tm_mon = static_cast<int>(month / 3);
  tm.tm_year = number(7, 4) - 1900;
  tm.tm_hour = number(12, 2);
  tm.tm_min = number(15, 2);
  tm.tm_sec = number(18, 2);
  if (tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_year < 70 || tm.tm_hour < 0 || tm.tm_hour > 23
      || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
    return std::nullopt;
  return timegm(&tm);
}

/// The value of a "Retry-After:" in the line.
std::optional<duration> retry_after_of(std::string_view line, std::int64_t now_us) {
  constexpr std::string_view key = "retry-after:";
  auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  auto at = std::search(line.begin(), line.end(), key.begin(), key.end(), same);
  if (at == line.end())
    return std::nullopt;
  auto value = trimmed(std::string_view{at + key.size(), line.end()});
  std::uint64_t seconds = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc::result_out_of_range)
    return max_retry_after;
  constexpr auto most = static_cast<std::uint64_t>(max_retry_after / std::chrono::seconds{1});
  if (error == std::errc{})
    return std::chrono::seconds{static_cast<std::int64_t>(std::min(seconds, most))};
  if (auto date = http_date(value)) {
    auto wait = *date - now_us / 1'000'000;
    return std::chrono::seconds{std::clamp<std::int64_t>(wait, 0, static_cast<std::int64_t>(most))};
  }
  return std::nullopt;
}

} // namespace

std::optional<duration> retry_after(std::string_view tail, std::int64_t now_us) {
  std::optional<duration> last;
  any_line(last_part(tail), [&](std::string_view line) {
    if (auto found = retry_after_of(line, now_us))
      last = found;
    return false;
  });
  return last;
}

duration backoff(const retry_policy& policy, std::uint32_t retry_number, double random01,
                 std::optional<duration> retry_after) {
  const auto cap = static_cast<double>(std::max<std::int64_t>(policy.max_retry_delay.count(), 0));
  const auto first = static_cast<double>(std::max<std::int64_t>(policy.retry_delay.count(), 0));
  const auto exponent = static_cast<double>(retry_number > 0 ? retry_number - 1 : 0);
  auto wait = first * std::pow(std::max(policy.backoff_multiplier, 0.0), exponent);
  if (!(wait < cap)) // Also infinity, and NaN from 0 * infinity.
    wait = first > 0 ? cap : 0;
  if (policy.full_jitter)
    wait *= std::clamp(random01, 0.0, 1.0);
  // A double holds milliseconds exactly up to 285,000 years; beyond, the cast would overflow.
  constexpr double most = 9e15;
  duration result{static_cast<std::int64_t>(std::min(wait, most))};
  return std::max({result, retry_after.value_or(duration{0}), duration{0}});
}

retry_decision decide(const retry_policy& policy, const retry_question& q) {
  auto give_up = [](std::string why) {
    return retry_decision{false, duration{0}, false, std::move(why)};
  };
  if (q.cls != error_class::transient) {
    constexpr std::array<std::string_view, 4> names = {"transient", "permanent", "dependency",
                                                       "configuration"};
    return give_up(std::string{names.at(static_cast<std::size_t>(q.cls))}
                   + " errors are not retried");
  }
  const auto used = q.lost ? q.lost_retries : q.retries;
  const auto most = q.lost ? max_lost_retries : policy.max_retries;
  const auto of = " of " + std::to_string(most);
  if (most == 0)
    return give_up("no retries allowed (max_retries is 0)");
  if (used >= most)
    return give_up(std::to_string(used) + of
                   + (q.lost ? " repeats after a lost outcome" : " retries") + " used");
  retry_decision yes{true, backoff(policy, used + 1, q.random01, q.retry_after), !q.lost, {}};
  if (q.total_timeout.count() > 0 && yes.delay >= q.total_timeout - q.elapsed)
    return give_up("total_timeout of " + format_duration(q.total_timeout) + " would be exceeded");
  yes.reason = (q.lost ? "repeat " : "retry ") + std::to_string(used + 1) + of + " in "
               + format_duration(yes.delay);
  if (q.lost)
    yes.reason += " (the outcome was lost; not counted)";
  return yes;
}

namespace {

std::string describe_signal(int number) {
  const char* name = sigabbrev_np(number);
  return name ? "SIG" + std::string{name} + " (" + std::to_string(number) + ")"
              : "signal " + std::to_string(number);
}

std::string describe_start(const task_exit& x) {
  const std::string text = "could not start: ";
  if (!x.detail.empty()) // The launcher's own sentence: "command not found: foo".
    return text + x.detail;
  if (x.code == ENOENT)
    return text + "command not found";
  const char* name = strerrordesc_np(x.code);
  return text + (name ? std::string{name} : "error " + std::to_string(x.code));
}

} // namespace

std::string describe(const task_exit& x) {
  const duration ran{std::max<std::int64_t>(x.ended_us - x.started_us, 0) / 1000};
  switch (x.kind) {
  case exit_kind::exited:
    return "exited with " + std::to_string(x.code);
  case exit_kind::signalled:
    return "killed by " + describe_signal(x.code) + (x.detail.empty() ? "" : ": " + x.detail);
  case exit_kind::timed_out:
    return "timed out after " + format_duration(ran)
           + (x.code == SIGKILL ? " (ignored SIGTERM, ended by SIGKILL)" : "");
  case exit_kind::cancelled: // Where no process was ended, the detail says what happened.
    return x.detail.empty() || x.detail == "cancelled" ? "cancelled after " + format_duration(ran)
                                                       : x.detail;
  case exit_kind::not_started:
    return describe_start(x);
  case exit_kind::over_limit:
    return x.detail.empty() ? "had too many processes at once" : x.detail;
  case exit_kind::lost:
    break;
  }
  return "outcome lost" + (x.detail.empty() ? std::string{} : ": " + x.detail);
}

} // namespace aeo::core

#include "actors/core/timestamp.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

namespace aeo::core {

namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr std::int64_t second_us = 1'000'000;
constexpr std::int64_t day_us = 86'400 * second_us;
constexpr std::int64_t first_us = -62'167'219'200 * second_us;    // 0000-01-01
constexpr std::int64_t last_us = 253'402'300'800 * second_us - 1; // 9999-12-31

void put(char* at, std::size_t digits, std::int64_t value) {
  for (auto i = digits; i-- > 0; value /= 10)
    at[i] = static_cast<char>('0' + value % 10);
}

// Reads from the front of a text; fails once and for all.
class reader {
public:
  explicit reader(std::string_view text) : rest_(text) {}

  std::int64_t number(std::size_t digits) {
    std::int64_t result = 0;
    ok_ = ok_ && rest_.size() >= digits;
    for (std::size_t i = 0; ok_ && i < digits; ++i) {
      ok_ = rest_[i] >= '0' && rest_[i] <= '9';
      result = result * 10 + (rest_[i] - '0');
    }
    if (ok_)
      rest_.remove_prefix(digits);
    return result;
  }

  bool one_of(std::string_view characters) {
    if (!ok_ || rest_.empty() || characters.find(rest_.front()) == characters.npos)
      return false;
    rest_.remove_prefix(1);
    return true;
  }

  void must(bool condition) { ok_ = ok_ && condition; }

  // Decimals of a second, as microseconds; more than six are cut.
  std::int64_t micros() {
    std::int64_t result = 0;
    std::size_t digits = 0;
    while (digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9') {
      if (digits < 6)
        result = result * 10 + (rest_[digits] - '0');
      ++digits;
    }
    must(digits > 0 && digits <= 9);
    for (auto i = digits; i < 6; ++i)
      result *= 10;
    rest_.remove_prefix(std::min(digits, rest_.size()));
    return result;
  }

  bool ended() const { return rest_.empty(); }
  bool ok() const { return ok_; }

private:
  std::string_view rest_;
  bool ok_ = true;
};

// Seconds to take off a local time to get UTC.
std::optional<std::int64_t> local_to_utc(std::int64_t local_seconds) {
  const auto as_if_utc = static_cast<std::time_t>(local_seconds);
  std::tm parts{};
  if (!gmtime_r(&as_if_utc, &parts))
    return std::nullopt;
  parts.tm_isdst = -1;
  const auto utc = std::mktime(&parts);
  if (utc == static_cast<std::time_t>(-1))
    return std::nullopt;
  return local_seconds - utc;
}

// What stands behind the time; seconds to take off.
std::optional<std::int64_t> read_zone(reader& in, std::int64_t local_seconds) {
  if (in.ended())
    return local_to_utc(local_seconds);
  if (in.one_of("Zz"))
    return 0;
  const bool east = in.one_of("+");
  in.must(east || in.one_of("-"));
  auto offset = in.number(2) * 3600;
  if (!in.ended()) {
    in.one_of(":");
    offset += in.number(2) * 60;
  }
  in.must(offset <= 24 * 3600);
  return east ? offset : -offset;
}

} // namespace

void append_time(std::string& out, std::int64_t time_us) {
  time_us = std::clamp(time_us, first_us, last_us);
  const auto day = (time_us >= 0 ? time_us : time_us - day_us + 1) / day_us;
  const auto in_day = time_us - day * day_us;
  const year_month_day date{sys_days{days{day}}};
  std::array<char, 27> text{};
  std::string_view("0000-00-00T00:00:00.000000Z").copy(text.data(), text.size());
  put(&text[0], 4, static_cast<int>(date.year()));
  put(&text[5], 2, static_cast<unsigned>(date.month()));
  put(&text[8], 2, static_cast<unsigned>(date.day()));
  put(&text[11], 2, in_day / (3600 * second_us));
  put(&text[14], 2, in_day / (60 * second_us) % 60);
  put(&text[17], 2, in_day / second_us % 60);
  put(&text[20], 6, in_day % second_us);
  out.append(text.data(), text.size());
}

std::string format_time(std::int64_t time_us) {
  std::string result;
  append_time(result, time_us);
  return result;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  reader in(text);
  const auto year = in.number(4);
  in.must(in.one_of("-"));
  const auto month = in.number(2);
  in.must(in.one_of("-"));
  const auto day = in.number(2);
  in.must(in.one_of("Tt "));
  const auto hour = in.number(2);
  in.must(in.one_of(":"));
  const auto minute = in.number(2);
  const auto second = in.one_of(":") ? in.number(2) : 0;
  const auto micros = in.one_of(".,") ? in.micros() : 0;
  // 24:00 and leap seconds are not written by anything that we read.
  in.must(hour < 24 && minute < 60 && second < 60);
  const year_month_day date{std::chrono::year{static_cast<int>(year)},
                            std::chrono::month{static_cast<unsigned>(month)},
                            std::chrono::day{static_cast<unsigned>(day)}};
  if (!in.ok() || !date.ok())
    return std::nullopt;
  const auto local = sys_days{date}.time_since_epoch().count() * std::int64_t{86'400} + hour * 3600
                     + minute * 60 + second;
  const auto zone = read_zone(in, local);
  if (!in.ok() || !in.ended() || !zone)
    return std::nullopt;
  return (local - *zone) * second_us + micros;
}

} // namespace aeo::core

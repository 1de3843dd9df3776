#include "tools/consolidate/semver.hpp"

#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace aeo::consolidate {

namespace {

/// A version with the count of numbers that were written: `1.2` means more than `1.2.0` in `^`.
struct partial {
  version value;
  std::size_t written = 0;
  bool wildcard = false; ///< ended in x, X or *
};

std::optional<partial> parse_partial(std::string_view text) {
  partial out;
  text = trim(text);
  if (text.starts_with('v') || text.starts_with('V') || text.starts_with('='))
    text.remove_prefix(1);
  text = text.substr(0, text.find('+'));
  while (true) {
    if (text.empty() || text[0] == 'x' || text[0] == 'X' || text[0] == '*') {
      out.wildcard = true;
      return text.size() > 1 && text[1] != '.' ? std::nullopt : std::optional(out);
    }
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{})
      return std::nullopt;
    out.value.numbers.push_back(number);
    ++out.written;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty())
      return out;
    if (text[0] != '.' || text.size() < 2
        || (std::isdigit(static_cast<unsigned char>(text[1])) == 0 && text[1] != 'x'
            && text[1] != 'X' && text[1] != '*'))
      break;
    text.remove_prefix(1);
  }
  if (text[0] == '-' || text[0] == '.')
    text.remove_prefix(1);
  out.value.prerelease = text;
  // PEP 440: a post release or a Maven qualifier that means "final" is not below the release.
  const auto mark = lower(text);
  if (mark.starts_with("post") || mark == "final" || mark == "release" || mark == "ga")
    out.value.prerelease.clear();
  return out;
}

/// The version with its number at `index` one higher and nothing after it.
version bumped(const version& v, std::size_t index) {
  version next;
  for (std::size_t i = 0; i <= index; ++i)
    next.numbers.push_back(i < v.numbers.size() ? v.numbers[i] : 0);
  ++next.numbers[index];
  return next;
}

version_range all_versions() {
  return {{interval{}}};
}

version_range from(const version& low, bool included = true) {
  return {{interval{low, std::nullopt, included, false}}};
}

version_range below(const version& high, bool included = false) {
  return {{interval{std::nullopt, high, true, included}}};
}

version_range between(const version& low, const version& high) {
  return {{interval{low, high, true, false}}};
}

version_range exactly(const version& v) {
  return {{interval{v, v, true, true}}};
}

version_range without(const version& v) {
  return {{interval{std::nullopt, v, true, false}, interval{v, std::nullopt, false, false}}};
}

/// All versions that begin with the numbers written: `1.2.x`, `==1.2.*`, `~1`.
version_range series(const partial& p) {
  if (p.written == 0)
    return all_versions();
  return between(p.value, bumped(p.value, p.written - 1));
}

version_range caret(const partial& p) {
  if (p.written == 0)
    return all_versions();
  std::size_t first = 0;
  while (first + 1 < p.written && p.value.numbers[first] == 0)
    ++first;
  return between(p.value, bumped(p.value, first));
}

version_range tilde(const partial& p) {
  if (p.written == 0)
    return all_versions();
  return between(p.value, bumped(p.value, p.written >= 2 ? 1 : 0));
}

/// PEP 440 `~=1.4.2`: at least that and the same 1.4.
version_range compatible(const partial& p) {
  return between(p.value, bumped(p.value, p.written >= 2 ? p.written - 2 : 0));
}

std::optional<version_range> comparator(std::string_view ecosystem, std::string_view text) {
  text = trim(text);
  const auto length = std::min(text.find_first_not_of("=<>!~^"), text.size());
  const auto op = text.substr(0, length);
  const auto rest = trim(text.substr(length));
  if (rest.empty() && op.empty())
    return all_versions();
  const auto p = parse_partial(rest);
  if (!p || (p->written == 0 && !p->wildcard))
    return std::nullopt;
  const bool whole = p->wildcard || (ecosystem == "npm" && p->written < 3);
  if (op == ">=")
    return from(p->value);
  if (op == ">")
    return whole && p->written > 0 ? from(bumped(p->value, p->written - 1)) : from(p->value, false);
  if (op == "<")
    return below(p->value);
  if (op == "<=")
    return whole && p->written > 0 ? below(bumped(p->value, p->written - 1))
                                   : below(p->value, true);
  if (op == "^")
    return caret(*p);
  if (op == "~")
    return ecosystem == "composer" ? compatible(*p) : tilde(*p);
  if (op == "~=")
    return compatible(*p);
  if (op == "!=") {
    if (!p->wildcard)
      return without(p->value);
    const auto end = bumped(p->value, p->written - 1);
    return version_range{
        {interval{std::nullopt, p->value, true, false}, interval{end, std::nullopt, true, false}}};
  }
  if (op.empty() && ecosystem == "cargo" && !p->wildcard)
    return caret(*p);
  if (op.empty() || op == "=" || op == "==" || op == "===")
    return whole || (ecosystem == "cargo" && p->written < 3) ? series(*p) : exactly(p->value);
  return std::nullopt;
}

std::optional<version_range> all_of(std::string_view ecosystem,
                                    const std::vector<std::string_view>& parts) {
  auto range = all_versions();
  for (const auto part : parts) {
    const auto next = comparator(ecosystem, part);
    if (!next)
      return std::nullopt;
    range = intersect(range, *next);
  }
  return range;
}

/// npm and Composer (there also commas) separate comparators by spaces; an operator may stand apart
/// from its version.
std::optional<version_range> spaced_alternative(std::string_view ecosystem, std::string_view text) {
  if (const auto hyphen = text.find(" - "); hyphen != std::string_view::npos) {
    const auto low = comparator(ecosystem, ">=" + std::string(trim(text.substr(0, hyphen))));
    const auto high = comparator(ecosystem, "<=" + std::string(trim(text.substr(hyphen + 3))));
    return low && high ? std::optional(intersect(*low, *high)) : std::nullopt;
  }
  std::string spaced(text);
  if (ecosystem == "composer")
    std::ranges::replace(spaced, ',', ' ');
  std::vector<std::string> parts;
  for (const auto word : split(spaced, ' ')) {
    if (word.empty())
      continue;
    if (!parts.empty() && parts.back().find_first_not_of("=<>~^") == std::string::npos)
      parts.back() += word;
    else
      parts.emplace_back(word);
  }
  return all_of(ecosystem, {parts.begin(), parts.end()});
}

std::optional<version_range> alternatives(std::string_view ecosystem, std::string_view text) {
  version_range range;
  while (true) {
    const auto bar = text.find("||");
    const auto part = trim(text.substr(0, bar));
    const bool spaced = ecosystem == "npm" || ecosystem == "composer";
    const auto next =
        spaced ? spaced_alternative(ecosystem, part) : all_of(ecosystem, split(part, ','));
    if (!next)
      return std::nullopt;
    range.intervals.insert(range.intervals.end(), next->intervals.begin(), next->intervals.end());
    if (bar == std::string_view::npos)
      return range;
    text.remove_prefix(bar + 2);
  }
}

/// Maven: `[1,2)`, `[1.5]`, `(,2],[3,)`. A bare version is a wish that any other may override.
std::optional<version_range> maven(std::string_view text) {
  if (!text.starts_with('[') && !text.starts_with('('))
    return parse_partial(text) ? std::optional(all_versions()) : std::nullopt;
  version_range range;
  while (!text.empty()) {
    const auto end = text.find_first_of("])");
    if (end == std::string_view::npos)
      return std::nullopt;
    const auto body = text.substr(1, end - 1);
    const auto comma = body.find(',');
    interval item;
    item.low_included = text[0] == '[';
    item.high_included = text[end] == ']';
    const auto low = trim(body.substr(0, comma));
    const auto high = comma == std::string_view::npos ? low : trim(body.substr(comma + 1));
    item.low = low.empty() ? std::nullopt : parse_version(low);
    item.high = high.empty() ? std::nullopt : parse_version(high);
    if ((!low.empty() && !item.low) || (!high.empty() && !item.high))
      return std::nullopt;
    if (!item.empty())
      range.intervals.push_back(item);
    text = text.substr(std::min(text.size(), end + 1));
    if (text.starts_with(','))
      text.remove_prefix(1);
  }
  return range;
}

} // namespace

std::strong_ordering version::operator<=>(const version& other) const {
  for (std::size_t i = 0; i < std::max(numbers.size(), other.numbers.size()); ++i) {
    const auto a = i < numbers.size() ? numbers[i] : 0;
    const auto b = i < other.numbers.size() ? other.numbers[i] : 0;
    if (a != b)
      return a <=> b;
  }
  if (prerelease.empty() != other.prerelease.empty())
    return prerelease.empty() ? std::strong_ordering::greater : std::strong_ordering::less;
  return prerelease <=> other.prerelease;
}

std::string version::text() const {
  std::string out;
  for (const auto number : numbers)
    out += (out.empty() ? "" : ".") + std::to_string(number);
  return prerelease.empty() ? out : out + "-" + prerelease;
}

std::optional<version> parse_version(std::string_view text) {
  const auto p = parse_partial(text);
  return p && p->written > 0 && !p->wildcard ? std::optional(p->value) : std::nullopt;
}

bool interval::empty() const {
  if (!low || !high)
    return false;
  const auto order = *low <=> *high;
  return order > 0 || (order == 0 && !(low_included && high_included));
}

std::optional<version_range> parse_range(std::string_view ecosystem, std::string_view constraint) {
  constraint = trim(constraint);
  if (ecosystem == "docker")
    return std::nullopt;
  if (constraint.empty())
    return all_versions();
  if (ecosystem == "maven")
    return maven(constraint);
  if (ecosystem == "go") {
    // Minimal version selection: a requirement is a lower bound, a new major is a new module.
    const auto low = parse_version(constraint);
    return low ? std::optional(from(*low)) : std::nullopt;
  }
  if (ecosystem == "npm" && (constraint == "latest" || constraint == "next"))
    return std::nullopt;
  return alternatives(ecosystem, constraint);
}

version_range intersect(const version_range& a, const version_range& b) {
  version_range out;
  for (const auto& x : a.intervals) {
    for (const auto& y : b.intervals) {
      interval both = x;
      if (y.low && (!both.low || *y.low > *both.low)) {
        both.low = y.low;
        both.low_included = y.low_included;
      } else if (y.low && both.low && *y.low == *both.low) {
        both.low_included = both.low_included && y.low_included;
      }
      if (y.high && (!both.high || *y.high < *both.high)) {
        both.high = y.high;
        both.high_included = y.high_included;
      } else if (y.high && both.high && *y.high == *both.high) {
        both.high_included = both.high_included && y.high_included;
      }
      if (!both.empty())
        out.intervals.push_back(both);
    }
  }
  return out;
}

std::optional<version> lowest(const version_range& range) {
  std::optional<version> low;
  for (const auto& item : range.intervals) {
    if (!item.low)
      return std::nullopt;
    if (!low || *item.low < *low)
      low = item.low;
  }
  return low;
}

} // namespace aeo::consolidate

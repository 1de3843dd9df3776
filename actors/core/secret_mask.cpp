#include "actors/core/secret_mask.hpp"

#include "actors/core/lenient_json.hpp"
#include "actors/core/secret_forms.hpp"
#include "config/env_file.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bitset>
#include <cctype>
#include <cstring>
#include <unordered_map>
#include <utility>
#include <vector>

namespace aeo::core {

namespace {

constexpr std::size_t gram = 4;             ///< Bytes that are looked up; no form is shorter.
constexpr std::size_t max_break_bytes = 64; ///< Line breaks within one wrapped form.
constexpr std::uint32_t nobody = 0xffffffff;

std::uint32_t load(const char* at) {
  std::uint32_t x = 0;
  std::memcpy(&x, at, gram);
  return x;
}

bool is_break(char c) {
  return c == '\n' || c == '\r' || c == '\\';
}

/// Where the text goes on after a line break at `at`, as such or JSON-escaped, with the next line's
/// indentation; `at` itself when there is none. "\/" counts as a broken "/".
std::size_t after_break(std::string_view text, std::size_t at) {
  const auto begin = at;
  while (at < text.size()) {
    auto escaped = at;
    while (escaped < text.size() && text[escaped] == '\\')
      ++escaped;
    const char c = escaped < text.size() ? text[escaped] : '\0';
    if (escaped > at && (c == 'n' || c == 'r'))
      at = escaped + 1;
    else if (escaped > at && c == '/')
      return escaped;
    else if (text[at] == '\n' || text[at] == '\r' || (at > begin && (c == ' ' || c == '\t')))
      ++at;
    else
      break;
  }
  return at;
}

} // namespace

/// All forms of all secrets, found by their first four bytes.
struct secret_mask::table {
  struct form {
    std::string text;
    std::uint32_t owner = nobody;
    bool wraps = false;
  };
  std::vector<std::string> markers; ///< By owner.
  std::vector<form> forms;          ///< Sorted by their first bytes.
  std::unordered_map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> ranges;
  std::bitset<65536> filter; ///< Which first bytes there are: decides nearly always alone.
  std::size_t longest = 0;   ///< In a text, with line breaks and end_of_escape.

  static std::size_t hash(std::uint32_t x) { return (x * 0x9e3779b1u) >> 16; }

  void add(std::uint32_t owner, std::string_view value) {
    for (auto& each : secret_forms(value)) {
      const auto extent = each.text.size() + (each.wraps ? max_break_bytes : 0) + 1;
      longest = std::max(longest, extent);
      forms.push_back({std::move(each.text), owner, each.wraps});
    }
  }

  void index() {
    auto key = [](const form& x) {
      return std::pair{load(x.text.data()), std::string_view{x.text}};
    };
    std::stable_sort(forms.begin(), forms.end(),
                     [&](const form& a, const form& b) { return key(a) < key(b); });
    // Equal forms of several variables bear the name of the first. One that wraps finds more.
    std::vector<form> unique;
    for (auto& each : forms)
      if (unique.empty() || unique.back().text != each.text)
        unique.push_back(std::move(each));
      else
        unique.back().wraps |= each.wraps;
    forms = std::move(unique);
    for (std::uint32_t i = 0; i < forms.size(); ++i) {
      const auto first = load(forms[i].text.data());
      filter.set(hash(first));
      ranges.try_emplace(first, i, i).first->second.second = i + 1;
    }
  }

  static std::size_t match_wrapped(std::string_view text, std::size_t at, std::string_view form) {
    std::size_t breaks = 0;
    for (std::size_t i = 0; i < form.size(); ++i, ++at) {
      if (i > 0 && at < text.size() && is_break(text[at])) {
        const auto next = after_break(text, at);
        breaks += next - at;
        at = next;
      }
      if (breaks > max_break_bytes || at >= text.size() || text[at] != form[i])
        return 0;
    }
    return at;
  }

  struct match {
    std::size_t end = 0; ///< 0: none.
    std::uint32_t owner = nobody;
  };

  /// The longest form that begins with `first` and stands at `at`.
  match longest_at(std::string_view text, std::size_t at, std::uint32_t first) const {
    match found;
    if (!filter.test(hash(first)))
      return found;
    auto range = ranges.find(first);
    if (range == ranges.end())
      return found;
    for (auto i = range->second.first; i < range->second.second; ++i) {
      const auto& form = forms[i];
      std::size_t end = 0;
      if (text.substr(at).starts_with(form.text))
        end = at + form.text.size();
      else if (form.wraps)
        end = match_wrapped(text, at, form.text);
      if (end > found.end)
        found = {end, form.owner};
    }
    return found;
  }

  /// No form begins at `at`; nearly always true, and fast. The four bytes must be there.
  bool is_nothing(std::string_view text, std::size_t at) const {
    return !filter[hash(load(text.data() + at))];
  }

  /// The longest form that begins at `at`. `broken`: a line break is among the first four bytes.
  match find(std::string_view text, std::size_t at, bool broken) const {
    if (at + gram > text.size())
      return {};
    auto found = longest_at(text, at, load(text.data() + at));
    if (!broken)
      return found;
    std::array<char, gram> window{text[at]}; // The four without the break.
    auto from = at + 1;
    for (std::size_t i = 1; i < gram; ++i) {
      from = from < text.size() && is_break(text[from]) ? after_break(text, from) : from;
      if (from >= text.size())
        return found;
      window[i] = text[from++];
    }
    auto wrapped = longest_at(text, at, load(window.data()));
    return wrapped.end > found.end ? wrapped : found;
  }

  static std::size_t find_break(std::string_view text, std::size_t from) {
    while (from < text.size() && !is_break(text[from]))
      ++from;
    return from;
  }

  /// Replaces what begins in [0, stop), and says everything up to there. `covered`: bytes at the
  /// front for which a marker was written already, and afterwards those after `stop`. `owner`:
  /// whose marker was the last thing said.
  std::string replace(std::string_view text, std::size_t stop, std::size_t& covered,
                      std::uint32_t& owner) const {
    std::string out;
    std::size_t end = covered, next_break = 0;
    for (std::size_t i = 0; i < stop; ++i) {
      if (next_break <= i)
        next_break = find_break(text, i + 1);
      const bool broken = next_break < i + gram;
      if (!broken && i + gram <= text.size() && is_nothing(text, i))
        continue;
      const auto found = find(text, i, broken);
      if (found.end == 0)
        continue;
      const auto begin = start_of_escape(text, i, end);
      const bool joins = begin < end || (begin == end && owner == found.owner);
      if (!joins) {
        out.append(text.substr(end, begin - end)).append(markers[found.owner]);
        owner = found.owner;
      }
      end = std::max(end, end_of_escape(text, begin, found.end));
    }
    if (end < stop) {
      out.append(text.substr(end, stop - end));
      owner = nobody;
    }
    covered = std::max(end, stop) - stop;
    return out;
  }

  /// A backslash that escapes the first byte of what is masked goes with it: left alone before a
  /// marker it would break a JSON text.
  static std::size_t start_of_escape(std::string_view text, std::size_t at, std::size_t limit) {
    auto run = at;
    while (run > limit && text[run - 1] == '\\')
      --run;
    return (at - run) % 2 == 1 ? at - 1 : at;
  }

  /// The same at the other end: what the last backslash of a match escapes goes with it.
  static std::size_t end_of_escape(std::string_view text, std::size_t begin, std::size_t end) {
    auto run = end;
    while (run > begin && text[run - 1] == '\\')
      --run;
    return (end - run) % 2 == 1 && end < text.size() ? end + 1 : end;
  }
};

secret_mask::secret_mask(const env_list& environment) {
  auto made = std::make_shared<table>();
  for (const auto& [name, value] : environment) {
    if (!config::is_secret_name(name))
      continue;
    std::string marker = "***";
    for (unsigned char c : name)
      marker += std::isalnum(c) || c == '_' || c == '-' || c == '.' ? static_cast<char>(c) : '_';
    made->markers.push_back(marker + "***");
    made->add(static_cast<std::uint32_t>(made->markers.size() - 1), value);
  }
  if (made->forms.empty())
    return;
  made->index();
  table_ = std::move(made);
}

namespace {

void mask_strings(nlohmann::ordered_json& x, const secret_mask& mask) {
  if (x.is_string()) {
    mask.apply(x.get_ref<std::string&>());
  } else if (x.is_object()) {
    auto result = nlohmann::ordered_json::object();
    for (auto& [key, value] : x.items()) {
      mask_strings(value, mask);
      result[mask.mask(key)] = std::move(value);
    }
    x = std::move(result);
  } else if (x.is_array()) {
    for (auto& value : x)
      mask_strings(value, mask);
  }
}

} // namespace

std::string secret_mask::mask(std::string_view text) const {
  if (!table_)
    return std::string{text};
  std::size_t covered = 0;
  auto owner = nobody;
  return table_->replace(text, text.size(), covered, owner);
}

std::string secret_mask::mask_json(std::string_view text) const {
  auto masked = mask(text);
  if (masked == text)
    return masked;
  auto document = nlohmann::ordered_json::parse(text, nullptr, false);
  if (document.is_discarded())
    return masked;
  // A marker in place of a number would not be JSON, and a number is no place a secret gets to by
  // itself: only strings and keys are touched.
  mask_strings(document, *this);
  return lenient::dump(document);
}

bool secret_mask::apply(std::string& text) const {
  if (!table_)
    return false;
  auto masked = mask(text);
  const bool changed = masked != text;
  text = std::move(masked);
  return changed;
}

mask_stream::mask_stream(secret_mask mask) : mask_(std::move(mask)) {}

std::string mask_stream::write(std::string_view piece) {
  if (mask_.empty())
    return std::string{piece};
  held_.append(piece);
  const auto longest = mask_.table_->longest;
  if (held_.size() < longest)
    return {};
  // What begins before `stop` ends within what is held.
  auto stop = held_.size() - (longest - 1);
  while (stop > 0 && held_[stop - 1] == '\\')
    --stop;
  auto out = mask_.table_->replace(held_, stop, covered_, owner_);
  held_.erase(0, stop);
  return out;
}

std::string mask_stream::finish() {
  std::string out;
  if (!mask_.empty())
    out = mask_.table_->replace(held_, held_.size(), covered_, owner_);
  held_.clear();
  covered_ = 0;
  owner_ = nobody;
  return out;
}

} // namespace aeo::core

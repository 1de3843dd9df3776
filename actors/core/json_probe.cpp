#include "actors/core/json_probe.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <utility>
#include <vector>

namespace aeo::core {

namespace {

using nlohmann::json;

constexpr std::size_t max_parts = 10'000;

std::string unescape_pointer(std::string_view token) {
  std::string text;
  for (std::size_t i = 0; i < token.size(); ++i)
    if (token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1'))
      text += token[++i] == '0' ? '~' : '/';
    else
      text += token[i];
  return text;
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> tokens;
  const bool pointer = path.starts_with('/');
  if (pointer)
    path.remove_prefix(1);
  else if (path.empty())
    return tokens;
  const char separator = pointer ? '/' : '.';
  for (;;) {
    auto token = path.substr(0, path.find(separator));
    tokens.push_back(pointer ? unescape_pointer(token) : std::string{token});
    if (token.size() == path.size())
      return tokens;
    path.remove_prefix(token.size() + 1);
  }
}

/// Listens to the parser: checks the depth, follows the path and builds only the value at its end.
class probe : public nlohmann::json_sax<json> {
public:
  /// Without a path nothing is looked for.
  probe(std::optional<std::vector<std::string>> path, std::size_t max_depth)
      : looking_(path.has_value()), path_(std::move(path).value_or(std::vector<std::string>{})),
        max_depth_(max_depth) {}

  std::string problem;
  std::optional<json> found;

  bool null() override { return scalar(nullptr); }
  bool boolean(bool x) override { return scalar(x); }
  bool number_integer(number_integer_t x) override { return scalar(x); }
  bool number_unsigned(number_unsigned_t x) override { return scalar(x); }
  bool number_float(number_float_t x, const string_t&) override { return scalar(x); }
  bool string(string_t& x) override { return scalar(x); }
  bool binary(binary_t&) override { return false; } // JSON text has none.
  bool start_object(std::size_t) override { return start(false); }
  bool start_array(std::size_t) override { return start(true); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }

  bool key(string_t& x) override {
    auto& in = levels_.back();
    in.leads_on = in.on_path && path_[levels_.size() - 1] == x;
    if (!open_.empty())
      keys_.back() = x;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const json::exception& e) override {
    std::string_view text = e.what();
    if (auto bracket = text.find("] "); text.starts_with("[json.") && bracket != text.npos)
      text.remove_prefix(bracket + 2);
    problem = one_line(text);
    return false;
  }

private:
  struct level {
    bool array = false;
    bool on_path = false;  ///< The path leads through this container.
    bool leads_on = false; ///< Objects: and through the key read last.
    std::uint64_t index = 0;
  };

  /// A value begins: does the path lead to or through it?
  bool on_path() {
    if (!looking_ || levels_.empty())
      return looking_;
    auto& in = levels_.back();
    if (!in.array)
      return in.leads_on;
    const auto index = in.index++;
    return in.on_path && path_[levels_.size() - 1] == std::to_string(index);
  }

  bool is_target(bool here) {
    if (here)
      found.reset(); // An equal key again: the last counts.
    return here && levels_.size() == path_.size();
  }

  template <class T>
  bool scalar(T&& x) {
    const bool target = is_target(on_path());
    return (!target && open_.empty()) || keep(json(std::forward<T>(x)));
  }

  bool start(bool array) {
    const bool here = on_path();
    const bool target = is_target(here);
    if (target || !open_.empty()) {
      open_.push_back(array ? json::array() : json::object());
      keys_.emplace_back();
    }
    levels_.push_back({array, here && levels_.size() < path_.size()});
    if (levels_.size() <= max_depth_)
      return true;
    problem = "nested deeper than " + std::to_string(max_depth_) + " levels";
    return false;
  }

  bool end() {
    levels_.pop_back();
    if (open_.empty())
      return true;
    auto done = std::move(open_.back());
    open_.pop_back();
    keys_.pop_back();
    return keep(std::move(done));
  }

  bool keep(json x) {
    if (open_.empty())
      found = std::move(x);
    else if (open_.back().is_array())
      open_.back().push_back(std::move(x));
    else
      open_.back()[keys_.back()] = std::move(x);
    if (++parts_ <= max_parts)
      return true;
    problem = "the value has more than " + std::to_string(max_parts) + " parts";
    return false;
  }

  bool looking_;
  std::vector<std::string> path_;
  std::size_t max_depth_;
  std::vector<level> levels_;
  std::vector<json> open_;        ///< Containers of the value that is being built.
  std::vector<std::string> keys_; ///< The key read last in each of them.
  std::size_t parts_ = 0;
};

} // namespace

std::string json_problem(std::string_view text, std::size_t max_depth) {
  probe p{std::nullopt, max_depth};
  if (!json::sax_parse(text, &p) && p.problem.empty())
    p.problem = "it is not JSON";
  return p.problem;
}

result<std::optional<json>> json_find(std::string_view text, std::string_view path) {
  probe p{split_path(path), max_json_depth};
  if (!json::sax_parse(text, &p))
    return result<std::optional<json>>::failed(p.problem.empty() ? "it is not JSON" : p.problem);
  return std::move(p.found);
}

namespace {

/// Length of the UTF-8 sequence at the front; 0 when it is broken.
std::size_t utf8_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(0);
  const std::size_t n = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                                       : 4;
  if (n == 0 || first > 0xf4 || n > text.size())
    return 0;
  for (std::size_t i = 1; i < n; ++i)
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool outside = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
  return overlong || outside ? 0 : n;
}

} // namespace

std::string one_line(std::string_view text, std::size_t max_bytes) {
  std::string line;
  while (!text.empty()) {
    if (line.size() >= max_bytes)
      return line + "...";
    const auto n = utf8_length(text);
    if (n == 0)
      line += '?';
    else if (n == 1 && (static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7f))
      line += ' ';
    else
      line += text.substr(0, n);
    text.remove_prefix(n == 0 ? 1 : n);
  }
  return line;
}

} // namespace aeo::core

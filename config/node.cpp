#include "config/node.hpp"

#include "config/env_file.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <unordered_set>

namespace aeo::config {

namespace {

constexpr std::string_view duration_words =
    R"(a duration: seconds as a number, or text such as "90s", "15m" or "24h")";

std::string describe(const json& value, bool secret) {
  switch (value.type()) {
  case json::value_t::null:
    return "null";
  case json::value_t::object:
    return value.empty() ? "an empty object" : "an object";
  case json::value_t::array:
    return value.empty() ? "an empty array" : "an array";
  case json::value_t::string:
    return secret ? "a string" : "the string " + in_quotes(value.get_ref<const std::string&>());
  case json::value_t::boolean:
    return value.get<bool>() ? "true" : "false";
  default:
    return secret ? "a number" : "the number " + value.dump();
  }
}

/// Reports an item that is equal to an earlier one.
template <class Read>
bool read_unique(const node& where, std::size_t min, std::string_view wanted,
                 std::vector<std::string>& out, Read read) {
  std::unordered_set<std::string> seen;
  return for_each_item(where, min, wanted, [&](const node& item) {
    std::string text;
    if (!read(item, text))
      return;
    if (!seen.insert(text).second)
      item.fail(in_quotes(text) + " is listed twice");
    out.push_back(std::move(text));
  });
}

bool read_argv(const node& where, std::vector<std::string>& out) {
  return for_each_item(where, 1, "a command: a string, or an array of at least a program",
                       [&](const node& item) {
                         if (!item.value().is_string()) {
                           item.expected("a string");
                           return;
                         }
                         const auto& text = item.value().get_ref<const std::string&>();
                         if (out.empty() && text.find_first_not_of(" \t\r\n") == std::string::npos)
                           item.fail("the command is empty: its first item names the program");
                         out.push_back(text);
                       });
}

} // namespace

void document::fail(std::string pointer, std::string what) {
  problems.push_back({file, std::move(pointer), std::move(what)});
}

void append_pointer(std::string& pointer, std::string_view token) {
  pointer += '/';
  for (char c : token) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
}

std::string node::pointer() const {
  std::string result = parent_ != nullptr ? parent_->pointer() : std::string{};
  if (index_ != no_index)
    append_pointer(result, std::to_string(index_));
  else if (parent_ != nullptr)
    append_pointer(result, key_);
  return result;
}

void node::fail(std::string what) const {
  doc_->fail(pointer(), std::move(what));
}

void node::expected(std::string_view wanted) const {
  fail("expected " + std::string{wanted} + ", found " + describe(*value_, is_secret_name(key_)));
}

void node::warn(std::string what) const {
  doc_->warnings.push_back(to_string(problem{doc_->file, pointer(), std::move(what)}));
}

object_reader::object_reader(const node& where, std::initializer_list<std::string_view> keys)
    : where_(where) {
  if (!where.value().is_object()) {
    where.expected("an object");
    return;
  }
  members_ = where.value().get_ptr<const json::object_t*>();
  for (const auto& [key, value] : *members_) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end())
      continue;
    std::span names{keys.begin(), keys.size()};
    auto near = nearest(key, names);
    node{where, key, value}.fail("unknown key " + in_quotes(key)
                                 + (near.empty() ? "; known keys are " + quoted_list(names, "and")
                                                 : "; did you mean " + in_quotes(near) + "?"));
  }
}

const json* object_reader::find(std::string_view key) const {
  if (members_ == nullptr)
    return nullptr;
  for (const auto& [name, value] : *members_)
    if (name == key)
      return &value;
  return nullptr;
}

bool object_reader::missing(std::string_view key) const {
  if (members_ != nullptr)
    where_.fail("the key " + in_quotes(key) + " is missing");
  return false;
}

bool read_bool(const node& where, bool& out) {
  if (!where.value().is_boolean()) {
    where.expected("true or false");
    return false;
  }
  out = where.value().get<bool>();
  return true;
}

bool read_text(const node& where, std::string& out, std::size_t min) {
  if (!where.value().is_string() || where.value().get_ref<const std::string&>().size() < min) {
    where.expected(min > 0 ? "a string that is not empty" : "a string");
    return false;
  }
  const auto& text = where.value().get_ref<const std::string&>();
  if (has_control_character(text)) {
    where.fail("the text must be one line without control characters");
    return false;
  }
  out = text;
  return true;
}

bool read_number(const node& where, double& out) {
  if (!where.value().is_number()) {
    where.expected("a number");
    return false;
  }
  out = where.value().get<double>();
  return true;
}

bool read_whole(const node& where, std::int64_t min, std::int64_t max, std::int64_t& out) {
  const auto& value = where.value();
  // A float, or an unsigned number beyond int64, is never in range.
  bool fits =
      value.is_number_integer()
      && (!value.is_number_unsigned()
          || value.get<std::uint64_t>() <= std::uint64_t(std::numeric_limits<std::int64_t>::max()))
      && value.get<std::int64_t>() >= min && value.get<std::int64_t>() <= max;
  if (!fits) {
    where.expected("a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    return false;
  }
  out = value.get<std::int64_t>();
  return true;
}

bool read_count(const node& where, std::uint32_t min, std::uint32_t max, std::uint32_t& out) {
  std::int64_t value = 0;
  if (!read_whole(where, min, max, value))
    return false;
  out = static_cast<std::uint32_t>(value);
  return true;
}

bool read_duration(const node& where, bool positive, duration& out) {
  std::optional<duration> result;
  if (where.value().is_number())
    result = seconds_to_duration(where.value().get<double>());
  else if (where.value().is_string())
    result = parse_duration(where.value().get_ref<const std::string&>());
  if (!result || (positive && result->count() == 0)) {
    where.expected(std::string{duration_words} + (positive ? ", more than 0" : ", not negative")
                   + ", at most 100 years");
    return false;
  }
  out = *result;
  return true;
}

bool read_choice(const node& where, std::span<const std::string_view> names, std::size_t& out) {
  if (where.value().is_string()) {
    std::string_view text = where.value().get_ref<const std::string&>();
    auto found = std::find(names.begin(), names.end(), text);
    if (found != names.end()) {
      out = static_cast<std::size_t>(found - names.begin());
      return true;
    }
  }
  where.expected(quoted_list(names));
  return false;
}

bool read_id(const node& where, std::string& out) {
  if (!where.value().is_string()) {
    where.expected("an id (a string)");
    return false;
  }
  const auto& text = where.value().get_ref<const std::string&>();
  if (auto why = check_id(text); !why.empty()) {
    where.fail(std::move(why));
    return false;
  }
  out = text;
  return true;
}

bool read_path(const node& where, std::string& out) {
  if (!where.value().is_string()) {
    where.expected("a path (a string)");
    return false;
  }
  const auto& text = where.value().get_ref<const std::string&>();
  if (auto why = check_path(text); !why.empty()) {
    where.fail(std::move(why));
    return false;
  }
  out = text;
  return true;
}

bool read_paths(const node& where, std::vector<std::string>& out) {
  return read_unique(where, 0, "an array of paths", out, read_path);
}

bool read_texts(const node& where, std::size_t min, std::size_t max_length,
                std::vector<std::string>& out) {
  auto read = [max_length](const node& item, std::string& text) {
    if (!read_text(item, text, 1))
      return false;
    if (text.size() > max_length)
      item.fail("at most " + std::to_string(max_length) + " bytes are allowed, this has "
                + std::to_string(text.size()));
    return text.size() <= max_length;
  };
  return read_unique(
      where, min, min > 0 ? "an array of at least one string" : "an array of strings", out, read);
}

bool read_command(const node& where, std::vector<std::string>& out) {
  out.clear();
  if (!where.value().is_string())
    return read_argv(where, out);
  const auto& text = where.value().get_ref<const std::string&>();
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    where.fail("the command is empty");
    return false;
  }
  out = {"/bin/sh", "-c", text};
  return true;
}

void check_schema_key(const node& where) {
  std::string ignored;
  read_text(where, ignored);
}

} // namespace aeo::config

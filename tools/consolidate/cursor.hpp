#pragma once

#include "tools/consolidate/paths.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// One value with its place; errors go to a list that all cursors share.
class cursor {
public:
  cursor(const nlohmann::json& value, std::string pointer, const std::string& file,
         std::vector<std::string>& errors)
      : value_(value), pointer_(std::move(pointer)), file_(file), errors_(errors) {}

  void wrong(const std::string& what) const {
    errors_.push_back(file_ + ": " + (pointer_.empty() ? "/" : pointer_) + ": " + what);
  }

  /// False (with an error) unless this is an object with only the `known` keys.
  bool object(const std::vector<std::string>& known,
              const std::vector<std::string>& required = {}) const {
    if (!is("object", value_.is_object()))
      return false;
    for (const auto& [key, ignored] : value_.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end())
        at(key).wrong("unknown key, expected one of: " + joined(known));
    }
    for (const auto& key : required) {
      if (!value_.contains(key))
        wrong("missing key \"" + key + "\"");
    }
    return true;
  }

  bool has(const std::string& key) const { return value_.is_object() && value_.contains(key); }

  cursor at(const std::string& key) const {
    std::string escaped;
    for (const char c : key)
      escaped += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return {value_.at(key), pointer_ + "/" + escaped, file_, errors_};
  }

  void each(const std::function<void(const cursor&)>& visit) const {
    if (!is("array", value_.is_array()))
      return;
    for (std::size_t i = 0; i < value_.size(); ++i)
      visit({value_[i], pointer_ + "/" + std::to_string(i), file_, errors_});
  }

  void read(const std::string& key, std::string& out, bool may_be_empty = true) const {
    if (!has(key))
      return;
    const auto place = at(key);
    if (!place.is("string", place.value_.is_string()))
      return;
    out = place.value_.get<std::string>();
    if (out.empty() && !may_be_empty)
      place.wrong("is empty, expected a non-empty string");
  }

  void read(const std::string& key, bool& out) const {
    if (has(key) && at(key).is("boolean", at(key).value_.is_boolean()))
      out = value_.at(key).get<bool>();
  }

  template <class Integer>
  void read_count(const std::string& key, Integer& out) const {
    if (!has(key))
      return;
    const auto place = at(key);
    if (!place.value_.is_number_integer() || place.value_.get<std::int64_t>() < 0)
      place.wrong("is " + place.shown() + ", expected an integer of at least 0");
    else
      out = place.value_.get<Integer>();
  }

  void read(const std::string& key, std::vector<std::string>& out) const {
    if (!has(key))
      return;
    at(key).each([&](const cursor& item) {
      if (item.is("string", item.value_.is_string()))
        out.push_back(item.value_.get<std::string>());
    });
  }

  /// A path that stays where it is relative to: neither absolute nor with "..".
  void read_relative(const std::string& key, std::string& out) const {
    read(key, out);
    while (out.ends_with('/'))
      out.pop_back();
    const auto parts = split(out, '/');
    if (out.starts_with('/') || std::find(parts.begin(), parts.end(), "..") != parts.end())
      at(key).wrong("is \"" + out + "\", expected a relative path without \"..\"");
  }

  void read_choice(const std::string& key, std::string& out,
                   const std::vector<std::string>& choices) const {
    read(key, out);
    if (has(key) && value_.at(key).is_string()
        && std::find(choices.begin(), choices.end(), out) == choices.end())
      at(key).wrong("is \"" + out + "\", expected one of: " + joined(choices));
  }

  bool is(const std::string& type, bool holds) const {
    if (!holds)
      wrong("is " + shown() + ", expected " + (type.find_first_of("aeio") == 0 ? "an " : "a ")
            + type);
    return holds;
  }

  const nlohmann::json& value() const { return value_; }

private:
  static std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words)
      text += (text.empty() ? "" : ", ") + word;
    return text;
  }

  std::string shown() const {
    return std::string(value_.type_name()) + " "
           + printable(value_.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), 60);
  }

  const nlohmann::json& value_;
  std::string pointer_;
  const std::string& file_;
  std::vector<std::string>& errors_;
};

} // namespace aeo::consolidate

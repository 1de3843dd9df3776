#pragma once

// Typed reading of small JSON values. Every reader reports what does not fit, with the JSON pointer
// of the value, and goes on: one pass finds all mistakes.

#include "config/config.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::config {

/// Keeps the order of the file; may hold a key twice (see json_stream.hpp), find() gives the first.
using json = nlohmann::ordered_json;

/// A file that is being read and where its mistakes go.
struct document {
  std::string file;
  std::vector<problem>& problems;
  std::vector<std::string>& warnings;

  void fail(std::string pointer, std::string what);
};

/// Appends "/token", escaped as RFC 6901 asks.
void append_pointer(std::string& pointer, std::string_view token);

/// A value and the way to it. Refers to its parent: lives on the stack while the parent does.
class node {
public:
  node(document& doc, const json& value) : doc_(&doc), value_(&value) {}
  node(const node& parent, std::string_view key, const json& value)
      : doc_(parent.doc_), parent_(&parent), value_(&value), key_(key) {}
  node(const node& parent, std::size_t index, const json& value)
      : doc_(parent.doc_), parent_(&parent), value_(&value), index_(index) {}

  const json& value() const { return *value_; }
  document& doc() const { return *doc_; }
  /// The member's name; empty for items and the root.
  std::string_view key() const { return key_; }
  std::string pointer() const;

  /// Reports a mistake at this value.
  void fail(std::string what) const;
  /// Reports "expected WANTED, found VALUE".
  void expected(std::string_view wanted) const;
  void warn(std::string what) const;

private:
  static constexpr std::size_t no_index = std::numeric_limits<std::size_t>::max();

  document* doc_;
  const node* parent_ = nullptr;
  const json* value_;
  std::string_view key_;
  std::size_t index_ = no_index;
};

/// The members of an object. Reports another type and unknown keys at once.
class object_reader {
public:
  object_reader(const node& where, std::initializer_list<std::string_view> keys);

  explicit operator bool() const { return members_ != nullptr; }
  bool has(std::string_view key) const { return find(key) != nullptr; }

  /// Calls `read` with the member's node if there is one.
  template <class F>
  bool with(std::string_view key, F read) const {
    const json* value = find(key);
    if (value == nullptr)
      return false;
    read(node{where_, key, *value});
    return true;
  }

  /// As with(), but reports a missing member.
  template <class F>
  bool require(std::string_view key, F read) const {
    return with(key, read) || missing(key);
  }

private:
  const json* find(std::string_view key) const;
  bool missing(std::string_view key) const;

  const node& where_;
  const json::object_t* members_ = nullptr;
};

/// Calls `read` with each item's node; reports another type than an array of at least `min` items.
template <class F>
bool for_each_item(const node& where, std::size_t min, std::string_view wanted, F read) {
  if (!where.value().is_array() || where.value().size() < min) {
    where.expected(wanted);
    return false;
  }
  std::size_t index = 0;
  for (const json& item : where.value()) {
    read(node{where, index, item});
    ++index;
  }
  return true;
}

// Each returns whether `out` was set.

bool read_bool(const node&, bool& out);
/// Text without control characters; `min` in bytes.
bool read_text(const node&, std::string& out, std::size_t min = 0);
bool read_number(const node&, double& out);
/// A whole number from `min` to `max`.
bool read_whole(const node&, std::int64_t min, std::int64_t max, std::int64_t& out);
bool read_count(const node&, std::uint32_t min, std::uint32_t max, std::uint32_t& out);
/// Seconds as a number, or text such as "90s".
bool read_duration(const node&, bool positive, duration& out);
/// The position of the text in `names`.
bool read_choice(const node&, std::span<const std::string_view> names, std::size_t& out);
/// An id of a phase or task: fit for file names and command lines.
bool read_id(const node&, std::string& out);
/// A path inside the workspace.
bool read_path(const node&, std::string& out);
/// Different paths inside the workspace.
bool read_paths(const node&, std::vector<std::string>& out);
/// Different texts; at least `min` of them.
bool read_texts(const node&, std::size_t min, std::size_t max_length,
                std::vector<std::string>& out);
/// argv, or text for /bin/sh.
bool read_command(const node&, std::vector<std::string>& out);

/// An enum whose values have the names to_string(Enum) from 0 to `count` - 1.
template <class Enum, std::size_t Count>
bool read_enum(const node& where, Enum& out) {
  std::array<std::string_view, Count> names;
  for (std::size_t i = 0; i < Count; ++i)
    names[i] = to_string(static_cast<Enum>(i));
  std::size_t index = 0;
  if (!read_choice(where, names, index))
    return false;
  out = static_cast<Enum>(index);
  return true;
}

/// `$schema` is for editors: any text.
void check_schema_key(const node&);

} // namespace aeo::config

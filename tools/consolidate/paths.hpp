#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// A path as it may stand in a JSON string: valid UTF-8 stays, a backslash is doubled and a byte
/// that is not UTF-8 becomes `\xHH`. `decode_path` is the exact inverse.
std::string encode_path(std::string_view raw);
std::string decode_path(std::string_view encoded);

/// Cuts `text` to valid UTF-8 of at most `limit` bytes; invalid bytes become `\xHH`.
std::string printable(std::string_view text, std::size_t limit);

/// `*` and `?` stay within one path component, `**` crosses them, `[abc]` is a set. A pattern
/// without a slash is matched against the base name, so `Dockerfile` finds it at any depth. One
/// that begins with `(?i)` takes small and capital letters alike.
bool glob_matches(std::string_view pattern, std::string_view path);
/// The whole path, also when the pattern has no slash.
bool whole_glob_matches(std::string_view pattern, std::string_view path);
bool any_glob_matches(const std::vector<std::string>& patterns, std::string_view path);

std::string_view base_name(std::string_view path);
/// The directory of a path; "" for one at the root.
std::string_view dir_name(std::string_view path);
/// Joins with one slash; an empty side vanishes.
std::string join_path(std::string_view left, std::string_view right);
/// True when `path` is `directory` or below it; the empty directory holds everything.
bool is_below(std::string_view path, std::string_view directory);
std::string lower(std::string_view text);
std::string upper(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);

} // namespace aeo::consolidate

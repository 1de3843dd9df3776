#pragma once

#include <cstdint>
#include <string_view>

namespace aeo::consolidate {

/// How a language writes comments; the counter needs no more.
struct language {
  std::string_view name;
  std::string_view line_comment;   ///< "" if it has none
  std::string_view line_comment_2; ///< a second one, e.g. `#` in PHP
  std::string_view block_open;
  std::string_view block_close;
  std::string_view quotes;    ///< characters that open and close a string on one line
  bool triple_quotes = false; ///< `"""` and `'''`; counted as comments, as a docstring is
};

/// By file name and extension, else by the `#!` line of `head`; nullptr if it is none we know.
const language* find_language(std::string_view path, std::string_view head);
const language* language_by_name(std::string_view name);
/// The language itself, or one in which nothing is a comment where `lang` is nullptr.
const language& or_plain(const language* lang);

/// True if the text, a line or its beginning, starts as a comment does.
bool is_comment_line(std::string_view line, const language* lang);

/// Every line is exactly one of the three. A line with code and a comment is code.
struct line_counts {
  std::uint64_t code = 0;
  std::uint64_t comment = 0;
  std::uint64_t blank = 0;

  std::uint64_t total() const { return code + comment + blank; }
  line_counts& operator+=(const line_counts& other);
};

/// `lang` may be nullptr: then every line that is not blank is code.
line_counts count_lines(std::string_view text, const language* lang);

} // namespace aeo::consolidate

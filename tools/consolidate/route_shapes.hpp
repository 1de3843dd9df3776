#pragma once

#include "tools/consolidate/language.hpp"

#include <re2/re2.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// `.get(f)` in `.route('/x').get(f).post(g)`: bytes `begin` to before `end` of the text.
struct chained_call {
  std::string method;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// The calls chained from byte `at` on, line breaks between them allowed, as long as `call` (group
/// 1 is the method, it ends with the parenthesis that opens) matches.
std::vector<chained_call> chained_calls(std::string_view text, std::size_t at,
                                        const re2::RE2& call);

/// The line (from 1) on which the statement ends that begins on `line`: brackets and texts are
/// followed, and calls chained below. `annotated`: a method with annotations before it.
std::uint32_t statement_end(const std::vector<std::string_view>& lines, std::uint32_t line,
                            const language& lang, bool annotated);

/// For each line, the nearest one (from 1) above it that begins a class; 0: none does. What
/// `comments`, parallel to `lines`, says is one does not count.
std::vector<std::uint32_t> class_lines(const std::vector<std::string_view>& lines,
                                       const std::vector<bool>& comments);

/// The first of the annotations above the class that begins on that line; the line itself if it has
/// none.
std::uint32_t class_head(const std::vector<std::string_view>& lines, std::uint32_t line);

/// True if the annotation on that line (from 1) belongs to a class, not to what is in it.
bool annotates_class(const std::vector<std::string_view>& lines, std::uint32_t line);

/// Group 1 of `prefix`, the nearest above the class that begins on that line (from 1; 0: there is
/// none); empty: it has none. What `comments`, parallel to `lines`, says is one does not count.
std::string class_prefix(const std::vector<std::string_view>& lines,
                         const std::vector<bool>& comments, const language& lang,
                         std::uint32_t line, const re2::RE2& prefix);

/// `PREFIX/ROUTE` with one slash at the beginning and one between; without a prefix the route as it
/// is.
std::string prefixed_route(const std::string& prefix, const std::string& route);

/// The line without a comment at its end and without texts in words (`"no authentication"`), which
/// do nothing. Names, formats and queries stay.
std::string effective_text(std::string_view line, const language& lang);

/// Without what is only said: `{authorized: false}`, `status = "authorized"`, `return
/// "authorized"`.
std::string without_said(std::string text);

} // namespace aeo::consolidate

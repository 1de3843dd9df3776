#pragma once

#include "tools/consolidate/language.hpp"

#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// For each line of a text, the first one at index 0: whether it is a comment and nothing else, as
/// comments over several lines and docstrings are. Errs towards code, so that nothing is passed
/// over: what opens a comment counts at the beginning of a line only (`/*` stands in globs and
/// expressions, too), what nothing closes opens none, and triple quotes document where a file, a
/// class or a function begins, and are values elsewhere. `lang` may be nullptr: there is none then.
std::vector<bool> comment_lines(std::string_view text, const language* lang);

/// For each line, whether it begins inside a text that goes over several lines: in back quotes, or
/// in triple ones of Python. What opens such a text and is not closed within 400 lines opens none.
std::vector<bool> lines_in_texts(std::string_view text, const language* lang);

} // namespace aeo::consolidate

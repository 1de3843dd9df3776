#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace aeo::config {

/// Turns what nlohmann's parser says into a sentence for people: line, column (in characters), what
/// is wrong, a hint for the usual slips (comment, single quotes, comma), and the line itself,
/// unless it may hold a secret. Reads the file again up to that line. `position`: bytes read when
/// the error was found; `token`: the parser's text of the bad token.
std::string describe_syntax_error(const std::filesystem::path&, std::size_t position,
                                  std::string_view token, std::string_view message);

} // namespace aeo::config

#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// Bytes `begin` to before `end` of a text.
struct byte_range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Texts of several lines inside a program that nothing is replaced in: Python's triple-quoted ones
/// that are no f-strings, and a shell's here-documents with a quoted end that no shell reads. In
/// order; other languages have none.
std::vector<byte_range> verbatim_texts(std::string_view language, std::string_view text);

} // namespace aeo::consolidate

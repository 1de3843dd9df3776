#pragma once

#include <re2/re2.h>

#include <string_view>

namespace aeo::consolidate {

/// A text for RE2, whose own type of it is std::string_view in some releases and in others not.
inline re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

} // namespace aeo::consolidate

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace aeo::consolidate {

/// `1 file`, `2 files`; `many` where an s does not make it: `3 repositories`.
inline std::string counted(std::size_t count, std::string_view one, std::string_view many = {}) {
  auto text = std::to_string(count) + " ";
  if (count != 1 && !many.empty())
    return text.append(many);
  return text.append(one).append(count == 1 ? "" : "s");
}

} // namespace aeo::consolidate

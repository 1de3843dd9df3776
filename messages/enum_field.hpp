#pragma once

#include <cstddef>
#include <cstdint>

namespace aeo {

/// A field that holds an enum as a byte; reading refuses numbers beyond `last`. Without a CAF
/// header: any inspector will do.
template <class Inspector, std::size_t N, class Enum>
auto enum_field(Inspector& f, const char (&name)[N], Enum& x, Enum last) {
  return f.field(
      name, [&x] { return static_cast<std::uint8_t>(x); },
      [&x, last](std::uint8_t v) {
        if (v > static_cast<std::uint8_t>(last))
          return false;
        x = static_cast<Enum>(v);
        return true;
      });
}

} // namespace aeo

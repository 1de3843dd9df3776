#pragma once

// Turns anything with `inspect` into compact bytes and back, without CAF: the launcher's messages
// and records are described once, next to their fields.
//
//   value    := unsigned: LEB128 varint | signed: zigzag varint | bool, enum: one byte
//             | string: varint length, bytes | list: varint count, values
//             | pair: value value | object: its fields in the order of `inspect`

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace aeo::io {

/// Appends to a string. Cannot fail.
class encoder {
public:
  explicit encoder(std::string& to) : to_(to) {}

  void put(std::uint64_t x) {
    for (; x >= 0x80; x >>= 7)
      to_.push_back(static_cast<char>(x | 0x80));
    to_.push_back(static_cast<char>(x));
  }
  void put(const std::string& x) {
    put(std::uint64_t{x.size()});
    to_ += x;
  }
  template <class T>
  void put(const std::vector<T>& xs) {
    put(std::uint64_t{xs.size()});
    for (const auto& x : xs)
      put(x);
  }
  template <class A, class B>
  void put(const std::pair<A, B>& x) {
    put(x.first);
    put(x.second);
  }
  template <class T>
  void put(const T& x) {
    if constexpr (std::is_same_v<T, bool> || (std::is_unsigned_v<T> && sizeof(T) == 1))
      to_.push_back(static_cast<char>(x));
    else if constexpr (std::is_unsigned_v<T>)
      put(std::uint64_t{x});
    else if constexpr (std::is_integral_v<T>)
      put(zigzag(x));
    else
      inspect(*this, const_cast<T&>(x)); // An encoder only reads; `inspect` serves both ways.
  }

  struct object_fields {
    encoder& self;
    template <class... Fs>
    bool fields(Fs&&... fs) {
      return (fs(self) && ...);
    }
  };
  template <class T>
  object_fields object(T&) {
    return {*this};
  }
  template <class T>
  auto field(std::string_view, T& x) {
    return [&x](encoder& f) { return f.put(x), true; };
  }
  template <class Get, class Set>
  auto field(std::string_view, Get get, Set) {
    return [get](encoder& f) { return f.put(get()), true; };
  }

private:
  static std::uint64_t zigzag(std::int64_t x) {
    return (static_cast<std::uint64_t>(x) << 1) ^ static_cast<std::uint64_t>(x >> 63);
  }
  std::string& to_;
};

/// Reads what an encoder wrote. Every read is checked against the end and the type's range; after
/// the first failure nothing more is read. Memory is bounded by the input's size.
class decoder {
public:
  explicit decoder(std::string_view from) : from_(from) {}

  bool at_end() const { return from_.empty(); }

  bool get(std::uint64_t& x) {
    x = 0;
    for (unsigned shift = 0; shift < 64 && !from_.empty(); shift += 7) {
      auto byte = static_cast<std::uint8_t>(from_.front());
      from_.remove_prefix(1);
      if (shift == 63 && byte > 1)
        return fail();
      x |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80)
        return true;
    }
    return fail();
  }
  bool get(std::string& x) {
    std::uint64_t size = 0;
    if (!get(size) || size > from_.size())
      return fail();
    x.assign(from_.substr(0, size));
    from_.remove_prefix(size);
    return true;
  }
  template <class T>
  bool get(std::vector<T>& xs) {
    std::uint64_t count = 0;
    if (!get(count) || count > from_.size()) // Each value takes at least one byte.
      return fail();
    xs.clear();
    for (; count > 0; --count)
      if (!get(xs.emplace_back()))
        return false;
    return true;
  }
  template <class A, class B>
  bool get(std::pair<A, B>& x) {
    return get(x.first) && get(x.second);
  }
  template <class T>
  bool get(T& x) {
    if constexpr (std::is_same_v<T, bool>)
      return get_byte(x, 1);
    else if constexpr (std::is_unsigned_v<T> && sizeof(T) == 1)
      return get_byte(x, 0xff);
    else if constexpr (std::is_integral_v<T>)
      return get_integer(x);
    else
      return inspect(*this, x) || fail();
  }

  struct object_fields {
    decoder& self;
    template <class... Fs>
    bool fields(Fs&&... fs) {
      return (fs(self) && ...);
    }
  };
  template <class T>
  object_fields object(T&) {
    return {*this};
  }
  template <class T>
  auto field(std::string_view, T& x) {
    return [&x](decoder& f) { return f.get(x); };
  }
  template <class Get, class Set>
  auto field(std::string_view, Get get, Set set) {
    return [get, set](decoder& f) {
      auto x = get();
      return f.get(x) && set(x);
    };
  }

private:
  bool fail() {
    from_ = {};
    return false;
  }
  template <class T>
  bool get_byte(T& x, std::uint8_t max) {
    if (from_.empty() || static_cast<std::uint8_t>(from_.front()) > max)
      return fail();
    x = static_cast<T>(static_cast<std::uint8_t>(from_.front()));
    from_.remove_prefix(1);
    return true;
  }
  template <class T>
  bool get_integer(T& x) {
    std::uint64_t raw = 0;
    if (!get(raw))
      return false;
    if constexpr (std::is_signed_v<T>) {
      auto value = static_cast<std::int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
      if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max())
        return fail();
      x = static_cast<T>(value);
    } else {
      if (raw > std::numeric_limits<T>::max())
        return fail();
      x = static_cast<T>(raw);
    }
    return true;
  }
  std::string_view from_;
};

} // namespace aeo::io

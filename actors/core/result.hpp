#pragma once

#include <optional>
#include <string>
#include <utility>

namespace aeo::core {

/// A value, or a sentence that says why there is none. For the pure parts, which know no CAF.
template <class T>
struct result {
  std::optional<T> value;
  std::string error; ///< Empty when there is a value.

  result(T x) : value(std::move(x)) {}
  static result failed(std::string why) { return result{no_value{}, std::move(why)}; }

  explicit operator bool() const { return value.has_value(); }
  T& operator*() { return *value; }
  const T& operator*() const { return *value; }
  T* operator->() { return &*value; }
  const T* operator->() const { return &*value; }

private:
  struct no_value {};
  result(no_value, std::string why) : error(std::move(why)) {}
};

} // namespace aeo::core

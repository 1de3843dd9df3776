#pragma once

// JSON written value by value, where there is too much of it to be built first.

#include "actors/core/lenient_json.hpp"
#include "actors/core/text.hpp"

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace aeo::core {

/// Appends to a text what dump() of the same value gives, but for numbers with an exponent:
/// indented by two, or all in one line. Text is masked; what is no UTF-8 in it is replaced. Who
/// writes keeps the order: in an object each value has a key before it.
class json_writer {
public:
  /// `level`: how deep in the document the value is. `mask` may be empty and must outlive this.
  json_writer(std::string& out, const mask_function& mask, bool indented, std::size_t level = 0)
      : out_(out), mask_(mask), indented_(indented), base_(level), level_(level) {}

  void begin_object() { begin('{'); }
  void end_object() { end('}'); }
  void begin_array() { begin('['); }
  void end_array() { end(']'); }

  void key(std::string_view name);
  void null() { put("null"); }
  void value(std::string_view text);
  void value(const char* text) { value(std::string_view{text}); }
  void value(const std::string& text) { value(std::string_view{text}); }
  void value(bool x) { put(x ? "true" : "false"); }
  void value(double x);
  template <std::integral Number>
  void value(Number x) {
    std::array<char, 24> digits{};
    put({digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), x).ptr});
  }
  void value(lenient::ordered_json x);

  template <class Value>
  void member(std::string_view name, Value&& x) {
    key(name);
    value(std::forward<Value>(x));
  }

private:
  void begin(char bracket);
  void end(char bracket);
  void next();
  void new_line();
  void put(std::string_view text) {
    next();
    out_ += text;
  }

  std::string& out_;
  const mask_function& mask_;
  bool indented_;
  std::size_t base_;
  std::size_t level_;
  bool is_first_ = true; ///< Nothing came yet in the innermost brackets.
  bool has_key_ = false; ///< Its value comes next.
};

} // namespace aeo::core

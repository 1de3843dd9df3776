#pragma once

#include "tools/consolidate/code_index.hpp"

#include <cstdint>
#include <vector>

namespace aeo::consolidate {

/// Tells which lines an endpoint runs, or that stand before it by what they are written around:
/// for those that find endpoints. `code` and `checker` have to outlive it.
class handler_lines {
public:
  handler_lines(const code_index& code, const line_checker& checker)
      : code_(code), checker_(checker) {}

  /// The statement that registers, the method that an annotation stands before with what is
  /// written above it and above its class, the function behind a decorator; `around`: the function
  /// around the line. What PHP groups and Rust layers put around a route follows.
  std::vector<region> of(std::size_t c, std::uint32_t line, bool around) const;

private:
  std::uint32_t next_route(std::size_t c, std::uint32_t line) const;
  std::vector<region> decorated(std::size_t c, std::uint32_t line) const;
  std::vector<region> annotated(std::size_t c, std::uint32_t line) const;
  void add_groups(std::size_t c, std::uint32_t line, std::vector<region>& parts) const;
  void add_layers(std::size_t c, std::uint32_t line, std::vector<region>& parts) const;

  const code_index& code_;
  const line_checker& checker_;
};

} // namespace aeo::consolidate

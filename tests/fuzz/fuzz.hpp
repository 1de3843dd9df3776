#pragma once

// A fuzz target is a file NAME_fuzz.cpp that defines fuzz_one() for one kind of input from outside.
// With clang and AEO_FUZZ it is a libFuzzer program, which tests/fuzz/run lets look for inputs that
// break it; else replay.cpp gives it all that is kept in corpus/NAME, as one of the tests.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Takes any bytes; ends the process if what came of them is wrong.
void fuzz_one(std::string_view input);

namespace aeo::fuzz {

/// Of what must hold for every input.
inline void expect(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "fuzz: does not hold: %s\n", what);
  std::abort();
}

/// Takes a number below `limit` from the front; 0 where there is nothing left.
inline std::size_t take_choice(std::string_view& input, std::size_t limit) {
  if (input.empty())
    return 0;
  const auto value = static_cast<std::uint8_t>(input.front());
  input.remove_prefix(1);
  return value % limit;
}

/// Takes all up to the next NUL, which is dropped.
inline std::string_view take_part(std::string_view& input) {
  const auto at = input.find('\0');
  const auto part = input.substr(0, at);
  input.remove_prefix(at == std::string_view::npos ? input.size() : at + 1);
  return part;
}

} // namespace aeo::fuzz

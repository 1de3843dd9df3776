#include "tools/consolidate/base64.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>

using namespace aeo::consolidate;

namespace {

/// What the quick test stands for.
unsigned shifts_by_decoding(std::string_view run) {
  unsigned shifts = 0;
  for (unsigned shift = 0; shift < 4 && shift < run.size(); ++shift)
    shifts |= looks_like_text(decode_base64(run.substr(shift))) ? 1U << shift : 0U;
  return shifts;
}

/// Text between bytes that are none, encoded, behind `before` digits.
std::string run_with(std::string_view text, std::size_t noise, std::size_t before) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto bytes = std::string(noise, '\xFF') + std::string(text) + std::string(noise, '\xFF');
  std::string out(before, 'f');
  for (std::size_t i = 0; i + 2 < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8 | static_cast<unsigned char>(bytes[i + j]);
    for (unsigned j = 0; j < 4; ++j)
      out += digits[bits >> (18 - 6 * j) & 63];
    if (out.size() % 77 == 76)
      out += '\n';
  }
  return out;
}

} // namespace

TEST_CASE("the quick test passes every decoding of a run that is text") {
  const std::string text = "sixteen or more bytes of text";
  for (std::size_t length = 16; length <= text.size(); ++length) {
    for (std::size_t noise = 0; noise < 7; ++noise) {
      for (std::size_t before = 0; before < 4; ++before) {
        const auto run = run_with(std::string_view(text).substr(0, length), noise, before);
        const auto shifts = shifts_by_decoding(run);
        CHECK((text_shifts(run) & shifts) == shifts);
        if (noise > 2)
          CHECK((shifts >> before & 1) == 1);
      }
    }
  }
  std::mt19937 random(6);
  constexpr std::string_view likely = "IGEgbGluZSBvZiB0ZXh0\n_-+/Zg9z";
  for (int round = 0; round < 20000; ++round) {
    std::string run(24 + random() % 60, 'a');
    for (std::size_t i = 4; i < run.size(); ++i)
      run[i] = likely[random() % likely.size()];
    const auto shifts = shifts_by_decoding(run);
    REQUIRE((text_shifts(run) & shifts) == shifts);
  }
}

TEST_CASE("the quick test keeps hashes and names from being decoded") {
  CHECK(text_shifts("da39a3ee5e6b4b0d3255bfef95601890afd80709") == 0);
  CHECK(text_shifts("a_rather_long_name_of_a_function_in_some_library") == 0);
  CHECK(text_shifts("") == 0);
}

// A datagram between node and launcher, or the bodies of a launcher's records.

#include "actors/io/launcher_protocol.hpp"
#include "actors/io/launcher_records.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <algorithm>

using namespace aeo;
using fuzz::expect;

namespace {

void check_datagram(std::string_view input) {
  std::vector<io::wire::message> messages;
  std::string why;
  if (!io::wire::decode(input, messages, why)) {
    expect(!why.empty(), "a refused datagram is said to be wrong in some way");
    return;
  }
  std::string again;
  for (const auto& x : messages)
    io::wire::append(again, x);
  std::vector<io::wire::message> read;
  expect(io::wire::decode(again, read, why), "what was read can be sent");
  expect(read == messages, "it arrives as it was");
}

std::uint32_t crc32_of(std::string_view text) {
  std::uint32_t x = ~0U;
  for (const auto c : text) {
    x ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit)
      x = (x >> 1) ^ ((x & 1) != 0 ? 0xedb88320U : 0U);
  }
  return ~x;
}

std::string little_endian(std::uint32_t x) {
  std::string result;
  for (int shift = 0; shift < 32; shift += 8)
    result.push_back(static_cast<char>(x >> shift));
  return result;
}

/// Bodies with length and checksum as they should be: damage to those is found before a body is
/// looked at.
void check_records(std::string_view input) {
  std::string file;
  while (!input.empty()) {
    const auto wanted = fuzz::take_choice(input, 256);
    const auto size = std::min(wanted, input.size());
    const auto body = input.substr(0, size);
    input.remove_prefix(size);
    file += little_endian(static_cast<std::uint32_t>(size)) + little_endian(crc32_of(body));
    file += body;
  }
  const auto state = io::parse_records(file);
  expect(state.found || (state.running.empty() && state.ended.empty()),
         "without a header nothing is known");
}

} // namespace

void fuzz_one(std::string_view input) {
  switch (fuzz::take_choice(input, 3)) {
  case 0:
    check_datagram(input);
    break;
  case 1:
    check_records(input);
    break;
  default:
    io::parse_records(input);
    break;
  }
}

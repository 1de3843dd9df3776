#include "actors/io/codec.hpp"
#include "actors/io/launcher_protocol.hpp"
#include "tests/fixtures/temp_dir.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>
#include <random>

using namespace aeo;
using namespace aeo::io;
using aeo::test::flip_a_bit;

namespace {

task_spec full_spec() {
  task_spec x;
  x.key = {"deploy-eu", "T9.1", 4'000'000'000U};
  x.argv = {"sh", "-c", "", std::string("a\0b", 3)};
  x.env = {{"A", "1"}, {"B", ""}};
  x.cwd = "/w";
  x.log = "/w/l";
  x.timeout_ms = std::numeric_limits<std::int64_t>::max();
  x.grace_ms = 0;
  x.max_processes = std::numeric_limits<std::uint32_t>::max();
  return x;
}

task_exit full_exit() {
  task_exit x;
  x.key = {"0", "T0.1", 1};
  x.kind = exit_kind::timed_out;
  x.code = std::numeric_limits<std::int32_t>::min();
  x.pid = 4'194'303;
  x.started_us = -1;
  x.ended_us = std::numeric_limits<std::int64_t>::min();
  x.cpu_us = 1;
  x.peak_rss_kb = 63;
  x.log_bytes = 64;
  x.leftovers = -64;
  x.detail = "ümlaut";
  return x;
}

std::vector<wire::message> every_message() {
  return {wire::hello{wire::protocol_version, "e", 3},
          wire::welcome{wire::protocol_version, 7, {"a", "b"}},
          wire::refused{wire::refusal::other_node, "why"},
          wire::environment{{"A=1", "B="}},
          wire::environment_end{},
          wire::inventory_end{},
          full_spec(),
          wire::cancel{{"0", "T", 2}},
          wire::acknowledge{{"1", "U", 3}},
          task_start{{"2", "V", 4}, 99, std::numeric_limits<std::uint64_t>::max(), 5},
          full_exit(),
          wire::withdraw{{"3", "W", 5}}};
}

std::string datagram_of(const std::vector<wire::message>& all) {
  std::string text;
  for (const auto& msg : all)
    wire::append(text, msg);
  return text;
}

bool decodes(std::string_view text) {
  std::vector<wire::message> to;
  std::string why;
  const bool ok = wire::decode(text, to, why);
  CHECK(ok == why.empty());
  return ok;
}

} // namespace

TEST_CASE("every message comes back as it was, many in one datagram") {
  const auto all = every_message();
  std::vector<wire::message> back;
  std::string why;
  REQUIRE(wire::decode(datagram_of(all), back, why));
  REQUIRE(back.size() == all.size());
  CHECK(back == all);
}

TEST_CASE("a datagram cut at any byte inside a message is refused") {
  for (const auto& msg : every_message()) {
    const auto text = datagram_of({msg});
    for (std::size_t size = 1; size < text.size(); ++size)
      CHECK_FALSE(decodes(std::string_view{text}.substr(0, size)));
  }
}

TEST_CASE("a message with bytes left over is refused") {
  auto text = datagram_of({wire::cancel{{"0", "T", 2}}});
  text += 'x';
  ++text[0];
  CHECK_FALSE(decodes(text));
}

TEST_CASE("unknown types, enum values and lengths are refused") {
  std::string unknown{"\1\0\0\0\x7f", 5};
  CHECK_FALSE(decodes(unknown));
  CHECK_FALSE(decodes(std::string_view{"\0\0\0\0\0", 5}));
  CHECK_FALSE(decodes("\xff\xff\xff\xff\x01"));
  auto refused = datagram_of({wire::refused{wire::refusal::ending, ""}});
  refused[5] = 99;
  CHECK_FALSE(decodes(refused));
}

TEST_CASE("a list that says it is longer than the datagram takes no memory") {
  std::string body;
  encoder{body}.put(std::numeric_limits<std::uint64_t>::max());
  std::vector<std::string> to;
  CHECK_FALSE(decoder{body}.get(to));
  CHECK(to.empty());
}

TEST_CASE("numbers beyond their type's range are refused") {
  std::string body;
  encoder{body}.put(std::uint64_t{1} << 32);
  std::uint32_t narrow = 0;
  CHECK_FALSE(decoder{body}.get(narrow));
  std::int32_t narrow_signed = 0;
  body.clear();
  encoder{body}.put(std::numeric_limits<std::int64_t>::min());
  CHECK_FALSE(decoder{body}.get(narrow_signed));
  const std::string endless(11, '\xff');
  std::uint64_t wide = 0;
  CHECK_FALSE(decoder{endless}.get(wide));
}

TEST_CASE("a hello of another version is read as far as its version") {
  auto text = datagram_of({wire::hello{wire::protocol_version + 1, "e"}});
  text += "later versions say more";
  text[0] = static_cast<char>(text.size() - 4);
  std::vector<wire::message> to;
  std::string why;
  REQUIRE(wire::decode(text, to, why));
  CHECK(std::get<wire::hello>(to.front()).version == wire::protocol_version + 1);
}

TEST_CASE("garbage and flipped bits never crash the decoder") {
  std::mt19937 random{1};
  const auto valid = datagram_of(every_message());
  for (int i = 0; i < 20'000; ++i) {
    auto text = valid;
    for (auto flips = random() % 4 + 1; flips > 0; --flips)
      flip_a_bit(text, random() % text.size(), random);
    std::vector<wire::message> to;
    std::string why;
    wire::decode(text, to, why);
  }
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 200, '\0');
    for (auto& c : text)
      c = static_cast<char>(random());
    std::vector<wire::message> to;
    std::string why;
    wire::decode(text, to, why);
  }
}

TEST_CASE("messages are packed into as few datagrams as they fit in, in order") {
  wire::packer packer{100};
  for (std::uint32_t i = 0; i < 50; ++i)
    REQUIRE(packer.add(wire::cancel{{"phase", "task", i}}));
  std::vector<wire::message> back;
  std::string why;
  for (const auto& datagram : packer.take()) {
    CHECK(datagram.size() <= 100);
    REQUIRE(wire::decode(datagram, back, why));
  }
  REQUIRE(back.size() == 50);
  for (std::uint32_t i = 0; i < 50; ++i)
    CHECK(std::get<wire::cancel>(back[i]).key.attempt == i);
  CHECK(packer.empty());
}

TEST_CASE("a message larger than a datagram is not packed, and does not spoil the others") {
  wire::packer packer{100};
  REQUIRE(packer.add(wire::cancel{{"0", "T", 1}}));
  CHECK_FALSE(packer.add(wire::cancel{{std::string(200, 'x'), "T", 1}}));
  REQUIRE(packer.add(wire::cancel{{"0", "T", 2}}));
  std::vector<wire::message> back;
  std::string why;
  const auto datagrams = packer.take();
  REQUIRE(datagrams.size() == 1);
  REQUIRE(wire::decode(datagrams.front(), back, why));
  CHECK(back.size() == 2);
}

// What a remote program may send: a message of ours, or a frame of BASP.

#include "actors/io/frame_guard.hpp"
#include "actors/io/packed.hpp"
#include "messages/actors.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/byte_buffer.hpp>

#include <array>
#include <memory>

using namespace aeo;
using fuzz::expect;

namespace {

caf::span<const caf::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const caf::byte*>(text.data()), text.size()};
}

template <class T>
void check_message(std::string_view input) {
  T arrived{};
  caf::binary_deserializer source{nullptr, bytes_of(input)};
  if (!source.apply(arrived))
    return;
  caf::byte_buffer sent;
  caf::binary_serializer sink{nullptr, sent};
  expect(sink.apply(arrived), "what was read can be sent");
  T again{};
  caf::binary_deserializer second{nullptr, sent};
  expect(second.apply(again) && second.remaining() == 0, "it arrives");
  caf::byte_buffer resent;
  caf::binary_serializer last{nullptr, resent};
  expect(last.apply(again) && resent == sent, "it arrives as it was");
}

void check_packed(std::string_view input) {
  event_page page;
  page.packed.emplace_back(input);
  (void)io::unpack(page, 1); // Any bytes may come; who is told that they are damaged asks anew.
  run_view view;
  view.packed = std::string{input};
  (void)io::unpack(view);
}

void check_frames(std::string_view input) {
  auto rules = std::make_shared<io::frame_guard::rules>();
  rules->receiver = 42;
  rules->accepted = {{caf::type_id_v<std::uint32_t>, caf::type_id_v<std::string>},
                     {caf::type_id_v<atom::act>, caf::type_id_v<control_request>}};
  rules->frame = 4096;
  rules->senders = 8;
  rules->frames_per_second = 1000;
  io::frame_guard guard{rules};
  constexpr std::size_t header = 32;
  const io::frame_guard::clock::time_point now{};
  while (input.size() >= header) {
    const auto first = guard.header(bytes_of(input.substr(0, header)), now);
    input.remove_prefix(header);
    if (first == io::frame_guard::decision::close)
      return;
    const auto size = guard.payload_size();
    expect(size <= rules->frame, "no frame is larger than allowed");
    if (input.size() < size)
      return;
    if (first == io::frame_guard::decision::pass && size > 0
        && guard.payload(bytes_of(input.substr(0, size))) == io::frame_guard::decision::close)
      return;
    input.remove_prefix(size);
  }
}

} // namespace

void fuzz_one(std::string_view input) {
  [[maybe_unused]] static const bool once = [] {
    init_messages();
    return true;
  }();
  constexpr std::array checks = {
      check_frames,
      check_packed,
      check_message<control_request>,
      check_message<operator_decision>,
      check_message<remote_welcome>,
      check_message<event>,
      check_message<event_page>,
      check_message<run_view>,
      check_message<phase_view>,
      check_message<log_page>,
      check_message<log_request>,
      check_message<phase_state>,
      check_message<task_spec>,
      check_message<task_exit>,
      check_message<http_reply>,
      check_message<run_outcome>,
      check_message<ec>,
  };
  checks.at(fuzz::take_choice(input, checks.size()))(input);
}

#include "actors/io/frame_guard.hpp"

#include <caf/binary_deserializer.hpp>

#include <algorithm>

namespace aeo::io {

namespace {

using caf::io::basp::message_type;

/// Handshakes, and who watches whom: node ids and little else.
constexpr std::size_t largest_service_frame = 4096;

/// BASP's own services: configuration and remote spawning.
bool is_for_a_service(const caf::io::basp::header& x) {
  return x.has(caf::io::basp::header::named_receiver_flag);
}

} // namespace

bool frame_guard::within_rate(clock::time_point now) {
  if (now - second_ >= std::chrono::seconds{1}) {
    second_ = now;
    frames_ = 0;
  }
  return ++frames_ <= rules_->frames_per_second;
}

frame_guard::decision frame_guard::header(caf::span<const caf::byte> bytes,
                                          clock::time_point now) {
  caf::binary_deserializer source{nullptr, bytes};
  if (!source.apply(header_) || !caf::io::basp::valid(header_) || !within_rate(now))
    return decision::close;
  const auto size = header_.payload_len;
  switch (header_.operation) {
  case message_type::client_handshake:
    if (greeted_ || size == 0 || size > largest_service_frame)
      return decision::close;
    greeted_ = true;
    return decision::pass;
  case message_type::direct_message:
    return greeted_ ? of_message() : decision::close;
  case message_type::monitor_message:
    if (!greeted_ || size > largest_service_frame)
      return decision::close;
    // Others than the receiver are seen only in what BASP itself asks of a new peer.
    return header_.dest_actor == rules_->receiver ? decision::pass : decision::skip;
  case message_type::down_message:
    return greeted_ && size <= largest_service_frame ? decision::pass : decision::close;
  case message_type::heartbeat:
    return decision::pass;
  default:
    return decision::close; // A server's handshake, or a message for a third node.
  }
}

frame_guard::decision frame_guard::of_message() const {
  if (header_.payload_len > rules_->frame)
    return decision::close;
  if (is_for_a_service(header_))
    return decision::skip;
  if (header_.dest_actor == rules_->receiver)
    return decision::pass;
  // An answer to what BASP itself asked of the peer, see its learned_new_node().
  return decision::skip;
}

frame_guard::decision frame_guard::payload(caf::span<const caf::byte> bytes) const {
  if (header_.operation != message_type::direct_message)
    return decision::pass;
  // As basp::instance writes it: the forwarding stack, then the message, its types first.
  caf::binary_deserializer source{nullptr, bytes};
  std::size_t stages = 0;
  std::size_t count = 0;
  if (!source.begin_sequence(stages) || stages != 0 || !source.begin_sequence(count)
      || count > bytes.size())
    return decision::close;
  std::vector<caf::type_id_t> types(count);
  for (auto& id : types)
    if (!source.value(id))
      return decision::close;
  return std::ranges::count(rules_->accepted, types) > 0 ? decision::pass : decision::close;
}

} // namespace aeo::io

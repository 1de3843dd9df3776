#include "actors/io/frame_guard.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/exit_reason.hpp>
#include <caf/message_id.hpp>

#include <algorithm>
#include <array>

namespace aeo::io {

namespace {

using caf::io::basp::message_type;

/// Handshakes, and who watches whom: node ids and little else.
constexpr std::size_t largest_service_frame = 4096;

/// BASP's own services: configuration and remote spawning.
bool is_for_a_service(const caf::io::basp::header& x) {
  return x.has(caf::io::basp::header::named_receiver_flag);
}

using type_list = std::vector<caf::type_id_t>;

/// A message begins with them.
bool read_types(caf::binary_deserializer& source, type_list& types) {
  std::size_t count = 0;
  if (!source.begin_sequence(count) || count > source.remaining())
    return false;
  types.resize(count);
  return std::ranges::all_of(types, [&](auto& id) { return source.value(id); });
}

/// An error's context may hold anything, handles to actors included: here it is text.
bool is_plain_error(caf::binary_deserializer& source) {
  auto is_set = false;
  std::uint8_t code = 0;
  caf::type_id_t category = 0;
  type_list context;
  if (!source.begin_field("data", is_set))
    return false;
  if (!is_set)
    return true;
  constexpr std::array known{caf::type_id_v<caf::exit_reason>, caf::type_id_v<caf::sec>,
                             caf::type_id_v<ec>};
  return source.value(code) && source.value(category) && std::ranges::count(known, category) > 0
         && read_types(source, context)
         && std::ranges::count(context, caf::type_id_v<std::string>)
                == static_cast<std::ptrdiff_t>(context.size());
}

} // namespace

bool frame_guard::within_rate(clock::time_point now) {
  if (now - second_ >= std::chrono::seconds{1}) {
    second_ = now;
    frames_ = 0;
  }
  return ++frames_ <= rules_->frames_per_second;
}

frame_guard::decision frame_guard::header(caf::span<const caf::byte> bytes, clock::time_point now) {
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
  const caf::message_id id{header_.operation_data};
  // Nothing is asked of a peer that it could answer, and CAF takes a stream's messages for what
  // they claim to be without a look at their types.
  if (header_.payload_len > rules_->frame || id.is_response() || id.is_answered()
      || id.is_stream_message())
    return decision::close;
  if (is_for_a_service(header_))
    return decision::skip;
  if (header_.dest_actor == rules_->receiver)
    return decision::pass;
  // An answer to what BASP itself asked of the peer, see its learned_new_node().
  return decision::skip;
}

frame_guard::decision frame_guard::payload(caf::span<const caf::byte> bytes) {
  caf::binary_deserializer source{nullptr, bytes};
  const auto fine = [&] {
    switch (header_.operation) {
    case message_type::client_handshake:
      return is_handshake(source);
    case message_type::direct_message:
      return is_message(source);
    case message_type::monitor_message:
      return is_between_us(source);
    case message_type::down_message:
      senders_.erase(header_.source_actor);
      return is_between_us(source) && is_plain_error(source);
    default:
      return false;
    }
  };
  return fine() ? decision::pass : decision::close;
}

bool frame_guard::is_handshake(caf::binary_deserializer& source) {
  return source.apply(peer_) && peer_ && peer_ != rules_->node;
}

/// As basp::instance writes it: the forwarding stack, then the message.
bool frame_guard::is_message(caf::binary_deserializer& source) {
  std::size_t stages = 0;
  type_list types;
  if (!source.begin_sequence(stages) || stages != 0 || !read_types(source, types))
    return false;
  senders_.insert(header_.source_actor);
  return senders_.size() <= rules_->senders && std::ranges::count(rules_->accepted, types) > 0;
}

/// Others' actors are neither watched nor told to have ended.
bool frame_guard::is_between_us(caf::binary_deserializer& source) const {
  caf::node_id from;
  caf::node_id to;
  return source.apply(from) && source.apply(to) && from == peer_ && to == rules_->node;
}

} // namespace aeo::io

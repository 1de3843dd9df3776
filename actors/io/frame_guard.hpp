#pragma once

#include "messages/type_ids.hpp"

#include <caf/byte_buffer.hpp>
#include <caf/io/basp/header.hpp>
#include <caf/node_id.hpp>
#include <caf/span.hpp>
#include <caf/type_id.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <vector>

namespace aeo::io {

/// What a published actor takes: the types of each message.
using accepted_messages = std::vector<std::vector<caf::type_id_t>>;

/// Looks at one connection's frames before BASP does. BASP's handlers are written for peers that
/// mean well; what gets through here is what such a peer would say to the published actor.
class frame_guard {
public:
  using clock = std::chrono::steady_clock;
  struct rules {
    caf::node_id node;          ///< Of this process.
    caf::actor_id receiver = 0; ///< The published actor.
    accepted_messages accepted;
    std::size_t frame = 0; ///< See door_limits.
    std::size_t senders = 0;
    std::size_t frames_per_second = 0;
  };
  enum class decision : std::uint8_t { pass, skip, close };

  explicit frame_guard(std::shared_ptr<const rules> r) : rules_(std::move(r)) {}

  /// A header, 32 bytes. `skip`: what a well-meaning peer's CAF says to services that are not
  /// offered; its payload is not for BASP either.
  decision header(caf::span<const caf::byte> bytes, clock::time_point now);
  /// The payload of a header that passed.
  decision payload(caf::span<const caf::byte> bytes);
  /// Of the header seen last.
  std::size_t payload_size() const { return header_.payload_len; }
  /// Whose handshake passed; none before that.
  const caf::node_id& peer() const { return peer_; }

private:
  bool within_rate(clock::time_point now);
  decision of_message() const;
  bool is_handshake(caf::binary_deserializer&);
  bool is_message(caf::binary_deserializer&);
  bool is_between_us(caf::binary_deserializer&) const;

  std::shared_ptr<const rules> rules_;
  caf::io::basp::header header_{};
  bool greeted_ = false;
  caf::node_id peer_;
  std::set<caf::actor_id> senders_; ///< BASP has a proxy of each.
  std::size_t frames_ = 0;          ///< Since second_.
  clock::time_point second_;
};

} // namespace aeo::io

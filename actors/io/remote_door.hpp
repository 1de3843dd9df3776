#pragma once

// The only way in and out over a network: CAF's protocol (BASP) inside mutual TLS 1.3.
//
// Built on CAF's broker for BASP as caf::openssl is, and not on caf::openssl itself, because:
// - BASP of CAF 0.18.7 trusts its peer: an empty handshake ends the process, a header may ask for
//   4 GB, and any actor can be told to end. Here frames are looked at before BASP sees them, and
//   only what the published actor's interface has gets through.
// - caf::openssl reads certificates anew for each connection and throws on CAF's I/O thread when
//   that fails; here it is done once.

#include "actors/io/tls_context.hpp"
#include "messages/actors.hpp"

#include <caf/actor_system.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace aeo::io {

/// A process that publishes or connects calls it once, after init_messages() and before it makes an
/// actor system. It must ignore SIGPIPE.
void init_remote();

/// Loads what the functions below need into a configuration, and how soon a silent peer is gone.
void enable_remote(caf::actor_system_config&);

/// What a peer is let do. A connection that goes beyond is closed.
struct door_limits {
  std::size_t connections = 1024; ///< Together; the next one is turned away.
  std::size_t handshakes = 128;   ///< Not through TLS yet; the oldest one goes when one more comes.
  std::chrono::milliseconds handshake{10'000};
  std::size_t frame = std::size_t{64} * 1024; ///< Bytes of one message to the published actor.
  std::size_t frames_per_second = 1000;       ///< Of one connection.
  std::size_t senders = 1024; ///< Actors of one connection that have spoken and not ended.
  std::size_t unread = std::size_t{64} * 1024 * 1024; ///< Bytes; who asks on without reading goes.
};

class link_state;

/// Where a published actor is reached. Closes that door when it goes; what is connected stays until
/// the system ends.
class remote_door {
public:
  remote_door(caf::actor_system&, caf::strong_actor_ptr keeper, std::uint16_t port);
  ~remote_door();
  remote_door(const remote_door&) = delete;
  remote_door& operator=(const remote_door&) = delete;
  std::uint16_t port() const { return port_; }

private:
  caf::actor_system& system_;
  caf::strong_actor_ptr keeper_;
  std::uint16_t port_;
};

/// What the node shows to who connects now. Called on CAF's I/O thread, so that it takes no time.
using tls_source = std::function<tls_context()>;

/// Lets holders of a certificate of the node's authority talk to the actor. Needs a
/// system with enable_remote(). `port` 0: any free one. Blocking.
caf::expected<std::unique_ptr<remote_door>> publish(caf::actor_system&, const gateway_actor&,
                                                    const std::string& host, std::uint16_t port,
                                                    tls_source, const door_limits& = {});

/// Makes connections of one credential.
class remote_link {
public:
  remote_link(caf::actor_system&, const tls_context&);
  ~remote_link();
  remote_link(const remote_link&) = delete;
  remote_link& operator=(const remote_link&) = delete;

  /// Blocking, at most for `patience`. ec::no_node: nobody answers there; ec::wrong_state: who
  /// answers is no node of this version; ec::untrusted: TLS failed: another node's credential,
  /// or an expired one; ec::not_permitted: it was revoked, or the node does not have it in its
  /// list.
  caf::expected<gateway_actor> connect(const std::string& host, std::uint16_t port,
                                       std::chrono::milliseconds patience);

private:
  caf::error explain(const caf::error&, const std::string& where) const;

  caf::actor_system& system_;
  std::shared_ptr<link_state> state_;
  caf::strong_actor_ptr keeper_;
};

} // namespace aeo::io

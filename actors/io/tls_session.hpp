#pragma once

#include "actors/io/tls_context.hpp"
#include "messages/error.hpp"

#include <caf/expected.hpp>
#include <caf/io/network/rw_state.hpp>
#include <openssl/ssl.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace aeo::io {

struct ssl_deleter {
  void operator()(SSL* x) const { SSL_free(x); }
  void operator()(SSL_CTX* x) const { SSL_CTX_free(x); }
};
using ssl_ptr = std::unique_ptr<SSL, ssl_deleter>;
using ssl_context_ptr = std::unique_ptr<SSL_CTX, ssl_deleter>;

/// Made once, used by each connection, which keeps it.
struct tls_settings {
  ssl_context_ptr context;
  admission admits; ///< May be null.
};

/// Of the peer at the other end of a socket: HOST:PORT, empty when it has gone.
std::string address_of_peer(int socket);

/// What a link and the threads that connect for it tell each other.
class link_state {
public:
  /// Why a connection failed.
  void note_failure(const std::string& text) {
    const std::lock_guard lock{mutex_};
    failure_ = text;
  }
  std::string take_failure() {
    const std::lock_guard lock{mutex_};
    return std::exchange(failure_, {});
  }

  std::atomic<int> patience_ms = 0; ///< For TCP.

private:
  std::mutex mutex_;
  std::string failure_;
};

/// TLS on a non-blocking socket, as CAF's streams want it. Borrows the socket.
class tls_session {
public:
  enum class side : std::uint8_t { server, client };

  static caf::expected<tls_session> make(const tls_settings&, int socket, side);

  caf::io::network::rw_state read(std::size_t& result, void* to, std::size_t size);
  caf::io::network::rw_state write(std::size_t& result, const void* from, std::size_t size);
  std::size_t pending() const;
  bool is_open() const { return open_; } ///< The handshake is through.
  /// Of the certificate that the peer has shown; empty before that.
  std::string peer_serial() const;
  /// Why it failed; empty: it did not.
  const std::string& failure() const { return failure_; }
  /// The failure where the peer went without a word.
  static constexpr std::string_view hung_up = "hung up";

private:
  explicit tls_session(ssl_ptr ssl) : ssl_(std::move(ssl)) {}
  template <class Step>
  caf::io::network::rw_state transfer(std::size_t size, Step);
  caf::io::network::rw_state shake_hands();
  caf::io::network::rw_state state_after(int returned);
  std::string last_word();

  ssl_ptr ssl_;
  bool open_ = false;
  std::string failure_;
};

} // namespace aeo::io

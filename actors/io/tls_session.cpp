#include "actors/io/tls_session.hpp"

#include "actors/io/pem.hpp"
#include "messages/type_ids.hpp"

#include <caf/io/network/native_socket.hpp>
#include <openssl/err.h>

#include <array>
#include <utility>

namespace aeo::io {

using caf::io::network::rw_state;

namespace {

std::string openssl_errors() {
  std::string text;
  while (auto code = ERR_get_error()) {
    std::array<char, 256> line{};
    ERR_error_string_n(code, line.data(), line.size());
    text.append(text.empty() ? "" : "; ").append(line.data());
  }
  return text;
}

} // namespace

std::string address_of_peer(int socket) {
  const auto host = caf::io::network::remote_addr_of_fd(socket);
  const auto port = caf::io::network::remote_port_of_fd(socket);
  return host && port ? *host + ":" + std::to_string(*port) : std::string{};
}

std::string tls_session::peer_serial() const {
  const certificate_ptr shown{SSL_get1_peer_certificate(ssl_.get())};
  return shown ? serial_of(shown.get()) : std::string{};
}

caf::expected<tls_session> tls_session::make(const tls_settings& settings, int socket, side which) {
  ssl_ptr ssl{SSL_new(settings.context.get())};
  if (!ssl || SSL_set_fd(ssl.get(), socket) != 1)
    return caf::make_error(ec::internal, "cannot begin TLS: " + openssl_errors());
  if (which == side::server)
    SSL_set_accept_state(ssl.get());
  else
    SSL_set_connect_state(ssl.get());
  return tls_session{std::move(ssl)};
}

rw_state tls_session::state_after(int returned) {
  switch (SSL_get_error(ssl_.get(), returned)) {
  case SSL_ERROR_WANT_READ:
    return rw_state::want_read;
  case SSL_ERROR_WANT_WRITE:
    return rw_state::success; // Of no bytes: the socket is polled for writing as before.
  case SSL_ERROR_SSL:
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
      failure_ = hung_up;
    else
      failure_ = openssl_errors();
    return rw_state::failure;
  case SSL_ERROR_SYSCALL:
    failure_ = last_word();
    return rw_state::failure;
  default:
    return rw_state::failure;
  }
}

/// Who closes while we still write may have said why before: that is there to be read.
std::string tls_session::last_word() {
  char byte = 0;
  std::size_t size = 0;
  ERR_clear_error();
  if (!open_ || SSL_read_ex(ssl_.get(), &byte, 1, &size) == 1
      || SSL_get_error(ssl_.get(), 0) != SSL_ERROR_SSL
      || ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
    return std::string{hung_up};
  return openssl_errors();
}

rw_state tls_session::shake_hands() {
  ERR_clear_error();
  auto returned = SSL_do_handshake(ssl_.get());
  if (returned != 1)
    return state_after(returned);
  open_ = true;
  return rw_state::success;
}

template <class Step>
rw_state tls_session::transfer(std::size_t size, Step step) {
  if (!open_)
    if (auto state = shake_hands(); !open_)
      return state;
  if (size == 0)
    return rw_state::indeterminate;
  ERR_clear_error();
  auto returned = step();
  return returned == 1 ? rw_state::success : state_after(returned);
}

rw_state tls_session::read(std::size_t& result, void* to, std::size_t size) {
  result = 0;
  auto state = transfer(size, [&] { return SSL_read_ex(ssl_.get(), to, size, &result); });
  // A read that waits for data is no reason to stop writing: want_read would say that.
  return state == rw_state::want_read && open_ ? rw_state::success : state;
}

rw_state tls_session::write(std::size_t& result, const void* from, std::size_t size) {
  result = 0;
  return transfer(size, [&] { return SSL_write_ex(ssl_.get(), from, size, &result); });
}

std::size_t tls_session::pending() const {
  return static_cast<std::size_t>(SSL_pending(ssl_.get()));
}

} // namespace aeo::io

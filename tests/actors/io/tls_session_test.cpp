// Two ends of TLS on a pair of sockets, without CAF.

#include "actors/io/credentials.hpp"
#include "actors/io/tls_context.hpp"
#include "actors/io/tls_identity.hpp"
#include "actors/io/tls_session.hpp"
#include "actors/io/unique_fd.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <csignal>

using namespace aeo;
using caf::io::network::rw_state;
using io::tls_session;

namespace {

/// An identity of the authority that is good for a day.
io::pem_identity day_identity(const io::pem_identity& authority, io::certificate_use use) {
  using namespace std::chrono;
  const auto now = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  auto made = io::issue_certificate(authority, "mia", use, now, now + 86'400'000'000);
  REQUIRE(made);
  return std::move(*made);
}

/// Until that, or the end of the connection, is told.
void wait_for(const io::unique_fd& fd, short events) {
  pollfd one{fd.get(), events, 0};
  REQUIRE(::poll(&one, 1, 30'000) == 1);
}

} // namespace

TEST_CASE("who is turned away while he writes reads why") {
  std::signal(SIGPIPE, SIG_IGN);
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  const auto authority = io::make_authority("test", now, now + 86'400'000'000);
  REQUIRE(authority);
  const io::node_identity node{*authority, day_identity(*authority, io::certificate_use::server)};
  io::credential mia;
  mia.name = "mia";
  mia.authority = authority->certificate;
  mia.identity = day_identity(*authority, io::certificate_use::client);
  const auto revoking = io::tls_context::of_node(
      node, [](const std::string&, const std::string&) { return io::token_verdict::revoked; });
  const auto own = io::tls_context::of_credential(mia);
  REQUIRE(revoking);
  REQUIRE(own);

  const io::unique_fd door{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(at);
  REQUIRE(::bind(door.get(), reinterpret_cast<sockaddr*>(&at), length) == 0);
  REQUIRE(::listen(door.get(), 1) == 0);
  REQUIRE(::getsockname(door.get(), reinterpret_cast<sockaddr*>(&at), &length) == 0);
  const io::unique_fd here{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  REQUIRE(::connect(here.get(), reinterpret_cast<sockaddr*>(&at), length) == 0);
  io::unique_fd there{::accept4(door.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  REQUIRE(::fcntl(here.get(), F_SETFL, O_NONBLOCK) == 0);
  auto client = tls_session::make(*own->settings(), here.get(), tls_session::side::client);
  auto server = tls_session::make(*revoking->settings(), there.get(), tls_session::side::server);
  REQUIRE(client);
  REQUIRE(server);
  std::array<char, 64> bytes{};
  std::size_t size = 0;
  client->read(size, bytes.data(), bytes.size());
  wait_for(there, POLLIN);
  server->read(size, bytes.data(), bytes.size());
  wait_for(here, POLLIN);
  client->read(size, bytes.data(), bytes.size());
  REQUIRE(client->is_open()); // Who is let in is judged after that.
  wait_for(there, POLLIN);
  CHECK(server->read(size, bytes.data(), bytes.size()) == rw_state::failure);
  there = io::unique_fd{};
  wait_for(here, 0); // Not all was read there: the connection is reset.
  CHECK(client->write(size, bytes.data(), bytes.size()) == rw_state::failure);
  INFO(client->failure());
  CHECK(client->failure().find("certificate revoked") != std::string::npos);
}

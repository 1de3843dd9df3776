#include "actors/io/credentials.hpp"
#include "actors/io/remote_door.hpp"
#include "actors/io/unique_fd.hpp"
#include "messages/actors.hpp"
#include "tests/fixtures/sanitizers.hpp"

#include <caf/actor_registry.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/basp/header.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <catch2/catch_test_macros.hpp>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace aeo;
using caf::io::basp::header;
using caf::io::basp::message_type;
using io::certificate_use;
using io::pem_identity;
using std::chrono::milliseconds;

namespace {

/// Only a failure lasts that long; BASP hangs up on who is silent for twice of it.
constexpr milliseconds door_patience{30'000};
constexpr std::uint64_t door_request = caf::message_id::default_async_value | 7;
constexpr caf::actor_id raw_sender = 9;
constexpr std::int64_t door_day = 86'400'000'000;

std::int64_t door_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

pem_identity door_authority() {
  auto made = io::make_authority("test authority", door_now(), door_now() + door_day);
  REQUIRE(made);
  return std::move(*made);
}

pem_identity door_leaf(const pem_identity& authority, certificate_use use,
                       std::int64_t from_us = door_now()) {
  auto made = io::issue_certificate(authority, "alice", use, from_us, from_us + door_day);
  REQUIRE(made);
  return std::move(*made);
}

/// Of the nodes of all tests: making one costs.
const io::node_identity& door_identity() {
  static const auto made = [] {
    const auto authority = door_authority();
    return io::node_identity{authority, door_leaf(authority, certificate_use::server)};
  }();
  return made;
}

const pem_identity& door_client() {
  static const auto made = door_leaf(door_identity().authority, certificate_use::client);
  return made;
}

io::credential door_credential(const pem_identity& client = door_client(),
                               const pem_identity& authority = door_identity().authority) {
  io::credential result;
  result.name = "alice";
  result.token = "token";
  result.authority = authority.certificate;
  result.identity = client;
  return result;
}

struct door_config : caf::actor_system_config {
  explicit door_config(milliseconds heartbeat = {}) {
    static const bool ready = (std::signal(SIGPIPE, SIG_IGN), io::init_remote(), true);
    (void)ready;
    set("caf.scheduler.max-threads", 2);
    io::enable_remote(*this);
    if (heartbeat > heartbeat.zero())
      set("caf.middleman.heartbeat-interval", caf::timespan{heartbeat});
  }
};

/// What a gateway answers when nobody is behind it.
gateway_actor::behavior_type echo_gateway(gateway_actor::pointer) {
  return {
      [](std::uint32_t, const std::string& program) { return "hello " + program; },
      [](atom::hello, const std::string& token) {
        remote_welcome result;
        result.name = token;
        return result;
      },
      [](atom::get, const std::string& token, std::uint32_t) {
        run_view result;
        result.workspace = token == "much" ? std::string(1024 * 1024, 'x') : token;
        return result;
      },
      [](atom::next, const std::string&, std::uint64_t from, std::uint32_t) {
        event_page result;
        result.head = from;
        return result;
      },
      [](atom::read, const std::string&, const log_request&) { return log_page{}; },
      [](atom::ask, const std::string&, const std::string& what, const std::string& about) {
        return what + about;
      },
      [](atom::act, const control_request& request) { return request.phase; },
      [](atom::gone, const std::string&, const std::string&) {},
  };
}

/// A process that publishes a gateway.
class door_node {
public:
  explicit door_node(const io::door_limits& limits = {},
                     const io::node_identity& identity = door_identity()) {
    gateway = system.spawn(echo_gateway);
    open(0, limits, identity);
  }
  ~door_node() {
    door.reset();
    caf::anon_send_exit(gateway, caf::exit_reason::user_shutdown);
  }

  void open(std::uint16_t port, const io::door_limits& limits = {},
            const io::node_identity& identity = door_identity()) {
    const auto tls = io::tls_context::of_node(identity);
    REQUIRE(tls);
    auto opened = io::publish(
        system, gateway, "127.0.0.1", port, [tls] { return *tls; }, limits);
    INFO((opened ? std::string{} : message_of(opened.error())));
    REQUIRE(opened);
    door = std::move(*opened);
  }
  std::uint16_t port() const { return door->port(); }

  door_config config;
  caf::actor_system system{config};
  gateway_actor gateway;
  std::unique_ptr<io::remote_door> door;
};

/// A process that attaches.
class door_operator {
public:
  explicit door_operator(const io::credential& who = door_credential(), milliseconds heartbeat = {})
      : config{heartbeat} {
    const auto tls = io::tls_context::of_credential(who);
    REQUIRE(tls);
    link = std::make_unique<io::remote_link>(system, *tls);
  }
  ~door_operator() {
    gateway = nullptr;
    link.reset();
  }

  bool connect(std::uint16_t port, milliseconds patience = door_patience) {
    auto result = link->connect("127.0.0.1", port, patience);
    if (result)
      gateway = *result;
    else
      error = result.error();
    return static_cast<bool>(result);
  }
  template <class Answer, class... Ts>
  std::optional<Answer> ask(const Ts&... xs) {
    std::optional<Answer> result;
    caf::scoped_actor self{system};
    self->request(gateway, answer_patience, xs...)
        .receive([&](Answer& x) { result = std::move(x); },
                 [&](const caf::error& err) { error = err; });
    return result;
  }
  bool is_served() {
    return ask<std::string>(remote_protocol, std::string{"alice"}) == "hello alice";
  }

  door_config config;
  caf::actor_system system{config};
  milliseconds answer_patience = door_patience;
  std::unique_ptr<io::remote_link> link;
  gateway_actor gateway;
  caf::error error;
};

/// Whoever comes now gets through TLS and BASP, and an answer.
bool admits_operators(std::uint16_t port) {
  door_operator someone;
  const auto admitted = someone.connect(port) && someone.is_served();
  if (!admitted)
    UNSCOPED_INFO(message_of(someone.error));
  return admitted;
}

// -- Peers that are no CAF --------------------------------------------------------------------

template <class F>
caf::byte_buffer raw_frame(header h, F&& payload) {
  caf::byte_buffer bytes;
  caf::binary_serializer sink{nullptr, bytes};
  payload(sink);
  h.payload_len = static_cast<std::uint32_t>(bytes.size());
  caf::byte_buffer result;
  caf::binary_serializer head{nullptr, result};
  REQUIRE(head.apply(h));
  result.insert(result.end(), bytes.begin(), bytes.end());
  return result;
}

caf::byte_buffer raw_header(const header& h) {
  caf::byte_buffer result;
  caf::binary_serializer sink{nullptr, result};
  REQUIRE(sink.apply(h));
  return result;
}

caf::byte_buffer raw_text(std::string_view text) {
  const auto* begin = reinterpret_cast<const caf::byte*>(text.data());
  return {begin, begin + text.size()};
}

caf::node_id raw_node(std::uint32_t pid) {
  caf::hashed_node_id::host_id_type host{};
  host.fill(7);
  return caf::make_node_id(pid, host);
}

caf::byte_buffer raw_handshake(const caf::node_id& as) {
  return raw_frame({message_type::client_handshake, 0, 0, 0, 0, 0},
                   [&](caf::binary_serializer& sink) { REQUIRE(sink.apply(as)); });
}

template <class... Ts>
caf::byte_buffer raw_message(caf::actor_id to, std::uint64_t id, const Ts&... xs) {
  return raw_frame({message_type::direct_message, 0, 0, id, raw_sender, to},
                   [&](caf::binary_serializer& sink) {
                     REQUIRE(sink.begin_sequence(0));
                     REQUIRE(sink.apply(caf::make_message(xs...)));
                   });
}

caf::byte_buffer raw_exit(caf::actor_id to) {
  return raw_frame({message_type::direct_message, 0, 0, 0, 0, to},
                   [](caf::binary_serializer& sink) {
                     REQUIRE(sink.begin_sequence(0));
                     REQUIRE(sink.begin_sequence(1));
                     REQUIRE(sink.value(caf::type_id_v<caf::exit_msg>));
                     REQUIRE(sink.apply(caf::actor_id{0})); // A handle of nobody: no more to it.
                     REQUIRE(sink.apply(caf::node_id{}));
                     REQUIRE(sink.apply(caf::error{caf::exit_reason::kill}));
                   });
}

struct raw_tls {
  const pem_identity* identity = &door_client(); ///< Null: shows nothing.
  int version = TLS1_3_VERSION;
};

/// One end of a connection. Each wait ends with door_patience at the latest.
class raw_peer {
public:
  explicit raw_peer(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{door_patience.count() / 1000, 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
  }
  raw_peer(std::uint16_t port, const raw_tls& tls) : raw_peer(port) { shake_hands(tls); }

  bool is_connected() const { return connected_; }
  bool is_secure() const { return secure_; }

  void shake_hands(const raw_tls& tls) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context_.get(), tls.version);
    SSL_CTX_set_max_proto_version(context_.get(), tls.version);
    if (tls.identity) {
      const auto reader = [](const std::string& x) {
        return std::unique_ptr<BIO, decltype(&BIO_free)>{
            BIO_new_mem_buf(x.data(), static_cast<int>(x.size())), &BIO_free};
      };
      const std::unique_ptr<X509, decltype(&X509_free)> certificate{
          PEM_read_bio_X509(reader(tls.identity->certificate).get(), nullptr, nullptr, nullptr),
          &X509_free};
      const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{
          PEM_read_bio_PrivateKey(reader(tls.identity->key).get(), nullptr, nullptr, nullptr),
          &EVP_PKEY_free};
      SSL_CTX_use_certificate(context_.get(), certificate.get());
      SSL_CTX_use_PrivateKey(context_.get(), key.get());
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd_.get());
    secure_ = SSL_connect(ssl_.get()) == 1;
  }
  bool send(const caf::byte_buffer& bytes) {
    if (!ssl_)
      return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL)
             == static_cast<ssize_t>(bytes.size());
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  /// Waits for it, whatever comes before.
  bool is_hung_up_on() {
    std::vector<char> ignored(65'536);
    ssize_t got = 0;
    while ((got = ::recv(fd_.get(), ignored.data(), ignored.size(), 0)) > 0)
      thrown_away += static_cast<std::size_t>(got);
    return got == 0 || errno == ECONNRESET || errno == EPIPE;
  }
  /// The next frame's header, its payload in `payload`.
  std::optional<header> receive() {
    caf::byte_buffer head(caf::io::basp::header_size);
    header result;
    if (!receive_exactly(head))
      return std::nullopt;
    caf::binary_deserializer source{nullptr, head};
    if (!source.apply(result))
      return std::nullopt;
    payload.resize(result.payload_len);
    if (!receive_exactly(payload))
      return std::nullopt;
    return result;
  }
  /// Reads the node's handshake and, unless told otherwise, answers it.
  bool greet(const std::optional<caf::node_id>& as) {
    const auto first = receive();
    if (!first || first->operation != message_type::server_handshake)
      return false;
    std::vector<std::string> applications;
    std::set<std::string> interface;
    caf::binary_deserializer source{nullptr, payload};
    return source.apply(node) && source.apply(applications) && source.apply(gateway)
           && source.apply(interface) && (!as || send(raw_handshake(*as)));
  }
  /// Waits for an answer to the request of that number.
  bool is_answered(std::uint64_t request) {
    while (const auto h = receive())
      if (h->operation == message_type::direct_message && h->dest_actor == raw_sender
          && h->operation_data == (request | caf::message_id::response_flag_mask))
        return true;
    return false;
  }

  caf::node_id node; ///< The door's.
  caf::actor_id gateway = 0;
  caf::byte_buffer payload;    ///< See receive().
  std::size_t thrown_away = 0; ///< By is_hung_up_on().

private:
  bool receive_exactly(caf::byte_buffer& to) {
    std::size_t done = 0;
    while (done < to.size()) {
      std::size_t got = 0;
      if (SSL_read_ex(ssl_.get(), to.data() + done, to.size() - done, &got) != 1)
        return false;
      done += got;
    }
    return true;
  }

  struct tls_deleter {
    void operator()(SSL* x) const { SSL_free(x); }
    void operator()(SSL_CTX* x) const { SSL_CTX_free(x); }
  };
  io::unique_fd fd_;
  std::unique_ptr<SSL_CTX, tls_deleter> context_;
  std::unique_ptr<SSL, tls_deleter> ssl_;
  bool connected_ = false;
  bool secure_ = false;
};

/// A credential's holder who means ill: through TLS and, by that name, BASP's handshake.
raw_peer raw_member(std::uint16_t port, std::uint32_t pid = 1) {
  raw_peer result(port, raw_tls{});
  REQUIRE(result.is_secure());
  REQUIRE(result.greet(raw_node(pid)));
  return result;
}

std::size_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

} // namespace

TEST_CASE("a credential's holder gets an answer to each message of the gateway") {
  const door_node node;
  door_operator alice;
  REQUIRE(alice.connect(node.port()));
  const std::string token = "token";
  CHECK(alice.ask<std::string>(std::uint32_t{1}, std::string{"alice"}) == "hello alice");
  CHECK(alice.ask<remote_welcome>(atom::hello_v, token).value().name == token);
  CHECK(alice.ask<run_view>(atom::get_v, token, 0u).value().workspace == token);
  CHECK(alice.ask<run_view>(atom::get_v, std::string{"much"}, 0u).value().workspace.size()
        == std::size_t{1024} * 1024);
  CHECK(alice.ask<event_page>(atom::next_v, token, std::uint64_t{7}, 0u).value().head == 7);
  CHECK(alice.ask<log_page>(atom::read_v, token, log_request{}));
  CHECK(alice.ask<std::string>(atom::ask_v, token, std::string{"a"}, std::string{"b"}) == "ab");
  control_request request;
  request.phase = "1";
  CHECK(alice.ask<std::string>(atom::act_v, request) == "1");
}

TEST_CASE("an operator who comes again and again is served each time, on the same link too") {
  const door_node node;
  door_operator alice;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(alice.connect(node.port()));
    CHECK(alice.is_served());
    CHECK(admits_operators(node.port()));
  }
}

TEST_CASE("who holds no certificate of the node's authority is hung up on, and the door lives") {
  const door_node node;
  door_operator alice;
  REQUIRE(alice.connect(node.port()));
  const auto other = door_authority();
  const auto foreign = door_leaf(other, certificate_use::client);
  const auto expired =
      door_leaf(door_identity().authority, certificate_use::client, door_now() - 2 * door_day);
  const auto early =
      door_leaf(door_identity().authority, certificate_use::client, door_now() + door_day);
  for (const auto* each : std::initializer_list<const pem_identity*>{
           &foreign, &other, &expired, &early, &door_identity().node, nullptr}) {
    raw_peer p(node.port(), raw_tls{.identity = each, .version = TLS1_3_VERSION});
    CHECK(p.is_hung_up_on());
    CHECK(alice.is_served());
  }
  CHECK(admits_operators(node.port()));
}

TEST_CASE("TLS 1.2 is turned away") {
  const door_node node;
  raw_peer p(node.port(), raw_tls{.identity = &door_client(), .version = TLS1_2_VERSION});
  CHECK_FALSE(p.is_secure());
  CHECK(p.is_hung_up_on());
  CHECK(admits_operators(node.port()));
}

TEST_CASE("who does not speak TLS is hung up on, at once and without being asked again") {
  const door_node node;
  const std::vector<caf::byte_buffer> openings = {
      raw_text("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
      raw_header({message_type::server_handshake, 0, 0, 4, 0, 0}),
      caf::byte_buffer(100'000, caf::byte{0xff}), caf::byte_buffer(5, caf::byte{0})};
  for (const auto& each : openings) {
    raw_peer p(node.port());
    REQUIRE(p.is_connected());
    p.send(each);
    CHECK(p.is_hung_up_on());
  }
  CHECK(admits_operators(node.port()));
}

TEST_CASE("a node of another authority is refused by the operator, who is told what to do") {
  const door_node node;
  const auto other = door_authority();
  door_operator alice(door_credential(door_leaf(other, certificate_use::client), other));
  CHECK_FALSE(alice.connect(node.port()));
  CHECK(alice.error == ec::untrusted);
  INFO(message_of(alice.error));
  CHECK(message_of(alice.error).find("certificate verify failed") != std::string::npos);
  CHECK(message_of(alice.error).find("have a new credential issued") != std::string::npos);
  CHECK(admits_operators(node.port()));
}

TEST_CASE("a node that shows a client's certificate is refused by the operator") {
  const door_node node({}, {door_identity().authority, door_client()});
  door_operator alice;
  CHECK_FALSE(alice.connect(node.port()));
  CHECK(alice.error == ec::untrusted);
}

TEST_CASE("an operator whose certificate has expired is told so") {
  const door_node node;
  const auto from = door_now() - 2 * door_day;
  door_operator alice(
      door_credential(door_leaf(door_identity().authority, certificate_use::client, from)));
  CHECK_FALSE(alice.connect(node.port()));
  CHECK(alice.error == ec::untrusted);
  INFO(message_of(alice.error));
  CHECK(message_of(alice.error).find("expired") != std::string::npos);
}

TEST_CASE("where nobody listens, no node is found") {
  std::uint16_t port = 0;
  {
    const door_node node;
    port = node.port();
  }
  door_operator alice;
  CHECK_FALSE(alice.connect(port));
  CHECK(alice.error == ec::no_node);
}

namespace {

/// A socket that listens on a port of its own; its port, 0 if that failed.
std::uint16_t listen_anywhere(int socket) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  const bool made = ::bind(socket, reinterpret_cast<sockaddr*>(&at), size) == 0
                    && ::listen(socket, 0) == 0
                    && ::getsockname(socket, reinterpret_cast<sockaddr*>(&at), &size) == 0;
  return made ? ntohs(at.sin_port) : 0;
}

} // namespace

TEST_CASE("what speaks no TLS is told to be no node, and the credential is not blamed") {
  const io::unique_fd web{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto port = listen_anywhere(web.get());
  REQUIRE(port != 0);
  std::jthread answers([&] {
    const io::unique_fd peer{::accept(web.get(), nullptr, nullptr)};
    const std::string_view text = "HTTP/1.1 400 Bad Request\r\n\r\n";
    ::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL);
    ::shutdown(peer.get(), SHUT_WR);
    std::array<char, 2048> asked{};
    while (::recv(peer.get(), asked.data(), asked.size(), 0) > 0)
      ; // What is not taken would reset the connection, and the answer be lost.
  });
  door_operator alice;
  CHECK_FALSE(alice.connect(port));
  CHECK(alice.error == ec::no_node);
  INFO(message_of(alice.error));
  CHECK(message_of(alice.error).find("is no node") != std::string::npos);
  CHECK(message_of(alice.error).find("credential") == std::string::npos);
}

TEST_CASE("who takes connections and says nothing keeps an operator no longer than asked for") {
  const io::unique_fd silent{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto port = listen_anywhere(silent.get());
  REQUIRE(port != 0);
  const auto began = std::chrono::steady_clock::now();
  {
    door_operator alice;
    CHECK_FALSE(alice.connect(port, milliseconds{100}));
    CHECK(alice.error == ec::no_node);
    // One is in the queue: the next ones do not even get through TCP.
    door_operator bob;
    CHECK_FALSE(bob.connect(port, milliseconds{100}));
    CHECK(bob.error == ec::no_node);
    door_operator carol;
    CHECK_FALSE(carol.connect(port, milliseconds{100}));
    CHECK(carol.error == ec::no_node);
  }
  // Also letting go of the links is no matter of TCP's patience, two minutes.
  CHECK(std::chrono::steady_clock::now() - began < door_patience);
}

TEST_CASE("whoever answers slowly is waited for, whatever heartbeats there are meanwhile") {
  const io::unique_fd silent{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto port = listen_anywhere(silent.get());
  REQUIRE(port != 0);
  door_operator alice{door_credential(), milliseconds{10}};
  CHECK_FALSE(alice.connect(port, milliseconds{500}));
  CHECK(message_of(alice.error).find("in time") != std::string::npos);
}

namespace {

struct misdeed {
  std::string name;
  std::function<void(raw_peer&, caf::actor_id)> commit; ///< Through TLS, before BASP's handshake.
};

/// Of a peer that holds a valid certificate; each is hung up on.
const std::vector<misdeed>& misdeeds() {
  const auto after_handshake = [](auto make) {
    return [make](raw_peer& p, caf::actor_id gateway) {
      static std::atomic<std::uint32_t> pid = 1000;
      p.send(raw_handshake(raw_node(++pid)));
      p.send(make(p, gateway));
    };
  };
  const std::string text = "x";
  static const std::vector<misdeed> all = {
      {"garbage", [](raw_peer& p, caf::actor_id) { p.send(raw_text(std::string(64, '\xee'))); }},
      {"an empty server handshake",
       [](raw_peer& p, caf::actor_id) {
         p.send(raw_header({message_type::server_handshake, 0, 0, 4, 0, 0}));
       }},
      {"an empty client handshake",
       [](raw_peer& p, caf::actor_id) {
         p.send(raw_header({message_type::client_handshake, 0, 0, 0, 0, 0}));
       }},
      {"a handshake without a name", [](raw_peer& p, caf::actor_id) { p.send(raw_handshake({})); }},
      {"4 GB", after_handshake([](raw_peer&, caf::actor_id gateway) {
         return raw_header({message_type::direct_message, 0, ~0U, 0, raw_sender, gateway});
       })},
      {"4 GB of a handshake",
       [](raw_peer& p, caf::actor_id) {
         p.send(raw_header({message_type::client_handshake, 0, ~0U, 0, 0, 0}));
       }},
      {"an exit",
       after_handshake([](raw_peer&, caf::actor_id gateway) { return raw_exit(gateway); })},
      {"another actor's message", after_handshake([](raw_peer&, caf::actor_id gateway) {
         return raw_message(gateway, 0, atom::publish_v, event_batch{});
       })},
      {"a stream's message", after_handshake([text](raw_peer&, caf::actor_id gateway) {
         return raw_message(gateway, std::uint64_t{2} << 60, std::uint32_t{1}, text);
       })},
      {"the other half of a stream", after_handshake([text](raw_peer&, caf::actor_id gateway) {
         return raw_message(gateway, std::uint64_t{3} << 60, std::uint32_t{1}, text);
       })},
      {"an answer", after_handshake([text](raw_peer&, caf::actor_id gateway) {
         return raw_message(gateway, door_request | caf::message_id::response_flag_mask,
                            std::uint32_t{1}, text);
       })},
      {"a routed message", after_handshake([](raw_peer&, caf::actor_id gateway) {
         return raw_frame({message_type::routed_message, 0, 0, 0, raw_sender, gateway},
                          [](caf::binary_serializer& sink) {
                            REQUIRE(sink.apply(raw_node(1)));
                            REQUIRE(sink.apply(raw_node(2)));
                          });
       })},
      {"a third node's watch", after_handshake([](raw_peer& p, caf::actor_id gateway) {
         return raw_frame({message_type::monitor_message, 0, 0, 0, 0, gateway},
                          [&](caf::binary_serializer& sink) {
                            REQUIRE(sink.apply(raw_node(1)));
                            REQUIRE(sink.apply(p.node));
                          });
       })},
  };
  return all;
}

} // namespace

TEST_CASE("a credential's holder who means ill is hung up on while others are served") {
  const door_node node;
  door_operator alice;
  REQUIRE(alice.connect(node.port()));
  for (const auto& each : misdeeds()) {
    INFO(each.name);
    raw_peer p(node.port(), raw_tls{});
    REQUIRE(p.is_secure());
    REQUIRE(p.greet(std::nullopt));
    CHECK(p.gateway == node.gateway.id());
    each.commit(p, p.gateway);
    CHECK(p.is_hung_up_on());
    CHECK(alice.is_served());
  }
  CHECK(admits_operators(node.port()));
}

TEST_CASE("a peer that takes the node's own name is hung up on") {
  const door_node node;
  raw_peer p(node.port(), raw_tls{});
  REQUIRE(p.greet(std::nullopt));
  CHECK(p.node == node.system.node());
  p.send(raw_handshake(p.node));
  CHECK(p.is_hung_up_on());
  CHECK(admits_operators(node.port()));
}

TEST_CASE("a message to another actor of the node never arrives") {
  door_node node;
  std::atomic<int> heard = 0;
  const auto secret = node.system.spawn([&heard]() -> caf::behavior {
    return {[&heard](std::uint32_t, const std::string&) { ++heard; }};
  });
  node.system.registry().put(secret.id(), caf::actor_cast<caf::strong_actor_ptr>(secret));
  auto p = raw_member(node.port());
  const std::string name = "mallory";
  p.send(raw_message(secret.id(), 0, std::uint32_t{1}, name));
  p.send(raw_exit(secret.id()));
  p.send(raw_message(p.gateway, door_request, std::uint32_t{1}, name));
  // In order: had the first two been let in, they would be there by now.
  CHECK(p.is_answered(door_request));
  caf::scoped_actor self{node.system};
  self->send(secret, std::uint32_t{1}, name);
  self->send_exit(secret, caf::exit_reason::user_shutdown);
  self->wait_for(secret);
  CHECK(heard == 1);
}

TEST_CASE("who asks on and on without reading the answers is hung up on") {
  aeo::testing::skip_where_packing_is_slow();
  io::door_limits limits;
  limits.unread = std::size_t{2} * 1024 * 1024;
  const door_node node(limits);
  auto p = raw_member(node.port());
  const std::string token = "much";
  auto sent = 0;
  // 60 answers of a megabyte each; sending fails when the node has hung up.
  while (sent < 60
         && p.send(raw_message(p.gateway, door_request + static_cast<std::uint64_t>(sent),
                               atom::get_v, token, 0u)))
    ++sent;
  CHECK(p.is_hung_up_on());
  // Who has read it all is hung up on, too, when it says nothing for long.
  CHECK(p.thrown_away < std::size_t{10} * 1024 * 1024);
  CHECK(admits_operators(node.port()));
}

TEST_CASE("more frames a second than allowed are hung up on") {
  io::door_limits limits;
  limits.frames_per_second = 50;
  const door_node node(limits);
  auto p = raw_member(node.port());
  const auto beat = raw_header({message_type::heartbeat, 0, 0, 0, 0, 0});
  for (int i = 0; i < 200 && p.send(beat); ++i)
    continue;
  CHECK(p.is_hung_up_on());
  CHECK(admits_operators(node.port()));
}

TEST_CASE("half-open handshakes keep nobody out, and the oldest ones go") {
  io::door_limits limits;
  limits.handshakes = 4;
  const door_node node(limits);
  std::vector<std::unique_ptr<raw_peer>> held;
  held.reserve(12);
  for (int i = 0; i < 12; ++i)
    held.push_back(std::make_unique<raw_peer>(node.port()));
  CHECK(admits_operators(node.port()));
  for (std::size_t i = 0; i < 8; ++i)
    CHECK(held[i]->is_hung_up_on());
  // Who is slow and not among the oldest gets through.
  held.back()->shake_hands({});
  CHECK(held.back()->is_secure());
  CHECK(held.back()->greet(raw_node(1)));
}

TEST_CASE("a handshake that lasts too long makes room for the next one") {
  io::door_limits limits;
  limits.handshake = milliseconds{0};
  const door_node node(limits);
  raw_peer slow(node.port());
  raw_peer next(node.port());
  CHECK(slow.is_hung_up_on());
}

TEST_CASE("connections beyond the limit are turned away until one of them ends") {
  io::door_limits limits;
  limits.connections = 3;
  const door_node node(limits);
  door_operator alice;
  REQUIRE(alice.connect(node.port()));
  auto second = std::make_unique<raw_peer>(raw_member(node.port(), 1));
  auto third = raw_member(node.port(), 2);
  raw_peer beyond(node.port());
  CHECK(beyond.is_hung_up_on());
  door_operator bob;
  CHECK_FALSE(bob.connect(node.port()));
  INFO(message_of(bob.error));
  CHECK(bob.error == ec::no_node);
  CHECK(message_of(bob.error).find("hung up") != std::string::npos);
  CHECK(alice.is_served());
  second.reset();
  const auto until = std::chrono::steady_clock::now() + door_patience;
  while (!admits_operators(node.port()))
    REQUIRE(std::chrono::steady_clock::now() < until);
  CHECK(alice.is_served());
}

TEST_CASE("a door that has closed lets nobody in, keeps who is in, and frees its port") {
  door_node node;
  door_operator alice;
  REQUIRE(alice.connect(node.port()));
  for (int i = 0; i < 3; ++i) {
    const auto port = node.port();
    node.door.reset();
    CHECK_FALSE(raw_peer(port).is_connected());
    CHECK(alice.is_served());
    node.open(port);
    CHECK(node.port() == port);
    CHECK(admits_operators(port));
  }
}

TEST_CASE("who is not admitted is told so by TLS, and who is not any more is cut off") {
  door_node node;
  std::atomic<bool> welcome = true;
  std::mutex mutex;
  std::set<std::string> asked;
  const auto serial = io::describe_certificate(door_client().certificate)->serial;
  const auto tls = io::tls_context::of_node(
      door_identity(), [&](const std::string& of, const std::string& from) {
        const std::lock_guard lock{mutex};
        asked.insert(of + (from.starts_with("127.0.0.1:") ? " here" : " elsewhere"));
        return welcome.load() ? io::token_verdict::valid : io::token_verdict::revoked;
      });
  REQUIRE(tls);
  auto opened = io::publish(node.system, node.gateway, "127.0.0.1", 0, [tls] { return *tls; });
  REQUIRE(opened);
  const auto port = (*opened)->port();
  {
    door_operator alice;
    REQUIRE(alice.connect(port));
    CHECK(alice.is_served());
    welcome = false;
    alice.answer_patience = milliseconds{2000}; // None comes.
    CHECK_FALSE(alice.is_served());
  }
  const auto own = io::tls_context::of_credential(door_credential());
  door_config config;
  caf::actor_system system{config};
  io::remote_link link{system, *own};
  const auto refused = link.connect("127.0.0.1", port, door_patience);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == ec::not_permitted);
  CHECK(message_of(refused.error()).find("was revoked") != std::string::npos);
  welcome = true;
  CHECK(link.connect("127.0.0.1", port, door_patience));
  const std::lock_guard lock{mutex};
  CHECK(asked == std::set<std::string>{serial + " here"});
}

TEST_CASE("a certificate that was renewed is shown to who connects from then on") {
  door_node node;
  auto current = std::make_shared<std::atomic<int>>(0);
  const auto stranger = door_authority();
  const auto first = io::tls_context::of_node(door_identity());
  const auto second =
      io::tls_context::of_node({stranger, door_leaf(stranger, certificate_use::server)});
  REQUIRE(first);
  REQUIRE(second);
  auto opened = io::publish(node.system, node.gateway, "127.0.0.1", 0,
                            [=] { return *current == 0 ? *first : *second; });
  REQUIRE(opened);
  CHECK(admits_operators((*opened)->port()));
  *current = 1;
  door_operator alice;
  CHECK_FALSE(alice.connect((*opened)->port()));
}

TEST_CASE("a port that is taken, or an address of another machine, is told") {
  door_node node;
  const auto tls = io::tls_context::of_node(door_identity());
  REQUIRE(tls);
  for (const std::string host : {"127.0.0.1", "192.0.2.1"}) {
    const auto second =
        io::publish(node.system, node.gateway, host, node.port(), [tls] { return *tls; });
    REQUIRE_FALSE(second);
    CHECK(second.error() == ec::bad_configuration);
    CHECK(message_of(second.error()).find(host) != std::string::npos);
  }
  CHECK(admits_operators(node.port()));
}

TEST_CASE("a certificate with another's key makes no context") {
  const pem_identity mixed{door_client().certificate, door_identity().node.key};
  CHECK(io::tls_context::of_credential(door_credential(mixed)).error() == ec::bad_configuration);
  CHECK(io::tls_context::of_node({door_identity().authority, mixed}).error() == ec::internal);
}

namespace {

/// Number `i` of many connections that come to no good.
void come_to_no_good(std::uint16_t port, std::size_t i) {
  static const auto foreign = door_leaf(door_authority(), certificate_use::client);
  const auto& bad = misdeeds();
  const auto kind = i % (bad.size() + 6);
  if (kind < bad.size()) {
    raw_peer p(port, raw_tls{});
    if (p.greet(std::nullopt))
      bad[kind].commit(p, p.gateway);
    if (i % 2)
      p.is_hung_up_on();
    return;
  }
  switch (kind - bad.size()) {
  case 0:
    raw_peer(port, raw_tls{.identity = &foreign, .version = TLS1_3_VERSION});
    break;
  case 1:
    raw_peer(port, raw_tls{.identity = nullptr, .version = TLS1_3_VERSION});
    break;
  case 2:
    raw_peer(port, raw_tls{.identity = &door_client(), .version = TLS1_2_VERSION});
    break;
  case 3:
    raw_peer(port).send(raw_text(std::string(1000, 'x')));
    break;
  case 4:
    raw_peer{port};
    break;
  default:
    raw_member(port, static_cast<std::uint32_t>(i) + 1'000'000);
  }
}

} // namespace

TEST_CASE("2,000 malformed connections cost no memory that stays, and an operator is served") {
  const door_node node;
  door_operator alice;
  REQUIRE(alice.connect(node.port()));
  constexpr std::size_t warm = 200;
  std::size_t before = 0;
  for (std::size_t i = 0; i < 2000 + warm; ++i) {
    if (i == warm)
      before = resident_bytes();
    come_to_no_good(node.port(), i);
    if (i % 100 == 0)
      CHECK(alice.is_served());
  }
  CHECK(alice.is_served());
  CHECK(admits_operators(node.port()));
  const auto after = resident_bytes();
  INFO("before: " << before << ", after: " << after);
#ifndef __SANITIZE_ADDRESS__ // It keeps what was freed.
  CHECK(after < before + std::size_t{64} * 1024 * 1024);
#endif
}

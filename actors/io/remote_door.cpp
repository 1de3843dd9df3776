#include "actors/io/remote_door.hpp"

#include "actors/io/frame_guard.hpp"
#include "actors/io/tls_session.hpp"
#include "actors/io/unique_fd.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/middleman_actor_impl.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/doorman_impl.hpp>
#include <caf/io/network/stream_impl.hpp>
#include <caf/scoped_actor.hpp>

#include <netdb.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <list>
#include <set>
#include <utility>

namespace aeo::io {

namespace {

namespace net = caf::io::network;

using clock = frame_guard::clock;

constexpr int niceness_of_answers = 10;

/// Reads and writes for a CAF stream. Shared with the connection, which asks how it stands.
struct tls_policy {
  std::shared_ptr<tls_session> session;

  net::rw_state read_some(std::size_t& result, net::native_socket, void* to, std::size_t size) {
    return session->read(result, to, size);
  }
  net::rw_state write_some(std::size_t& result, net::native_socket, const void* from,
                           std::size_t size) {
    return session->write(result, from, size);
  }
  bool must_read_more(net::native_socket, std::size_t threshold) const {
    return session->pending() >= threshold;
  }
};

/// A number of its own for each connection: CAF's is that of the descriptor, which the next one has
/// before BASP has heard that the last one is gone, and writes to that number what was for it.
caf::io::connection_handle next_handle() {
  static std::atomic<std::int64_t> last{std::int64_t{1} << 32};
  return caf::io::connection_handle::from_int(++last);
}

/// One connection.
class connection : public caf::io::scribe {
public:
  connection(net::default_multiplexer& mpx, net::native_socket fd,
             std::shared_ptr<tls_session> session)
      : scribe(next_handle()), session_(session), stream_(mpx, fd, tls_policy{std::move(session)}) {
  }

  void configure_read(caf::io::receive_policy::config config) override {
    stream_.configure_read(config);
    if (std::exchange(launched_, true))
      return;
    stream_.start(this);
    stream_.force_empty_write(this); // Begins, or goes on with, the handshake.
  }
  void ack_writes(bool enable) override { stream_.ack_writes(enable); }
  caf::byte_buffer& wr_buf() override { return stream_.wr_buf(); }
  caf::byte_buffer& rd_buf() override { return stream_.rd_buf(); }
  void graceful_shutdown() override {
    stream_.graceful_shutdown();
    detach(&stream_.backend(), false);
  }
  void flush() override { stream_.flush(this); }
  std::string addr() const override {
    auto x = net::remote_addr_of_fd(stream_.fd());
    return x ? *x : std::string{};
  }
  std::uint16_t port() const override {
    auto x = net::remote_port_of_fd(stream_.fd());
    return x ? *x : std::uint16_t{0};
  }
  void add_to_loop() override { stream_.activate(this); }
  void remove_from_loop() override { stream_.passivate(); }

  const tls_session& session() const { return *session_; }
  /// From within CAF's I/O thread, as if the peer had gone.
  void hang_up() {
    give_up();
    io_failure(&stream_.backend(), net::operation::read);
  }

protected:
  /// CAF's I/O thread finds out and hangs up, but later.
  void give_up() { net::shutdown_both(stream_.fd()); }
  void expect(std::size_t size) { stream_.configure_read(caf::io::receive_policy::exactly(size)); }

private:
  std::shared_ptr<tls_session> session_;
  bool launched_ = false;
  net::stream_impl<tls_policy> stream_;
};

class guarded_connection;

/// The connections of one door that live. Only CAF's I/O thread looks at it.
struct guest_list {
  std::size_t connections = 0;
  std::list<guarded_connection*> shaking_hands; ///< Oldest first.
};

/// Of a peer that is not trusted.
class guarded_connection final : public connection {
public:
  guarded_connection(net::default_multiplexer& mpx, net::native_socket fd,
                     std::shared_ptr<tls_session> session,
                     std::shared_ptr<const tls_settings> settings,
                     std::shared_ptr<const frame_guard::rules> rules,
                     std::shared_ptr<guest_list> guests, std::size_t unread)
      : connection(mpx, fd, std::move(session)), settings_(std::move(settings)),
        guard_(std::move(rules)), guests_(std::move(guests)), from_(address_of_peer(fd)),
        unread_(unread) {
    ++guests_->connections;
    guests_->shaking_hands.push_back(this);
  }
  ~guarded_connection() override {
    --guests_->connections;
    guests_->shaking_hands.remove(this);
  }

  clock::time_point since = clock::now();

  /// BASP does it after each thing that it has written. What it has for a peer that is hung up on,
  /// until it hears of that, takes no memory.
  void flush() override {
    if (!hung_up_ && wr_buf().size() > unread_) {
      hung_up_ = true;
      give_up();
    }
    if (hung_up_)
      caf::byte_buffer{}.swap(wr_buf());
    else
      connection::flush();
  }

  bool consume(caf::execution_unit* ctx, const void* data, std::size_t size) override {
    const caf::span<const caf::byte> bytes{static_cast<const caf::byte*>(data), size};
    if (std::exchange(skipping_, false)) {
      expect(caf::io::basp::header_size);
      return true;
    }
    const auto in_payload = std::exchange(in_payload_, false);
    if (!in_payload && !is_admitted()) {
      hang_up();
      return false;
    }
    switch (in_payload ? guard_.payload(bytes) : guard_.header(bytes, clock::now())) {
    case frame_guard::decision::pass:
      in_payload_ = !in_payload && guard_.payload_size() > 0;
      if (!scribe::consume(ctx, data, size))
        return false;
      forget_services();
      return true;
    case frame_guard::decision::skip:
      skipping_ = true;
      expect(guard_.payload_size());
      return true;
    case frame_guard::decision::close:
      break;
    }
    hang_up();
    return false;
  }

private:
  /// Still.
  bool is_admitted() {
    if (serial_.empty())
      serial_ = session().peer_serial();
    return !settings_->admits || settings_->admits(serial_, from_) == token_verdict::valid;
  }

  /// BASP makes an actor for each node it meets, to spawn others there, and keeps it for ever.
  void forget_services() {
    auto* broker = dynamic_cast<caf::io::basp_broker*>(parent());
    if (!broker)
      return;
    const auto found = broker->spawn_servers.find(guard_.peer());
    if (found == broker->spawn_servers.end())
      return;
    caf::anon_send_exit(found->second, caf::exit_reason::kill);
    broker->spawn_servers.erase(found);
  }

  std::shared_ptr<const tls_settings> settings_;
  frame_guard guard_;
  std::shared_ptr<guest_list> guests_;
  std::string from_;
  std::string serial_; ///< Once the peer has spoken.
  std::size_t unread_; ///< See door_limits.
  bool in_payload_ = false;
  bool skipping_ = false;
  bool hung_up_ = false; ///< For it does not read.
};

/// Takes connections.
class doorkeeper final : public net::doorman_impl {
public:
  doorkeeper(net::default_multiplexer& mpx, net::native_socket fd, tls_source tls,
             std::shared_ptr<const frame_guard::rules> rules, const door_limits& limits)
      : net::doorman_impl(mpx, fd), tls_(std::move(tls)), rules_(std::move(rules)),
        limits_(limits) {}

  bool new_connection() override {
    if (detached())
      return false;
    auto& mpx = acceptor_.backend();
    const auto fd = acceptor_.accepted_socket();
    make_room();
    forget_unsent();
    net::nonblocking(fd, true);
    auto settings = tls_().settings();
    auto session = guests_->connections < limits_.connections
                       ? tls_session::make(*settings, fd, tls_session::side::server)
                       : caf::expected<tls_session>{caf::make_error(ec::wrong_state, "full")};
    if (!session) {
      net::close_socket(fd);
      return true; // The door stays open.
    }
    auto next = caf::make_counted<guarded_connection>(
        mpx, fd, std::make_shared<tls_session>(std::move(*session)), std::move(settings), rules_,
        guests_, limits_.unread);
    const auto handle = next->hdl();
    parent()->add_scribe(std::move(next));
    return doorman::new_connection(&mpx, handle);
  }

private:
  /// Who does not get through the handshake must not keep others out.
  void make_room() {
    auto& waiting = guests_->shaking_hands;
    waiting.remove_if([](const auto* x) { return x->session().is_open() || x->detached(); });
    const auto latest = clock::now() - limits_.handshake;
    while (!waiting.empty()
           && (waiting.size() >= limits_.handshakes || waiting.front()->since < latest)) {
      const caf::intrusive_ptr<guarded_connection> oldest{waiting.front()};
      waiting.pop_front();
      oldest->hang_up();
    }
  }

  /// The broker keeps for ever what it was given to write for connections that were gone.
  void forget_unsent() {
    const auto nobody = caf::io::connection_handle::from_int(0);
    caf::byte_buffer{}.swap(parent()->wr_buf(nobody));
  }

  tls_source tls_;
  std::shared_ptr<const frame_guard::rules> rules_;
  door_limits limits_;
  std::shared_ptr<guest_list> guests_ = std::make_shared<guest_list>();
};

/// As net::new_tcp_connection, which waits for minutes where packets get lost. None: it failed.
unique_fd connect_tcp(const std::string& host, std::uint16_t port, int patience_ms) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses{found, &freeaddrinfo};
  for (const auto* x = found; x; x = x->ai_next) {
    unique_fd fd{::socket(x->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd)
      continue;
    if (::connect(fd.get(), x->ai_addr, x->ai_addrlen) == 0)
      return fd;
    pollfd writable{fd.get(), POLLOUT, 0};
    auto error = errno;
    socklen_t size = sizeof(error);
    if (error == EINPROGRESS && ::poll(&writable, 1, patience_ms) == 1
        && ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
      return fd;
  }
  return {};
}

/// A connection of our own making.
class trusted_connection final : public connection {
public:
  trusted_connection(net::default_multiplexer& mpx, net::native_socket fd,
                     std::shared_ptr<tls_session> session, std::shared_ptr<link_state> link)
      : connection(mpx, fd, std::move(session)), link_(std::move(link)) {}

  void configure_read(caf::io::receive_policy::config config) override {
    note_beginning();
    connection::configure_read(config);
  }

protected:
  caf::message detach_message() override {
    if (const auto& why = session().failure(); !why.empty())
      link_->note_failure(why);
    return connection::detach_message();
  }

private:
  /// For BASP, who has not answered yet has been silent since 1970: it would hang up at its next
  /// heartbeat.
  void note_beginning() {
    auto* broker = dynamic_cast<caf::io::basp_broker*>(parent());
    if (!broker)
      return;
    const auto found = broker->ctx.find(hdl());
    if (found != broker->ctx.end() && found->second.last_seen == caf::actor_clock::time_point{})
      found->second.last_seen = broker->clock().now();
  }

  std::shared_ptr<link_state> link_;
};

/// CAF's actor for publishing and connecting, with our connections.
class keeper final : public caf::io::middleman_actor_impl {
public:
  struct setup {
    tls_source tls;
    std::shared_ptr<const frame_guard::rules> rules; ///< Null: connects only.
    door_limits limits;
    std::shared_ptr<link_state> link;
  };

  keeper(caf::actor_config& config, caf::actor broker, setup s)
      : caf::io::middleman_actor_impl(config, std::move(broker)), setup_(std::move(s)) {}

protected:
  caf::expected<caf::io::scribe_ptr> connect(const std::string& host, std::uint16_t port) override {
    auto fd = connect_tcp(host, port, setup_.link->patience_ms);
    if (!fd)
      return caf::make_error(caf::sec::cannot_connect_to_node);
    auto session = tls_session::make(*setup_.tls().settings(), fd.get(), tls_session::side::client);
    if (!session)
      return std::move(session.error());
    return caf::make_counted<trusted_connection>(
        mpx(), fd.release(), std::make_shared<tls_session>(std::move(*session)), setup_.link);
  }

  caf::expected<caf::io::doorman_ptr> open(std::uint16_t port, const char* host,
                                           bool reuse) override {
    auto fd = net::new_tcp_acceptor_impl(port, host, reuse);
    if (!fd)
      return std::move(fd.error());
    return caf::make_counted<doorkeeper>(mpx(), *fd, setup_.tls, setup_.rules, setup_.limits);
  }

private:
  net::default_multiplexer& mpx() {
    return dynamic_cast<net::default_multiplexer&>(system().middleman().backend());
  }

  setup setup_;
};

caf::strong_actor_ptr spawn_keeper(caf::actor_system& system, keeper::setup setup) {
  auto broker = system.middleman().named_broker<caf::io::basp_broker>("BASP");
  return caf::actor_cast<caf::strong_actor_ptr>(
      system.spawn<keeper, caf::detached + caf::hidden>(std::move(broker), std::move(setup)));
}

void end(caf::actor_system& system, const caf::strong_actor_ptr& keeper) {
  caf::scoped_actor self{system, true};
  auto handle = caf::actor_cast<caf::actor>(keeper);
  self->send_exit(handle, caf::exit_reason::kill);
  self->wait_for(handle);
}

/// The types of the messages that the gateway's interface has for remote nodes.
accepted_messages messages_for_gateway() {
  using caf::type_id_v;
  return {
      {type_id_v<std::uint32_t>, type_id_v<std::string>},
      {type_id_v<atom::hello>, type_id_v<std::string>},
      {type_id_v<atom::get>, type_id_v<std::string>, type_id_v<std::uint32_t>},
      {type_id_v<atom::next>, type_id_v<std::string>, type_id_v<std::uint64_t>,
       type_id_v<std::uint32_t>},
      {type_id_v<atom::read>, type_id_v<std::string>, type_id_v<log_request>},
      {type_id_v<atom::ask>, type_id_v<std::string>, type_id_v<std::string>,
       type_id_v<std::string>},
      {type_id_v<atom::act>, type_id_v<control_request>},
  };
}

} // namespace

void init_remote() {
  caf::io::middleman::init_global_meta_objects();
}

void enable_remote(caf::actor_system_config& config) {
  config.load<caf::io::middleman>();
  // Who is silent for that long is gone: monitors say so and attach again.
  config.set("caf.middleman.heartbeat-interval", caf::timespan{std::chrono::seconds{5}});
  config.set("caf.middleman.connection-timeout", caf::timespan{std::chrono::seconds{20}});
}

remote_door::remote_door(caf::actor_system& system, caf::strong_actor_ptr keeper,
                         std::uint16_t port)
    : system_(system), keeper_(std::move(keeper)), port_(port) {}

remote_door::~remote_door() {
  caf::scoped_actor self{system_, true};
  self->request(caf::actor_cast<caf::io::middleman_actor>(keeper_), caf::infinite,
                caf::close_atom_v, port_)
      .receive([] {}, [](const caf::error&) {}); // Closed already: nothing is left to do.
  end(system_, keeper_);
}

caf::expected<std::unique_ptr<remote_door>> publish(caf::actor_system& system,
                                                    const gateway_actor& whom,
                                                    const std::string& host, std::uint16_t port,
                                                    tls_source tls, const door_limits& limits) {
  auto rules = std::make_shared<frame_guard::rules>();
  rules->node = system.node();
  rules->receiver = whom.id();
  rules->accepted = messages_for_gateway();
  rules->frame = limits.frame;
  rules->frames_per_second = limits.frames_per_second;
  rules->senders = limits.senders;
  auto keeper = spawn_keeper(
      system, {.tls = std::move(tls), .rules = rules, .limits = limits, .link = nullptr});
  caf::scoped_actor self{system, true};
  std::uint16_t bound = 0;
  caf::error error;
  self->request(caf::actor_cast<caf::io::middleman_actor>(keeper), caf::infinite,
                caf::publish_atom_v, port, caf::actor_cast<caf::strong_actor_ptr>(whom),
                system.message_types(whom), host, true)
      .receive([&](std::uint16_t x) { bound = x; },
               [&](caf::error& err) { error = std::move(err); });
  if (error) {
    end(system, keeper);
    return caf::make_error(ec::bad_configuration,
                           "cannot listen on " + host + ":" + std::to_string(port)
                               + " (is the address one of this machine's, and the port free?)");
  }
  // Who looks on gets what the run leaves over: on CAF's I/O thread answers are written and
  // encrypted for them, and nothing of the run waits for it.
  system.middleman().backend().post(
      [] { ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), niceness_of_answers); });
  return std::make_unique<remote_door>(system, std::move(keeper), bound);
}

remote_link::remote_link(caf::actor_system& system, const tls_context& tls)
    : system_(system), state_(std::make_shared<link_state>()),
      keeper_(spawn_keeper(
          system, {.tls = [tls] { return tls; }, .rules = nullptr, .limits = {}, .link = state_})) {
}

remote_link::~remote_link() {
  end(system_, keeper_);
}

caf::expected<gateway_actor> remote_link::connect(const std::string& host, std::uint16_t port,
                                                  std::chrono::milliseconds patience) {
  const auto where = host + ":" + std::to_string(port);
  caf::scoped_actor self{system_, true};
  gateway_actor result;
  caf::error error;
  state_->patience_ms = static_cast<int>(patience.count());
  state_->take_failure(); // Of an earlier link.
  self->request(caf::actor_cast<caf::io::middleman_actor>(keeper_), patience, caf::connect_atom_v,
                host, port)
      .receive(
          [&](const caf::node_id&, const caf::strong_actor_ptr& whom,
              const std::set<std::string>& interface) {
            if (whom && system_.assignable(interface, system_.message_types<gateway_actor>()))
              result = caf::actor_cast<gateway_actor>(whom);
            else
              error = caf::make_error(ec::wrong_state,
                                      "the node at " + where
                                          + " is of another version: use the programs of its "
                                            "installation");
          },
          [&](const caf::error& err) { error = explain(err, where); });
  if (error)
    return error;
  return result;
}

caf::error remote_link::explain(const caf::error& err, const std::string& where) const {
  const auto why = state_->take_failure();
  const auto tells = [&](const char* part) { return why.find(part) != std::string::npos; };
  if (tells("certificate revoked"))
    return caf::make_error(ec::not_permitted,
                           "the node at " + where
                               + " does not take this credential any more: it was revoked");
  if (tells("handshake failure"))
    return caf::make_error(ec::not_permitted,
                           where + ": " + refusal_text(token_verdict::unknown, {}));
  if (why == tls_session::hung_up) // Who mistrusts us says so before.
    return caf::make_error(ec::no_node, "the node at " + where
                                            + " hung up: it may be ending, or as many look on as "
                                              "it lets in; try again in a moment");
  if (!why.empty() && !tells("certificate") && !tells("unknown ca") && !tells("alert"))
    return caf::make_error(ec::no_node,
                           "what answers at " + where
                               + " is no node: another program has the port, or something between "
                                 "answers for it (TLS: "
                               + why + ")");
  if (!why.empty())
    return caf::make_error(ec::untrusted,
                           "the node at " + where + " and this credential do not know each other, "
                               + "or one of their certificates has expired: have a new "
                                 "credential issued (TLS: "
                               + why + ")");
  if (err == caf::sec::request_timeout)
    return caf::make_error(ec::no_node, "no answer from " + where + " in time");
  return caf::make_error(ec::no_node, "no node answers at " + where);
}

} // namespace aeo::io

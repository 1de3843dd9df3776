#include "actors/io/frame_guard.hpp"
#include "messages/actors.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/exit_reason.hpp>
#include <caf/system_messages.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace aeo;
using caf::io::basp::header;
using caf::io::basp::message_type;
using io::frame_guard;
using std::chrono::milliseconds;
using verdict_of_guard = frame_guard::decision;

namespace {

constexpr caf::actor_id guarded_id = 42;
constexpr auto guard_close = verdict_of_guard::close;
constexpr auto guard_pass = verdict_of_guard::pass;
constexpr auto guard_skip = verdict_of_guard::skip;
constexpr std::uint64_t a_request = caf::message_id::default_async_value | 7;

caf::node_id guard_node(std::uint32_t pid) {
  caf::hashed_node_id::host_id_type host{};
  host.fill(static_cast<std::uint8_t>(pid));
  return caf::make_node_id(pid, host);
}

const caf::node_id own_node = guard_node(1);
const caf::node_id peer_node = guard_node(2);
const caf::node_id third_node = guard_node(3);

template <class... Ts>
caf::byte_buffer bytes_of(const Ts&... xs) {
  caf::byte_buffer result;
  caf::binary_serializer sink{nullptr, result};
  REQUIRE((sink.apply(xs) && ...));
  return result;
}

/// What a direct message carries; nobody forwards it.
template <class... Ts>
caf::byte_buffer spoken(const Ts&... xs) {
  return bytes_of(std::vector<caf::strong_actor_ptr>{}, caf::make_message(xs...));
}

/// The same, of types that are not written without an actor system: it ends after them.
void write_types(caf::binary_serializer& sink, std::initializer_list<caf::type_id_t> types) {
  REQUIRE(sink.begin_sequence(types.size()));
  for (const auto id : types)
    REQUIRE(sink.value(id));
}
caf::byte_buffer spoken_types(std::initializer_list<caf::type_id_t> types) {
  caf::byte_buffer result;
  caf::binary_serializer sink{nullptr, result};
  REQUIRE(sink.begin_sequence(0));
  write_types(sink, types);
  return result;
}

class guarded_peer {
public:
  explicit guarded_peer(std::size_t frames_per_second = 1000) {
    auto rules = std::make_shared<frame_guard::rules>();
    rules->node = own_node;
    rules->receiver = guarded_id;
    rules->accepted = {{caf::type_id_v<std::uint32_t>, caf::type_id_v<std::string>},
                       {caf::type_id_v<atom::act>, caf::type_id_v<control_request>}};
    rules->frame = 1024;
    rules->senders = 8;
    rules->frames_per_second = frames_per_second;
    guard = std::make_unique<frame_guard>(std::move(rules));
  }

  verdict_of_guard head(const header& x) { return guard->header(bytes_of(x), now); }
  /// The header, and if that passes, the payload.
  verdict_of_guard frame(header x, const caf::byte_buffer& payload) {
    x.payload_len = static_cast<std::uint32_t>(payload.size());
    const auto first = head(x);
    if (first != guard_pass || payload.empty())
      return first;
    CHECK(guard->payload_size() == payload.size());
    return guard->payload(payload);
  }
  verdict_of_guard greet(const caf::node_id& as = peer_node) {
    return frame(header{message_type::client_handshake, 0, 0, 0, 0, 0}, bytes_of(as));
  }
  verdict_of_guard say_bytes(const caf::byte_buffer& payload) {
    return frame(header{message_type::direct_message, 0, 0, a_request, 9, guarded_id}, payload);
  }
  template <class... Ts>
  verdict_of_guard say(const Ts&... xs) {
    return say_bytes(spoken(xs...));
  }
  verdict_of_guard say_with(std::uint64_t id) {
    return frame(header{message_type::direct_message, 0, 0, id, 9, guarded_id},
                 spoken(std::uint32_t{1}, std::string{"x"}));
  }
  verdict_of_guard watch(const caf::node_id& from, const caf::node_id& to,
                         caf::actor_id whom = guarded_id) {
    return frame(header{message_type::monitor_message, 0, 0, 0, 0, whom}, bytes_of(from, to));
  }
  verdict_of_guard end_of(caf::actor_id who, const caf::error& why,
                          const caf::node_id& from = peer_node, const caf::node_id& to = own_node) {
    return frame(header{message_type::down_message, 0, 0, 0, who, 0}, bytes_of(from, to, why));
  }

  frame_guard::clock::time_point now = frame_guard::clock::now();
  std::unique_ptr<frame_guard> guard;
};

guarded_peer greeted_peer() {
  guarded_peer result;
  REQUIRE(result.greet() == guard_pass);
  return result;
}

} // namespace

TEST_CASE("what a peer says that means well passes the guard") {
  guarded_peer p;
  CHECK(p.greet() == guard_pass);
  CHECK(p.watch(peer_node, own_node) == guard_pass);
  CHECK(p.say(std::uint32_t{1}, std::string{"aeo-control"}) == guard_pass);
  CHECK(p.say(atom::act_v, control_request{}) == guard_pass);
  CHECK(p.head(header{message_type::heartbeat, 0, 0, 0, 0, 0}) == guard_pass);
  CHECK(p.end_of(9, caf::exit_reason::normal) == guard_pass);
  CHECK(p.end_of(9, {}) == guard_pass);
  CHECK(p.end_of(9, caf::exit_reason::user_shutdown) == guard_pass);
  CHECK(p.end_of(9, caf::make_error(ec::not_permitted, "why")) == guard_pass);
  CHECK(p.say_with(0) == guard_pass);
  CHECK(p.say_with(caf::message_id::default_async_value) == guard_pass);
  CHECK(p.say_with(7) == guard_pass); // An urgent request.
}

TEST_CASE("what BASP asks of services that are not offered is skipped with its payload") {
  auto p = greeted_peer();
  const auto call = spoken(caf::sys_atom_v, caf::get_atom_v, std::string{"info"});
  CHECK(p.frame(header{message_type::direct_message, header::named_receiver_flag, 0, a_request, 9,
                       header::spawn_server_id},
                call)
        == guard_skip);
  CHECK(p.guard->payload_size() == call.size());
  CHECK(p.frame(header{message_type::direct_message, header::named_receiver_flag, 0, a_request, 9,
                       guarded_id},
                call)
        == guard_skip);
  CHECK(p.watch(peer_node, own_node, guarded_id + 1) == guard_skip);
}

TEST_CASE("a message to another actor never reaches BASP") {
  auto p = greeted_peer();
  for (const caf::actor_id other : {guarded_id - 1, guarded_id + 1, ~caf::actor_id{0}})
    CHECK(p.frame(header{message_type::direct_message, 0, 0, a_request, 9, other},
                  spoken(std::uint32_t{1}, std::string{"x"}))
          == guard_skip);
}

TEST_CASE("a peer that plays the server, or speaks for a third node, is hung up on") {
  auto p = greeted_peer();
  CHECK(p.frame(header{message_type::server_handshake, 0, 0, 4, 0, 0}, bytes_of(peer_node))
        == guard_close);
  CHECK(p.head(header{message_type::server_handshake, 0, 0, 4, 0, 0}) == guard_close);
  CHECK(p.frame(header{message_type::routed_message, 0, 0, a_request, 9, guarded_id},
                bytes_of(peer_node, own_node))
        == guard_close);
  CHECK(p.watch(third_node, own_node) == guard_close);
  CHECK(p.watch(peer_node, third_node) == guard_close);
  CHECK(p.watch({}, own_node) == guard_close);
  CHECK(p.end_of(9, {}, third_node) == guard_close);
  CHECK(p.end_of(9, {}, peer_node, third_node) == guard_close);
}

TEST_CASE("a handshake comes once, is not empty and tells whose it is") {
  CHECK(guarded_peer{}.head(header{message_type::client_handshake, 0, 0, 0, 0, 0}) == guard_close);
  CHECK(guarded_peer{}.greet({}) == guard_close);
  CHECK(guarded_peer{}.greet(own_node) == guard_close);
  CHECK(guarded_peer{}.frame(header{message_type::client_handshake, 0, 0, 0, 0, 0},
                             caf::byte_buffer(4, caf::byte{1}))
        == guard_close);
  CHECK(guarded_peer{}.head(header{message_type::client_handshake, 0, 5000, 0, 0, 0})
        == guard_close);
  auto p = greeted_peer();
  CHECK(p.greet() == guard_close);
}

TEST_CASE("nothing is said before the handshake") {
  CHECK(guarded_peer{}.say(std::uint32_t{1}, std::string{"x"}) == guard_close);
  CHECK(guarded_peer{}.watch(peer_node, own_node) == guard_close);
  CHECK(guarded_peer{}.end_of(9, {}) == guard_close);
}

TEST_CASE("a frame beyond its limit is refused by its header") {
  auto p = greeted_peer();
  const auto of_size = [&](message_type type, std::uint32_t size) {
    const auto is_down = type == message_type::down_message;
    return p.head(header{type, 0, size, 0, is_down ? caf::actor_id{9} : 0,
                         is_down ? caf::actor_id{0} : guarded_id});
  };
  CHECK(of_size(message_type::direct_message, 1024) == guard_pass);
  CHECK(of_size(message_type::direct_message, 1025) == guard_close);
  CHECK(of_size(message_type::direct_message, 0) == guard_close);
  CHECK(of_size(message_type::direct_message, ~std::uint32_t{0}) == guard_close);
  CHECK(of_size(message_type::monitor_message, 4097) == guard_close);
  CHECK(of_size(message_type::down_message, 4097) == guard_close);
  CHECK(p.head(header{message_type::heartbeat, 0, 1, 0, 0, 0}) == guard_close);
  CHECK(p.head(header{message_type::direct_message, header::named_receiver_flag, 1025, 0, 9, 2})
        == guard_close);
}

TEST_CASE("too many frames within a second are the last ones") {
  guarded_peer p{10};
  const header beat{message_type::heartbeat, 0, 0, 0, 0, 0};
  for (int second = 0; second < 3; ++second) {
    for (int i = 0; i < 10; ++i)
      CHECK(p.head(beat) == guard_pass);
    p.now += milliseconds{1000};
  }
  for (int i = 0; i < 10; ++i)
    CHECK(p.head(beat) == guard_pass);
  p.now += milliseconds{999};
  CHECK(p.head(beat) == guard_close);
}

TEST_CASE("messages that the gateway does not have are hung up on") {
  auto p = greeted_peer();
  using caf::type_id_v;
  for (const auto& types :
       {spoken_types({type_id_v<caf::exit_msg>}), spoken_types({type_id_v<caf::down_msg>}),
        spoken_types({type_id_v<caf::link_atom>, type_id_v<caf::strong_actor_ptr>}),
        spoken_types({type_id_v<caf::unlink_atom>, type_id_v<caf::strong_actor_ptr>})})
    CHECK(p.say_bytes(types) == guard_close);
  CHECK(p.say(atom::publish_v, event_batch{}) == guard_close);
  CHECK(p.say(caf::sys_atom_v, caf::get_atom_v, std::string{"info"}) == guard_close);
  CHECK(p.say(caf::make_error(ec::internal)) == guard_close);
  CHECK(p.say(std::string{"x"}, std::uint32_t{1}) == guard_close);
  CHECK(p.say(std::uint32_t{1}) == guard_close);
  CHECK(p.say(std::uint32_t{1}, std::string{"x"}, std::string{"y"}) == guard_close);
  CHECK(p.say() == guard_close);
}

TEST_CASE("an answer to a request that the gateway made of others is not taken from a peer") {
  CHECK(greeted_peer().say_with(a_request | caf::message_id::response_flag_mask) == guard_close);
  CHECK(greeted_peer().say_with(a_request | caf::message_id::answered_flag_mask) == guard_close);
}

TEST_CASE("a message that claims to be part of a stream is hung up on") {
  // CAF would read its content as upstream_msg or downstream_msg without a look at its type.
  CHECK(greeted_peer().say_with(std::uint64_t{2} << 60) == guard_close);
  CHECK(greeted_peer().say_with(std::uint64_t{3} << 60 | 1) == guard_close);
}

TEST_CASE("a message with others to be forwarded to is hung up on") {
  auto p = greeted_peer();
  caf::byte_buffer payload;
  caf::binary_serializer sink{nullptr, payload};
  REQUIRE(sink.begin_sequence(1));
  REQUIRE((sink.apply(caf::actor_id{guarded_id}) && sink.apply(own_node)
           && sink.apply(caf::make_message(std::uint32_t{1}, std::string{"x"}))));
  CHECK(p.say_bytes(payload) == guard_close);
}

TEST_CASE("the reason of an end carries nothing but text") {
  CHECK(greeted_peer().end_of(9, caf::make_error(ec::internal, std::uint32_t{1})) == guard_close);
  CHECK(greeted_peer().end_of(9, caf::make_error(ec::internal, caf::message{})) == guard_close);
  auto payload = bytes_of(peer_node, own_node);
  caf::binary_serializer sink{nullptr, payload};
  sink.seek(payload.size());
  REQUIRE((sink.begin_field("data", true) && sink.value(std::uint8_t{1})
           && sink.value(caf::type_id_v<ec>)));
  write_types(sink, {caf::type_id_v<caf::strong_actor_ptr>});
  CHECK(greeted_peer().frame(header{message_type::down_message, 0, 0, 0, 9, 0}, payload)
        == guard_close);
  const caf::error unknown{caf::pec::trailing_character};
  CHECK(greeted_peer().end_of(9, unknown) == guard_close);
}

TEST_CASE("who speaks for ever more actors without ending any is hung up on") {
  auto p = greeted_peer();
  const auto say_as = [&](caf::actor_id who) {
    return p.frame(header{message_type::direct_message, 0, 0, a_request, who, guarded_id},
                   spoken(std::uint32_t{1}, std::string{"x"}));
  };
  for (caf::actor_id i = 1; i <= 100; ++i) {
    CHECK(say_as(i) == guard_pass);
    CHECK(say_as(i) == guard_pass);
    CHECK(p.end_of(i, {}) == guard_pass);
  }
  for (caf::actor_id i = 1; i <= 8; ++i)
    CHECK(say_as(i) == guard_pass);
  CHECK(say_as(9) == guard_close);
}

TEST_CASE("a payload that ends too early is no crash, and passes only with its types in place") {
  control_request request;
  request.token = "secret";
  const auto whole = spoken(atom::act_v, request);
  const auto types = std::size_t{2} + 2 * sizeof(caf::type_id_t); // Two counts before them.
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const caf::byte_buffer part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(greeted_peer().frame(header{message_type::direct_message, 0, 0, a_request, 9, guarded_id},
                               part)
          == (size < types ? guard_close : guard_pass));
  }
  for (const auto& [type, all] :
       {std::pair{message_type::monitor_message, bytes_of(peer_node, own_node)},
        std::pair{message_type::down_message,
                  bytes_of(peer_node, own_node, caf::make_error(ec::internal))}})
    for (std::size_t size = 1; size < all.size(); ++size) {
      const auto is_down = type == message_type::down_message;
      const header h{
          type, 0, 0, 0, is_down ? caf::actor_id{9} : 0, is_down ? caf::actor_id{0} : guarded_id};
      const caf::byte_buffer part(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size));
      // An error's code, category and context are enough to judge it by.
      CHECK(greeted_peer().frame(h, part) == guard_close);
    }
}

namespace {

/// By the book, and independent of the guard: may this reach BASP?
bool is_acceptable(const header& h, const caf::byte_buffer& payload) {
  caf::binary_deserializer source{nullptr, payload};
  caf::node_id from;
  caf::node_id to;
  switch (h.operation) {
  case message_type::heartbeat:
    return payload.empty();
  case message_type::client_handshake:
    return source.apply(from) && from && from != own_node;
  case message_type::monitor_message:
    return h.dest_actor == guarded_id && source.apply(from) && source.apply(to) && from == peer_node
           && to == own_node;
  case message_type::down_message:
    return source.apply(from) && source.apply(to) && from == peer_node && to == own_node;
  case message_type::direct_message: {
    const auto said = spoken(std::uint32_t{1}, std::string{"x"});
    const auto acted = spoken(atom::act_v, control_request{});
    const auto begins_as = [&](const caf::byte_buffer& x, std::size_t size) {
      return payload.size() >= size && std::equal(x.begin(), x.begin() + 6, payload.begin());
    };
    return h.dest_actor == guarded_id && !h.has(header::named_receiver_flag)
           && (h.operation_data >> 61) == 0 && (begins_as(said, 6) || begins_as(acted, 6));
  }
  default:
    return false;
  }
}

/// Often like something that means well, and then damaged.
std::pair<header, caf::byte_buffer> any_frame(std::mt19937_64& random) {
  const auto one_of = [&](std::initializer_list<std::uint64_t> xs) {
    return *(xs.begin() + random() % xs.size());
  };
  caf::byte_buffer payload;
  const auto kind = random() % 6;
  switch (kind) {
  case 0:
    payload = bytes_of(random() % 2 ? peer_node : own_node);
    break;
  case 1:
    payload = bytes_of(peer_node, random() % 2 ? own_node : third_node);
    break;
  case 2:
    payload = bytes_of(peer_node, own_node, caf::make_error(ec::internal, "why"));
    break;
  case 3:
    payload = spoken(std::uint32_t{1}, std::string{"x"});
    break;
  case 4:
    payload = spoken_types({caf::type_id_v<caf::exit_msg>});
    break;
  default:
    payload.resize(random() % 200);
    for (auto& b : payload)
      b = static_cast<caf::byte>(random());
  }
  if (!payload.empty() && random() % 2)
    payload[random() % payload.size()] = static_cast<caf::byte>(random());
  const header damaged{static_cast<message_type>(random() % 8),
                       static_cast<std::uint8_t>(one_of({0, 0, 0, 1, random()})),
                       static_cast<std::uint32_t>(one_of({payload.size(), random()})),
                       one_of({0, a_request, random(), 4}),
                       one_of({0, 9, random()}),
                       one_of({0, guarded_id, random()})};
  auto h = damaged;
  if (kind < 5 && random() % 2)
    h = std::vector{header{message_type::client_handshake, 0, 0, 0, 0, 0},
                    header{message_type::monitor_message, 0, 0, 0, 0, guarded_id},
                    header{message_type::down_message, 0, 0, 0, 9, 0},
                    header{message_type::direct_message, 0, 0, a_request, 9, guarded_id},
                    header{message_type::direct_message, 0, 0, 0, 9, guarded_id}}[kind];
  h.payload_len = damaged.payload_len;
  return {h, std::move(payload)};
}

} // namespace

TEST_CASE("whatever is sent, the guard lives, and nothing passes that is not on its list") {
  std::mt19937_64 random{20'261'124}; // NOLINT(cert-msc32-c,cert-msc51-cpp): repeatable.
  std::size_t passed = 0;
  std::size_t wrong = 0;
  for (int i = 0; i < 100'000; ++i) {
    guarded_peer p;
    if (random() % 4 > 0 && p.greet() != guard_pass)
      ++wrong;
    const auto [h, payload] = any_frame(random);
    auto bytes = bytes_of(h);
    if (random() % 8 == 0)
      bytes[random() % bytes.size()] = static_cast<caf::byte>(random());
    if (p.guard->header(bytes, p.now) != guard_pass)
      continue;
    header seen;
    caf::binary_deserializer source{nullptr, bytes};
    if (!source.apply(seen))
      ++wrong;
    if (seen.payload_len != payload.size())
      continue; // BASP, too, would wait for the rest.
    if (!payload.empty() && p.guard->payload(payload) != guard_pass)
      continue;
    ++passed;
    if (!is_acceptable(seen, payload))
      ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(passed > 1000);
}

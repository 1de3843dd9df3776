#include "tools/node/remote.hpp"

#include "actors/io/endpoint.hpp"
#include "actors/io/host.hpp"
#include "actors/io/log_reader.hpp"
#include "actors/io/remote_door.hpp"
#include "tools/node/replay.hpp"

#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>

#include <unistd.h>

#include <utility>

namespace aeo::node {

namespace {

/// Who listens everywhere is reached here, too.
std::string reachable(const std::string& host) {
  if (host.empty() || host == "0.0.0.0")
    return "127.0.0.1";
  return host == "::" ? "::1" : host;
}

std::string address_of(caf::actor_system& system, const caf::node_id& node) {
  std::string result;
  caf::scoped_actor self{system, true};
  self->request(system.middleman().actor_handle(), std::chrono::seconds{1}, caf::get_atom_v, node)
      .receive(
          [&](const caf::node_id&, const std::string& host, std::uint16_t port) {
            result = host.empty() ? host : host + ":" + std::to_string(port);
          },
          [&](const caf::error&) { result = "unknown"; });
  return result;
}

/// What the node shows: its certificate made anew in time, however long the node runs. Only CAF's
/// I/O thread asks.
class own_keys {
public:
  own_keys(io::tls_context first, std::filesystem::path workspace, io::admission admits,
           gateway_actor gateway)
      : current_(std::move(first)), workspace_(std::move(workspace)), admits_(std::move(admits)),
        gateway_(std::move(gateway)) {}

  io::tls_context operator()() {
    constexpr std::int64_t interval_us = 3'600'000'000;
    const auto now = io::now_us();
    if (now - looked_us_ < interval_us)
      return current_;
    looked_us_ = now;
    std::string notes;
    auto identity = io::open_node_identity(workspace_, now, notes);
    auto renewed = identity ? io::tls_context::of_node(*identity, admits_)
                            : caf::expected<io::tls_context>{identity.error()};
    if (renewed)
      current_ = std::move(*renewed);
    else
      notes = "the node goes on with its old certificate: " + message_of(renewed.error());
    if (!notes.empty())
      caf::anon_send(gateway_, atom::gone_v, std::string{}, notes);
    return current_;
  }

private:
  io::tls_context current_;
  std::filesystem::path workspace_;
  io::admission admits_;
  gateway_actor gateway_;
  std::int64_t looked_us_ = io::now_us();
};

/// Whose certificate the book knows as valid; others are turned away, which is noted.
io::admission admission_by(const std::filesystem::path& workspace, const gateway_actor& gateway) {
  return [book = std::make_shared<io::credential_book>(workspace),
          gateway](const std::string& serial, const std::string& from) {
    const auto found = book->find_serial(serial, io::now_us());
    if (found && found->verdict == io::token_verdict::valid)
      return found->verdict;
    caf::anon_send(gateway, atom::gone_v, from,
                   found ? io::refusal_text(found->verdict, found->record.name)
                         : message_of(found.error()));
    return found ? found->verdict : io::token_verdict::unknown;
  };
}

/// The open door, and the file that says where it is.
class open_door {
public:
  open_door(std::unique_ptr<io::remote_door> door, std::filesystem::path file)
      : door_(std::move(door)), file_(std::move(file)) {}
  ~open_door() {
    std::error_code gone;
    std::filesystem::remove(file_, gone);
  }
  open_door(const open_door&) = delete;
  open_door& operator=(const open_door&) = delete;

private:
  std::unique_ptr<io::remote_door> door_;
  std::filesystem::path file_;
};

} // namespace

std::variant<remote_access, refusal> remote_access::prepare(const options& o,
                                                            const configuration& c) {
  remote_access result;
  std::string notes;
  auto identity = io::open_node_identity(o.workspace, io::now_us(), notes);
  if (!identity)
    return refusal{exit_code::configuration, message_of(identity.error())};
  if (!notes.empty())
    std::fprintf(stderr, "aeo-node: %s\n", notes.c_str());
  result.identity_ = std::move(*identity);
  auto own = io::open_local_credential(o.workspace, result.identity_.authority, io::now_us(),
                                       io::user_name());
  if (!own)
    return refusal{exit_code::configuration, message_of(own.error())};
  const auto& settings = c.the_plan->options;
  result.host_ = o.listen_host.empty() ? settings.listen_host : o.listen_host;
  result.port_ = o.listen_host.empty() ? settings.listen_port : o.listen_port;
  return result;
}

std::unique_ptr<remote_service> remote_access::service(caf::actor_system& system, const options& o,
                                                       const configuration& c,
                                                       const session& s) const {
  auto result = std::make_unique<remote_service>();
  result->archive.context = s.context;
  result->archive.open = [file = database_file(o)] { return io::open_store_read_only(file); };
  result->archive.typical = [file = database_file(o), execution = s.context->execution,
                             shared = c.the_plan] {
    return io::typical_durations(*shared, file, execution);
  };
  result->archive.executions = [file = database_file(o)] {
    constexpr std::size_t newest = 50;
    return io::past_executions(file, newest);
  };
  result->archive.read = [mask = c.mask](const std::string& file, std::uint64_t& offset,
                                         std::size_t limit, bool complete) {
    return io::read_part(file, offset, limit, complete, mask);
  };
  result->find = [book = std::make_shared<io::credential_book>(o.workspace)](
                     const std::string& token) { return book->find(token, io::now_us()); };
  result->credentials = [book = std::make_shared<io::credential_book>(o.workspace)] {
    return book->list();
  };
  result->log_until_us = s.log_until_us;
  result->address = [&system](const caf::node_id& node) { return address_of(system, node); };
  result->program = "aeo-node " AEO_VERSION;
  result->publish = [&system, identity = identity_, host = host_, port = port_,
                     workspace = o.workspace, execution = s.context->execution](
                        const gateway_actor& whom) -> caf::expected<std::shared_ptr<void>> {
    auto admits = admission_by(workspace, whom);
    auto tls = io::tls_context::of_node(identity, admits);
    if (!tls)
      return tls.error();
    auto door = io::publish(system, whom, host, port,
                            own_keys{std::move(*tls), workspace, std::move(admits), whom});
    if (!door)
      return door.error();
    if (auto err = io::write_endpoint(workspace, {.host = reachable(host),
                                                  .port = (*door)->port(),
                                                  .pid = ::getpid(),
                                                  .execution = execution}))
      return err;
    return std::shared_ptr<void>{
        std::make_shared<open_door>(std::move(*door), io::endpoint_file(workspace))};
  };
  return result;
}

} // namespace aeo::node

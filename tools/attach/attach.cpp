#include "tools/attach/attach.hpp"

#include "actors/core/text.hpp"
#include "actors/io/endpoint.hpp"
#include "actors/io/packed.hpp"
#include "actors/io/workspace_lock.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <iterator>

namespace aeo::attach {

namespace {

struct place {
  std::string host;
  std::uint16_t port = 0;
};

caf::expected<place> parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  place result{text.substr(0, colon), 0};
  const auto digits = colon == text.npos ? std::string{} : text.substr(colon + 1);
  const auto* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, result.port);
  if (result.host.empty() || digits.empty() || read.ptr != end || read.ec != std::errc{})
    return caf::make_error(ec::bad_configuration, "expected --attach HOST:PORT, got " + text);
  if (result.host.starts_with('[') && result.host.ends_with(']'))
    result.host = result.host.substr(1, result.host.size() - 2);
  return result;
}

std::filesystem::path credential_file(const target& to) {
  return to.credential.empty() ? to.workspace / "consolidation" / ".aeo" / "operator.json"
                               : to.credential;
}

std::string address_of(const place& x) {
  return x.host + ":" + std::to_string(x.port);
}

/// The workspace is a copy of one whose node had said where it is, or stands where that one stood.
caf::error other_node(const target& to, const io::endpoint& x) {
  std::error_code error;
  const auto here = std::filesystem::canonical(to.workspace, error).string();
  const auto that = x.workspace == here ? "the folder that was there before" : x.workspace;
  auto text = "no node runs in " + here
              + ": its endpoint.json is of another workspace and leads to " + "the node of " + that
              + " (pid " + std::to_string(x.pid) + "). If you mean that one: ";
  if (x.workspace != here)
    text += "--workspace " + core::shell_quote(x.workspace) + ", or ";
  return caf::make_error(ec::other_workspace,
                         text + "--attach " + address_of({x.host, x.port}) + " --credential FILE");
}

caf::expected<place> place_of(const target& to) {
  if (!to.address.empty())
    return parse_address(to.address);
  auto found = io::read_endpoint(to.workspace);
  if (!found)
    return found.error();
  if (!io::is_of_workspace(*found, to.workspace))
    return other_node(to, *found);
  return place{found->host, found->port};
}

} // namespace

int exit_code_of(const caf::error& err) {
  if (!err)
    return exit_code::ok;
  if (err == ec::not_permitted || err == ec::untrusted)
    return exit_code::not_permitted;
  if (err == ec::no_node || err == ec::other_workspace)
    return exit_code::no_node;
  if (err == ec::bad_configuration || err == ec::corrupt_state || err == ec::newer_schema)
    return exit_code::configuration;
  return err == ec::internal ? exit_code::internal : exit_code::failed;
}

std::string command_for(const std::string& program, const target& to) {
  auto command = to.address.empty() ? core::in_workspace(program, to.workspace.string())
                                    : program + " --attach " + core::shell_quote(to.address);
  if (!to.credential.empty())
    command += " --credential " + core::shell_quote(to.credential.string());
  return command;
}

void add_options(CLI::App& app, target& to) {
  app.add_option("--workspace", to.workspace,
                 "The node's workspace, when it is on this machine: no address or credential is "
                 "needed then")
      ->default_val(".")
      ->check(CLI::ExistingDirectory);
  auto* address = app.add_option("--attach", to.address, "Where the node listens")
                      ->type_name("HOST:PORT")
                      ->check([](const std::string& text) {
                        const auto read = parse_address(text);
                        return read ? std::string{} : message_of(read.error());
                      });
  app.add_option("--credential", to.credential,
                 "Credential file that aeo-control credential issue made")
      ->check(CLI::ExistingFile);
  address->needs("--credential");
}

system_config::system_config() {
  set("caf.scheduler.policy", "sharing"); // Work stealing would poll.
  set("caf.scheduler.max-threads", 1u);
  set("caf.logger.console.verbosity", "quiet");
  set("caf.logger.file.verbosity", "quiet");
  io::enable_remote(*this);
  std::signal(SIGPIPE, SIG_IGN);
}

caf::expected<std::unique_ptr<node>> node::attach(caf::actor_system& system, const target& to,
                                                  const std::string& program) {
  auto where = place_of(to);
  if (!where)
    return where.error();
  const auto file = credential_file(to);
  auto credential = io::read_credential(file);
  // Where a killed node stays silent, its credential is not what is lacking.
  if (!credential && to.address.empty() && !io::find_holder(to.workspace))
    return caf::make_error(ec::no_node, "no node runs in " + to.workspace.string()
                                            + ": the one that wrote its endpoint.json is gone");
  if (!credential && credential.error() == ec::not_found)
    return caf::make_error(ec::not_permitted, message_of(credential.error()));
  if (!credential)
    return credential.error();
  auto tls = io::tls_context::of_credential(*credential);
  if (!tls) {
    auto flaw = io::check_certificates(file, *credential);
    return flaw ? std::move(flaw) : tls.error();
  }
  auto result = std::unique_ptr<node>{new node{system}};
  result->credential_ = std::move(*credential);
  result->address_ = address_of(*where);
  result->link_ = std::make_unique<io::remote_link>(system, *tls);
  auto gateway = result->link_->connect(where->host, where->port, short_patience);
  if (!gateway)
    return gateway.error();
  result->gateway_ = std::move(*gateway);
  if (auto err = result->greet(program))
    return err;
  return result;
}

caf::expected<run_view> node::view() {
  run_view whole;
  do {
    auto more = ask<run_view>(short_patience, atom::get_v, token(),
                              static_cast<std::uint32_t>(whole.phases.size()));
    if (!more)
      return more;
    if (auto err = append(whole, std::move(*more)))
      return err;
  } while (whole.phases.size() < whole.total);
  return whole;
}

caf::error append(run_view& to, run_view&& more) {
  const auto have = to.phases.size();
  if (!io::unpack(more) || more.first != have || (more.phases.empty() && have < more.total))
    return caf::make_error(ec::internal, "the node sent a view of the run that cannot be read");
  if (have == 0) {
    constexpr std::uint32_t most_at_once = 100'000; // Whatever a node says.
    to = std::move(more);
    to.phases.reserve(std::min(to.total, most_at_once));
  } else {
    std::move(more.phases.begin(), more.phases.end(), std::back_inserter(to.phases));
  }
  return {};
}

caf::error node::greet(const std::string& program) {
  auto version = ask<std::string>(short_patience, remote_protocol, program);
  if (!version)
    return version.error();
  auto welcome = ask<remote_welcome>(short_patience, atom::hello_v, credential_.token);
  if (!welcome)
    return welcome.error();
  welcome_ = std::move(*welcome);
  return {};
}

/// Errors of our own say what they have to say; CAF's mean that the node is gone or silent.
caf::error node::explain(caf::error err) const {
  if (err.category() == caf::type_id_v<ec>)
    return err;
  return caf::make_error(ec::no_node, err == caf::sec::request_timeout
                                          ? "the node at " + address_ + " does not answer"
                                          : "the node at " + address_ + " is gone");
}

} // namespace aeo::attach

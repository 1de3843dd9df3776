#pragma once

// How a remote program reaches a node: by the workspace's endpoint and local credential, or by an
// address and a credential file.

#include "actors/io/remote_door.hpp"
#include "messages/exit_code.hpp"

#include <CLI/CLI.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <string>

namespace aeo::attach {

/// The exit code that an error leads to.
int exit_code_of(const caf::error&);

/// Which node, and by what right.
struct target {
  std::filesystem::path workspace = ".";
  std::string address; ///< HOST:PORT; empty: the workspace's own node.
  std::filesystem::path credential;
};

/// --workspace, --attach and --credential.
void add_options(CLI::App&, target&);

/// A program's name with the options that lead it there from the same folder, for a shell.
std::string command_for(const std::string& program, const target&);

/// CAF for a program that only connects.
struct system_config : caf::actor_system_config {
  system_config();
};

/// An attached node: asks and waits for the answer.
class node {
public:
  /// Blocking. Errors name the node and what to do; ec::no_node: there is none to talk
  /// to; ec::other_workspace: neither, for the one that is named there is of another workspace.
  static caf::expected<std::unique_ptr<node>> attach(caf::actor_system&, const target&,
                                                     const std::string& program);

  const remote_welcome& welcome() const { return welcome_; }
  const std::string& address() const { return address_; }
  const std::string& token() const { return credential_.token; }
  const gateway_actor& gateway() const { return gateway_; }

  /// One request; ec::no_node when the node goes or does not answer within `patience`.
  template <class Result, class... Ts>
  caf::expected<Result> ask(std::chrono::milliseconds patience, Ts... words) {
    std::promise<caf::expected<Result>> answer;
    auto asker = [&](caf::event_based_actor* self) {
      // Whichever comes first; the other one finds the asker gone.
      self->set_down_handler([self, &answer](caf::down_msg& gone) {
        answer.set_value(gone.reason ? gone.reason : caf::make_error(caf::sec::no_context));
        self->quit();
      });
      self->monitor(gateway_);
      self->request(gateway_, patience, std::move(words)...)
          .then(
              [self, &answer](Result& x) {
                answer.set_value(std::move(x));
                self->quit();
              },
              [self, &answer](caf::error& err) {
                answer.set_value(std::move(err));
                self->quit();
              });
    };
    system_.spawn(asker);
    auto result = answer.get_future().get();
    return result ? std::move(result) : explain(std::move(result.error()));
  }

  /// The whole run, in as many requests as it takes. Its `seq` is the oldest of what came: events
  /// from there on bring it up to date, those that a row has already being passed over.
  caf::expected<run_view> view();

private:
  explicit node(caf::actor_system& system) : system_(system) {}
  caf::error greet(const std::string& program);
  caf::error explain(caf::error) const;

  caf::actor_system& system_;
  io::credential credential_;
  std::string address_;
  std::unique_ptr<io::remote_link> link_;
  gateway_actor gateway_;
  remote_welcome welcome_;
};

/// Adds the next part, `to` being empty before the first one. ec::internal: it makes no sense.
caf::error append(run_view& to, run_view&& more);

/// For what should be answered at once.
constexpr std::chrono::milliseconds short_patience{10'000};

} // namespace aeo::attach

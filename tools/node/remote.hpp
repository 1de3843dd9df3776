#pragma once

#include "actors/supervisor.hpp"
#include "tools/node/session.hpp"

#include <caf/actor_system.hpp>

namespace aeo::node {

/// What makes this node reachable: its identity and credentials, made when they are not there, and
/// the door that the supervisor opens.
class remote_access {
public:
  /// Before the actor system is made.
  static std::variant<remote_access, refusal> prepare(const options&, const configuration&);
  /// For the supervisor of that system.
  std::unique_ptr<remote_service> service(caf::actor_system&, const options&, const configuration&,
                                          const session&) const;

private:
  io::node_identity identity_;
  std::string host_;
  std::uint16_t port_ = 0;
};

} // namespace aeo::node

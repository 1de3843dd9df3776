#pragma once

#include "actors/context.hpp"
#include "actors/io/credentials.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace aeo {

/// Whom the gateway asks, and by what it knows people.
struct gateway_deps {
  context_ptr context;
  state_actor store;
  feed_actor feed;
  archive_actor archive;
  approval_actor approval;
  trigger_actor trigger;
  /// Whose token it is at this moment.
  std::function<caf::expected<io::credential_book::lookup>(const std::string& token)> find;
  /// All that were ever issued. May be null.
  std::function<caf::expected<std::vector<io::credential_record>>()> credentials;
  std::int64_t log_until_us = 0; ///< The newest event from before this node; 0: there is none.
  /// Address of the node that sent the current message; empty: unknown. May be null.
  std::function<std::string(const caf::node_id&)> address;
  std::string program; ///< "aeo-node 0.1.0"
};

/// The only actor that is published: knows who asks, lets them do what their role allows, and has
/// it audited. Nothing of the run depends on it.
struct gateway_state {
  static inline const char* name = "gateway";

  gateway_actor::pointer self = nullptr;
  gateway_deps deps;
  std::int64_t next_refusal_us = 0; ///< Refusals of strangers are noted once a second.
  std::map<std::string, std::int64_t> credentials; ///< When revoked, by serial: what is known.
  bool has_looked = false;
  std::uint64_t unnoted = 0; ///< Refusals since the last one that was.

  caf::result<std::string> greet(std::uint32_t protocol, const std::string& program) const;
  caf::result<remote_welcome> hello(const std::string& token);
  caf::result<std::string> act(control_request request);
  /// Who it is, or not_permitted.
  caf::expected<io::credential_record> check(const std::string& token);

  void note_credentials();
  void note_stranger(const std::string& from, const std::string& why);

private:
  bool is_news(const io::credential_record&) const;
  std::string asker() const;
  void refused(const operator_decision&, const caf::error&);
};

gateway_actor::behavior_type gateway(gateway_actor::stateful_pointer<gateway_state> self,
                                     gateway_deps deps);

} // namespace aeo

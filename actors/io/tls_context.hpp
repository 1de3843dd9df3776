#pragma once

#include "actors/io/credentials.hpp"

#include <functional>
#include <memory>
#include <string>

namespace aeo::io {

struct tls_settings;

/// Whether a peer is let in whose certificate is in order, or why not, which it is told; asked when
/// it connects and whenever it says something. `serial`: as certificate_info has it. `from`: its
/// address.
using admission = std::function<token_verdict(const std::string& serial, const std::string& from)>;

/// What one side shows and checks.
class tls_context {
public:
  /// Without `admission` whoever has a certificate of the authority is let in.
  static caf::expected<tls_context> of_node(const node_identity&, admission = nullptr);
  static caf::expected<tls_context> of_credential(const credential&);
  const std::shared_ptr<const tls_settings>& settings() const { return settings_; }

private:
  std::shared_ptr<const tls_settings> settings_;
};

} // namespace aeo::io

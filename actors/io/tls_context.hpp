#pragma once

#include "actors/io/credentials.hpp"

#include <memory>

namespace aeo::io {

struct tls_settings;

/// What one side shows and checks.
class tls_context {
public:
  static caf::expected<tls_context> of_node(const node_identity&);
  static caf::expected<tls_context> of_credential(const credential&);
  const std::shared_ptr<const tls_settings>& settings() const { return settings_; }

private:
  std::shared_ptr<const tls_settings> settings_;
};

} // namespace aeo::io

#pragma once

#include "tools/consolidate/yaml_text.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// What a service of a compose file says, whatever notation it uses. All of them take the node of
/// the service and never throw.

struct compose_build {
  std::string context;    ///< in the monorepo; "" is its top
  std::string dockerfile; ///< in the monorepo
  std::uint32_t line = 0;
};
/// `directory` is the one of the compose file. nullopt: no build, or a context that is a URL, a
/// variable or outside the monorepo.
std::optional<compose_build> build_of(const YAML::Node& service, const std::string& directory);

struct compose_variable {
  std::string name;
  std::optional<std::string> value; ///< nullopt: passed on from where compose runs
  std::uint32_t line = 0;
};
std::vector<compose_variable> environment_of(const YAML::Node& service);

struct compose_port {
  std::uint16_t host = 0; ///< 0: none is fixed
  std::uint16_t container = 0;
  bool udp = false;
  std::string address; ///< of the host, "" for all
};
/// Ranges are written out; what is no number (a variable without a default) is left out.
std::vector<compose_port> ports_of(const YAML::Node& service);

bool has_memory_limit(const YAML::Node& service);
bool has_health_check(const YAML::Node& service);
std::vector<std::string> dependencies_of(const YAML::Node& service);

/// `${NAME:-default}` becomes `default`, `$$` becomes `$`; nullopt if a variable has no default.
std::optional<std::string> with_defaults(const std::string& text);

/// `base` and `relative` joined and tidied; nullopt if that leads out of the monorepo.
std::optional<std::string> inside(const std::string& base, const std::string& relative);

/// True for a name like DB_PASSWORD whose value opens something, and not for SECRET_FILE.
bool is_secret_name(const std::string& name);
/// True if `value` itself is such a secret: not empty, not a variable, not a path or a switch.
bool is_inline_secret(const std::string& name, const std::string& value);

/// A container image as `name:tag@digest`.
struct image_reference {
  std::string name;
  std::string tag;
  std::string digest;

  bool untagged() const { return digest.empty() && (tag.empty() || tag == "latest"); }
};
image_reference read_image(const std::string& text);

} // namespace aeo::consolidate

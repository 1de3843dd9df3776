#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// A port of the host that a service asks for.
struct published_port {
  std::string host;             ///< address; empty: all
  std::uint16_t port = 0;       ///< 0: could not be told
  std::string protocol = "tcp"; ///< tcp or udp
  std::uint32_t line = 0;
  std::string written; ///< as it stands in the file, for a port that could not be told
};

struct service_variable {
  std::string name;
  std::uint32_t line = 0;
  bool has_value = false; ///< false: handed on from the environment
};

struct compose_service {
  std::string name;
  std::uint32_t line = 0;
  std::string container_name;
  std::uint32_t container_line = 0;
  std::vector<published_port> ports;
  std::vector<std::string> profiles;
  std::vector<service_variable> environment;
  std::vector<service_variable> build_args;
};

struct compose_file {
  std::vector<compose_service> services;
  std::string error; ///< why it could not be read; empty: it was
};

/// The value of a variable in a compose file, if one is known: `.env.example` has it, or the
/// expression its own default.
using variable_lookup = std::function<std::optional<std::string>(const std::string& name)>;

/// Reads what a compose file claims of the host. Ports of a range are listed one by one; a port
/// that docker picks claims nothing.
compose_file read_compose(const std::string& text, const variable_lookup& lookup);

/// `${NAME}`, `${NAME:-default}`, `$NAME` and `$$` replaced; nothing if a value is not known.
std::optional<std::string> interpolate(std::string_view text, const variable_lookup& lookup);

} // namespace aeo::consolidate

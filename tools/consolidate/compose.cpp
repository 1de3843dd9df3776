#include "tools/consolidate/compose.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/yaml_text.hpp"

#include <yaml-cpp/yaml.h>

#include <charconv>

namespace aeo::consolidate {

namespace {

std::string scalar_of(const YAML::Node& node) {
  return node && node.IsScalar() ? node.Scalar() : std::string{};
}

std::uint16_t port_number(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  return problem == std::errc() && end == text.data() + text.size() ? port : std::uint16_t{0};
}

/// `8080` or `8080-8089` as ports; one 0 if it is neither.
std::vector<std::uint16_t> published_ports(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = port_number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : port_number(text.substr(dash + 1));
  if (first == 0 || last < first)
    return {0};
  std::vector<std::uint16_t> ports;
  for (unsigned port = first; port <= last; ++port)
    ports.push_back(static_cast<std::uint16_t>(port));
  return ports;
}

/// `[HOST:]PUBLISHED:TARGET[/PROTOCOL]`; a target alone publishes on a port that docker picks.
void add_short(const std::string& written, std::uint32_t line, const variable_lookup& lookup,
               compose_service& out) {
  published_port item;
  item.line = line;
  item.written = written;
  const auto text = interpolate(written, lookup);
  if (!text) {
    out.ports.push_back(item);
    return;
  }
  std::string_view rest = *text;
  if (const auto slash = rest.rfind('/'); slash != std::string_view::npos) {
    item.protocol = lower(rest.substr(slash + 1));
    rest = rest.substr(0, slash);
  }
  const auto target = rest.rfind(':');
  if (target == std::string_view::npos)
    return;
  rest = rest.substr(0, target);
  auto published = rest;
  if (const auto host = rest.rfind(':'); host != std::string_view::npos) {
    published = rest.substr(host + 1);
    item.host = rest.substr(0, host);
  }
  if (published.empty())
    return;
  for (const auto port : published_ports(published)) {
    item.port = port;
    out.ports.push_back(item);
  }
}

void add_long(const YAML::Node& node, const variable_lookup& lookup, compose_service& out) {
  published_port item;
  item.line = yaml_line(node);
  item.written = scalar_of(node["published"]);
  if (item.written.empty())
    return;
  if (node["protocol"])
    item.protocol = lower(scalar_of(node["protocol"]));
  const auto host = interpolate(scalar_of(node["host_ip"]), lookup);
  item.host = host.value_or("");
  const auto published = interpolate(item.written, lookup);
  for (const auto port : published_ports(published.value_or(""))) {
    item.port = port;
    out.ports.push_back(item);
  }
}

/// `NAME: ${NAME}` hands on what the environment has: the expression itself is the use.
bool hands_on(std::string_view name, std::string_view value) {
  return value == "$" + std::string(name) || value == "${" + std::string(name) + "}"
         || value.starts_with("${" + std::string(name) + "?")
         || value.starts_with("${" + std::string(name) + ":?");
}

/// `environment` and `build.args`: a map, or a list of `NAME=value` and `NAME`.
std::vector<service_variable> variables_of(const YAML::Node& node) {
  std::vector<service_variable> result;
  if (node && node.IsMap()) {
    for (const auto& entry : node) {
      if (!hands_on(scalar_of(entry.first), scalar_of(entry.second)))
        result.push_back({scalar_of(entry.first), yaml_line(entry.first), !entry.second.IsNull()});
    }
  } else if (node && node.IsSequence()) {
    for (const auto& entry : node) {
      const auto text = scalar_of(entry);
      const auto equals = text.find('=');
      const bool given = equals != std::string::npos;
      if (!given || !hands_on(text.substr(0, equals), text.substr(equals + 1)))
        result.push_back({text.substr(0, equals), yaml_line(entry), given});
    }
  }
  return result;
}

compose_service read_service(const YAML::Node& name, const YAML::Node& body,
                             const variable_lookup& lookup) {
  compose_service out;
  out.name = scalar_of(name);
  out.line = yaml_line(name);
  if (!body.IsMap())
    return out;
  if (const auto container = body["container_name"]) {
    out.container_name = interpolate(scalar_of(container), lookup).value_or("");
    out.container_line = yaml_line(container);
  }
  if (const auto ports = body["ports"]; ports && ports.IsSequence()) {
    for (const auto& port : ports) {
      if (port.IsMap())
        add_long(port, lookup, out);
      else
        add_short(scalar_of(port), yaml_line(port), lookup, out);
    }
  }
  if (const auto profiles = body["profiles"]; profiles && profiles.IsSequence()) {
    for (const auto& profile : profiles)
      out.profiles.push_back(scalar_of(profile));
  }
  out.environment = variables_of(body["environment"]);
  if (const auto build = body["build"]; build && build.IsMap())
    out.build_args = variables_of(build["args"]);
  return out;
}

} // namespace

std::optional<std::string> interpolate(std::string_view text, const variable_lookup& lookup) {
  std::string out;
  const auto name_length = [](std::string_view rest) {
    std::size_t n = 0;
    while (n < rest.size()
           && (std::isalnum(static_cast<unsigned char>(rest[n])) != 0 || rest[n] == '_'))
      ++n;
    return n;
  };
  while (!text.empty()) {
    const auto dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos)
      return out;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    const bool braces = text.starts_with('{');
    text.remove_prefix(braces ? 1 : 0);
    const auto length = name_length(text);
    const std::string name(text.substr(0, length));
    text.remove_prefix(length);
    std::string_view rest;
    if (braces) {
      const auto close = text.find('}');
      rest = text.substr(0, close);
      text.remove_prefix(close == std::string_view::npos ? text.size() : close + 1);
    }
    auto value = lookup(name);
    const auto dash = rest.find('-');
    if ((!value || value->empty()) && dash != std::string_view::npos && dash <= 1)
      value = std::string(rest.substr(dash + 1));
    if (!value || value->empty())
      return std::nullopt;
    out += *value;
  }
  return out;
}

compose_file read_compose(const std::string& text, const variable_lookup& lookup) {
  compose_file out;
  try {
    const auto document = YAML::Load(text);
    const auto services = document.IsMap() ? document["services"] : YAML::Node();
    if (!services || !services.IsMap())
      return out;
    for (const auto& entry : services)
      out.services.push_back(read_service(entry.first, entry.second, lookup));
  } catch (const YAML::Exception& error) {
    out.error = "line " + std::to_string(error.mark.line + 1) + ": "
                + printable(error.msg.substr(0, error.msg.find(": ")), 200);
  }
  return out;
}

} // namespace aeo::consolidate

#include "tools/consolidate/compose_model.hpp"

#include "tools/consolidate/paths.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace aeo::consolidate {

namespace {

/// `3000` or `3000-3005`; nothing for anything else.
std::vector<std::uint16_t> port_range(std::string_view text) {
  unsigned first = 0;
  unsigned last = 0;
  const auto dash = text.find('-');
  const auto low = text.substr(0, dash);
  const auto high = dash == std::string_view::npos ? low : text.substr(dash + 1);
  const auto read = [](std::string_view part, unsigned& out) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), out);
    return error == std::errc() && end == part.data() + part.size() && out > 0 && out < 65536;
  };
  std::vector<std::uint16_t> ports;
  if (read(low, first) && read(high, last)) {
    for (auto port = first; port <= last; ++port)
      ports.push_back(static_cast<std::uint16_t>(port));
  }
  return ports;
}

void add_ports(std::string_view host, std::string_view container, bool udp,
               const std::string& address, std::vector<compose_port>& out) {
  const auto outside = port_range(host);
  const auto within = port_range(container);
  for (std::size_t i = 0; i < within.size(); ++i)
    out.push_back({i < outside.size() ? outside[i] : std::uint16_t{0}, within[i], udp, address});
}

/// `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`, the address perhaps an IPv6 one in brackets.
void add_short_port(const std::string& text, std::vector<compose_port>& out) {
  const auto filled = with_defaults(text);
  if (!filled)
    return;
  std::string_view rest = *filled;
  const auto slash = rest.rfind('/');
  const bool udp = slash != std::string_view::npos && rest.substr(slash + 1) == "udp";
  rest = rest.substr(0, slash);
  const auto last = rest.rfind(':');
  if (last == std::string_view::npos)
    return add_ports("", rest, udp, "", out);
  const auto container = rest.substr(last + 1);
  rest = rest.substr(0, last);
  const auto before = rest.rfind(':');
  if (before == std::string_view::npos)
    return add_ports(rest, container, udp, "", out);
  add_ports(rest.substr(before + 1), container, udp, std::string(rest.substr(0, before)), out);
}

} // namespace

std::optional<std::string> with_defaults(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$') {
      out += text[i];
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == '$') {
      out += text[++i];
      continue;
    }
    const auto close = text.find('}', i);
    const auto dash = text.find('-', i);
    if (i + 1 >= text.size() || text[i + 1] != '{' || close == std::string::npos || dash > close)
      return std::nullopt;
    out += text.substr(dash + 1, close - dash - 1);
    i = close;
  }
  return out;
}

std::optional<std::string> inside(const std::string& base, const std::string& relative) {
  if (relative.starts_with('/') || relative.starts_with('~'))
    return std::nullopt;
  auto path = (std::filesystem::path(base) / relative).lexically_normal().string();
  while (path.ends_with('/'))
    path.pop_back();
  if (path == "..") // or below it
    return std::nullopt;
  if (path.starts_with("../"))
    return std::nullopt;
  return path == "." ? std::string{} : path;
}

std::optional<compose_build> build_of(const YAML::Node& service, const std::string& directory) {
  const auto build = yaml_at(service, "build");
  if (!build.IsDefined() || build.IsNull())
    return std::nullopt;
  const auto context =
      build.IsScalar() ? yaml_string(build) : yaml_string(yaml_at(build, "context"));
  const auto filled = with_defaults(context.empty() ? "." : context);
  if (!filled || filled->find("://") != std::string::npos || filled->starts_with("git@"))
    return std::nullopt;
  const auto place = inside(directory, *filled);
  if (!place)
    return std::nullopt;
  auto file = build.IsMap() ? yaml_string(yaml_at(build, "dockerfile")) : std::string{};
  const auto full =
      inside(*place, file.empty() ? "Dockerfile" : with_defaults(file).value_or(file));
  if (!full)
    return std::nullopt;
  return compose_build{*place, *full, yaml_line(build)};
}

std::vector<compose_variable> environment_of(const YAML::Node& service) {
  std::vector<compose_variable> out;
  const auto node = yaml_at(service, "environment");
  if (node.IsDefined() && node.IsSequence()) {
    for (const auto& item : node) {
      const auto text = yaml_string(item);
      const auto equals = text.find('=');
      compose_variable variable{text.substr(0, equals), std::nullopt, yaml_line(item)};
      if (equals != std::string::npos)
        variable.value = text.substr(equals + 1);
      out.push_back(std::move(variable));
    }
  }
  for (const auto& key : yaml_keys(node)) {
    const auto value = yaml_at(node, key);
    compose_variable variable{key, std::nullopt, yaml_line(value)};
    if (value.IsScalar())
      variable.value = value.Scalar();
    out.push_back(std::move(variable));
  }
  return out;
}

std::vector<compose_port> ports_of(const YAML::Node& service) {
  std::vector<compose_port> out;
  const auto node = yaml_at(service, "ports");
  if (!node.IsDefined() || !node.IsSequence())
    return out;
  for (const auto& item : node) {
    if (item.IsScalar())
      add_short_port(item.Scalar(), out);
    else if (item.IsMap())
      add_ports(with_defaults(yaml_string(yaml_at(item, "published"))).value_or(""),
                with_defaults(yaml_string(yaml_at(item, "target"))).value_or(""),
                yaml_string(yaml_at(item, "protocol")) == "udp",
                yaml_string(yaml_at(item, "host_ip")), out);
  }
  return out;
}

bool has_memory_limit(const YAML::Node& service) {
  return yaml_at(service, "mem_limit").IsDefined()
         || yaml_at(service, {"deploy", "resources", "limits", "memory"}).IsDefined();
}

bool has_health_check(const YAML::Node& service) {
  const auto check = yaml_at(service, "healthcheck");
  const auto words = yaml_strings(yaml_at(check, "test"));
  return check.IsDefined() && check.IsMap() && yaml_string(yaml_at(check, "disable")) != "true"
         && (words.empty() || words[0] != "NONE");
}

std::vector<std::string> dependencies_of(const YAML::Node& service) {
  const auto node = yaml_at(service, "depends_on");
  return node.IsDefined() && node.IsMap() ? yaml_keys(node) : yaml_strings(node);
}

bool is_secret_name(const std::string& name) {
  static const re2::RE2 secret(
      R"re((?i)(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|PASS|PWD|APIKEY|API_KEY|ACCESS_KEY|PRIVATE_KEY|SECRET_KEY|CREDENTIALS?)($|_))re");
  static const re2::RE2 about(R"re((?i)_(FILE|PATH|DIR|NAME|URL|ID|TTL|EXPIRY|LENGTH|HEADER)$)re");
  return re2::RE2::PartialMatch(name, secret) && !re2::RE2::PartialMatch(name, about);
}

bool is_inline_secret(const std::string& name, const std::string& value) {
  static const re2::RE2 user_in_url(R"re(://[^/:@\s$]+:[^/@\s$]+@)re");
  if (re2::RE2::PartialMatch(value, user_in_url))
    return true;
  static const re2::RE2 harmless(R"re((?i)|true|false|none|null|[0-9]{1,6}|/.*|<.*>|\*+|x+)re");
  return is_secret_name(name) && value.find('$') == std::string::npos
         && !re2::RE2::FullMatch(value, harmless);
}

image_reference read_image(const std::string& text) {
  image_reference out;
  const auto at = text.find('@');
  if (at != std::string::npos)
    out.digest = text.substr(at + 1);
  const auto rest = text.substr(0, at);
  const auto slash = rest.rfind('/');
  const auto colon = rest.find(':', slash == std::string::npos ? 0 : slash);
  out.name = rest.substr(0, colon);
  if (colon != std::string::npos)
    out.tag = rest.substr(colon + 1);
  return out;
}

} // namespace aeo::consolidate

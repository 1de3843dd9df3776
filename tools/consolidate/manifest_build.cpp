// go.mod, Cargo.toml, pom.xml, CMakeLists.txt, Dockerfile and compose files.
#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/paths.hpp"

#include <pugixml.hpp>
#include <toml++/toml.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <stdexcept>

namespace aeo::consolidate {

namespace {

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> result;
  while (!(line = trim(line)).empty()) {
    const auto end = line.find_first_of(" \t");
    result.push_back(line.substr(0, end));
    if (end == std::string_view::npos)
      break;
    line.remove_prefix(end);
  }
  return result;
}

/// Calls `visit(line, number)` with every line.
template <class Visit>
void each_line(std::string_view text, Visit visit) {
  std::uint32_t number = 0;
  for (const auto line : split(text, '\n'))
    visit(line, ++number);
}

void add_port(std::string_view text, manifest& out) {
  unsigned port = 0;
  const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (port > 0 && port < 65536)
    out.ports.push_back(static_cast<std::uint16_t>(port));
}

void add_cargo_table(const toml::table* table, std::string_view scope, manifest& out) {
  if (table == nullptr)
    return;
  for (const auto& [key, node] : *table) {
    dependency item{"cargo", std::string(key.str()), "", std::string(scope),
                    node.source().begin.line};
    if (const auto text = node.value<std::string>())
      item.constraint = *text;
    else if (const auto* details = node.as_table()) {
      if (const auto* renamed = details->get("package"))
        item.name = renamed->value_or(item.name);
      const auto* version = details->get("version");
      item.constraint = version != nullptr ? version->value_or(std::string{}) : "not a version";
    }
    out.dependencies.push_back(std::move(item));
  }
}

void add_cargo_tables(const toml::table& within, manifest& out) {
  add_cargo_table(within["dependencies"].as_table(), "runtime", out);
  add_cargo_table(within["dev-dependencies"].as_table(), "development", out);
  add_cargo_table(within["build-dependencies"].as_table(), "build", out);
}

/// Line (from 1) of a byte; of the last one if it is beyond.
std::uint32_t line_at(const std::string& text, std::ptrdiff_t offset) {
  const auto end = std::min(offset, static_cast<std::ptrdiff_t>(text.size()));
  return 1 + static_cast<std::uint32_t>(std::count(text.begin(), text.begin() + end, '\n'));
}

/// Those of the project itself or of one of its profiles.
void add_pom_dependencies(const pugi::xml_node& within, const pugi::xml_node& project,
                          const std::string& text, manifest& out) {
  const auto value_of = [&](const char* property) {
    const std::string own = within.child("properties").child_value(property);
    return own.empty() ? project.child("properties").child_value(property) : own;
  };
  for (const auto& item : within.child("dependencies").children("dependency")) {
    std::string version = item.child_value("version");
    if (version.starts_with("${") && version.ends_with("}"))
      version = value_of(version.substr(2, version.size() - 3).c_str());
    const std::string scope = item.child_value("scope");
    const auto offset = item.offset_debug();
    out.dependencies.push_back(
        {"maven", std::string(item.child_value("groupId")) + ":" + item.child_value("artifactId"),
         version, scope == "test" ? "development" : "runtime",
         offset < 0 ? 0 : line_at(text, offset)});
  }
}

} // namespace

void parse_go_mod(const std::string& text, manifest& out) {
  std::string block;
  each_line(text, [&](std::string_view line, std::uint32_t number) {
    const auto indirect = line.find("// indirect") != std::string_view::npos;
    const auto parts = words(line.substr(0, line.find("//")));
    if (parts.empty())
      return;
    if (parts[0] == ")") {
      block.clear();
      return;
    }
    if (parts.size() == 2 && parts[1] == "(") {
      block = parts[0];
      return;
    }
    const bool inside = !block.empty();
    const auto verb = inside ? std::string_view(block) : parts[0];
    const std::size_t at = inside ? 0 : 1;
    if (verb == "module" && parts.size() > at)
      out.name = parts[at];
    else if (verb == "require" && parts.size() > at + 1 && !indirect)
      out.dependencies.push_back(
          {"go", std::string(parts[at]), std::string(parts[at + 1]), "runtime", number});
    else if (verb == "require" && parts.size() <= at + 1)
      throw std::runtime_error("line " + std::to_string(number) + ": require without a version");
  });
  if (out.name.empty())
    throw std::runtime_error("has no module line");
}

void parse_cargo(const std::string& text, manifest& out) {
  const auto document = toml::parse(text);
  out.name = document["package"]["name"].value_or(std::string{});
  out.version = document["package"]["version"].value_or(std::string{});
  out.workspace_root = document.contains("workspace");
  add_cargo_tables(document, out);
  add_cargo_table(document["workspace"]["dependencies"].as_table(), "runtime", out);
  if (const auto* targets = document["target"].as_table()) {
    for (const auto& [name, target] : *targets) {
      if (const auto* tables = target.as_table())
        add_cargo_tables(*tables, out);
    }
  }
  if (document.contains("bin"))
    out.entry_points.push_back("bin");
}

void parse_pom(const std::string& text, manifest& out) {
  pugi::xml_document document;
  const auto result = document.load_buffer(text.data(), text.size());
  if (!result)
    throw std::runtime_error("line " + std::to_string(line_at(text, result.offset)) + ": "
                             + result.description());
  const auto project = document.child("project");
  if (!project)
    throw std::runtime_error("has no <project> element");
  const auto group = project.child("groupId") ? project.child_value("groupId")
                                              : project.child("parent").child_value("groupId");
  out.name = std::string(group) + ":" + project.child_value("artifactId");
  out.version = project.child_value("version");
  out.workspace_root = project.child("modules");
  add_pom_dependencies(project, project, text, out);
  for (const auto& profile : project.child("profiles").children("profile"))
    add_pom_dependencies(profile, project, text, out);
}

void parse_cmake(const std::string& text, manifest& out) {
  each_line(text, [&](std::string_view line, std::uint32_t number) {
    line = trim(line.substr(0, line.find('#')));
    const auto open = line.find('(');
    if (open == std::string_view::npos)
      return;
    const auto command = lower(trim(line.substr(0, open)));
    auto arguments = line.substr(open + 1);
    arguments = arguments.substr(0, arguments.find(')'));
    const auto parts = words(arguments);
    if (parts.empty())
      return;
    const bool versioned =
        parts.size() > 1 && std::isdigit(static_cast<unsigned char>(parts[1][0])) != 0;
    if (command == "find_package")
      out.dependencies.push_back({"cmake", std::string(parts[0]),
                                  versioned ? ">=" + std::string(parts[1]) : "", "runtime",
                                  number});
    else if (command == "fetchcontent_declare" || command == "externalproject_add")
      out.dependencies.push_back({"cmake", std::string(parts[0]), "", "runtime", number});
    else if (command == "project" && out.name.empty())
      out.name = parts[0];
    else if (command == "add_executable")
      out.entry_points.emplace_back(parts[0]);
  });
  if (std::count(text.begin(), text.end(), '(') != std::count(text.begin(), text.end(), ')')
      && text.find('"') == std::string::npos && text.find("[[") == std::string::npos)
    throw std::runtime_error("has parentheses that do not close");
}

dependency image_dependency(std::string_view reference, std::uint32_t line) {
  dependency item{"docker", "", "", "image", line};
  const auto at = reference.find('@');
  const auto colon = reference.find(
      ':', reference.rfind('/') == std::string_view::npos ? 0 : reference.rfind('/'));
  const auto cut = std::min(at, colon);
  item.name = reference.substr(0, cut);
  if (item.name.empty())
    throw std::runtime_error("line " + std::to_string(line) + ": names no image");
  if (cut != std::string_view::npos)
    item.constraint = reference.substr(cut + 1);
  return item;
}

void parse_dockerfile(const std::string& text, manifest& out) {
  std::set<std::string, std::less<>> stages;
  bool any = false;
  each_line(text, [&](std::string_view line, std::uint32_t number) {
    auto parts = words(line);
    if (parts.empty() || parts[0].starts_with('#'))
      return;
    const auto verb = lower(parts[0]);
    if (verb == "expose") {
      for (std::size_t i = 1; i < parts.size(); ++i)
        add_port(parts[i], out);
    } else if (verb == "cmd" || verb == "entrypoint") {
      out.entry_points.push_back(verb);
    }
    if (verb != "from")
      return;
    any = true;
    std::erase_if(parts, [](std::string_view word) { return word.starts_with("--"); });
    if (parts.size() < 2)
      throw std::runtime_error("line " + std::to_string(number) + ": FROM without an image");
    if (parts[1] != "scratch" && !stages.contains(parts[1]))
      out.dependencies.push_back(image_dependency(parts[1], number));
    if (parts.size() > 3)
      stages.emplace(parts[3]);
  });
  if (!any)
    throw std::runtime_error("has no FROM instruction");
}

void parse_compose(const std::string& text, manifest& out) {
  const auto document = YAML::Load(text);
  if (!document.IsMap())
    throw std::runtime_error("is not a mapping, expected services:");
  const auto services = document["services"];
  if (!services || !services.IsMap())
    return; // a fragment with volumes or networks only
  for (const auto& entry : services) {
    const auto& service = entry.second;
    out.entry_points.push_back(entry.first.as<std::string>());
    if (!service.IsMap())
      continue;
    if (const auto image = service["image"]; image && image.IsScalar())
      out.dependencies.push_back(image_dependency(
          image.as<std::string>(), static_cast<std::uint32_t>(image.Mark().line + 1)));
    if (const auto ports = service["ports"]; ports && ports.IsSequence()) {
      for (const auto& port : ports) {
        if (port.IsScalar()) {
          const auto value = port.as<std::string>();
          const auto parts = split(value, ':');
          add_port(parts.size() > 1 ? parts[parts.size() - 2] : parts[0], out);
        }
      }
    }
  }
}

} // namespace aeo::consolidate

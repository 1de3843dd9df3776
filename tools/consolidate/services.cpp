#include "tools/consolidate/services.hpp"

#include "tools/consolidate/extract.hpp"
#include "tools/consolidate/language.hpp"
#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"
#include "tools/consolidate/supervised.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <random>

namespace aeo::consolidate {

namespace {

using argument_list = std::vector<std::string>;

std::string random_hex() {
  std::random_device source;
  std::string out;
  for (int i = 0; i < 32; ++i)
    out += "0123456789abcdef"[source() % 16];
  return out;
}

/// `["a", "b"]`, or a shell line.
argument_list instruction_words(const std::string& text) {
  const auto list = nlohmann::json::parse(text, nullptr, false);
  if (list.is_array() && !list.empty()
      && std::ranges::all_of(list, [](const auto& item) { return item.is_string(); }))
    return list.get<argument_list>();
  return {"/bin/sh", "-c", "exec " + text};
}

class service_finder {
public:
  service_finder(const scratch_checkout& checkout, const std::string& name,
                 const std::string& directory, const std::vector<std::string>& files)
      : checkout_(checkout), files_(files) {
    out_.name = name;
    out_.directory = directory;
  }

  /// False if nothing says that this is a service.
  bool find() {
    const bool found = from_dockerfile() || from_procfile() || from_package() || from_go()
                       || from_python() || from_node();
    if (!found && !container_only_)
      return false;
    if (!found)
      out_.missing = "its image starts a program that is only in the image: " + out_.started_by
                     + " (configure `load`)";
    health();
    environment();
    if (out_.missing.empty() && out_.health_path.empty())
      out_.missing = "no health endpoint was found (configure `load` with a url)";
    return true;
  }

  local_service take() { return std::move(out_); }

private:
  std::string in(const std::string& name) const { return join_path(out_.directory, name); }

  /// A program of the image may be here under another name.
  bool use(argument_list argv, const std::string& by) {
    if ((argv[0] == "python" || argv[0] == "python3.12") && find_program(argv[0]).empty())
      argv[0] = "python3";
    if (argv[0].starts_with("./")
            ? !checkout_.has_file(in(argv[0].substr(2)))
            : argv[0] != "/bin/sh" && (argv[0].starts_with('/') || find_program(argv[0]).empty()))
      return false;
    out_.start = std::move(argv);
    out_.started_by = by;
    return true;
  }

  bool from_dockerfile() {
    const auto path = in("Dockerfile");
    if (!checkout_.has_file(path))
      return false;
    static const re2::RE2 form(R"((?i)^\s*(CMD|ENTRYPOINT)\s+(.*)$)");
    std::string command;
    std::string entry;
    std::uint32_t number = 0;
    std::uint32_t line_number = 0;
    const auto text = checkout_.read(path);
    for (const auto line : split(text, '\n')) {
      ++number;
      std::string verb;
      std::string rest;
      if (!re2::RE2::FullMatch(piece(line), form, &verb, &rest))
        continue;
      (lower(verb) == "cmd" ? command : entry) = rest;
      line_number = number;
    }
    if (command.empty() && entry.empty())
      return false;
    auto argv = entry.empty() ? instruction_words(command) : instruction_words(entry);
    if (!entry.empty() && !command.empty() && command.starts_with('[')) {
      const auto more = instruction_words(command);
      argv.insert(argv.end(), more.begin(), more.end());
    }
    container_only_ = true;
    out_.started_by = path + ":" + std::to_string(line_number);
    return use(argv, out_.started_by);
  }

  bool from_procfile() {
    const auto text = checkout_.read(in("Procfile"));
    static const re2::RE2 web(R"((?m)^web:\s*(.+)$)");
    std::string line;
    return re2::RE2::PartialMatch(text, web, &line)
           && use({"/bin/sh", "-c", "exec " + line},
                  in("Procfile") + ":" + std::to_string(line_of(text, "web:")));
  }

  bool from_package() {
    const auto text = checkout_.read(in("package.json"));
    const auto document = nlohmann::json::parse(text, nullptr, false);
    if (!document.is_object() || !document.contains("scripts") || !document["scripts"].is_object()
        || !document["scripts"].contains("start"))
      return false;
    return use({"npm", "start"},
               in("package.json") + ":" + std::to_string(line_of(text, "\"start\"")));
  }

  bool matches(const std::string& path, const re2::RE2& pattern) const {
    return re2::RE2::PartialMatch(checkout_.read(path, 1U << 20), pattern);
  }

  bool from_go() {
    if (!checkout_.has_file(in("go.mod")))
      return false;
    static const re2::RE2 main(R"((?m)^package main\b)");
    static const re2::RE2 listens(R"(\b(?:ListenAndServe|net\.Listen|\.Run\(|\.Start\()\b)");
    for (const auto& path : files_) {
      if (!path.ends_with(".go") || path.ends_with("_test.go") || !matches(path, main)
          || !matches(path, listens))
        continue;
      const auto package =
          std::string(dir_name(path))
              .substr(std::min(dir_name(path).size(),
                               out_.directory.empty() ? 0 : out_.directory.size() + 1));
      const auto program = checkout_.root() + "/home/service";
      out_.prepare = {"go", "build", "-o", program, "./" + package};
      if (find_program("go").empty())
        return false;
      out_.start = {program};
      out_.started_by = path;
      return true;
    }
    return false;
  }

  bool from_python() {
    static const re2::RE2 main(R"re((?m)^if __name__ == ["']__main__["'])re");
    static const re2::RE2 listens(
        R"(\b(?:serve_forever|uvicorn\.run|run_app|app\.run|HTTPServer|WSGIServer)\b)");
    for (const auto& path : files_) {
      if (!path.ends_with(".py") || base_name(path).starts_with("test") || !matches(path, main)
          || !matches(path, listens))
        continue;
      auto module = path.substr(out_.directory.empty() ? 0 : out_.directory.size() + 1);
      module.resize(module.size() - 3);
      std::ranges::replace(module, '/', '.');
      return use({"python3", "-m", module}, path);
    }
    return false;
  }

  bool from_node() {
    static const re2::RE2 listens(R"(\.listen\()");
    for (const auto* name : {"server.js", "index.js", "app.js", "src/server.js", "src/index.js"}) {
      if (checkout_.has_file(in(name)) && matches(in(name), listens))
        return use({"node", name}, in(name));
    }
    return false;
  }

  /// The first of these that stands in quotes in the code, else what the image's check asks.
  void health() {
    static const std::array<std::string_view, 8> known{
        "/health", "/healthz", "/livez", "/ready", "/readyz", "/api/health", "/status", "/ping"};
    std::map<std::string, std::pair<std::string, std::uint32_t>> found;
    static const re2::RE2 quoted(
        R"re(["'`](?:GET )?((?:/api)?/(?:healthz?|livez|readyz?|status|ping))["'`])re");
    for (const auto& path : files_) {
      if (find_language(path, "") == nullptr || path.ends_with(".md")
          || path.find("test") != std::string::npos)
        continue;
      const auto text = checkout_.read(path, 1U << 20);
      std::uint32_t number = 0;
      for (const auto line : split(text, '\n')) {
        ++number;
        std::string place;
        if (re2::RE2::PartialMatch(piece(line), quoted, &place))
          found.emplace(place, std::pair(path, number));
      }
    }
    for (const auto place : known) {
      const auto item = found.find(std::string(place));
      if (item == found.end())
        continue;
      out_.health_path = place;
      out_.health_file = item->second.first;
      out_.health_line = item->second.second;
      return;
    }
    const auto text = checkout_.read(in("Dockerfile"));
    static const re2::RE2 check(
        R"re((?i)HEALTHCHECK[^\n]*https?://(?:localhost|127\.0\.0\.1)(?::\d+)?(/[^\s'")]*))re");
    if (re2::RE2::PartialMatch(text, check, &out_.health_path)) {
      out_.health_file = in("Dockerfile");
      out_.health_line = line_of(text, "HEALTHCHECK");
    }
  }

  static bool is_own_port(const std::string& name) {
    static const re2::RE2 port(R"((?:^|_)PORT$)");
    static const re2::RE2 other(
        R"((?:DB|DATABASE|POSTGRES|PG|MYSQL|MONGO|REDIS|SMTP|MAIL|RABBIT|AMQP|KAFKA|QDRANT|N8N|REMOTE|PROXY)_?)");
    return re2::RE2::PartialMatch(name, port) && !re2::RE2::PartialMatch(name, other);
  }

  void environment() {
    for (const auto* example : {".env.example", ".env.sample", ".env.template"}) {
      const auto text = checkout_.read(in(example));
      for (const auto line : split(text, '\n')) {
        const auto equal = line.find('=');
        const auto name = std::string(trim(line.substr(0, std::min(equal, line.size()))));
        static const re2::RE2 form("[A-Za-z_][A-Za-z0-9_]*");
        if (equal == std::string_view::npos || !re2::RE2::FullMatch(name, form))
          continue;
        std::string value(trim(line.substr(equal + 1)));
        if (value.size() > 1 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0])
          value = value.substr(1, value.size() - 2);
        if (value.empty())
          out_.filled.push_back(name);
        out_.env[name] = value.empty() ? random_hex() : value;
      }
    }
    std::vector<std::string> ports{"PORT"};
    for (const auto& path : files_) {
      const auto* lang = find_language(path, "");
      if (lang == nullptr)
        continue;
      for (const auto& item :
           extract_references(lang->name, checkout_.read(path, 1U << 20)).env_used)
        ports.push_back(item.name);
    }
    for (const auto& [name, ignored] : out_.env)
      ports.push_back(name);
    for (const auto& name : ports) {
      if (is_own_port(name))
        out_.env[name] = "{port}";
    }
    for (auto& [name, value] : out_.env) {
      if (name.ends_with("_HOST") && is_own_port(name.substr(0, name.size() - 4) + "PORT"))
        value = "127.0.0.1";
    }
  }

  const scratch_checkout& checkout_;
  const std::vector<std::string>& files_;
  local_service out_;
  bool container_only_ = false;
};

} // namespace

std::vector<local_service> find_services(const step_context& context,
                                         const scratch_checkout& checkout,
                                         const ordered& component_mapping) {
  std::map<std::string, std::pair<std::string, std::vector<std::string>>> components;
  for (const auto& item : component_mapping.value("components", ordered::array())) {
    const auto kind = item.value("kind", "");
    if (kind == "service" || kind == "app")
      components[decode_path(item.value("target", ""))].first = item.value("name", "");
  }
  for (const auto& path : checkout.files()) {
    if (any_glob_matches(context.config.vendored, path))
      continue;
    for (auto directory = dir_name(path);; directory = dir_name(directory)) {
      const auto found = components.find(std::string(directory));
      if (found != components.end()) {
        found->second.second.push_back(path);
        break;
      }
      if (directory.empty())
        break;
    }
  }
  std::vector<local_service> services;
  for (const auto& [directory, component] : components) {
    service_finder finder(checkout, component.first, directory, component.second);
    if (finder.find())
      services.push_back(finder.take());
  }
  return services;
}

} // namespace aeo::consolidate

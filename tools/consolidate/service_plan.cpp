#include "tools/consolidate/service_plan.hpp"

#include "tools/consolidate/component_targets.hpp"
#include "tools/consolidate/compose_model.hpp"
#include "tools/consolidate/compose_moves.hpp"
#include "tools/consolidate/masking.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/service_signals.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

namespace aeo::consolidate {

namespace {

/// Files that `docker compose up` reads on its own; variants are for special occasions.
bool is_main_compose(std::string_view path) {
  const auto name = base_name(path);
  return name == "compose.yaml" || name == "compose.yml" || name == "docker-compose.yaml"
         || name == "docker-compose.yml";
}

std::string dns_label(std::string_view text) {
  std::string out;
  for (const char c : lower(text)) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      out += c;
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  while (out.ends_with('-'))
    out.pop_back();
  return out.empty() ? "service" : out.substr(0, 60);
}

std::string base_image(const dockerfile& file) {
  auto at = file.stages.size() - 1;
  while (file.stages[at].parent)
    at = *file.stages[at].parent;
  return file.stages[at].resolved;
}

class service_planner {
public:
  service_planner(const step_context& within, const survey& all, const rule_set& rules,
                  const iac_files& infrastructure)
      : within_(within), all_(all), iac_(infrastructure), components_(within),
        signals_(within, all, rules) {
    for (const auto& item : iac_.files) {
      if (item.kind == iac_kind::dockerfile && item.problems.empty())
        dockerfiles_[item.path] = &item.docker;
    }
  }

  service_plan run() {
    for (const auto& item : iac_.files) {
      if (item.kind == iac_kind::compose)
        consider_compose(item);
    }
    for (const auto& component : components_.all())
      consider_dockerfile(component);
    for (auto& service : out_.services)
      complete(service);
    // Not std::sort: to assign one YAML::Node to another changes the tree that it is part of.
    std::map<std::string, const planned_service*> by_name;
    for (const auto& service : out_.services)
      by_name[service.name] = &service;
    std::vector<planned_service> sorted;
    sorted.reserve(by_name.size());
    for (const auto& [name, service] : by_name)
      sorted.push_back(*service);
    out_.services.swap(sorted);
    return std::move(out_);
  }

private:
  void note(const std::string& subject, const std::string& reason) {
    out_.decisions.push_back({subject, reason});
  }

  std::string component_of(const std::string& path) const {
    const auto* owner = components_.owner(path);
    return owner == nullptr ? std::string{} : owner->name;
  }

  void consider_compose(const iac_file& file) {
    if (!file.problems.empty())
      out_.left_out.push_back({file.path, "does not parse"});
    else if (!is_main_compose(file.path))
      out_.left_out.push_back({file.path, "is a variant that compose reads only when told to"});
    else
      merge_compose(file);
  }

  std::string free_name(const std::string& wanted, const std::string& prefix,
                        const std::set<std::string>& taken) const {
    if (!taken.contains(wanted))
      return wanted;
    auto name = dns_label(prefix + "-" + wanted);
    for (int n = 2; taken.contains(name); ++n)
      name = dns_label(prefix + "-" + wanted) + "-" + std::to_string(n);
    return name;
  }

  void merge_compose(const iac_file& file) {
    const auto& top = file.documents.at(0);
    const auto directory = std::string(dir_name(file.path));
    const auto prefix = directory.empty() ? "root" : std::string(base_name(directory));
    compose_mover mover(directory);
    const auto services = yaml_at(top, "services");
    std::map<std::string, YAML::Node> fresh;
    for (const auto& key : yaml_keys(services)) {
      const auto service = yaml_at(services, key);
      if (!service.IsMap())
        continue;
      const auto same = definitions_.find(key);
      auto moved = mover.moved(service);
      if (same != definitions_.end() && same->second == to_yaml(moved)) {
        note(key, "is the same in " + file.path + ": one is enough");
        continue;
      }
      const auto name = free_name(key, prefix, names_);
      if (name != key) {
        note(name, "is " + key + " of " + file.path + ", whose name another service has");
        mover.rename_service(key, name);
      }
      definitions_[name] = to_yaml(moved);
      names_.insert(name);
      add_compose_service(file, name, moved, service);
      fresh.emplace(name, moved);
    }
    merge_shared(file, top, prefix, mover);
    for (auto& [name, definition] : fresh)
      mover.apply_renames(definition);
  }

  void add_compose_service(const iac_file& file, const std::string& name,
                           const YAML::Node& definition, const YAML::Node& original) {
    const auto directory = std::string(dir_name(file.path));
    planned_service item;
    item.name = name;
    item.origin = {file.path, yaml_line(original)};
    item.definition.reset(definition);
    item.image = with_defaults(yaml_string(yaml_at(original, "image"))).value_or("");
    item.area = directory;
    if (const auto build = build_of(original, directory)) {
      item.own = true;
      item.area = build->context;
      used_dockerfiles_.insert(build->dockerfile);
      if (const auto found = dockerfiles_.find(build->dockerfile); found != dockerfiles_.end()) {
        item.image = base_image(*found->second);
        if (const auto ports = found->second->ports(); !ports.empty())
          item.port = ports.front();
      }
    }
    item.own = item.own || !mounted_files(definition).empty();
    item.component = component_of(join_path(item.area, "x"));
    for (const auto& port : ports_of(definition)) {
      if (!port.udp && item.port == 0)
        item.port = port.container;
    }
    out_.services.push_back(std::move(item));
  }

  /// Its own files that it mounts, tracked in the monorepo.
  std::vector<std::string> mounted_files(const YAML::Node& definition) const {
    std::vector<std::string> found;
    for (const auto& path : bind_sources(definition)) {
      const bool tracked =
          std::any_of(all_.files.begin(), all_.files.end(), [&](const scanned_file& file) {
            return is_below(all_.tracked(file).path, path);
          });
      if (tracked)
        found.push_back(path);
    }
    return found;
  }

  /// Networks are joined by name; two volumes of the same name hold different data.
  void merge_shared(const iac_file& file, const YAML::Node& top, const std::string& prefix,
                    compose_mover& mover) {
    for (const std::string section : {"networks", "volumes", "configs", "secrets"}) {
      const auto node = yaml_at(top, section);
      for (const auto& key : yaml_keys(node)) {
        auto& taken = shared_[section];
        auto name = key;
        if (taken.contains(key) && section != "networks") {
          name = free_name(key, prefix, taken);
          note(section + " " + name, "is " + key + " of " + file.path + ", kept apart");
          mover.rename_shared(section, key, name);
        }
        if (taken.insert(name).second)
          add_shared(section, name, mover.moved_shared(yaml_at(node, key)));
      }
    }
  }

  void add_shared(const std::string& section, const std::string& name, YAML::Node node) {
    mask_known_secrets(section + " " + name, node);
    out_.shared[section][name] = node;
  }

  void consider_dockerfile(const placed_component& component) {
    const bool runs = component.kind == "service" || component.kind == "app";
    if (!runs)
      return;
    const bool planned = std::any_of(out_.services.begin(), out_.services.end(),
                                     [&](const planned_service& service) {
                                       return service.own && service.component == component.name;
                                     });
    if (planned)
      return;
    for (const auto& [path, file] : dockerfiles_) {
      const auto* owner = components_.owner(path);
      if (owner == nullptr || owner->name != component.name || used_dockerfiles_.contains(path))
        continue;
      add_dockerfile_service(component, path, *file);
      return;
    }
    if (component.kind == "service")
      out_.left_out.push_back({component.name, "has neither a Dockerfile nor a compose file"});
  }

  void add_dockerfile_service(const placed_component& component, const std::string& path,
                              const dockerfile& file) {
    planned_service item;
    item.name = free_name(dns_label(base_name(component.target)), "own", names_);
    names_.insert(item.name);
    item.component = component.name;
    item.own = true;
    item.origin = {path, 1};
    item.area = dir_name(path);
    item.image = base_image(file);
    YAML::Node build;
    build["context"] = item.area.empty() ? "." : "./" + item.area;
    if (base_name(path) != "Dockerfile")
      build["dockerfile"] = std::string(base_name(path));
    item.definition["build"] = build;
    if (const auto ports = file.ports(); !ports.empty()) {
      item.port = ports.front();
      publish(item);
    }
    if (const auto names = signals_.declared_variables(item.area); !names.empty()) {
      for (const auto& name : names)
        item.definition["environment"].push_back(YAML::Node(name));
    }
    out_.services.push_back(std::move(item));
  }

  /// The same port outside as inside if nobody has it, else the next free one.
  void publish(planned_service& item) {
    std::set<unsigned> taken;
    for (const auto& other : out_.services) {
      for (const auto& port : ports_of(other.definition))
        taken.insert(port.host);
    }
    unsigned host = item.port;
    while (taken.contains(host) && host < 65535)
      ++host;
    if (host != item.port)
      note(item.name, "is published on port " + std::to_string(host) + ", as "
                          + std::to_string(item.port) + " is taken");
    YAML::Node ports(YAML::NodeType::Sequence);
    ports.push_back(yaml_quoted(std::to_string(host) + ":" + std::to_string(item.port)));
    item.definition["ports"] = ports;
  }

  void complete(planned_service& item) {
    if (item.own)
      signals_.find_endpoints(item);
    const auto* file = dockerfile_of(item);
    const auto* health = file == nullptr ? nullptr : file->in_force("HEALTHCHECK");
    if (item.health_path.empty())
      health_from_command(item, health);
    hide_secrets(item);
    if (!yaml_at(item.definition, "restart").IsDefined())
      item.definition["restart"] = "unless-stopped";
    if (!has_health_check(item.definition)
        && (health == nullptr || lower(health->arguments) == "none"))
      add_health_check(item);
    if (!has_memory_limit(item.definition)) {
      item.definition["mem_limit"] = within_.config.infrastructure.memory;
      item.definition["cpus"] = yaml_quoted(within_.config.infrastructure.cpus);
      note(item.name, "gets the limits of the configuration: it had none");
    }
  }

  const dockerfile* dockerfile_of(const planned_service& item) const {
    const auto build = build_of(item.definition, "");
    const auto found = build ? dockerfiles_.find(build->dockerfile) : dockerfiles_.end();
    return found == dockerfiles_.end() ? nullptr : found->second;
  }

  /// A health check that asks a URL names the endpoint.
  void health_from_command(planned_service& item, const docker_instruction* health) const {
    auto path = endpoint_in(yaml_strings(yaml_at(item.definition, {"healthcheck", "test"})));
    item.health_place = item.origin;
    if (path.empty() && health != nullptr) {
      path = endpoint_in({health->arguments});
      const auto build = build_of(item.definition, "");
      item.health_place = {build ? build->dockerfile : item.origin.path, health->line};
    }
    item.health_path = path;
  }

  void hide_secrets(planned_service& item) {
    auto environment = yaml_at(item.definition, "environment");
    for (const auto& variable : environment_of(item.definition)) {
      if (!variable.value || !is_inline_secret(variable.name, *variable.value))
        continue;
      note(item.name + " " + variable.name, "is asked from the environment: its value is a secret");
      const auto asked = "${" + variable.name + ":?}";
      if (environment.IsMap())
        environment[variable.name] = yaml_quoted(asked);
      for (std::size_t i = 0; environment.IsSequence() && i < environment.size(); ++i) {
        if (yaml_string(environment[i]).starts_with(variable.name + "="))
          environment[i] = yaml_quoted(variable.name + "=" + asked);
      }
    }
    for (const auto* part : {"command", "entrypoint", "environment", "labels", "annotations"})
      hide_known_secrets(item, part, yaml_at(item.definition, part));
    hide_known_secrets(item, "test", yaml_at(item.definition, {"healthcheck", "test"}));
    hide_known_secrets(item, "args", yaml_at(item.definition, {"build", "args"}));
    for (const auto& part : yaml_keys(item.definition))
      mask_known_secrets(item.name + " " + part, yaml_at(item.definition, part));
  }

  /// Where no variable is looked for, as in the name of an image.
  void mask_known_secrets(const std::string& subject, YAML::Node node) {
    for (std::size_t i = 0; node.IsSequence() && i < node.size(); ++i)
      mask_known_secrets(subject, node[i]);
    for (const auto& name : yaml_keys(node))
      mask_known_secrets(subject, node[name]);
    const auto masked = node.IsScalar() ? within_.secrets->masked(node.Scalar()) : std::string{};
    if (!node.IsScalar() || masked == node.Scalar())
      return;
    node = yaml_quoted(masked);
    note(subject, std::string(masked_secret) + " is in the place of a secret that stood there");
    out_.masked.push_back({subject, "a secret stood there and is masked: the service cannot start "
                                    "until it gets it another way; replace the secret, too"});
  }

  /// Wherever else a rule knows one; of a list, an option tells what the word behind it is.
  void hide_known_secrets(planned_service& item, const std::string& key, YAML::Node node) {
    if (node.IsScalar())
      hide_known_secret(item, key, node);
    auto before = key;
    for (std::size_t i = 0; node.IsSequence() && i < node.size(); ++i) {
      const auto word = yaml_string(node[i]);
      hide_known_secrets(item, before, node[i]);
      before = word.starts_with("--") ? word.substr(2) : key;
    }
    for (const auto& name : yaml_keys(node))
      hide_known_secrets(item, name, node[name]);
  }

  void hide_known_secret(planned_service& item, const std::string& key, YAML::Node& node) {
    const auto hidden = masked_value(key, node.Scalar(), *within_.secrets,
                                     [&](std::string_view secret) { return asked(item, secret); });
    if (hidden != node.Scalar())
      node = yaml_quoted(hidden);
  }

  /// The same secret of a service is asked for by one name.
  std::string asked(const planned_service& item, std::string_view secret) {
    auto& names = asked_[item.name];
    const auto [known, fresh] = names.emplace(secret, secret_variable(item.name, names.size() + 1));
    if (fresh)
      note(item.name + " " + known->second,
           "is asked from the environment: a secret stood in its place");
    return "${" + known->second + ":?}";
  }

  /// `WEB_SECRET`, `WEB_SECRET_2`: a name that compose takes for a variable's.
  static std::string secret_variable(const std::string& service, std::size_t number) {
    auto name = upper(service);
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0)
      name = "SERVICE_" + name;
    return name + "_SECRET" + (number > 1 ? "_" + std::to_string(number) : "");
  }

  void add_health_check(planned_service& item) {
    const auto& commands = within_.config.infrastructure.health_commands;
    const auto found = std::find_if(commands.begin(), commands.end(), [&](const auto& command) {
      return glob_matches(command.image, item.image);
    });
    if (item.port == 0 || item.health_path.empty() || found == commands.end()) {
      note(item.name, item.port == 0 || item.health_path.empty()
                          ? "gets no health check: no port and endpoint are known"
                          : "gets no health check: no program that asks a URL is known to be in "
                                + item.image);
      return;
    }
    const auto url = "http://127.0.0.1:" + std::to_string(item.port) + item.health_path;
    std::vector<std::string> test{"CMD"};
    for (auto word : found->command) {
      if (const auto at = word.find("{url}"); at != std::string::npos)
        word.replace(at, 5, url);
      test.push_back(std::move(word));
    }
    YAML::Node check;
    check["test"] = yaml_list(test);
    check["interval"] = "30s";
    check["timeout"] = "5s";
    check["retries"] = 3;
    item.definition["healthcheck"] = check;
    note(item.name, "gets a health check that asks " + item.health_path);
  }

  const step_context& within_;
  const survey& all_;
  const iac_files& iac_;
  component_targets components_;
  service_signals signals_;
  std::map<std::string, std::map<std::string, std::string>>
      asked_; ///< by service: secret, variable
  std::map<std::string, const dockerfile*> dockerfiles_;
  std::set<std::string> used_dockerfiles_;
  std::set<std::string> names_;
  std::map<std::string, std::string> definitions_; ///< as moved, to tell the same from another
  std::map<std::string, std::set<std::string>> shared_;
  service_plan out_;
};

} // namespace

service_plan plan_services(const step_context& within, const survey& all, const rule_set& rules,
                           const iac_files& infrastructure) {
  return service_planner(within, all, rules, infrastructure).run();
}

std::string compose_text(const service_plan& plan) {
  YAML::Node top;
  top["services"] = YAML::Node(YAML::NodeType::Map);
  for (const auto& item : plan.services)
    top["services"][item.name] = item.definition;
  for (const auto& key : yaml_keys(plan.shared))
    top[key] = yaml_at(plan.shared, key);
  return "# All services of the monorepo. Paths are relative to its top, where this file belongs.\n"
         "# Start them with: docker compose up --build\n"
         "# Variables are taken from an .env file beside it; no secret is in this one.\n"
         + to_yaml(top);
}

} // namespace aeo::consolidate

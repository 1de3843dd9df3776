#include "tools/consolidate/iac_checks.hpp"

#include "tools/consolidate/compose_model.hpp"
#include "tools/consolidate/paths.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <tuple>

namespace aeo::consolidate {

namespace {

bool is_root_user(const std::string& user) {
  const auto name = user.substr(0, user.find(':'));
  return name == "root" || name == "0";
}

class iac_checker {
public:
  iac_checker(const infrastructure_settings& rules, const iac_files& all)
      : rules_(rules), all_(all) {
    for (const auto& item : all.files) {
      if (item.kind == iac_kind::dockerfile)
        dockerfiles_[item.path] = &item.docker;
    }
    for (const auto& pattern : rules.patterns) {
      re2::RE2::Options options;
      options.set_case_sensitive(false);
      options.set_log_errors(false);
      patterns_.push_back(std::make_unique<re2::RE2>(pattern.content, options));
    }
  }

  std::vector<iac_finding> run() {
    for (const auto& item : all_.files) {
      file_ = &item;
      if (!item.problems.empty() || !item.not_measured.empty())
        continue;
      if (item.kind == iac_kind::dockerfile)
        check_dockerfile(item.docker);
      else if (item.kind == iac_kind::compose)
        check_compose(item.documents.at(0));
      else if (item.kind == iac_kind::terraform && item.unformatted)
        report("not-formatted", 1, std::string(base_name(item.path)));
      else
        for (const auto& document : item.documents)
          check_object(document, 0);
    }
    std::stable_sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) {
      return std::tie(a.path, a.line) < std::tie(b.path, b.line);
    });
    return std::move(found_);
  }

private:
  void report(const std::string& id, std::uint32_t line, const std::string& subject) {
    if (const auto* rule = rules_.check(id))
      found_.push_back({rule, file_->kind, file_->path, line, printable(subject, 200)});
  }

  void check_image(const std::string& text, std::uint32_t line) {
    const auto filled = with_defaults(text);
    const auto image = read_image(filled.value_or(text));
    if (!filled && image.tag.find('$') != std::string::npos)
      return; // whoever sets the variable pins it, or does not
    if (image.untagged())
      report("image-untagged", line, text);
    else if (image.digest.empty())
      report("image-undigested", line, text);
  }

  void check_dockerfile(const dockerfile& file) {
    for (const auto& stage : file.stages) {
      if (!stage.parent && stage.resolved != "scratch" && !stage.unresolved)
        check_image(stage.resolved, stage.line);
      for (const auto& item : stage.instructions)
        check_instruction(item);
    }
    const auto& last = file.stages.back();
    const auto* user = file.in_force("USER");
    const auto base = base_of(file);
    const bool unprivileged =
        base.find("nonroot") != std::string::npos || base.find("unprivileged") != std::string::npos;
    if (user == nullptr ? !unprivileged : is_root_user(user->arguments))
      report("root-user", user == nullptr ? last.line : user->line, last.image);
    const auto* health = file.in_force("HEALTHCHECK");
    const bool serves = !file.ports().empty();
    if (serves && (health == nullptr || lower(health->arguments) == "none"))
      report("no-health-check", health == nullptr ? last.line : health->line, last.image);
  }

  static std::string base_of(const dockerfile& file) {
    auto at = file.stages.size() - 1;
    while (file.stages[at].parent)
      at = *file.stages[at].parent;
    return file.stages[at].resolved;
  }

  void check_instruction(const docker_instruction& item) {
    for (std::size_t i = 0; i < rules_.patterns.size(); ++i) {
      const auto& rule = rules_.patterns[i];
      if (rule.instruction != item.keyword)
        continue;
      bool matches = re2::RE2::PartialMatch(item.arguments, *patterns_[i]);
      for (const auto& body : item.heredocs)
        matches = matches || re2::RE2::PartialMatch(body, *patterns_[i]);
      if (matches)
        found_.push_back({&rule, file_->kind, file_->path, item.line, item.keyword});
    }
    if (item.keyword != "ENV" && item.keyword != "ARG")
      return;
    static const re2::RE2 pair(R"re(([A-Za-z_][A-Za-z0-9_]*)(?:=|\s+)("[^"]*"|'[^']*'|\S+))re");
    re2::StringPiece rest(item.arguments);
    std::string name;
    std::string value;
    while (re2::RE2::FindAndConsume(&rest, pair, &name, &value)) {
      if (value.size() >= 2 && (value[0] == '"' || value[0] == '\''))
        value = value.substr(1, value.size() - 2);
      if (is_inline_secret(name, value))
        report("inline-secret", item.line, name);
    }
  }

  void check_compose(const YAML::Node& top) {
    const auto services = yaml_at(top, "services");
    const auto name = base_name(file_->path);
    const bool part = name.find("override") != std::string_view::npos;
    for (const auto& key : yaml_keys(services)) {
      const auto service = yaml_at(services, key);
      check_service(key, service);
      if (part)
        continue; // what it leaves out stands in the file that it adds to
      const auto line = yaml_line(service);
      if (!has_memory_limit(service))
        report("no-limits", line, key);
      if (!has_health_check(service) && !image_has_health_check(service))
        report("no-health-check", line, key);
      for (const auto& other : dependencies_of(service)) {
        if (!yaml_at(services, other).IsDefined())
          report("unknown-reference", yaml_line(yaml_at(service, "depends_on")),
                 key + " depends on " + other);
      }
      check_mounts(top, key, service);
    }
  }

  void check_service(const std::string& key, const YAML::Node& service) {
    const auto image = yaml_at(service, "image");
    if (image.IsDefined() && !yaml_at(service, "build").IsDefined())
      check_image(yaml_string(image), yaml_line(image));
    const auto user = yaml_at(service, "user");
    if (is_root_user(yaml_string(user)))
      report("root-user", yaml_line(user), key);
    const auto privileged = yaml_at(service, "privileged");
    if (yaml_string(privileged) == "true")
      report("privileged", yaml_line(privileged), key);
    const auto network = yaml_at(service, "network_mode");
    if (yaml_string(network) == "host")
      report("host-network", yaml_line(network), key);
    for (const auto& variable : environment_of(service)) {
      if (variable.value && is_inline_secret(variable.name, *variable.value))
        report("inline-secret", variable.line, key + " " + variable.name);
    }
  }

  /// Named volumes and networks must be declared at the top.
  void check_mounts(const YAML::Node& top, const std::string& key, const YAML::Node& service) {
    const auto declared = yaml_at(top, "volumes");
    for (const auto& mount : yaml_strings(yaml_at(service, "volumes"))) {
      const auto source = mount.substr(0, mount.find(':'));
      const bool named = mount.find(':') != std::string::npos && !source.empty()
                         && source.find_first_of("./~$") == std::string::npos;
      if (named && !yaml_at(declared, source).IsDefined() && !has_key(declared, source))
        report("unknown-reference", yaml_line(yaml_at(service, "volumes")),
               key + " mounts " + source);
    }
    const auto networks = yaml_at(service, "networks");
    const auto names =
        networks.IsDefined() && networks.IsMap() ? yaml_keys(networks) : yaml_strings(networks);
    for (const auto& name : names) {
      if (name != "default" && !has_key(yaml_at(top, "networks"), name))
        report("unknown-reference", yaml_line(networks), key + " joins " + name);
    }
  }

  static bool has_key(const YAML::Node& map, const std::string& key) {
    const auto keys = yaml_keys(map);
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  }

  bool image_has_health_check(const YAML::Node& service) const {
    const auto build = build_of(service, std::string(dir_name(file_->path)));
    const auto found = build ? dockerfiles_.find(build->dockerfile) : dockerfiles_.end();
    if (found == dockerfiles_.end())
      return false;
    const auto* health = found->second->in_force("HEALTHCHECK");
    return health != nullptr && lower(health->arguments) != "none";
  }

  void check_object(const YAML::Node& object, int depth) {
    const auto kind = yaml_string(yaml_at(object, "kind"));
    const auto items = yaml_at(object, "items");
    if (kind == "List" && items.IsDefined() && items.IsSequence() && depth < 2) {
      for (const auto& item : items)
        check_object(item, depth + 1);
      return;
    }
    constexpr std::array<std::string_view, 7> workloads{
        "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController",
        "Job",        "CronJob"};
    YAML::Node pod(YAML::NodeType::Undefined);
    if (kind == "Pod")
      pod.reset(yaml_at(object, "spec"));
    else if (kind == "CronJob")
      pod.reset(yaml_at(object, {"spec", "jobTemplate", "spec", "template", "spec"}));
    else if (std::find(workloads.begin(), workloads.end(), kind) != workloads.end())
      pod.reset(yaml_at(object, {"spec", "template", "spec"}));
    if (!pod.IsDefined() || !pod.IsMap())
      return;
    if (yaml_string(yaml_at(pod, "hostNetwork")) == "true")
      report("host-network", yaml_line(yaml_at(pod, "hostNetwork")), kind);
    const bool serves = kind != "Job" && kind != "CronJob";
    check_containers(pod, "containers", serves);
    check_containers(pod, "initContainers", false);
  }

  void check_containers(const YAML::Node& pod, const char* key, bool serves) {
    const auto list = yaml_at(pod, key);
    if (!list.IsDefined() || !list.IsSequence())
      return;
    const auto pod_security = yaml_at(pod, "securityContext");
    for (const auto& container : list) {
      if (!container.IsMap())
        continue;
      const auto name = yaml_string(yaml_at(container, "name"));
      const auto line = yaml_line(container);
      const auto image = yaml_at(container, "image");
      check_image(yaml_string(image), image.IsDefined() ? yaml_line(image) : line);
      const auto security = yaml_at(container, "securityContext");
      if (!runs_as_somebody(security) && !runs_as_somebody(pod_security))
        report("root-user", line, name);
      const auto privileged = yaml_at(security, "privileged");
      if (yaml_string(privileged) == "true")
        report("privileged", yaml_line(privileged), name);
      if (!yaml_at(container, {"resources", "limits", "memory"}).IsDefined())
        report("no-limits", line, name);
      if (serves && !yaml_at(container, "livenessProbe").IsDefined()
          && !yaml_at(container, "readinessProbe").IsDefined())
        report("no-health-check", line, name);
      check_container_environment(container, name);
    }
  }

  static bool runs_as_somebody(const YAML::Node& security) {
    const auto user = yaml_string(yaml_at(security, "runAsUser"));
    return yaml_string(yaml_at(security, "runAsNonRoot")) == "true"
           || (!user.empty() && user != "0");
  }

  void check_container_environment(const YAML::Node& container, const std::string& name) {
    const auto list = yaml_at(container, "env");
    if (!list.IsDefined() || !list.IsSequence())
      return;
    for (const auto& item : list) {
      const auto variable = yaml_string(yaml_at(item, "name"));
      const auto value = yaml_at(item, "value");
      if (is_inline_secret(variable, yaml_string(value)))
        report("inline-secret", yaml_line(value), name + " " + variable);
    }
  }

  const infrastructure_settings& rules_;
  const iac_files& all_;
  const iac_file* file_ = nullptr;
  std::map<std::string, const dockerfile*> dockerfiles_;
  std::vector<std::unique_ptr<re2::RE2>> patterns_;
  std::vector<iac_finding> found_;
};

} // namespace

std::vector<iac_finding> check_iac(const infrastructure_settings& rules, const iac_files& all) {
  return iac_checker(rules, all).run();
}

} // namespace aeo::consolidate

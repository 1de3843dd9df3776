#include "tools/consolidate/compose_moves.hpp"

#include "tools/consolidate/compose_model.hpp"

#include <filesystem>

namespace aeo::consolidate {

namespace {

bool is_relative(const std::string& path) {
  return path == "." || path == ".." || path.starts_with("./") || path.starts_with("../");
}

std::string new_name(const std::map<std::string, std::string>& names, const std::string& name) {
  const auto found = names.find(name);
  return found == names.end() ? name : found->second;
}

} // namespace

std::string compose_mover::moved_path(const std::string& path) const {
  if (path.starts_with('/') || path.starts_with('~') || path.starts_with('$')
      || path.find("://") != std::string::npos || path.starts_with("git@"))
    return path;
  auto result = (std::filesystem::path(directory_) / path).lexically_normal().string();
  while (result.ends_with('/'))
    result.pop_back();
  if (result.empty() || result == ".")
    return ".";
  return result.starts_with("..") ? result : "./" + result;
}

/// `SOURCE:TARGET[:MODE]`; a source without a dot in front is the name of a volume.
std::string compose_mover::moved_mount(const std::string& mount) const {
  const auto colon = mount.find(':');
  const auto source = mount.substr(0, colon);
  return colon == std::string::npos || !is_relative(source)
             ? mount
             : moved_path(source) + mount.substr(colon);
}

YAML::Node compose_mover::moved(const YAML::Node& service) const {
  auto out = yaml_copy(service);
  if (auto build = yaml_at(out, "build"); build.IsDefined() && build.IsScalar())
    out["build"] = moved_path(build.Scalar());
  else if (build.IsMap()) {
    const auto context = yaml_string(yaml_at(build, "context"));
    build["context"] = moved_path(context.empty() ? "." : context);
  }
  auto mounts = yaml_at(out, "volumes");
  if (mounts.IsDefined() && mounts.IsSequence()) {
    for (std::size_t i = 0; i < mounts.size(); ++i) {
      auto mount = mounts[i];
      if (mount.IsScalar())
        mount = moved_mount(mount.Scalar());
      else if (mount.IsMap() && is_relative(yaml_string(yaml_at(mount, "source"))))
        mount["source"] = moved_path(yaml_string(yaml_at(mount, "source")));
    }
  }
  move_files(out);
  return out;
}

void compose_mover::move_files(YAML::Node& service) const {
  auto files = yaml_at(service, "env_file");
  if (files.IsDefined() && files.IsScalar())
    service["env_file"] = moved_path(files.Scalar());
  else if (files.IsDefined() && files.IsSequence()) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      auto file = files[i];
      if (file.IsScalar())
        file = moved_path(file.Scalar());
      else if (file.IsMap())
        file["path"] = moved_path(yaml_string(yaml_at(file, "path")));
    }
  }
  auto extends = yaml_at(service, "extends");
  if (const auto file = yaml_string(yaml_at(extends, "file")); !file.empty())
    extends["file"] = moved_path(file);
}

YAML::Node compose_mover::moved_shared(const YAML::Node& item) const {
  auto out = yaml_copy(item);
  if (const auto file = yaml_string(yaml_at(out, "file")); !file.empty())
    out["file"] = moved_path(file);
  return out;
}

void compose_mover::apply_renames(YAML::Node& service) const {
  auto needs = yaml_at(service, "depends_on");
  if (needs.IsDefined() && needs.IsSequence()) {
    for (std::size_t i = 0; i < needs.size(); ++i)
      needs[i] = new_name(services_, yaml_string(needs[i]));
  }
  for (const auto& [from, to] : services_) {
    if (needs.IsDefined() && needs.IsMap() && yaml_at(needs, from).IsDefined()) {
      needs[to] = yaml_copy(yaml_at(needs, from));
      needs.remove(from);
    }
  }
  const auto volumes = shared_.find("volumes");
  auto mounts = yaml_at(service, "volumes");
  if (volumes != shared_.end() && mounts.IsDefined() && mounts.IsSequence()) {
    for (std::size_t i = 0; i < mounts.size(); ++i) {
      auto mount = mounts[i];
      const auto text = yaml_string(mount);
      const auto colon = text.find(':');
      if (colon != std::string::npos)
        mount = new_name(volumes->second, text.substr(0, colon)) + text.substr(colon);
      else if (mount.IsMap())
        mount["source"] = new_name(volumes->second, yaml_string(yaml_at(mount, "source")));
    }
  }
  for (const std::string section : {"configs", "secrets"}) {
    const auto names = shared_.find(section);
    auto used = yaml_at(service, section);
    if (names == shared_.end() || !used.IsDefined() || !used.IsSequence())
      continue;
    for (std::size_t i = 0; i < used.size(); ++i) {
      auto item = used[i];
      if (item.IsScalar())
        item = new_name(names->second, item.Scalar());
      else if (item.IsMap())
        item["source"] = new_name(names->second, yaml_string(yaml_at(item, "source")));
    }
  }
}

std::vector<std::string> bind_sources(const YAML::Node& service) {
  std::vector<std::string> found;
  const auto add = [&](const std::string& source) {
    const auto path = is_relative(source) ? inside("", source) : std::nullopt;
    if (path)
      found.push_back(*path);
  };
  const auto mounts = yaml_at(service, "volumes");
  if (!mounts.IsDefined() || !mounts.IsSequence())
    return found;
  for (const auto& mount : mounts) {
    const auto text = yaml_string(mount);
    add(mount.IsMap() ? yaml_string(yaml_at(mount, "source")) : text.substr(0, text.find(':')));
  }
  return found;
}

} // namespace aeo::consolidate

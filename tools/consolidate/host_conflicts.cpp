#include "tools/consolidate/host_conflicts.hpp"

#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/manifest.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/variable_table.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace aeo::consolidate {

namespace {

/// A claim of one service on the host.
struct holder {
  std::size_t source = 0;
  std::string directory;
  std::string variant; ///< empty: the base file or its override
  const compose_service* service = nullptr;
  std::string host;
  host_conflict::claim claim;
};

/// `docker-compose.dev.yml` is the variant "dev"; the base file and its override are none.
std::string variant_of(std::string_view path) {
  auto name = base_name(path);
  name = name.substr(0, name.rfind('.'));
  for (const std::string_view prefix : {"docker-compose", "compose"}) {
    if (name.starts_with(prefix)) {
      const auto rest = name.substr(prefix.size());
      return rest.empty() || rest == ".override" ? std::string{} : std::string(rest);
    }
  }
  return {};
}

bool share_profile(const compose_service& a, const compose_service& b) {
  if (a.profiles.empty() || b.profiles.empty())
    return true; // one without profiles always runs
  return std::any_of(a.profiles.begin(), a.profiles.end(), [&](const auto& profile) {
    return std::find(b.profiles.begin(), b.profiles.end(), profile) != b.profiles.end();
  });
}

bool same_address(std::string_view a, std::string_view b) {
  const auto all = [](std::string_view host) {
    return host.empty() || host == "0.0.0.0" || host == "[::]" || host == "::";
  };
  return all(a) || all(b) || a == b;
}

bool together(const holder& a, const holder& b) {
  if (!same_address(a.host, b.host) || !share_profile(*a.service, *b.service))
    return false;
  if (a.source != b.source || a.directory != b.directory)
    return true;
  const bool alternatives = !a.variant.empty() && !b.variant.empty() && a.variant != b.variant;
  return !alternatives && a.service->name != b.service->name;
}

void add_conflicts(const std::string& rule,
                   const std::map<std::string, std::vector<holder>>& by_claim,
                   std::vector<host_conflict>& out) {
  for (const auto& [what, holders] : by_claim) {
    std::set<std::size_t> in;
    for (std::size_t i = 0; i < holders.size(); ++i) {
      for (std::size_t j = i + 1; j < holders.size(); ++j) {
        if (together(holders[i], holders[j]))
          in.insert({i, j});
      }
    }
    if (in.empty())
      continue;
    host_conflict conflict{rule, what, {}};
    for (const auto i : in)
      conflict.claims.push_back(holders[i].claim);
    out.push_back(std::move(conflict));
  }
}

} // namespace

std::vector<compose_source> read_compose_files(const step_context& context, const survey& all) {
  const auto readable = [&](const scanned_file& file) {
    const auto& path = all.tracked(file).path;
    return !is_excluded(context, all, file) && is_readable_text(all, file)
           && is_production(context, path);
  };
  // The example file beside a compose file, and those of its parents, give the values.
  std::map<std::pair<std::size_t, std::string>, std::map<std::string, std::string, std::less<>>>
      values;
  for (const auto& file : all.files) {
    const auto& path = all.tracked(file).path;
    if (readable(file) && any_glob_matches(context.config.configuration.declarations, path))
      values[{file.source, std::string(dir_name(path))}] = read_env_values(read_content(all, file));
  }
  std::vector<compose_source> result;
  for (std::size_t f = 0; f < all.files.size(); ++f) {
    const auto& file = all.files[f];
    const auto& path = all.tracked(file).path;
    if (manifest_type(path) != "compose" || !readable(file))
      continue;
    const auto lookup = [&](const std::string& name) -> std::optional<std::string> {
      for (auto directory = std::string(dir_name(path));;
           directory = std::string(dir_name(directory))) {
        const auto known = values.find({file.source, directory});
        if (known != values.end()) {
          if (const auto value = known->second.find(name); value != known->second.end())
            return value->second;
        }
        if (directory.empty())
          return std::nullopt;
      }
    };
    result.push_back({f, read_compose(read_content(all, file), lookup)});
  }
  return result;
}

std::vector<host_conflict> find_host_conflicts(const survey& all,
                                               const std::vector<compose_source>& files) {
  std::map<std::string, std::vector<holder>> ports;
  std::map<std::string, std::vector<holder>> names;
  for (const auto& item : files) {
    const auto& file = all.files[item.file];
    const auto& path = all.tracked(file).path;
    for (const auto& service : item.content.services) {
      const holder base{file.source,
                        std::string(dir_name(path)),
                        variant_of(path),
                        &service,
                        "",
                        {item.file, service.container_line, service.name}};
      if (!service.container_name.empty())
        names[service.container_name].push_back(base);
      for (const auto& port : service.ports) {
        auto claim = base;
        claim.host = port.host;
        claim.claim.line = port.line;
        if (port.port != 0)
          ports[std::to_string(port.port) + "/" + port.protocol].push_back(claim);
      }
    }
  }
  std::vector<host_conflict> conflicts;
  add_conflicts("port-conflict", ports, conflicts);
  add_conflicts("container-name-conflict", names, conflicts);
  return conflicts;
}

} // namespace aeo::consolidate

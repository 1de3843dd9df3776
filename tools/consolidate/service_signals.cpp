#include "tools/consolidate/service_signals.hpp"

#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/paths.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <set>

namespace aeo::consolidate {

std::string endpoint_in(const std::vector<std::string>& words) {
  static const re2::RE2 url(
      R"re(https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::[0-9]+)?(/[A-Za-z0-9_./-]*)?)re");
  for (const auto& word : words) {
    std::string path;
    if (re2::RE2::PartialMatch(word, url, &path))
      return path.empty() ? "/" : path;
  }
  return {};
}

service_signals::service_signals(const step_context& within, const survey& all,
                                 const rule_set& rules)
    : within_(within), all_(all), rules_(rules) {
  for (const auto& file : all.files)
    files_.emplace(all.tracked(file).path, &file);
}

std::vector<file_line> service_signals::find(const std::string& id, const std::string& area) const {
  std::vector<file_line> places;
  const bool known = std::any_of(within_.config.signals.begin(), within_.config.signals.end(),
                                 [&](const evidence_rule& rule) { return rule.id == id; });
  if (!known)
    return places;
  for (const auto& item : find_evidence(within_, all_, rules_, "signal:" + id)) {
    if (is_below(item.path, area)
        && !any_glob_matches(within_.config.observability.exclude, item.path))
      places.push_back({item.path, item.line});
  }
  return places;
}

/// The quoted path on that line that has `word` in it (any, if empty).
std::string service_signals::endpoint_at(const file_line& place, const std::string& word) const {
  static const re2::RE2 quoted(R"re(["'`](?:(?:GET|HEAD) )?(/[A-Za-z0-9_./-]*)["'`])re");
  const auto file = files_.find(place.path);
  if (file == files_.end() || place.line == 0)
    return {};
  const auto text = read_content(all_, *file->second);
  const auto lines = split(text, '\n');
  if (place.line > lines.size())
    return {};
  const auto line = lines[place.line - 1];
  re2::StringPiece rest(line.data(), line.size());
  std::string path;
  while (re2::RE2::FindAndConsume(&rest, quoted, &path)) {
    if (path.find(word) != std::string::npos)
      return path;
  }
  return {};
}

void service_signals::find_endpoints(planned_service& service) const {
  const auto first = [&](const std::string& id, const std::string& word, std::string& endpoint,
                         file_line& where) {
    for (const auto& place : find(id, service.area)) {
      endpoint = endpoint_at(place, word);
      where = place;
      if (!endpoint.empty())
        return;
    }
  };
  first("health", "", service.health_path, service.health_place);
  first("metrics", "metrics", service.metrics_path, service.metrics_place);
}

std::vector<std::string> service_signals::declared_variables(const std::string& area) const {
  std::set<std::string> names;
  for (const auto& file : all_.files) {
    if (!is_below(all_.tracked(file).path, area) || is_excluded(within_, all_, file))
      continue;
    for (const auto& variable : file.facts.refs.env_declared)
      names.insert(variable.name);
  }
  return {names.begin(), names.end()};
}

} // namespace aeo::consolidate

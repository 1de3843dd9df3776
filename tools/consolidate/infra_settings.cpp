#include "tools/consolidate/infra_settings.hpp"

#include "tools/consolidate/cursor.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <set>

namespace aeo::consolidate {

namespace {

void read_check(const cursor& at, iac_check& out) {
  at.read("id", out.id, false);
  at.read_choice("severity", out.severity, {"critical", "high", "medium", "low"});
  at.read("message", out.message, false);
  at.read("advice", out.advice);
}

void refuse_twice(const cursor& at, const std::string& id, std::set<std::string>& ids) {
  if (!id.empty() && !ids.insert(id).second)
    at.wrong("has the id \"" + id + "\" a second time, expected unique ids");
}

void read_checks(const cursor& section, infrastructure_settings& out, std::set<std::string>& ids) {
  if (!section.has("checks"))
    return;
  section.at("checks").each([&](const cursor& at) {
    if (!at.object({"id", "severity", "message", "advice"}, {"id", "message"}))
      return;
    iac_check item;
    read_check(at, item);
    const auto& known = known_iac_checks();
    if (!item.id.empty() && std::find(known.begin(), known.end(), item.id) == known.end()) {
      std::string list;
      for (const auto& id : known)
        list += (list.empty() ? "" : ", ") + id;
      at.at("id").wrong("is \"" + item.id + "\", expected one of: " + list
                        + " (a check of your own goes into patterns)");
    }
    refuse_twice(at, item.id, ids);
    out.checks.push_back(std::move(item));
  });
}

void read_patterns(const cursor& section, infrastructure_settings& out,
                   std::set<std::string>& ids) {
  if (!section.has("patterns"))
    return;
  section.at("patterns").each([&](const cursor& at) {
    if (!at.object({"id", "severity", "message", "advice", "instruction", "content"},
                   {"id", "message", "instruction", "content"}))
      return;
    iac_pattern item;
    read_check(at, item);
    at.read("instruction", item.instruction, false);
    at.read("content", item.content, false);
    const re2::RE2 expression(item.content, re2::RE2::Quiet);
    if (!expression.ok())
      at.at("content").wrong("is not a regular expression (" + expression.error()
                             + "), expected RE2 syntax");
    refuse_twice(at, item.id, ids);
    out.patterns.push_back(std::move(item));
  });
}

/// A threshold's value: `exact` any scalar, the others numbers; one of the three at least.
void read_limits(const cursor& at, readiness_check& out) {
  for (const auto& [key, limit] : {std::pair{"min", &out.min}, {"max", &out.max}}) {
    if (at.has(key) && at.at(key).is("number", at.value().at(key).is_number()))
      *limit = at.value().at(key).get<double>();
  }
  if (at.has("exact") && at.at("exact").is("scalar", at.value().at("exact").is_primitive()))
    out.exact = at.value().at("exact");
  if (!at.has("min") && !at.has("max") && !at.has("exact"))
    at.wrong("has no limit, expected at least one of: min, max, exact");
}

bool is_duration(const std::string& text) {
  return re2::RE2::FullMatch(text, "([0-9]+(ms|s|m|h|d))+");
}

void read_duration(const cursor& at, const std::string& key, std::string& out) {
  at.read(key, out, false);
  if (at.has(key) && !is_duration(out))
    at.at(key).wrong("is \"" + out + "\", expected a duration of Prometheus like 15s or 2m");
}

} // namespace

const std::vector<std::string>& known_iac_checks() {
  static const std::vector<std::string> ids{
      "image-untagged", "image-undigested", "root-user",    "no-health-check", "no-limits",
      "privileged",     "inline-secret",    "host-network", "not-formatted",   "unknown-reference"};
  return ids;
}

const iac_check* infrastructure_settings::check(const std::string& id) const {
  const auto found = std::find_if(checks.begin(), checks.end(),
                                  [&](const iac_check& item) { return item.id == id; });
  return found == checks.end() ? nullptr : &*found;
}

void read_infrastructure(const cursor& root, infrastructure_settings& out) {
  if (!root.has("infrastructure")
      || !root.at("infrastructure")
              .object({"checks", "patterns", "templates", "health_commands", "limits"}))
    return;
  const auto section = root.at("infrastructure");
  std::set<std::string> ids;
  read_checks(section, out, ids);
  read_patterns(section, out, ids);
  section.read("templates", out.templates);
  if (section.has("limits") && section.at("limits").object({"cpus", "memory"})) {
    section.at("limits").read("cpus", out.cpus, false);
    section.at("limits").read("memory", out.memory, false);
  }
  if (!section.has("health_commands"))
    return;
  section.at("health_commands").each([&](const cursor& at) {
    if (!at.object({"image", "command"}, {"image", "command"}))
      return;
    health_command item;
    at.read("image", item.image, false);
    at.read("command", item.command);
    if (item.command.empty())
      at.at("command").wrong("is empty, expected a program with its arguments");
    out.health_commands.push_back(std::move(item));
  });
}

void read_observability(const cursor& root, observability_settings& out) {
  if (!root.has("observability")
      || !root.at("observability")
              .object(
                  {"signals", "exclude", "scrape_interval", "down_for", "slow_after", "blackbox"}))
    return;
  const auto section = root.at("observability");
  section.read("exclude", out.exclude);
  read_duration(section, "scrape_interval", out.scrape_interval);
  read_duration(section, "down_for", out.down_for);
  section.read("slow_after", out.slow_after, false);
  if (!re2::RE2::FullMatch(out.slow_after, "[0-9]+(\\.[0-9]+)?"))
    section.at("slow_after").wrong("is \"" + out.slow_after + "\", expected seconds like \"0.5\"");
  section.read("blackbox", out.blackbox, false);
}

void read_validation(const cursor& root, std::vector<readiness_check>& out) {
  if (!root.has("validation") || !root.at("validation").object({"checks"})
      || !root.at("validation").has("checks"))
    return;
  std::set<std::string> ids;
  root.at("validation").at("checks").each([&](const cursor& at) {
    if (!at.object({"id", "phase", "title", "file", "metric", "min", "max", "exact"},
                   {"id", "phase", "file", "metric"}))
      return;
    readiness_check item;
    at.read("id", item.id, false);
    at.read("phase", item.phase, false);
    item.title = item.id;
    at.read("title", item.title);
    at.read_relative("file", item.file);
    at.read("metric", item.metric, false);
    read_limits(at, item);
    refuse_twice(at, item.id, ids);
    out.push_back(std::move(item));
  });
}

} // namespace aeo::consolidate

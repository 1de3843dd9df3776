#include "tools/consolidate/settings.hpp"

#include "tools/consolidate/cursor.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/rule_files.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

namespace aeo::consolidate {

namespace {

using strings = std::vector<std::string>;

const strings severities{"critical", "high", "medium", "low"};
const strings kinds{"service", "app", "library", "infrastructure", "docs", "data"};

strings with_rule_keys(const strings& more) {
  strings keys{"id", "title", "paths", "content", "env"};
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

bool read_rule(const cursor& at, evidence_rule& rule, const strings& more) {
  if (!at.object(with_rule_keys(more), {"id"}))
    return false;
  at.read("id", rule.id, false);
  rule.title = rule.id;
  at.read("title", rule.title);
  at.read("paths", rule.paths);
  at.read("content", rule.content);
  at.read("env", rule.env);
  if (rule.paths.empty() && rule.content.empty() && rule.env.empty())
    at.wrong("finds nothing, expected at least one of: paths, content, env");
  if (at.has("content") && at.value().at("content").is_array()) {
    std::size_t index = 0;
    at.at("content").each([&](const cursor& item) {
      ++index;
      if (!item.value().is_string())
        return;
      const re2::RE2 expression(item.value().get<std::string>(), re2::RE2::Quiet);
      if (!expression.ok())
        item.wrong("is not a regular expression (" + expression.error() + "), expected RE2 syntax");
    });
  }
  return true;
}

void read_severity(const cursor& at, severity_rule& rule) {
  at.read_choice("severity", rule.severity, severities);
  at.read("advice", rule.advice);
}

/// Reads an array of rules and refuses an id that occurs twice.
template <class Rule, class Read>
void read_rules(const cursor& parent, const std::string& key, std::vector<Rule>& out, Read read) {
  if (!parent.has(key))
    return;
  std::set<std::string> ids;
  parent.at(key).each([&](const cursor& item) {
    Rule rule;
    if (!read(item, rule))
      return;
    if (!rule.id.empty() && !ids.insert(rule.id).second)
      item.wrong("has the id \"" + rule.id + "\" a second time, expected unique ids");
    out.push_back(std::move(rule));
  });
}

void read_domain(const cursor& domain, settings& out) {
  if (!domain.object({"name", "description", "minimum_components", "components", "integrations",
                      "assessments"}))
    return;
  domain.read("name", out.domain_name);
  domain.read_count("minimum_components", out.minimum_components);
  read_rules(domain, "components", out.components, [](const cursor& at, component_rule& rule) {
    const bool ok = read_rule(at, rule, {"required"});
    if (ok)
      at.read("required", rule.required);
    return ok;
  });
  read_rules(
      domain, "integrations", out.integrations, [](const cursor& at, integration_rule& rule) {
        const bool ok = read_rule(at, rule, {"health_url"});
        if (ok && at.has("health_url") && !at.value().at("health_url").is_null()) {
          rule.health_url.emplace();
          at.read("health_url", *rule.health_url);
          if (!rule.health_url->starts_with("http://") && !rule.health_url->starts_with("https://"))
            at.at("health_url")
                .wrong("expected null or a URL that starts with http:// or https://");
        }
        return ok;
      });
  read_rules(domain, "assessments", out.assessments, [](const cursor& at, assessment_rule& rule) {
    if (!at.object({"id", "title", "checks"}, {"id", "checks"}))
      return false;
    at.read("id", rule.id, false);
    at.read("title", rule.title);
    read_rules(at, "checks", rule.checks, [](const cursor& item, severity_rule& check) {
      const bool ok = read_rule(item, check, {"severity", "advice"});
      if (ok)
        read_severity(item, check);
      return ok;
    });
    return true;
  });
}

void read_repositories(const cursor& root, settings& out) {
  if (!root.has("repositories"))
    return;
  std::set<std::string> names;
  root.at("repositories").each([&](const cursor& at) {
    if (!at.object({"name", "path", "target"}, {"name", "path"}))
      return;
    repository_setting item;
    at.read("name", item.name, false);
    if (item.name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "._-")
            != std::string::npos
        || item.name.starts_with('.') || item.name.starts_with('-') || item.name.ends_with('.')
        || item.name.ends_with(".lock") || item.name.find("..") != std::string::npos)
      at.at("name").wrong("is \"" + item.name
                          + "\", expected letters, digits, dot, dash and underscore that may begin "
                            "a git branch name");
    at.read_relative("path", item.path);
    at.read_relative("target", item.target);
    if (!item.name.empty() && !names.insert(item.name).second)
      at.wrong("has the name \"" + item.name + "\" a second time, expected unique names");
    out.repositories.push_back(item);
  });
}

void read_mapping(const cursor& root, settings& out) {
  if (root.has("mapping")) {
    root.at("mapping").each([&](const cursor& at) {
      if (!at.object({"name", "repository", "directory", "kind", "target"},
                     {"name", "directory", "kind"}))
        return;
      mapping_rule rule;
      at.read("name", rule.name, false);
      at.read("repository", rule.repository);
      at.read("directory", rule.directory, false);
      at.read_choice("kind", rule.kind, kinds);
      at.read_relative("target", rule.target);
      out.mapping.push_back(rule);
    });
  }
  if (!root.has("strategies"))
    return;
  root.at("strategies").each([&](const cursor& at) {
    if (!at.object({"match", "strategy", "repository", "reason"}, {"match", "strategy", "reason"}))
      return;
    strategy_rule rule;
    at.read("match", rule.match);
    at.read_choice("strategy", rule.strategy, {"rename", "keep_newest", "keep_repository"});
    at.read("repository", rule.repository);
    at.read("reason", rule.reason, false);
    if (rule.strategy == "keep_repository" && rule.repository.empty())
      at.wrong("keep_repository without \"repository\", expected the name of the one to keep");
    out.strategies.push_back(rule);
  });
}

void read_scan(const cursor& root, settings& out) {
  if (!root.has("scan")
      || !root.at("scan").object({"max_text_bytes", "large_file_bytes", "vendored"}))
    return;
  const auto scan = root.at("scan");
  scan.read_count("max_text_bytes", out.max_text_bytes);
  scan.read_count("large_file_bytes", out.large_file_bytes);
  scan.read("vendored", out.vendored);
}

} // namespace

settings parse_settings(const std::string& text, const std::string& file) {
  settings out;
  out.file = file;
  try {
    out.raw = nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    throw failure(exit_status::configuration,
                  file + ": /: is not JSON (" + error.what() + "), expected one JSON object");
  }
  strings errors;
  const cursor root(out.raw, "", file, errors);
  if (root.object({"$schema",      "repositories",   "scan",          "domain",
                   "requirements", "mapping",        "strategies",    "tests",
                   "testing",      "syntax",         "integration",   "load",
                   "performance",  "cicd",           "deploy",        "post_deploy",
                   "backup",       "infrastructure", "observability", "validation"})) {
    read_repositories(root, out);
    read_scan(root, out);
    if (root.has("domain"))
      read_domain(root.at("domain"), out);
    read_rules(
        root, "requirements", out.requirements, [](const cursor& at, requirement_rule& rule) {
          const bool ok = read_rule(at, rule, {"severity", "advice", "each_repository", "absent"});
          if (ok) {
            read_severity(at, rule);
            at.read("each_repository", rule.each_repository);
            at.read("absent", rule.absent);
          }
          return ok;
        });
    read_mapping(root, out);
    read_run_settings(root, out.run);
    read_infrastructure(root, out.infrastructure);
    read_observability(root, out.observability);
    if (root.has("observability"))
      read_rules(root.at("observability"), "signals", out.signals,
                 [](const cursor& at, severity_rule& rule) {
                   const bool ok = read_rule(at, rule, {"severity", "advice"});
                   if (ok)
                     read_severity(at, rule);
                   return ok;
                 });
    read_validation(root, out.readiness);
  }
  if (errors.empty())
    return out;
  std::string all;
  for (const auto& error : errors)
    all += (all.empty() ? "" : "\n") + error;
  throw failure(exit_status::configuration, all);
}

settings load_settings(const std::string& file, const std::string& rules_first) {
  auto out = parse_settings(configuration_text(file), file);
  const auto folder_of = [&](const char* name) {
    const auto is_there =
        !rules_first.empty() && std::filesystem::exists(std::filesystem::path(rules_first) / name);
    return is_there ? rules_first : std::filesystem::path(file).parent_path().string();
  };
  out.configuration = load_configuration_rules(folder_of("configuration_rules.json"));
  out.security = load_security_rules(folder_of("security_rules.json"));
  return out;
}

} // namespace aeo::consolidate

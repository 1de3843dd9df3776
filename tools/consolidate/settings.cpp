#include "tools/consolidate/settings.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

namespace aeo::consolidate {

namespace {

using nlohmann::json;
using strings = std::vector<std::string>;

/// One value with its place; errors go to a list that all cursors share.
class cursor {
public:
  cursor(const json& value, std::string pointer, const std::string& file, strings& errors)
      : value_(value), pointer_(std::move(pointer)), file_(file), errors_(errors) {}

  void wrong(const std::string& what) const {
    errors_.push_back(file_ + ": " + (pointer_.empty() ? "/" : pointer_) + ": " + what);
  }

  /// False (with an error) unless this is an object with only the `known` keys.
  bool object(const strings& known, const strings& required = {}) const {
    if (!is("object", value_.is_object()))
      return false;
    for (const auto& [key, ignored] : value_.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end())
        at(key).wrong("unknown key, expected one of: " + joined(known));
    }
    for (const auto& key : required) {
      if (!value_.contains(key))
        wrong("missing key \"" + key + "\"");
    }
    return true;
  }

  bool has(const std::string& key) const { return value_.is_object() && value_.contains(key); }

  cursor at(const std::string& key) const {
    std::string escaped;
    for (const char c : key)
      escaped += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return {value_.at(key), pointer_ + "/" + escaped, file_, errors_};
  }

  void each(const std::function<void(const cursor&)>& visit) const {
    if (!is("array", value_.is_array()))
      return;
    for (std::size_t i = 0; i < value_.size(); ++i)
      visit({value_[i], pointer_ + "/" + std::to_string(i), file_, errors_});
  }

  void read(const std::string& key, std::string& out, bool may_be_empty = true) const {
    if (!has(key))
      return;
    const auto place = at(key);
    if (!place.is("string", place.value_.is_string()))
      return;
    out = place.value_.get<std::string>();
    if (out.empty() && !may_be_empty)
      place.wrong("is empty, expected a non-empty string");
  }

  void read(const std::string& key, bool& out) const {
    if (has(key) && at(key).is("boolean", at(key).value_.is_boolean()))
      out = value_.at(key).get<bool>();
  }

  template <class Integer>
  void read_count(const std::string& key, Integer& out) const {
    if (!has(key))
      return;
    const auto place = at(key);
    if (!place.value_.is_number_integer() || place.value_.get<std::int64_t>() < 0)
      place.wrong("is " + place.shown() + ", expected an integer of at least 0");
    else
      out = place.value_.get<Integer>();
  }

  void read(const std::string& key, strings& out) const {
    if (!has(key))
      return;
    at(key).each([&](const cursor& item) {
      if (item.is("string", item.value_.is_string()))
        out.push_back(item.value_.get<std::string>());
    });
  }

  void read_choice(const std::string& key, std::string& out, const strings& choices) const {
    read(key, out);
    if (has(key) && value_.at(key).is_string()
        && std::find(choices.begin(), choices.end(), out) == choices.end())
      at(key).wrong("is \"" + out + "\", expected one of: " + joined(choices));
  }

  bool is(const std::string& type, bool holds) const {
    if (!holds)
      wrong("is " + shown() + ", expected " + (type.find_first_of("aeio") == 0 ? "an " : "a ")
            + type);
    return holds;
  }

  const json& value() const { return value_; }

private:
  static std::string joined(const strings& words) {
    std::string text;
    for (const auto& word : words)
      text += (text.empty() ? "" : ", ") + word;
    return text;
  }

  std::string shown() const {
    return std::string(value_.type_name()) + " "
           + printable(value_.dump(-1, ' ', false, json::error_handler_t::replace), 60);
  }

  const json& value_;
  std::string pointer_;
  const std::string& file_;
  strings& errors_;
};

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

bool escapes(const std::string& path) {
  const auto parts = split(path, '/');
  return path.starts_with('/') || std::find(parts.begin(), parts.end(), "..") != parts.end();
}

void read_relative(const cursor& at, const std::string& key, std::string& out) {
  at.read(key, out);
  while (out.ends_with('/'))
    out.pop_back();
  if (escapes(out))
    at.at(key).wrong("is \"" + out + "\", expected a relative path without \"..\"");
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
    read_relative(at, "path", item.path);
    read_relative(at, "target", item.target);
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
      read_relative(at, "target", rule.target);
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

/// Commands that replace what later phases detect: checked for form here, used there.
void read_commands(const cursor& root) {
  const auto command = [](const cursor& at) {
    if (!at.object({"name", "command", "cwd", "timeout", "env", "thresholds"}, {"command"}))
      return;
    const auto place = at.at("command");
    if (place.value().is_array()) {
      strings argv;
      at.read("command", argv);
      if (argv.empty())
        place.wrong("is empty, expected a program with its arguments");
    } else {
      place.is("array or string", place.value().is_string());
    }
    std::string text;
    at.read("name", text);
    read_relative(at, "cwd", text);
    int seconds = 0;
    at.read_count("timeout", seconds);
    for (const auto* key : {"env", "thresholds"}) {
      if (at.has(key))
        at.at(key).is("object", at.at(key).value().is_object());
    }
  };
  for (const auto* key : {"tests", "load", "deploy", "backup"}) {
    if (root.has(key))
      root.at(key).each(command);
  }
}

} // namespace

settings parse_settings(const std::string& text, const std::string& file) {
  settings out;
  out.file = file;
  try {
    out.raw = json::parse(text);
  } catch (const json::parse_error& error) {
    throw failure(exit_status::configuration,
                  file + ": /: is not JSON (" + error.what() + "), expected one JSON object");
  }
  strings errors;
  const cursor root(out.raw, "", file, errors);
  if (root.object({"$schema", "repositories", "scan", "domain", "requirements", "mapping",
                   "strategies", "tests", "load", "deploy", "backup"})) {
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
    read_commands(root);
  }
  if (errors.empty())
    return out;
  std::string all;
  for (const auto& error : errors)
    all += (all.empty() ? "" : "\n") + error;
  throw failure(exit_status::configuration, all);
}

settings load_settings(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf()))
    throw failure(exit_status::configuration,
                  file
                      + ": /: cannot be read, expected a consolidation_config.json (see --config)");
  return parse_settings(text.str(), file);
}

} // namespace aeo::consolidate

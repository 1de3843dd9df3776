#include "tools/consolidate/security_rules.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/findings.hpp"
#include "tools/consolidate/rule_files.hpp"

#include <algorithm>
#include <set>

namespace aeo::consolidate {

namespace {

void require_keywords(const cursor& at, const std::vector<std::string>& keywords) {
  if (keywords.empty()
      || std::any_of(keywords.begin(), keywords.end(), [](const auto& k) { return k.size() < 2; }))
    at.wrong("needs keywords, expected literals of two or more characters, one in every match");
}

void read_secret_rules(const cursor& secrets, secret_policy& out) {
  std::set<std::string> ids;
  secrets.at("rules").each([&](const cursor& at) {
    if (!at.object({"id", "title", "severity", "keywords", "pattern", "paths", "entropy", "mixed",
                    "block", "generic", "advice"},
                   {"id", "severity", "keywords", "pattern", "advice"}))
      return;
    secret_rule rule;
    at.read("id", rule.id, false);
    rule.title = rule.id;
    at.read("title", rule.title);
    at.read_choice("severity", rule.severity, severity_names());
    at.read("keywords", rule.keywords);
    require_keywords(at, rule.keywords);
    read_expression(at, "pattern", rule.pattern);
    at.read("paths", rule.paths);
    read_number(at, "entropy", rule.entropy);
    at.read("mixed", rule.mixed);
    at.read("block", rule.block);
    at.read("generic", rule.generic);
    at.read("advice", rule.advice);
    if (!ids.insert(rule.id).second)
      at.wrong("has the id \"" + rule.id + "\" a second time, expected unique ids");
    out.rules.push_back(rule);
  });
}

void read_allowance(const cursor& at, secret_allowance& out) {
  read_expressions(at, "allow_values", out.values);
  read_expressions(at, "allow_lines", out.lines);
  read_expressions(at, "allow_names", out.names);
}

void read_secrets(const cursor& root, security_rules& out) {
  const auto secrets = root.at("secrets");
  if (!secrets.object(
          {"rules", "allow_values", "allow_lines", "allow_names", "generic", "allow_paths"},
          {"rules"}))
    return;
  read_secret_rules(secrets, out.secrets);
  read_allowance(secrets, out.secrets.any);
  if (secrets.has("generic")) {
    const auto generic = secrets.at("generic");
    if (generic.object({"allow_values", "allow_lines", "allow_names"}, {}))
      read_allowance(generic, out.secrets.generic);
  }
  secrets.read("allow_paths", out.secrets.allow_paths);
}

void read_exceptions(const cursor& root, security_rules& out) {
  if (root.has("lower")) {
    root.at("lower").each([&](const cursor& at) {
      if (!at.object({"rules", "paths", "severity"}, {"rules", "paths", "severity"}))
        return;
      severity_change item;
      at.read("rules", item.rules);
      at.read("paths", item.paths);
      at.read_choice("severity", item.severity, severity_names());
      out.lower.push_back(item);
    });
  }
  if (!root.has("accepted"))
    return;
  root.at("accepted").each([&](const cursor& at) {
    if (!at.object({"rule", "repository", "path", "reason"}, {"rule", "path", "reason"}))
      return;
    accepted_finding item;
    at.read("rule", item.rule, false);
    at.read("repository", item.repository, false);
    at.read("path", item.path, false);
    at.read("reason", item.reason, false);
    out.accepted.push_back(item);
  });
}

void read_checks(const cursor& root, security_rules& out) {
  std::set<std::string> ids;
  root.at("checks").each([&](const cursor& at) {
    if (!at.object({"id", "category", "title", "severity", "languages", "paths", "keywords",
                    "pattern", "continued", "unless", "advice"},
                   {"id", "category", "title", "severity", "keywords", "pattern", "advice"}))
      return;
    line_check rule;
    at.read("id", rule.id, false);
    at.read_choice("category", rule.category, {"cors", "risky_call"});
    at.read("title", rule.title, false);
    at.read_choice("severity", rule.severity, severity_names());
    at.read("languages", rule.languages);
    at.read("paths", rule.paths);
    at.read("keywords", rule.keywords);
    require_keywords(at, rule.keywords);
    read_expression(at, "pattern", rule.pattern);
    at.read("continued", rule.continued);
    read_expressions(at, "unless", rule.unless);
    at.read("advice", rule.advice);
    if (!ids.insert(rule.id).second)
      at.wrong("has the id \"" + rule.id + "\" a second time, expected unique ids");
    out.checks.push_back(rule);
  });
}

void read_routes(const cursor& endpoints, security_rules& out) {
  endpoints.at("routes").each([&](const cursor& at) {
    if (!at.object({"id", "languages", "paths", "keywords", "pattern", "method", "enclosing",
                    "receiver", "made_by", "chain", "prefix"},
                   {"id", "keywords", "pattern"}))
      return;
    route_rule rule;
    at.read("id", rule.id, false);
    at.read("languages", rule.languages);
    at.read("paths", rule.paths);
    at.read("keywords", rule.keywords);
    require_keywords(at, rule.keywords);
    read_expression(at, "pattern", rule.pattern);
    if (rule.pattern.find("(?P<route>") == std::string::npos)
      at.wrong("has no group (?P<route>...) in its pattern");
    at.read("method", rule.method);
    at.read("enclosing", rule.enclosing);
    read_expression(at, "receiver", rule.receiver);
    read_expression(at, "made_by", rule.made_by);
    read_expression(at, "chain", rule.chain);
    read_expression(at, "prefix", rule.prefix);
    out.routes.push_back(rule);
  });
}

void read_webhooks(const cursor& endpoints, security_rules& out) {
  endpoints.at("webhooks").each([&](const cursor& at) {
    if (!at.object({"id", "title", "route", "context", "signature", "advice"},
                   {"id", "route", "context", "signature"}))
      return;
    webhook_rule rule;
    at.read("id", rule.id, false);
    at.read("title", rule.title);
    read_expression(at, "route", rule.route);
    read_expression(at, "context", rule.context);
    read_expression(at, "signature", rule.signature);
    at.read("advice", rule.advice);
    out.webhooks.push_back(rule);
  });
}

void read_endpoints(const cursor& root, security_rules& out) {
  const auto at = root.at("endpoints");
  const std::vector<std::string> keys{
      "routes",        "functions",      "webhooks",    "webhook_route",
      "constant_time", "authentication", "credentials", "enforces",
      "unauthorized",  "forbidden",      "aborts",      "not_refusals",
      "rate_limit",    "middleware",     "not_guards",  "public_routes"};
  if (!at.object(keys, keys))
    return;
  if (at.has("routes"))
    read_routes(at, out);
  if (at.has("webhooks"))
    read_webhooks(at, out);
  if (at.has("functions")) {
    at.at("functions").each([&](const cursor& item) {
      if (!item.object({"languages", "pattern"}, {"languages", "pattern"}))
        return;
      function_rule rule;
      item.read("languages", rule.languages);
      read_expression(item, "pattern", rule.pattern);
      out.functions.push_back(rule);
    });
  }
  read_expression(at, "webhook_route", out.webhook_route);
  read_expression(at, "constant_time", out.constant_time);
  read_expression(at, "authentication", out.authentication);
  for (const auto& [key, expression] : {std::pair{"credentials", &out.credentials},
                                        {"enforces", &out.enforces},
                                        {"unauthorized", &out.unauthorized},
                                        {"forbidden", &out.forbidden},
                                        {"aborts", &out.aborts},
                                        {"not_refusals", &out.not_refusals}})
    read_expression(at, key, *expression);
  read_expression(at, "rate_limit", out.rate_limit);
  read_expression(at, "middleware", out.middleware);
  read_expression(at, "not_guards", out.not_guards);
  read_expression(at, "public_routes", out.public_routes);
}

} // namespace

security_rules parse_security_rules(const std::string& text, const std::string& file) {
  security_rules out;
  read_checked(text, file, [&](const cursor& root) {
    if (!root.object({"$schema", "secrets", "lower", "accepted", "checks", "endpoints"},
                     {"secrets", "checks", "endpoints"}))
      return;
    if (root.has("secrets"))
      read_secrets(root, out);
    read_exceptions(root, out);
    if (root.has("checks"))
      read_checks(root, out);
    if (root.has("endpoints"))
      read_endpoints(root, out);
  });
  return out;
}

security_rules load_security_rules(const std::string& directory) {
  constexpr const char* name = "security_rules.json";
  const auto file = find_configuration(directory, name);
  if (file.empty())
    throw failure(exit_status::configuration,
                  directory + "/" + name + ": is missing, and the shipped one was not found");
  return parse_security_rules(configuration_text(file), file);
}

} // namespace aeo::consolidate

#pragma once

#include <string>
#include <vector>

namespace aeo::consolidate {

/// What a secret looks like. Lines without one of the keywords are not looked at.
struct secret_rule {
  std::string id;
  std::string title;
  std::string severity;
  std::vector<std::string> keywords; ///< literals, any case
  std::string pattern;               ///< RE2; group 1 is the secret, without a group all of it
  std::vector<std::string> paths;    ///< globs; empty: any
  double entropy = 0;                ///< bits per character that the secret has at least
  bool mixed = false;                ///< the secret has letters and digits
  bool block = false;                ///< the secret is the armoured text after the match
  bool generic = false;              ///< only a name tells it: what `generic` allows is none
  std::string advice;
};

/// Lowers a severity where a secret is likely to open nothing.
struct severity_change {
  std::vector<std::string> rules; ///< globs of rule ids
  std::vector<std::string> paths;
  std::string severity;
};

/// A finding that somebody looked at and accepts.
struct accepted_finding {
  std::string rule;
  std::string repository = "*";
  std::string path; ///< glob
  std::string reason;
};

/// What looks like a secret and is none.
struct secret_allowance {
  std::vector<std::string> values; ///< RE2 on the secret
  std::vector<std::string> lines;  ///< RE2 on its line
  std::vector<std::string> names;  ///< RE2 on the variable that it is given to
};

struct secret_policy {
  std::vector<secret_rule> rules;
  secret_allowance any;                 ///< of every rule: placeholders and examples
  secret_allowance generic;             ///< of generic rules as well: names, paths, digests
  std::vector<std::string> allow_paths; ///< globs
};

/// A line that has to be looked at.
struct line_check {
  std::string id;
  std::string category; ///< cors, risky_call
  std::string title;
  std::string severity;
  std::vector<std::string> languages; ///< empty: any
  std::vector<std::string> paths;
  std::vector<std::string> keywords; ///< literals, any case
  std::string pattern;
  bool continued = false;          ///< RE2s see the lines that continue it as well
  std::vector<std::string> unless; ///< RE2 on the line
  std::string advice;
};

/// How a language or framework registers an endpoint.
struct route_rule {
  std::string id;
  std::vector<std::string> languages;
  std::vector<std::string> paths;
  std::vector<std::string> keywords;
  std::string pattern;    ///< groups `route` and, where it says so, `method`
  std::string method;     ///< where the pattern has no group for it; "" is any
  bool enclosing = false; ///< what guards it is anywhere in the function around it
  std::string receiver;   ///< RE2 on the group `receiver`, whole: names that are routers anywhere
  std::string made_by;    ///< RE2 on the file: group 1 is a router there, whatever its name
  std::string chain;      ///< RE2 on the calls after the match: group 1 is a method
  std::string prefix;     ///< RE2 on an annotation of the class around: group 1 is before the route
};

struct function_rule {
  std::vector<std::string> languages;
  std::string pattern; ///< group 1 is the name
};

/// Webhooks of one sender, and what shows that it is really the sender.
struct webhook_rule {
  std::string id;
  std::string title;
  std::string route;     ///< RE2 on the route
  std::string context;   ///< RE2 on path or text around, for a route that names nobody
  std::string signature; ///< RE2 on the code of the handler and of what it calls
  std::string advice;
};

/// security_rules.json: what phase 9 looks for.
struct security_rules {
  secret_policy secrets;
  std::vector<severity_change> lower;
  std::vector<accepted_finding> accepted;
  std::vector<line_check> checks;
  std::vector<route_rule> routes;
  std::vector<function_rule> functions;
  std::vector<webhook_rule> webhooks;
  std::string webhook_route;  ///< RE2: a route that is some webhook
  std::string constant_time;  ///< RE2: a comparison in constant time
  std::string authentication; ///< RE2: names that tell of a guard
  std::string credentials;    ///< RE2: what a caller shows of itself
  std::string enforces;       ///< RE2: a library's guard that turns others away by itself
  std::string unauthorized;   ///< RE2: an answer that asks who calls
  std::string forbidden;      ///< RE2: an answer that turns a caller away
  std::string aborts;         ///< RE2: a statement that ends a handler
  std::string not_refusals;   ///< RE2: a line that names such an answer and does not give it
  std::string rate_limit;     ///< RE2
  std::string middleware;     ///< RE2: a line whose guards hold for all endpoints of the component
  std::string not_guards;     ///< RE2: a line that names a guard and is none
  std::string public_routes;  ///< RE2: may be asked without authentication
};

security_rules parse_security_rules(const std::string& text, const std::string& file);
/// The file in `directory`, else the shipped one; throws `failure` (configuration).
security_rules load_security_rules(const std::string& directory);

} // namespace aeo::consolidate

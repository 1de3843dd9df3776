// Phase 9: webhooks, rate limits and authentication of endpoints.
#include "tools/consolidate/endpoints.hpp"
#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/phase9.hpp"
#include "tools/consolidate/security_findings.hpp"
#include "tools/consolidate/variable_table.hpp"
#include "tools/consolidate/wording.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

std::string shown_endpoint(const endpoint& item) {
  return (item.method.empty() ? "" : item.method + " ") + (item.route.empty() ? "/" : item.route);
}

ordered guard_json(const survey& all, const guard_place& place) {
  if (!place.found)
    return {};
  auto result = place_json(all, place.file, place.line);
  result["through"] = place.shared ? "middleware" : "handler";
  return result;
}

/// What was told by the order of lines, and what was not told at all.
void add_reach(ordered& document, std::size_t counted, std::size_t by_middleware,
               std::size_t possible, const char* what) {
  document["protected_by_middleware"] = by_middleware;
  ordered unmeasured = ordered::array();
  if (counted > by_middleware)
    unmeasured.push_back(std::to_string(counted - by_middleware)
                         + " of the endpoints that count as " + what
                         + " do so by a line of what they run, which was read and not tried");
  if (by_middleware > 0)
    unmeasured.push_back(std::to_string(by_middleware) + " of the endpoints that count as " + what
                         + " do so by a middleware that stands before them in the code, which was "
                           "read and not tried (`through`)");
  if (possible > 0)
    unmeasured.push_back("whether a middleware comes before " + std::to_string(possible)
                         + " of the endpoints that do not count as " + what
                         + " was not decided (`may_be_guarded_by`)");
  if (!unmeasured.empty())
    document["not_measured"] = unmeasured;
}

/// Adds where the guard may be that was not decided upon.
void add_possible(ordered& entry, const survey& all, const guard_place& place) {
  if (place.possible)
    entry["may_be_guarded_by"] = place_json(all, place.file, place.line);
}

std::string possible_text(const survey& all, const guard_place& place) {
  if (!place.possible)
    return {};
  return "; needs review: " + printable(all.tracked(all.files[place.file]).path, 200) + ":"
         + std::to_string(place.line) + " may come before it";
}

std::string only_read_text(const survey& all, const guard_place& place) {
  if (!place.only_read)
    return {};
  return "; who calls is read at " + printable(all.tracked(all.files[place.file]).path, 200) + ":"
         + std::to_string(place.line) + ", and nothing was found that refuses anybody";
}

std::string by_middleware_text(std::size_t count) {
  return count == 0 ? std::string{} : " (" + std::to_string(count) + " by a middleware)";
}

ordered endpoint_json(const survey& all, const endpoint& item) {
  auto entry = place_json(all, item.file, item.line);
  entry["method"] = item.method.empty() ? ordered("any") : ordered(item.method);
  entry["route"] = item.route;
  entry["how"] = item.rule;
  return entry;
}

bool changes_something(const endpoint& item) {
  return item.method != "GET" && item.method != "HEAD" && item.method != "OPTIONS";
}

void add_endpoint_finding(finding_list& findings, const survey& all, const endpoint& item,
                          const std::string& severity, const std::string& rule,
                          const std::string& message, const std::string& advice) {
  const auto& file = all.files[item.file];
  findings.add(severity, rule, message, advice, all.source_of(file).name, all.tracked(file).path,
               place_json(all, item.file, item.line));
}

/// Webhook nodes of n8n workflows that are kept as JSON: whoever knows the address may call them
/// unless they ask for authentication.
std::size_t check_workflows(const step_context& context, const survey& all,
                            finding_list& findings) {
  std::size_t checked = 0;
  for (std::size_t f = 0; f < all.files.size(); ++f) {
    const auto& file = all.files[f];
    const auto& path = all.tracked(file).path;
    if (file.facts.language != "JSON" || !is_readable_text(all, file)
        || is_excluded(context, all, file) || !is_production(context, path))
      continue;
    const auto text = read_content(all, file);
    constexpr std::string_view type = "n8n-nodes-base.webhook";
    if (text.find(type) == std::string::npos)
      continue;
    const auto document = nlohmann::json::parse(text, nullptr, false);
    if (!document.is_object() || !document.contains("nodes") || !document["nodes"].is_array())
      continue;
    ++checked;
    std::size_t from = 0;
    for (const auto& node : document["nodes"]) {
      if (!node.is_object() || node.value("type", nlohmann::json()) != type)
        continue;
      const auto at = text.find(type, from);
      from = at == std::string::npos ? from : at + 1;
      const auto parameters = node.value("parameters", nlohmann::json::object());
      const auto how = parameters.is_object() ? parameters.value("authentication", nlohmann::json())
                                              : nlohmann::json();
      if (how.is_string() && how != "none")
        continue;
      const auto line =
          1
          + static_cast<std::uint32_t>(std::count(
              text.begin(),
              text.begin() + static_cast<std::ptrdiff_t>(at == std::string::npos ? 0 : at), '\n'));
      findings.add("critical", "n8n-workflow-open",
                   "a webhook node of this workflow asks for no authentication",
                   "set authentication to headerAuth, basicAuth or jwtAuth",
                   all.source_of(file).name, path, place_json(all, f, line));
    }
  }
  return checked;
}

step_result webhook_validation(const step_context& context, const std::string& id) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  const auto& hooks = context.config.security.webhooks;
  const auto hook =
      std::find_if(hooks.begin(), hooks.end(), [&](const auto& item) { return item.id == id; });
  if (hook == hooks.end()) {
    ordered document = not_measured("security_rules.json has no webhook rule \"" + id + "\"");
    return {document, "not measured: no webhook rule \"" + id + "\""};
  }
  finding_list findings(context.config.security);
  ordered list = ordered::array();
  std::size_t validated = 0;
  for (const auto& item : find_endpoints(context, all, rules)) {
    if (item.webhook != id)
      continue;
    auto entry = endpoint_json(all, item);
    entry["validated"] = item.signature.found;
    entry["signature_check"] = guard_json(all, item.signature);
    entry["constant_time"] = item.constant_time.found;
    list.push_back(entry);
    validated += item.signature.found ? 1 : 0;
    if (!item.signature.found)
      add_endpoint_finding(findings, all, item, "critical", "webhook-unsigned-" + id,
                           "the webhook " + shown_endpoint(item) + " does not check that "
                               + hook->title + " sends it",
                           hook->advice);
    else if (!item.constant_time.found)
      add_endpoint_finding(findings, all, item, "medium", "webhook-compare-time-" + id,
                           "no comparison in constant time was found for the webhook "
                               + shown_endpoint(item),
                           "compare with hmac.compare_digest, timingSafeEqual or hmac.Equal");
  }
  const auto workflows = id == "n8n" ? check_workflows(context, all, findings) : 0;
  ordered document{{"webhook", id},          {"endpoints_total", list.size()},
                   {"validated", validated}, {"unvalidated", list.size() - validated},
                   {"endpoints", list},      {"workflows_checked", workflows}};
  findings.write(document);
  return {document, std::to_string(validated) + " of " + counted(list.size(), "webhook endpoint")
                        + (validated == 1 ? " checks" : " check") + " who sends"};
}

} // namespace

step_result webhook_validation_whatsapp(const step_context& context) {
  return webhook_validation(context, "whatsapp");
}

step_result webhook_validation_n8n(const step_context& context) {
  return webhook_validation(context, "n8n");
}

step_result rate_limiting(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  finding_list findings(context.config.security);
  ordered list = ordered::array();
  std::size_t limited = 0;
  std::size_t shared = 0;
  std::size_t possible = 0;
  std::size_t open = 0;
  for (const auto& item : find_endpoints(context, all, rules)) {
    auto entry = endpoint_json(all, item);
    entry["public"] = item.is_public;
    entry["rate_limited"] = item.rate_limit.found;
    entry["rate_limit"] = guard_json(all, item.rate_limit);
    add_possible(entry, all, item.rate_limit);
    possible += item.rate_limit.possible ? 1 : 0;
    list.push_back(entry);
    limited += item.rate_limit.found ? 1 : 0;
    shared += item.rate_limit.shared ? 1 : 0;
    if (item.rate_limit.found || item.is_public)
      continue;
    ++open;
    add_endpoint_finding(
        findings, all, item, changes_something(item) ? "medium" : "low", "no-rate-limit",
        "no rate limit was found for " + shown_endpoint(item) + possible_text(all, item.rate_limit),
        "limit requests for each client, here or in the proxy before it");
  }
  ordered document{{"endpoints_total", list.size()},
                   {"protected", limited},
                   {"public_without_limit", list.size() - limited - open},
                   {"unprotected", open},
                   {"endpoints", list}};
  add_reach(document, limited, shared, possible, "limited");
  findings.write(document);
  return {document, std::to_string(limited) + " of " + counted(list.size(), "endpoint")
                        + (limited == 1 ? " has" : " have") + " a rate limit"
                        + by_middleware_text(shared) + ", " + counted(open, "needs", "need")
                        + " one"};
}

step_result auth_implementation(const step_context& context) {
  const rule_set rules(context.config);
  const auto all = scan(context, rules);
  finding_list findings(context.config.security);
  ordered list = ordered::array();
  std::size_t guarded = 0;
  std::size_t shared = 0;
  std::size_t possible = 0;
  std::size_t open = 0;
  for (const auto& item : find_endpoints(context, all, rules)) {
    const auto& place = item.authentication.found ? item.authentication : item.signature;
    auto entry = endpoint_json(all, item);
    entry["public"] = item.is_public;
    entry["authenticated"] = place.found;
    entry["authentication"] = guard_json(all, place);
    const bool undecided = !place.found && item.authentication.possible;
    if (undecided)
      add_possible(entry, all, item.authentication);
    if (!place.found && item.authentication.only_read)
      entry["only_read_at"] = place_json(all, item.authentication.file, item.authentication.line);
    possible += undecided ? 1 : 0;
    list.push_back(entry);
    guarded += place.found ? 1 : 0;
    shared += place.shared ? 1 : 0;
    // A webhook without a signature is a finding of its own kind already.
    if (place.found || item.is_public || !item.webhook.empty())
      continue;
    ++open;
    add_endpoint_finding(
        findings, all, item, changes_something(item) ? "high" : "medium", "no-authentication",
        "no authentication was found for " + shown_endpoint(item)
            + possible_text(all, item.authentication) + only_read_text(all, item.authentication),
        "ask for a token or a session, or add the route to public_routes in"
        " security_rules.json");
  }
  ordered document{{"endpoints_total", list.size()},
                   {"protected", guarded},
                   {"public_or_webhook", list.size() - guarded - open},
                   {"unprotected", open},
                   {"endpoints", list}};
  add_reach(document, guarded, shared, possible, "guarded");
  findings.write(document);
  return {document, std::to_string(guarded) + " of " + counted(list.size(), "endpoint")
                        + (guarded == 1 ? " asks" : " ask") + " who calls, by what the code says"
                        + by_middleware_text(shared) + ", "
                        + counted(open, "more needs", "more need") + " to"};
}

} // namespace aeo::consolidate

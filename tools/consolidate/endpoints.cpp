#include "tools/consolidate/endpoints.hpp"

#include "tools/consolidate/code_index.hpp"
#include "tools/consolidate/endpoint_judge.hpp"
#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/guard_rules.hpp"
#include "tools/consolidate/guard_search.hpp"
#include "tools/consolidate/handler_lines.hpp"
#include "tools/consolidate/middleware.hpp"
#include "tools/consolidate/mounted_guards.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"
#include "tools/consolidate/route_shapes.hpp"
#include "tools/consolidate/variable_table.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace aeo::consolidate {

namespace {

/// Finds what one repository registers and the lines that each endpoint runs.
class endpoint_finder {
public:
  endpoint_finder(const security_rules& rules, const line_checker& checker,
                  const guard_rules& guards, const code_index& code)
      : webhooks_(rules.webhooks), checker_(checker), guards_(guards), code_(code),
        search_(code, guards), handlers_(code, checker) {}

  /// Once, in order of the files and of their lines.
  std::vector<endpoint> find() {
    std::vector<endpoint> out;
    for (std::size_t c = 0; c < code_.size(); ++c)
      add_routes(c, out);
    return out;
  }

  /// What an endpoint runs: its handler first, in its own file.
  const std::vector<region>& lines_of(const endpoint& item) const {
    return regions_.at({item.file, item.line, item.method, item.route});
  }

  /// The code files that register endpoints.
  std::set<std::size_t> registering() const {
    std::set<std::size_t> files;
    for (const auto& [place, parts] : regions_)
      files.insert(parts.front().code);
    return files;
  }

private:
  void add_routes(std::size_t c, std::vector<endpoint>& out) {
    const auto& item = code_[c];
    for (const auto& hit : code_.facts(c).checks) {
      if (hit.rule >= checker_.first_route() && hit.line <= item.lines.size())
        add_route(c, hit, out);
    }
  }

  /// All that a line registers: often several on one.
  void add_route(std::size_t c, const check_hit& hit, std::vector<endpoint>& out) {
    const auto& item = code_[c];
    const auto& expression = checker_.expression(hit.rule);
    const auto line = continued_line(item.text, code_.offset_of(c, hit.line));
    const auto own = item.lines[hit.line - 1].size();
    std::vector<std::vector<re2::StringPiece>> matches;
    std::vector<re2::StringPiece> groups(
        static_cast<std::size_t>(expression.NumberOfCapturingGroups()) + 1);
    std::size_t at = 0;
    while (at < own
           && expression.Match(piece(line), at, line.size(), re2::RE2::UNANCHORED, groups.data(),
                               static_cast<int>(groups.size()))
           && (matches.empty() || groups[0].data() < line.data() + own)) {
      matches.push_back(groups);
      at = static_cast<std::size_t>(groups[0].end() - line.data());
      at = std::max(at, static_cast<std::size_t>(groups[0].data() - line.data()) + 1);
    }
    for (std::size_t i = 0; i < matches.size(); ++i) {
      const auto begin = static_cast<std::size_t>(matches[i][0].data() - item.text.data());
      const auto end = i + 1 < matches.size()
                           ? static_cast<std::size_t>(matches[i + 1][0].data() - item.text.data())
                           : code_.offset_of(c, hit.line) + own;
      const region part = matches.size() == 1 ? region{c, hit.line, hit.line}
                                              : region{c, hit.line, hit.line, begin, end};
      add_match(part, hit, matches[i], line, out);
    }
  }

  /// `part`: what of the line is its own.
  void add_match(const region& part, const check_hit& hit,
                 const std::vector<re2::StringPiece>& groups, std::string_view line,
                 std::vector<endpoint>& out) {
    const auto c = part.code;
    const auto& item = code_[c];
    const auto& expression = checker_.expression(hit.rule);
    const auto group = [&](const char* name) {
      const int number = group_number(expression, name);
      return number < 0 ? std::string_view{}
                        : std::string_view(groups[static_cast<std::size_t>(number)].data(),
                                           groups[static_cast<std::size_t>(number)].size());
    };
    static const re2::RE2 includes("\\binclude\\(");
    const auto own = trim(code_.text_of(part, hit.line));
    if (checker_.route(hit.rule).id == "django" && has(includes, own.ends_with('(') ? line : own))
      return; // other routes are mounted there
    endpoint found;
    found.route = printable(group("route"), 200);
    if (const auto* prefix = checker_.prefix(hit.rule)) {
      if (annotates_class(item.lines, hit.line))
        return;
      const auto& lang = code_.language_of(c);
      found.route = prefixed_route(
          class_prefix(item.lines, item.comments, lang, item.classes[hit.line - 1], *prefix),
          found.route);
    }
    found.rule = checker_.route(hit.rule).id;
    found.line = hit.line;
    if (group("route").data() != nullptr)
      found.receiver = receiver_of(
          item.text, static_cast<std::size_t>(group("route").data() - item.text.data()));
    found.method = method_of(checker_.route(hit.rule), group("method"), line, c, hit.line);
    const auto* chain = checker_.chain(hit.rule);
    const auto end = static_cast<std::size_t>(groups[0].end() - item.text.data());
    const auto calls =
        chain == nullptr ? std::vector<chained_call>{} : chained_calls(item.text, end, *chain);
    auto around = calls.empty() ? std::vector<region>{} : handlers(part, hit);
    if (!around.empty())
      around.erase(around.begin()); // Each call has its own part of the statement.
    for (const auto& call : calls)
      add_chained(c, call, found, around, out);
    if (calls.empty())
      add_endpoint(c, found, with_classes(handlers(part, hit)), out);
  }

  /// Of one of several on a line, only what is its own there.
  std::vector<region> handlers(const region& part, const check_hit& hit) const {
    auto parts = handlers_.of(part.code, hit.line, checker_.route(hit.rule).enclosing);
    if (part.end == 0)
      return parts;
    const auto all = std::exchange(parts.front(), part);
    const auto& lines = code_[part.code].lines;
    const bool is_last =
        part.end >= code_.offset_of(part.code, hit.line) + lines[hit.line - 1].size();
    if (is_last && all.last > hit.line)
      parts.push_back({part.code, hit.line + 1, all.last});
    return parts;
  }

  /// `[Orders::class, 'show']` of Laravel.
  void add_action(std::size_t c, std::string_view line, std::vector<region>& parts) const {
    static const re2::RE2 action("\\[\\s*\\\\?(?:\\w+\\\\)*(\\w+)::class\\s*,\\s*[\"'](\\w+)[\"']");
    std::string type;
    std::string name;
    if (code_.family(c) != "PHP" || !re2::RE2::PartialMatch(piece(line), action, &type, &name))
      return;
    for (const auto& of : code_.definitions(type, c)) {
      for (const auto& id : code_.functions_named(name)) {
        const auto& method = code_.function(id);
        if (id.code == of.code && of.first <= method.first && method.last <= of.last)
          parts.push_back({id.code, method.first, method.last});
      }
    }
  }

  /// `views.Orders.as_view()`, `register("orders", Orders)` run a class.
  std::vector<region> with_classes(std::vector<region> parts) const {
    static const re2::RE2 view(
        "\\b(\\w+)\\.as_view\\(|\\b(\\w+ViewSet)\\b|\\.add_resource\\(\\s*(?:\\w+\\.)*(\\w+)");
    const auto own = parts.front();
    for (auto line = own.first; line <= own.last; ++line) {
      add_action(own.code, code_.text_of(own, line), parts);
      auto rest = piece(code_.text_of(own, line));
      std::array<std::string, 3> names;
      while (re2::RE2::FindAndConsume(&rest, view, &names[0], &names[1], &names[2])) {
        for (const auto& name : names) {
          const auto named = code_.definitions(name, own.code);
          parts.insert(parts.end(), named.begin(), named.end());
        }
      }
    }
    return parts;
  }

  /// `around`: what stands before all calls of the chain, to which `.all(f)` adds itself.
  void add_chained(std::size_t c, const chained_call& call, endpoint found,
                   std::vector<region>& around, std::vector<endpoint>& out) {
    found.line = line_at(c, call.begin);
    found.method = upper(call.method);
    if (found.method == "ALL")
      found.method.clear();
    const auto last = line_at(c, call.end);
    const bool on_one = last == found.line;
    const region own{c, found.line, last, on_one ? call.begin : 0, on_one ? call.end : 0};
    std::vector<region> parts{own};
    parts.insert(parts.end(), around.begin(), around.end());
    if (found.method.empty())
      around.push_back(own);
    add_endpoint(c, found, std::move(parts), out);
  }

  void add_endpoint(std::size_t c, endpoint found, std::vector<region> lines,
                    std::vector<endpoint>& out) {
    found.file = code_[c].file;
    found.is_public = has(guards_.public_routes, found.route) && !is_part(found);
    found.webhook = webhook_of(found, c);
    regions_[{found.file, found.line, found.method, found.route}] = std::move(lines);
    out.push_back(std::move(found));
  }

  /// `/` of a part of an application is not its front page, and nobody posts to that.
  static bool is_part(const endpoint& item) {
    static const re2::RE2 front("^(?:app|api|server|fastify|mux|http|r|e|\\w*App)?$");
    return (item.route.empty() || item.route == "/")
           && ((!item.method.empty() && item.method != "GET") || !has(front, item.receiver));
  }

  std::uint32_t line_at(std::size_t c, std::size_t offset) const {
    const auto& text = code_[c].text;
    return 1
           + static_cast<std::uint32_t>(
               std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
  }

  std::string method_of(const route_rule& rule, std::string_view given, std::string_view line,
                        std::size_t c, std::uint32_t number) const {
    auto method = upper(rule.method.empty() ? std::string(given) : rule.method);
    if (method == "DEL")
      method = "DELETE"; // of Koa and restify
    static const re2::RE2 verbs("(?i)\\bmethods\\s*=\\s*[\\[({]\\s*[\"'](\\w+)");
    static const re2::RE2 spring(R"(\bmethod\s*=\s*[\[{(]?\s*(?:RequestMethod\.)?(\w+))");
    static const re2::RE2 gorilla(R"re(\.Methods\(\s*(?:"|http\.Method)(\w+))re");
    if (method == "ROUTE") {
      method = "GET"; // Flask's default
      re2::RE2::PartialMatch({line.data(), line.size()}, verbs, &method);
    }
    if (method == "API_ROUTE" && !re2::RE2::PartialMatch(piece(line), verbs, &method))
      method.clear();
    if (method == "REQUEST" && !re2::RE2::PartialMatch(piece(line), spring, &method))
      method.clear();
    static const std::set<std::string> several{"ALL", "ANY", "MATCH", "RESOURCE", "APIRESOURCE"};
    if (several.contains(method))
      method.clear();
    if (method.empty() && re2::RE2::PartialMatch(piece(line), gorilla, &method))
      method = upper(method);
    if (method.empty()) {
      // `do_POST` and the like name what they answer.
      const auto* around = code_.enclosing(c, number);
      if (around != nullptr && around->name.starts_with("do_"))
        method = around->name.substr(3);
    }
    return method;
  }

  std::string webhook_of(const endpoint& found, std::size_t c) const {
    const bool some_hook = has(guards_.webhook_route, found.route);
    for (std::size_t i = 0; i < webhooks_.size(); ++i) {
      if (has(guards_.routes[i], found.route) && (some_hook || found.method != "GET"))
        return webhooks_[i].id;
    }
    if (!some_hook || found.method == "GET")
      return {};
    for (std::size_t i = 0; i < webhooks_.size(); ++i) {
      if (has(guards_.contexts[i], code_.path_of(c)))
        return webhooks_[i].id;
    }
    for (const auto& part : handlers_.of(c, found.line, false)) {
      for (std::size_t i = 0; i < webhooks_.size(); ++i) {
        if (search_.line_of(part, guards_.contexts[i]) != 0)
          return webhooks_[i].id;
      }
    }
    return "other";
  }

  const std::vector<webhook_rule>& webhooks_;
  const line_checker& checker_;
  const guard_rules& guards_;
  const code_index& code_;
  guard_search search_;
  handler_lines handlers_;
  std::map<std::tuple<std::size_t, std::uint32_t, std::string, std::string>, std::vector<region>>
      regions_;
};

/// Adds the endpoints of one repository.
void add_endpoints(const step_context& context, const survey& all, const rule_set& rules,
                   const guard_rules& guards, std::size_t source, std::vector<endpoint>& out) {
  const code_index code(context, all, rules, source);
  endpoint_finder finder(context.config.security, rules.checks(), guards, code);
  auto found = finder.find();
  if (found.empty())
    return;
  const mounted_guards mounted(code, guards, finder.registering());
  const endpoint_judge judge(context.config.security, code, guards, mounted);
  for (auto& item : found) {
    judge.judge(item, finder.lines_of(item));
    out.push_back(std::move(item));
  }
}

} // namespace

std::vector<endpoint> find_endpoints(const step_context& context, const survey& all,
                                     const rule_set& rules) {
  std::vector<endpoint> found;
  const guard_rules guards(context.config.security);
  for (std::size_t s = 0; s < all.sources.size(); ++s) {
    const bool any = std::any_of(all.files.begin(), all.files.end(), [&](const auto& file) {
      return file.source == s && !is_excluded(context, all, file)
             && is_production(context, all.tracked(file).path)
             && std::any_of(
                 file.facts.checks.begin(), file.facts.checks.end(),
                 [&](const auto& hit) { return hit.rule >= rules.checks().first_route(); });
    });
    if (any)
      add_endpoints(context, all, rules, guards, s, found);
    context.progress("endpoints", s + 1, all.sources.size());
  }
  return found;
}

} // namespace aeo::consolidate

#include "tools/consolidate/endpoints.hpp"

#include "tools/consolidate/comment_lines.hpp"
#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/functions.hpp"
#include "tools/consolidate/parallel.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"
#include "tools/consolidate/route_shapes.hpp"
#include "tools/consolidate/variable_table.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace aeo::consolidate {

namespace {

/// A handler that is written where it is registered is looked at so far.
constexpr std::uint32_t handler_lines = 60;
constexpr int call_depth = 3;
constexpr std::uint64_t largest_code = 1U << 20;

using line_list = std::vector<std::string_view>;

/// The expressions that tell guards, compiled.
struct guard_rules {
  explicit guard_rules(const security_rules& rules) {
    for (const auto& hook : rules.webhooks) {
      signatures.push_back(compiled_guard(hook.signature));
      routes.push_back(compiled_guard(hook.route));
      contexts.push_back(compiled_guard(hook.context));
    }
    constant_time = compiled_guard(rules.constant_time);
    authentication = compiled_guard(rules.authentication);
    rate_limit = compiled_guard(rules.rate_limit);
    middleware = compiled_guard(rules.middleware);
    webhook_route = compiled_guard(rules.webhook_route);
    public_routes = compiled_guard(rules.public_routes);
    not_guards = compiled_guard(rules.not_guards);
  }

  static std::unique_ptr<re2::RE2> compiled_guard(const std::string& expression) {
    return std::make_unique<re2::RE2>(expression, line_engine::options());
  }

  std::vector<std::unique_ptr<re2::RE2>> signatures, routes, contexts;
  std::unique_ptr<re2::RE2> constant_time, authentication, rate_limit, middleware, webhook_route,
      public_routes, not_guards;
};

bool has(const std::unique_ptr<re2::RE2>& expression, std::string_view text) {
  return re2::RE2::PartialMatch({text.data(), text.size()}, *expression);
}

/// Languages whose functions call each other by name are one.
std::string_view family_of(std::string_view language) {
  if (language == "TypeScript" || language == "Vue" || language == "Svelte")
    return "JavaScript";
  if (language == "Kotlin" || language == "Scala")
    return "Java";
  if (language == "C++" || language == "C header")
    return "C";
  return language;
}

/// One code file, kept while its repository is looked at.
struct code_file {
  std::size_t file = 0;
  std::string text;
  line_list lines;
  std::vector<bool> comments; ///< Which lines are such, parallel to `lines`.
  std::vector<function_extent> functions;
};

struct function_id {
  std::size_t code = 0; ///< index of the code file
  std::size_t function = 0;
};

/// Lines of a file that belong to an endpoint.
struct region {
  std::size_t code = 0;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

/// A line that puts a guard before endpoints that it does not name.
struct shared_guard {
  region at;
  std::string receiver; ///< What the endpoints have to be registered with; empty: anything.
  std::string prefix;   ///< What routes of the same file have to begin with.
  bool router = false;  ///< It guards its own routes only, not those of the application.
  bool ordered = false; ///< In its file it guards what comes after it.
};

shared_guard read_shared_guard(region at, std::string_view line, std::string_view family) {
  static const re2::RE2 use("(\\w+)\\.[uU]se\\(\\s*(?:[\"'`](/[^\"'`]*)[\"'`])?");
  static const re2::RE2 made("^\\s*(?:(?:const|let|var)\\s+)?(\\w+)\\b[^=]*=\\s*(?:\\w+\\.)*(?:"
                             "APIRouter|Blueprint|Router)\\(");
  static const re2::RE2 hook("^\\s*@(\\w+)\\.before_request\\b");
  static const re2::RE2 of_router("(?i)router|blueprint|\\bbp\\b|_bp\\b|group|routes");
  shared_guard guard;
  guard.at = at;
  const auto text = piece(line);
  if (re2::RE2::PartialMatch(text, use, &guard.receiver, &guard.prefix))
    guard.ordered = family == "JavaScript" || family == "Go";
  else if (re2::RE2::PartialMatch(text, made, &guard.receiver))
    guard.router = true;
  else
    re2::RE2::PartialMatch(text, hook, &guard.receiver);
  guard.router = guard.router || re2::RE2::PartialMatch(guard.receiver, of_router);
  return guard;
}

/// Whether the file makes that name a router, which guards its own routes only.
bool makes_router(std::string_view text, const std::string& name) {
  if (name.empty() || text.find("Router(") == text.npos)
    return false;
  const re2::RE2 made("\\b" + re2::RE2::QuoteMeta(name)
                      + "\\b[^=\\n]*=\\s*(?:\\w+\\.)*(?:API)?Router\\(");
  return re2::RE2::PartialMatch(piece(text), made);
}

/// The line without its texts, which name no function; `views.show` and the like may.
std::string without_texts(std::string_view line) {
  static const re2::RE2 next(R"(("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`))");
  static const re2::RE2 name(R"(.\w+(?:[.#@\\]|::)[\w.#@:\\]+.)");
  std::string out;
  auto rest = piece(line);
  re2::StringPiece found;
  const char* from = rest.data();
  while (re2::RE2::FindAndConsume(&rest, next, &found)) {
    out.append(from, found.data());
    if (re2::RE2::FullMatch(found, name))
      out.append(found.data(), found.size());
    from = rest.data();
  }
  out.append(from, line.data() + line.size());
  return out;
}

/// Everything about the endpoints of one repository.
class repository_endpoints {
public:
  repository_endpoints(const step_context& context, const survey& all, const rule_set& rules,
                       const guard_rules& guards, std::size_t source)
      : context_(context), all_(all), rules_(rules), guards_(guards),
        finder_(context.config.security), source_(source) {}

  void find(std::vector<endpoint>& out) {
    read_code();
    const auto first = out.size();
    for (std::size_t c = 0; c < code_.size(); ++c)
      add_routes(c, out);
    for (auto i = first; i < out.size(); ++i)
      judge(out[i]);
  }

private:
  void read_code() {
    for (std::size_t f = 0; f < all_.files.size(); ++f) {
      const auto& file = all_.files[f];
      if (file.source == source_ && file.facts.size <= largest_code
          && finder_.knows(file.facts.language) && is_readable_text(all_, file)
          && !is_excluded(context_, all_, file) && is_production(context_, all_.tracked(file).path))
        code_.push_back({f, {}, {}, {}, {}});
    }
    for_each_parallel(code_.size(), [&](std::size_t c) {
      auto& item = code_[c];
      const auto& file = all_.files[item.file];
      item.text = read_content(all_, file);
      item.lines = split(item.text, '\n');
      item.comments = comment_lines(item.text, language_by_name(file.facts.language));
      item.comments.resize(item.lines.size());
      item.functions = finder_.find(file.facts.language, item.lines);
    });
    for (std::size_t c = 0; c < code_.size(); ++c) {
      for (std::size_t i = 0; i < code_[c].functions.size(); ++i)
        by_name_[code_[c].functions[i].name].push_back({c, i});
    }
  }

  void add_routes(std::size_t c, std::vector<endpoint>& out) {
    const auto& item = code_[c];
    for (const auto& hit : all_.files[item.file].facts.checks) {
      if (hit.rule >= rules_.checks().first_route() && hit.line <= item.lines.size())
        add_route(c, hit, out);
    }
  }

  void add_route(std::size_t c, const check_hit& hit, std::vector<endpoint>& out) {
    const auto& item = code_[c];
    const auto& checker = rules_.checks();
    const auto& expression = checker.expression(hit.rule);
    const auto line = continued_line(item.text, offset_of(c, hit.line));
    std::vector<re2::StringPiece> groups(
        static_cast<std::size_t>(expression.NumberOfCapturingGroups()) + 1);
    if (!expression.Match(piece(line), 0, line.size(), re2::RE2::UNANCHORED, groups.data(),
                          static_cast<int>(groups.size())))
      return;
    const auto group = [&](const char* name) {
      const int number = group_number(expression, name);
      return number < 0 ? std::string_view{}
                        : std::string_view(groups[static_cast<std::size_t>(number)].data(),
                                           groups[static_cast<std::size_t>(number)].size());
    };
    endpoint found;
    found.route = printable(group("route"), 200);
    if (const auto* prefix = checker.prefix(hit.rule)) {
      if (annotates_class(item.lines, hit.line))
        return;
      const auto& lang = or_plain(language_by_name(all_.files[item.file].facts.language));
      found.route = prefixed_route(class_prefix(item.lines, item.comments, lang, hit.line, *prefix),
                                   found.route);
    }
    found.rule = checker.route(hit.rule).id;
    found.line = hit.line;
    found.method = method_of(checker.route(hit.rule), group("method"), line, c, hit.line);
    const auto* chain = checker.chain(hit.rule);
    const auto end = static_cast<std::size_t>(groups[0].end() - item.text.data());
    const auto calls =
        chain == nullptr ? std::vector<chained_call>{} : chained_calls(item.text, end, *chain);
    for (const auto& call : calls)
      add_chained(c, call, found, out);
    if (calls.empty())
      add_endpoint(c, found, regions_of(c, hit.line, checker.route(hit.rule).enclosing), out);
  }

  void add_chained(std::size_t c, const chained_call& call, endpoint found,
                   std::vector<endpoint>& out) {
    found.line = line_at(c, call.begin);
    found.method = upper(call.method);
    if (found.method == "ALL")
      found.method.clear();
    add_endpoint(c, found, {{c, found.line, line_at(c, call.end)}}, out);
  }

  void add_endpoint(std::size_t c, endpoint found, std::vector<region> lines,
                    std::vector<endpoint>& out) {
    found.file = code_[c].file;
    found.is_public = has(guards_.public_routes, found.route);
    found.webhook = webhook_of(found, c);
    regions_[{found.file, found.line}] = std::move(lines);
    out.push_back(std::move(found));
  }

  std::size_t offset_of(std::size_t c, std::uint32_t line) const {
    return static_cast<std::size_t>(code_[c].lines[line - 1].data() - code_[c].text.data());
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
    if (method == "ALL" || method == "ANY")
      method.clear();
    if (method.empty() && re2::RE2::PartialMatch(piece(line), gorilla, &method))
      method = upper(method);
    if (method.empty()) {
      // `do_POST` and the like name what they answer.
      const auto* around = enclosing(c, number);
      if (around != nullptr && around->name.starts_with("do_"))
        method = around->name.substr(3);
    }
    return method;
  }

  std::string webhook_of(const endpoint& found, std::size_t c) const {
    const auto& hooks = context_.config.security.webhooks;
    const auto& path = all_.tracked(all_.files[found.file]).path;
    const bool some_hook = has(guards_.webhook_route, found.route);
    for (std::size_t i = 0; i < hooks.size(); ++i) {
      if (has(guards_.routes[i], found.route) && (some_hook || found.method != "GET"))
        return hooks[i].id;
    }
    if (!some_hook || found.method == "GET")
      return {};
    for (std::size_t i = 0; i < hooks.size(); ++i) {
      if (has(guards_.contexts[i], path))
        return hooks[i].id;
    }
    for (const auto& part : regions_of(c, found.line, false)) {
      for (std::size_t i = 0; i < hooks.size(); ++i) {
        if (region_line(part, guards_.contexts[i]) != 0)
          return hooks[i].id;
      }
    }
    return "other";
  }

  const function_extent* enclosing(std::size_t c, std::uint32_t line) const {
    const function_extent* found = nullptr;
    for (const auto& item : code_[c].functions) {
      if (item.first <= line && line <= item.last)
        found = &item; // the last one is the innermost
    }
    return found;
  }

  /// The lines of the handler: those after the registration up to the next one or the next
  /// function, the function that a decorator stands before, or all around.
  std::vector<region> regions_of(std::size_t c, std::uint32_t line, bool around) const {
    const auto& item = code_[c];
    if (around) {
      if (const auto* function = enclosing(c, line))
        return {{c, function->first, function->last}};
    }
    auto last = std::min<std::uint32_t>(line + handler_lines,
                                        static_cast<std::uint32_t>(item.lines.size()));
    for (const auto& hit : all_.files[item.file].facts.checks) {
      if (hit.rule >= rules_.checks().first_route() && hit.line > line)
        last = std::min(last, hit.line - 1);
    }
    const auto indent = item.lines[line - 1].find_first_not_of(" \t");
    for (auto next = line + 1; next <= last; ++next) {
      const auto text = item.lines[next - 1];
      if (text.find_first_not_of(" \t") <= indent && has(guards_.middleware, text))
        last = next - 1; // It guards what comes after it.
    }
    const bool decorator = trim(item.lines[line - 1]).starts_with('@');
    for (const auto& function : item.functions) {
      if (function.first <= line)
        continue;
      if (decorator && function.first <= line + 10)
        return {{c, first_attribute(c, line), std::min(function.last, function.first + 200)}};
      last = std::min(last, function.first - 1);
      break;
    }
    return {{c, line, std::max(line, last)}};
  }

  /// In Java and TypeScript the annotations above a route belong to it; in Python what stands above
  /// a route is not what is registered.
  std::uint32_t first_attribute(std::size_t c, std::uint32_t line) const {
    if (family(c) == "Python")
      return line;
    while (line > 1 && trim(code_[c].lines[line - 2]).starts_with('@'))
      --line;
    return line;
  }

  /// The first line of a region that the expression matches; 0 if none.
  std::uint32_t region_line(const region& part, const std::unique_ptr<re2::RE2>& expression) const {
    const auto& code = code_[part.code];
    for (auto line = part.first; line <= part.last; ++line) {
      const auto text = code.lines[line - 1];
      if (!code.comments[line - 1] && has(expression, text) && !has(guards_.not_guards, text)
          && (expression != guards_.authentication || asks_who(part.code, text)))
        return line;
    }
    return 0;
  }

  /// Not only in what is said, nor in a comment at the end of the line.
  bool asks_who(std::size_t c, std::string_view line) const {
    const auto* lang = language_by_name(all_.files[code_[c].file].facts.language);
    return has(guards_.authentication, without_said(effective_text(line, or_plain(lang))));
  }

  /// The regions and those of every function that they name, `call_depth` steps deep.
  /// With `past_routes`, functions that register endpoints are not entered: what one of their
  /// handlers checks guards no other.
  std::vector<region> closure(std::vector<region> parts, bool past_routes = false) const {
    std::unordered_set<const function_extent*> seen;
    std::size_t begin = 0;
    for (int depth = 0; depth < call_depth; ++depth) {
      const auto end = parts.size();
      for (; begin < end; ++begin) {
        const auto part = parts[begin];
        for (auto line = part.first; line <= part.last; ++line) {
          if (code_[part.code].comments[line - 1])
            continue; // a comment names what it does not call
          const auto text = without_texts(code_[part.code].lines[line - 1]);
          each_identifier(text, [&](std::string_view name) {
            const auto found = by_name_.find(std::string(name));
            // A name with many definitions (`get`, `run`) tells nothing.
            if (found == by_name_.end() || found->second.size() > 3)
              return;
            for (const auto& id : found->second) {
              const auto& function = code_[id.code].functions[id.function];
              const bool enter =
                  family(id.code) == family(part.code) && (!past_routes || !registers(id));
              if (enter && seen.insert(&function).second)
                parts.push_back(
                    {id.code, function.first, std::min(function.last, function.first + 200)});
            }
          });
        }
      }
    }
    return parts;
  }

  std::string_view family(std::size_t c) const {
    return family_of(all_.files[code_[c].file].facts.language);
  }

  bool registers(const function_id& id) const {
    const auto& function = code_[id.code].functions[id.function];
    const auto& hits = all_.files[code_[id.code].file].facts.checks;
    return std::any_of(hits.begin(), hits.end(), [&](const check_hit& hit) {
      return hit.rule >= rules_.checks().first_route() && function.first <= hit.line
             && hit.line <= function.last;
    });
  }

  guard_place search(const std::vector<region>& parts,
                     const std::unique_ptr<re2::RE2>& expression) const {
    for (const auto& part : parts) {
      if (const auto line = region_line(part, expression); line != 0)
        return {code_[part.code].file, line, true, false};
    }
    return {};
  }

  const std::vector<shared_guard>& middleware() {
    if (middleware_known_)
      return middleware_;
    middleware_known_ = true;
    for (std::size_t c = 0; c < code_.size(); ++c) {
      for (std::uint32_t line = 1; line <= code_[c].lines.size(); ++line) {
        const auto text = code_[c].lines[line - 1];
        if (!code_[c].comments[line - 1] && has(guards_.middleware, text))
          middleware_.push_back(read_shared_guard({c, line, line}, text, family(c)));
        else
          continue;
        auto& guard = middleware_.back();
        guard.router = guard.router || makes_router(code_[c].text, guard.receiver);
      }
    }
    return middleware_;
  }

  /// As far as the lines tell: a router that another file mounts below a prefix is not followed.
  bool covers(const shared_guard& guard, const endpoint& item, std::size_t c) const {
    if (family(guard.at.code) != family(c))
      return false;
    const bool same_file = guard.at.code == c;
    if (guard.router && !same_file)
      return false;
    if (!same_file)
      return true;
    const auto line = code_[c].lines[item.line - 1];
    if (guard.router && line.find(guard.receiver + ".") == std::string_view::npos)
      return false;
    return item.route.starts_with(guard.prefix) && (!guard.ordered || guard.at.first < item.line);
  }

  void judge(endpoint& item) {
    const auto& own_lines = regions_[{item.file, item.line}];
    const auto parts = closure(own_lines);
    std::vector<region> shared;
    for (const auto& guard : middleware())
      if (covers(guard, item, own_lines.front().code))
        shared.push_back(guard.at);
    const auto& hooks = context_.config.security.webhooks;
    if (!item.webhook.empty()) {
      auto own = parts; // a signature is checked in the handler, or for all of its file
      for (const auto& part : closure_of_file(shared, item.file))
        own.push_back(part);
      for (std::size_t i = 0; i < hooks.size(); ++i) {
        if (hooks[i].id == item.webhook || item.webhook == "other") {
          if (!item.signature.found)
            item.signature = search(own, guards_.signatures[i]);
        }
      }
      item.constant_time = search(own, guards_.constant_time);
    }
    const auto everywhere = closure(shared, true);
    const auto guarded = [&](const std::unique_ptr<re2::RE2>& expression) {
      auto place = search(parts, expression);
      if (!place.found) {
        place = search(everywhere, expression);
        place.shared = place.found;
      }
      return place;
    };
    item.authentication = guarded(guards_.authentication);
    item.rate_limit = guarded(guards_.rate_limit);
  }

  std::vector<region> closure_of_file(const std::vector<region>& parts, std::size_t file) const {
    std::vector<region> own;
    std::copy_if(parts.begin(), parts.end(), std::back_inserter(own),
                 [&](const region& part) { return code_[part.code].file == file; });
    return closure(own, true);
  }

  const step_context& context_;
  const survey& all_;
  const rule_set& rules_;
  const guard_rules& guards_;
  function_finder finder_;
  std::size_t source_;
  std::vector<code_file> code_;
  std::unordered_map<std::string, std::vector<function_id>> by_name_;
  std::map<std::pair<std::size_t, std::uint32_t>, std::vector<region>> regions_;
  std::vector<shared_guard> middleware_;
  bool middleware_known_ = false;
};

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
      repository_endpoints(context, all, rules, guards, s).find(found);
    context.progress("endpoints", s + 1, all.sources.size());
  }
  return found;
}

} // namespace aeo::consolidate

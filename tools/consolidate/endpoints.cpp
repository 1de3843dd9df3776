#include "tools/consolidate/endpoints.hpp"

#include "tools/consolidate/comment_lines.hpp"
#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/functions.hpp"
#include "tools/consolidate/middleware.hpp"
#include "tools/consolidate/parallel.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"
#include "tools/consolidate/route_shapes.hpp"
#include "tools/consolidate/signature_check.hpp"
#include "tools/consolidate/variable_table.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
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

/// What is registered with one object becomes a part of another one.
struct attachment {
  std::size_t code = 0; ///< Where that is done.
  std::uint32_t line = 0;
  std::string parent;
  std::string path;
  std::size_t child_code = 0;
  std::string child;                         ///< Empty: what the file exports.
  const function_extent* function = nullptr; ///< What it registers, if `child` is a function.
  bool makes = false;                        ///< The line makes the child.
};

/// A route, or the router that it is registered with.
struct registration {
  std::size_t code = 0;
  std::uint32_t line = 0;
  std::string receiver;
  std::string route;
};

enum class cover { no, maybe, yes };

/// Mountings are followed so far.
constexpr int mount_depth = 4;

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
      const auto& path = path_of(c);
      stems_[path.substr(0, path.rfind('.'))] = c;
      if (family(c) == "Python")
        note_classes(c);
    }
  }

  const std::string& path_of(std::size_t c) const {
    return all_.tracked(all_.files[code_[c].file]).path;
  }

  void note_classes(std::size_t c) {
    static const re2::RE2 head("^\\s*class\\s+(\\w+)");
    const auto& lines = code_[c].lines;
    std::string name;
    for (std::uint32_t line = 1; line <= lines.size(); ++line) {
      if (!re2::RE2::PartialMatch(piece(lines[line - 1]), head, &name))
        continue;
      const auto own = lines[line - 1].find_first_not_of(" \t");
      auto last = line;
      while (last < lines.size()
             && (trim(lines[last]).empty() || lines[last].find_first_not_of(" \t") > own))
        ++last;
      classes_[name].push_back({c, first_decorator(c, line), last});
    }
  }

  /// In Python the decorators above a function or class belong to it.
  std::uint32_t first_decorator(std::size_t c, std::uint32_t line) const {
    while (family(c) == "Python" && line > 1 && trim(code_[c].lines[line - 2]).starts_with('@'))
      --line;
    return line;
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
    if (group("route").data() != nullptr)
      found.receiver = receiver_of(
          item.text, static_cast<std::size_t>(group("route").data() - item.text.data()));
    found.method = method_of(checker.route(hit.rule), group("method"), line, c, hit.line);
    const auto* chain = checker.chain(hit.rule);
    const auto end = static_cast<std::size_t>(groups[0].end() - item.text.data());
    const auto calls =
        chain == nullptr ? std::vector<chained_call>{} : chained_calls(item.text, end, *chain);
    for (const auto& call : calls)
      add_chained(c, call, found, out);
    if (calls.empty())
      add_endpoint(c, found,
                   with_classes(regions_of(c, hit.line, checker.route(hit.rule).enclosing)), out);
  }

  /// `views.Orders.as_view()` runs a class.
  std::vector<region> with_classes(std::vector<region> parts) const {
    static const re2::RE2 view("\\b(\\w+)\\.as_view\\(");
    const auto own = parts.front();
    for (auto line = own.first; line <= own.last; ++line) {
      auto rest = piece(code_[own.code].lines[line - 1]);
      for (std::string name; re2::RE2::FindAndConsume(&rest, view, &name);) {
        const auto found = classes_.find(name);
        if (found != classes_.end() && found->second.size() <= 3)
          parts.insert(parts.end(), found->second.begin(), found->second.end());
      }
    }
    return parts;
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
                parts.push_back({id.code, first_decorator(id.code, function.first),
                                 std::min(function.last, function.first + 200)});
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
        if (code_[c].comments[line - 1] || !has(guards_.middleware, code_[c].lines[line - 1]))
          continue;
        middleware_.push_back(read_shared_guard(code_[c].lines, line, family(c)));
        middleware_.back().code = c;
      }
    }
    note_attachments();
    return middleware_;
  }

  void note_attachments() {
    std::set<std::size_t> looked_at;
    for (const auto& guard : middleware_)
      looked_at.insert(guard.code);
    for (const auto& [place, parts] : regions_)
      looked_at.insert(parts.front().code);
    for (const auto c : looked_at) {
      for (std::uint32_t line = 1; line <= code_[c].lines.size(); ++line) {
        if (code_[c].comments[line - 1])
          continue;
        for (const auto& item : read_mountings(code_[c].lines[line - 1], family(c)))
          attach(c, line, item);
      }
    }
  }

  void attach(std::size_t c, std::uint32_t line, const mounting& item) {
    attachment one{c, line, item.parent, item.path, c, {}, nullptr, item.makes};
    for (const auto& file : item.files) {
      if (const auto found = script_of(c, file)) {
        one.child_code = *found;
        attachments_.push_back(one);
      }
    }
    for (const auto& name : item.children) {
      if (item.hands_over)
        attach_function(one, name);
      else
        attach_name(one, name);
    }
  }

  void attach_function(attachment one, const std::string& name) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end() || found->second.size() != 1)
      return;
    const auto& id = found->second.front();
    one.child_code = id.code;
    one.function = &code_[id.code].functions[id.function];
    const bool itself = id.code == one.code && one.function->first == one.line;
    if (!itself && family(id.code) == family(one.code) && registers(id))
      attachments_.push_back(one);
  }

  void attach_name(attachment one, const std::string& name) {
    const auto dot = name.find('.');
    const auto& from = import_of(one.code, name.substr(0, dot));
    one.child = name;
    if (from.empty() || one.makes) {
      attachments_.push_back(one);
      return;
    }
    const auto found =
        family(one.code) == "Python" ? module_of(one.code, from) : script_of(one.code, from);
    if (!found)
      return;
    one.child_code = *found;
    if (family(one.code) == "JavaScript")
      one.child.clear(); // It may have another name there.
    else
      one.child = dot == name.npos ? from.substr(from.rfind('.') + 1) : name.substr(dot + 1);
    attachments_.push_back(one);
  }

  const std::string& import_of(std::size_t c, const std::string& name) const {
    const auto [at, is_new] = imports_.try_emplace({c, name});
    if (is_new)
      at->second = imported_from(code_[c].text, name, family(c));
    return at->second;
  }

  bool exports(std::size_t c, const std::string& name) const {
    const auto [at, is_new] = exports_.try_emplace({c, name});
    if (is_new)
      at->second = exports_name(code_[c].text, name);
    return at->second;
  }

  /// The file that `./other` names in a script.
  std::optional<std::size_t> script_of(std::size_t c, const std::string& name) const {
    static const re2::RE2 extension("\\.(?:[cm]?[jt]s|[jt]sx|vue|svelte)$");
    auto stem = (std::filesystem::path(dir_name(path_of(c))) / name).lexically_normal().string();
    re2::RE2::Replace(&stem, extension, "");
    for (const auto* index : {"", "/index"}) {
      if (const auto found = stems_.find(stem + index); found != stems_.end())
        return found->second;
    }
    return std::nullopt;
  }

  /// The file of a Python module, or of the one that holds what the last part names.
  std::optional<std::size_t> module_of(std::size_t c, std::string name) const {
    auto directory = dir_name(path_of(c));
    if (const auto dots = name.find_first_not_of('.'); dots != 0 && dots != name.npos) {
      for (std::size_t up = 1; up < dots; ++up)
        directory = dir_name(directory);
      name.erase(0, dots);
    }
    std::replace(name.begin(), name.end(), '.', '/');
    for (;; directory = dir_name(directory)) {
      for (const auto& inner : {name, std::string(dir_name(name))}) {
        const auto found = stems_.find(join_path(directory, inner));
        if (!inner.empty() && found != stems_.end())
          return found->second;
      }
      if (directory.empty())
        return std::nullopt;
    }
  }

  bool takes(const attachment& item, const registration& what) const {
    if (item.child_code != what.code)
      return false;
    if (item.function != nullptr)
      return item.function->first <= what.line && what.line <= item.function->last;
    const auto& code = code_[item.child_code];
    if (item.child.empty())
      return exports(item.child_code, what.receiver);
    return item.child == what.receiver
           && (!item.makes
               || (item.line < what.line && in_same_block(code.lines, item.line, what.line)));
  }

  std::vector<const attachment*> attachments_of(const registration& what) const {
    std::vector<const attachment*> found;
    for (const auto& item : attachments_) {
      if (takes(item, what))
        found.push_back(&item);
    }
    return found;
  }

  /// Whether the guard stands before that in every place where it is mounted.
  bool reaches(const shared_guard& guard, const registration& what, int depth) const {
    const auto& lines = code_[guard.code].lines;
    const auto below = [&](const std::string& prefix) {
      return is_below_route(what.route, prefix);
    };
    if (guard.code == what.code && guard.receiver == what.receiver) {
      const bool placed =
          guard.reach == guard_reach::mount ? what.line == guard.first
          : guard.ordered ? guard.first <= what.line && in_same_block(lines, guard.first, what.line)
                          : true;
      return placed
             && (guard.prefixes.empty()
                 || std::any_of(guard.prefixes.begin(), guard.prefixes.end(), below));
    }
    if (guard.reach == guard_reach::object && takes_over(guard, what))
      return guard.prefixes.empty()
             || std::any_of(guard.prefixes.begin(), guard.prefixes.end(), below);
    const auto mounts = attachments_of(what);
    return depth > 0 && !mounts.empty()
           && std::all_of(mounts.begin(), mounts.end(), [&](const attachment* item) {
                const registration outer{item->code, item->line, item->parent,
                                         prefixed_route(item->path, what.route)};
                return reaches(guard, outer, depth - 1);
              });
  }

  /// Whether the route is registered with what the file of the guard exports, set up.
  bool takes_over(const shared_guard& guard, const registration& what) const {
    if (family(what.code) != "JavaScript" || guard.code == what.code || what.receiver.empty())
      return false;
    const auto& from = import_of(what.code, what.receiver);
    return !from.empty() && script_of(what.code, from) == guard.code
           && exports(guard.code, guard.receiver);
  }

  cover covers(const shared_guard& guard, const endpoint& item, std::size_t c) const {
    if (family(guard.code) != family(c))
      return cover::no;
    const bool here = guard.code == c;
    const registration what{c, item.line, item.receiver, item.route};
    switch (guard.reach) {
    case guard_reach::nothing:
      return cover::no;
    case guard_reach::unknown:
      return cover::maybe;
    case guard_reach::file:
      return here ? cover::yes : cover::maybe;
    case guard_reach::django:
    case guard_reach::rest:
      return item.rule == "django" && is_below(path_of(c), django_project(path_of(guard.code)))
                 ? cover::yes
                 : cover::no;
    case guard_reach::spring:
      return spring_chain_guards(code_[guard.code].text, item.route) ? cover::yes : cover::maybe;
    case guard_reach::object:
    case guard_reach::mount:
      if (reaches(guard, what, mount_depth))
        return cover::yes;
      return here || !attachments_of(what).empty() || !may_be_mounted(c) ? cover::no : cover::maybe;
    }
    return cover::no;
  }

  /// A script that exports nothing is mounted nowhere.
  bool may_be_mounted(std::size_t c) const {
    return family(c) != "JavaScript" || code_[c].text.find("export") != std::string::npos;
  }

  /// Whether a Django view says itself that a setting does not hold for it.
  bool is_excused(const shared_guard& guard, const std::vector<region>& parts) const {
    static const auto open = guard_rules::compiled_guard("\\blogin_not_required\\b");
    static const auto own = guard_rules::compiled_guard("\\bpermission_classes\\b");
    static const auto rest = guard_rules::compiled_guard(
        "\\bAPIView\\b|ViewSet\\b|@api_view\\b|\\bgenerics\\.\\w+View\\b");
    if (guard.reach == guard_reach::django)
      return mentions(parts, open);
    return guard.reach == guard_reach::rest && (mentions(parts, own) || !mentions(parts, rest));
  }

  bool mentions(const std::vector<region>& parts,
                const std::unique_ptr<re2::RE2>& expression) const {
    return std::any_of(parts.begin(), parts.end(), [&](const region& part) {
      const auto& code = code_[part.code];
      for (auto line = part.first; line <= part.last; ++line) {
        if (!code.comments[line - 1] && has(expression, code.lines[line - 1]))
          return true;
      }
      return false;
    });
  }

  void judge(endpoint& item) {
    const auto& own_lines = regions_[{item.file, item.line}];
    const auto parts = closure(own_lines);
    std::vector<region> shared;
    std::vector<region> possible;
    for (const auto& guard : middleware()) {
      const auto reach = covers(guard, item, own_lines.front().code);
      if (reach == cover::no || is_excused(guard, parts))
        continue;
      auto& list = reach == cover::yes ? shared : possible;
      list.push_back({guard.code, guard.first, guard.last});
    }
    const auto& hooks = context_.config.security.webhooks;
    if (!item.webhook.empty()) {
      auto own = parts; // a signature is checked in the handler, or for all of its file
      for (const auto& part : closure_of_file(shared, item.file))
        own.push_back(part);
      item.constant_time = search(own, guards_.constant_time);
      for (std::size_t i = 0; i < hooks.size(); ++i) {
        if (hooks[i].id == item.webhook || item.webhook == "other") {
          if (!item.signature.found)
            item.signature = signature_check(own, guards_.signatures[i]);
        }
      }
    }
    const auto everywhere = closure(shared, true);
    const auto anywhere = closure(possible, true);
    const auto guarded = [&](const std::unique_ptr<re2::RE2>& expression) {
      auto place = search(parts, expression);
      if (!place.found) {
        place = search(everywhere, expression);
        place.shared = place.found;
      }
      if (!place.found) {
        place = search(anywhere, expression);
        place.possible = place.found;
        place.found = false;
      }
      return place;
    };
    item.authentication = guarded(guards_.authentication);
    item.rate_limit = guarded(guards_.rate_limit);
  }

  /// Where a signature is computed or checked, if it is compared with anything.
  guard_place signature_check(const std::vector<region>& parts,
                              const std::unique_ptr<re2::RE2>& expression) const {
    const auto place = search(parts, expression);
    if (!place.found || search(parts, guards_.constant_time).found)
      return place;
    std::vector<code_part> texts;
    for (const auto& part : parts)
      texts.push_back(text_of(part));
    return is_compared(texts, *expression) ? place : guard_place{};
  }

  code_part text_of(const region& part) const {
    const auto& code = code_[part.code];
    code_part text;
    for (const auto& function : code.functions) {
      if (part.first <= function.first && function.last == part.last)
        text.function = function.name;
    }
    for (auto line = part.first; line <= part.last; ++line) {
      if (!code.comments[line - 1] && !has(guards_.not_guards, code.lines[line - 1]))
        text.lines.push_back(code.lines[line - 1]);
    }
    return text;
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
  std::unordered_map<std::string, std::size_t> stems_; ///< Code files by path without extension.
  std::unordered_map<std::string, std::vector<region>> classes_; ///< Those of Python.
  std::vector<shared_guard> middleware_;
  std::vector<attachment> attachments_;
  mutable std::map<std::pair<std::size_t, std::string>, std::string> imports_; ///< Once asked for.
  mutable std::map<std::pair<std::size_t, std::string>, bool> exports_;
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

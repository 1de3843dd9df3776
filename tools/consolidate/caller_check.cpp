#include "tools/consolidate/caller_check.hpp"

#include "tools/consolidate/middleware.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"
#include "tools/consolidate/route_shapes.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace aeo::consolidate {

namespace {

/// A statement that ends the handler stands so far behind its condition at most.
constexpr std::uint32_t condition_lines = 3;
/// So far above a refusal branches are looked for.
constexpr std::uint32_t branch_lines = 200;
/// And so far behind the line that lets pass who may.
constexpr std::uint32_t refusal_lines = 15;

bool tests(std::string_view text) {
  static const re2::RE2 condition("\\b(?:if|unless|elif|else|assert|guard|when)\\b");
  return re2::RE2::PartialMatch(piece(text), condition);
}

/// Tells of a condition that something is missing, wrong or not so.
bool denies(std::string_view text) {
  static const re2::RE2 denial(
      "\\bnot\\b|!|\\b(?:unless|else|assert)\\b|\\bis\\s+None\\b|(?i:is_?(?:null|empty))|"
      "===?\\s*(?:null|undefined|false|nil|None|False|\"\"|'')");
  return re2::RE2::PartialMatch(piece(text), denial);
}

/// `a && b` of which one is on the caller and one is not.
bool is_partial(std::string_view text, const guard_rules& guards) {
  static const re2::RE2 joined("&&|\\band\\b");
  auto rest = piece(text);
  re2::StringPiece found;
  bool asks = false;
  bool others = false;
  const auto look_at = [&](std::string_view one) {
    (has(guards.authentication, one) || has(guards.credentials, one) ? asks : others) = true;
  };
  while (joined.Match(rest, 0, rest.size(), re2::RE2::UNANCHORED, &found, 1)) {
    look_at({rest.data(), static_cast<std::size_t>(found.data() - rest.data())});
    rest.remove_prefix(static_cast<std::size_t>(found.data() + found.size() - rest.data()));
  }
  look_at({rest.data(), rest.size()});
  return asks && others;
}

/// `req.user`, `self.request.session`, `ctx.state`.
bool reads_request(std::string_view text) {
  static const re2::RE2 request("\\b(?:req|request|ctx|context|session|cookies|c|r)\\b");
  return re2::RE2::PartialMatch(piece(text), request);
}

/// `return next();`, `return view(request)`, but not `return redirect(...)`.
bool passes(std::string_view text, const guard_rules& guards) {
  static const re2::RE2 on(
      "\\b(next|n|done)\\(\\s*\\)|\\breturn\\s+(?:await\\s+)?(?:self\\.)?(\\w+)\\(");
  std::string next;
  std::string called;
  return re2::RE2::PartialMatch(piece(text), on, &next, &called)
         && (!next.empty() || !has(guards.aborts, called));
}

/// What somebody else answered: `reply.status === 401`.
bool relays(std::string_view text) {
  static const re2::RE2 compared("[=!]==?\\s*(?:(?:\\w+\\.)*\\w*(?i:unauthori[sz]ed|forbidden)|40["
                                 "13])\\b|\\b40[13]\\s*[=!]==?|\\bin\\s*[\\[({]\\s*40[13]\\b");
  return re2::RE2::PartialMatch(piece(text), compared);
}

bool throws(std::string_view text) {
  static const re2::RE2 thrown("\\b(?:raise|throw|abort|panic)\\b");
  return re2::RE2::PartialMatch(piece(text), thrown);
}

/// Frameworks ask such a function whether somebody may go on.
bool decides(std::string_view text) {
  static const re2::RE2 asked("\\b(?:def\\s+(?:has_permission|test_func)|canActivate)\\s*\\(");
  return re2::RE2::PartialMatch(piece(text), asked);
}

bool answers(std::string_view text) {
  static const re2::RE2 anything("\\breturn\\s+[^\\s;]");
  static const re2::RE2 always("\\breturn\\s+(?i:true)\\s*;?\\s*\\}?\\s*$");
  return re2::RE2::PartialMatch(piece(text), anything)
         && !re2::RE2::PartialMatch(piece(text), always);
}

/// Express calls `(err, req, res, next)` for what went wrong, not before anything.
bool handles_errors(std::string_view text) {
  static const re2::RE2 parameters("\\(\\s*_?e(?:rr(?:or)?)?\\b[^,()]*,[^,()]*,[^,()]*,[^,()]*\\)");
  return re2::RE2::PartialMatch(piece(text), parameters);
}

using name_visitor = std::function<void(std::string_view)>;

/// What Python hands to those who register: `Depends(f)`, or a decorator by its name.
void each_handed_in_python(std::string_view text, const name_visitor& visit) {
  static const re2::RE2 given("\\b(?:Depends|Security|before_request|add_middleware)\\(([^(),]*)");
  static const re2::RE2 decorator("^\\s*@(?:\\w+\\.)*(\\w+)");
  auto rest = piece(text);
  re2::StringPiece found;
  while (re2::RE2::FindAndConsume(&rest, given, &found))
    each_identifier({found.data(), found.size()}, visit);
  if (re2::RE2::PartialMatch(piece(text), decorator, &found))
    visit({found.data(), found.size()});
}

/// Where the handler begins that is written where it is registered; the end: nowhere.
std::size_t inline_handler(std::string_view text) {
  static const re2::RE2 handler("=>|\\bfunc(?:tion)?\\b|\\basync\\b");
  re2::StringPiece inner;
  return handler.Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, &inner, 1)
             ? static_cast<std::size_t>(inner.data() - text.data())
             : text.size();
}

/// `f` of `app.get("", f, (req, res) => ...)` and of `app.use(f)`; `@F` of Java and TypeScript.
void each_handed(std::string_view text, const name_visitor& visit) {
  static const re2::RE2 registers(
      "\\.(?:use|addHook|Use|With|layer|route_layer)\\(|\\bListenAndServe(?:TLS)?\\(|"
      "\\.(?:get|post|put|delete|patch|all|route|Group|Handle|HandleFunc|GET|POST|PUT|DELETE|PATCH|"
      "Get|Post|Put|Delete|Patch|Any)\\(\\s*(?:\"\"|$)|^\\s*\\.(?:get|post|put|delete|patch|all)\\("
      "\\s*\\w[\\w.]*(?:\\([^()]*\\))?\\s*,"
      "|\\buseGlobalGuards\\(|\\b(?:preHandler|"
      "onRequest|preValidation|useClass|useExisting)"
      "\\s*:");
  static const re2::RE2 annotation("^\\s*@(\\w+)");
  static const re2::RE2 other(
      "(?i)^(?:get)?_?(?:current|remote)_?user|^api(?:bearer|property|response|security)|"
      "(?:route[rs]?|controller|service|options|config|client)$");
  const auto visit_guard = [&](std::string_view name) {
    if (!re2::RE2::PartialMatch(piece(name), other))
      visit(name);
  };
  re2::StringPiece found;
  if (re2::RE2::PartialMatch(piece(text), annotation, &found))
    visit_guard({found.data(), found.size()});
  if (registers.Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, &found, 1)) {
    const auto open = std::string_view(found.data(), found.size()).find('(');
    const auto from = static_cast<std::size_t>(found.data() - text.data())
                      + std::min(open, found.size()); // not what it is registered with
    const auto to = std::max(from, inline_handler(text));
    each_identifier(text.substr(from, to - from), visit_guard);
  }
}

/// `verify_token(request)`, `await requireUser(req)`: a statement that does nothing else.
std::string_view called_alone(std::string_view text) {
  static const re2::RE2 call("^\\s*(?:await\\s+)?(?:\\w+\\.)*"
                             "((?i:require|verify|check|ensure|assert|validate|authori[sz]e|"
                             "authenticate|enforce)\\w*)\\(.*\\)\\s*;?\\s*$");
  re2::StringPiece name;
  return re2::RE2::PartialMatch(piece(text), call, &name)
             ? std::string_view(name.data(), name.size())
             : std::string_view{};
}

/// The line without the texts in it.
std::string unquoted(std::string text) {
  static const re2::RE2 quoted(R"("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)");
  re2::RE2::GlobalReplace(&text, quoted, "\"\"");
  return text;
}

} // namespace

guard_place caller_check::find(const std::vector<region>& parts, bool before_others) const {
  for (const auto& part : parts) {
    if (handles_errors(code_[part.code].lines[part.first - 1]))
      continue;
    if (const auto line = refusing_line(part, before_others); line != 0)
      return {code_[part.code].file, line, true};
  }
  return {};
}

guard_place caller_check::find_read(const std::vector<region>& parts) const {
  for (const auto& part : parts) {
    for (auto line = part.first; line <= part.last; ++line) {
      if (role_in(part, line).names)
        return {code_[part.code].file, line, false, false, false, true};
    }
  }
  return {};
}

caller_check::line_role caller_check::role_in(const region& part, std::uint32_t line) const {
  return part.end == 0 ? roles_of(part.code)[line - 1]
                       : role_of(part.code, line, code_.text_of(part, line));
}

std::uint32_t caller_check::refusing_line(const region& part, bool before_others) const {
  std::uint32_t asked = 0;
  std::uint32_t denied = 0;
  std::uint32_t tested = 0;
  std::uint32_t passed = 0;
  std::uint32_t relayed = 0;
  std::uint32_t decided = 0;
  std::uint32_t partial = 0;
  for (auto line = part.first; line <= part.last; ++line) {
    const auto role = role_in(part, line);
    if (role.guards)
      return line;
    const auto is_near = [line](std::uint32_t before) {
      return before != 0 && line - before <= condition_lines;
    };
    asked = role.asks ? line : asked;
    denied = role.denies ? line : denied;
    tested = role.tests && !role.denies ? line : tested;
    passed = role.passes && is_near(tested) ? line : passed;
    relayed = role.relays ? line : relayed;
    decided = role.decides ? line : decided;
    if (decided != 0 && role.answers && line > decided && (role.asks || asked > decided))
      return role.asks ? line : asked;
    partial = role.partial ? line : role.tests ? 0 : partial;
    if (is_near(relayed) || (role.refuses() && goes_on(part, line))
        || (!before_others && is_near(partial))
        || (!before_others && role.refuses() && is_in_branch(part, line)))
      continue;
    if (role.asks_in || (role.forbids && asked != 0))
      return is_near(denied) ? denied : is_near(tested) ? tested : line;
    if (role.aborts && is_near(denied))
      return denied;
    if (role.aborts && passed != 0 && line - passed <= refusal_lines)
      return tested;
  }
  return 0;
}

/// Whether an answer was only written, and what follows it runs all the same: in Go and JavaScript,
/// where nothing leaves the function in its block and something stands behind that.
bool caller_check::goes_on(const region& part, std::uint32_t line) const {
  static const re2::RE2 leaves(
      "(?i)\\b(?:return|throw|panic|exit)\\b|abort|=>|\\bnext\\(\\s*[^)\\s]");
  static const re2::RE2 alone("^\\s*(?:else\\s+)?if\\b.*;\\s*$"); // all in one line
  static const re2::RE2 otherwise("^\\s*\\}\\s*else\\b");
  const auto language = code_.family(part.code);
  const auto& lines = code_[part.code].lines;
  if ((language != "Go" && language != "JavaScript") || part.end != 0)
    return false;
  if (re2::RE2::PartialMatch(piece(lines[line - 1]), leaves))
    return false;
  const auto own = indent_of(lines[line - 1]);
  bool in_block = !re2::RE2::PartialMatch(piece(lines[line - 1]), alone);
  for (auto below = line + 1; below <= part.last; ++below) {
    const auto text = trim(lines[below - 1]);
    if (text.empty() || code_[part.code].comments[below - 1])
      continue;
    if (re2::RE2::PartialMatch(piece(lines[below - 1]), otherwise))
      return false;
    const bool closes = text.starts_with('}') || text.starts_with(')');
    in_block = in_block && indent_of(lines[below - 1]) >= own && !closes;
    if (in_block && re2::RE2::PartialMatch(piece(text), leaves))
      return false;
    if (!in_block && !closes)
      return true;
  }
  return false;
}

/// Whether a condition on something else than the caller or the path is around the one that leads
/// to that line.
bool caller_check::is_in_branch(const region& part, std::uint32_t line) const {
  static const re2::RE2 condition("^\\s*\\}?\\s*(?:else\\s+)?(?:el)?if\\b");
  static const re2::RE2 where("(?i)path|url|route|method|options");
  const auto& lines = code_[part.code].lines;
  auto inner = indent_of(lines[line - 1]);
  bool is_own = !re2::RE2::PartialMatch(piece(lines[line - 1]), condition);
  const auto first = std::max(part.first, line - std::min(line, branch_lines));
  for (auto up = line - 1; up > first; --up) {
    const auto text = lines[up - 1];
    if (trim(text).empty() || indent_of(text) >= inner)
      continue;
    inner = indent_of(text);
    if (!re2::RE2::PartialMatch(piece(text), condition) || std::exchange(is_own, false))
      continue;
    if (!role_in(part, up).asks && !re2::RE2::PartialMatch(piece(text), where))
      return true;
  }
  return false;
}

const std::vector<caller_check::line_role>& caller_check::roles_of(std::size_t c) const {
  const auto [at, is_new] = roles_.try_emplace(c);
  if (is_new) {
    const auto& lines = code_[c].lines;
    at->second.reserve(lines.size());
    for (std::uint32_t line = 1; line <= lines.size(); ++line)
      at->second.push_back(role_of(c, line, lines[line - 1]));
  }
  return at->second;
}

caller_check::line_role caller_check::role_of(std::size_t c, std::uint32_t line,
                                              std::string_view code) const {
  line_role role;
  const auto& item = code_[c];
  if (item.comments[line - 1] || item.texts[line - 1] || trim(code).empty())
    return role;
  const auto text = effective_text(code, code_.language_of(c));
  role.relays = relays(text);
  const bool stops_nobody = item.swallowed[line - 1] && throws(text);
  if (!role.relays && !stops_nobody && !has(guards_.not_refusals, text)) {
    role.asks_in = has(guards_.unauthorized, text);
    role.forbids = has(guards_.forbidden, text);
    role.aborts = has(guards_.aborts, text);
  }
  role.passes = passes(text, guards_);
  role.decides = decides(text);
  role.answers = answers(text);
  if (has(guards_.not_guards, text))
    return role;
  const auto meant = without_said(text);
  role.names = has(guards_.authentication, meant);
  role.asks = role.names || has(guards_.credentials, meant);
  role.tests = (role.names || (role.asks && reads_request(meant))) && tests(meant);
  role.denies = role.tests && denies(meant);
  role.partial = tests(meant) && is_partial(meant, guards_);
  role.guards =
      !item.swallowed[line - 1]
      && (is_library_guard(c, line, text) || (role.names && is_named_guard(c, line, text)));
  return role;
}

/// The last name counts, but not in `passport.authenticate(` where the first is of another package.
bool caller_check::is_own_guard(std::size_t c, std::string_view text) const {
  std::string first;
  std::string last;
  each_identifier(text, [&](std::string_view name) {
    first = first.empty() ? std::string(name) : first;
    last = name;
  });
  const auto* import = code_.modules().find(c, first);
  const bool foreign = import != nullptr && !import->file && text.find(first + '.') != text.npos;
  if (foreign || first == "middleware")
    return false;
  return !code_.definitions(last, c).empty();
}

/// One that the repository defines itself is looked into. Settings below it may switch it off.
bool caller_check::is_library_guard(std::size_t c, std::uint32_t line,
                                    std::string_view text) const {
  re2::StringPiece found;
  if (!guards_.enforces.Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, &found, 1))
    return false;
  bool off = is_own_guard(c, {found.data(), found.size()});
  const auto& lines = code_[c].lines;
  const auto last = inline_handler(text) < text.size() ? line : closing_line(lines, line);
  for (auto below = line + 1; below <= last && !off; ++below)
    off = has(guards_.not_guards, lines[below - 1]);
  return !off;
}

/// A name that is handed to those who register, or called as a statement of its own.
bool caller_check::is_named_guard(std::size_t c, std::uint32_t line, std::string_view text) const {
  const auto code = unquoted(std::string(text));
  bool found = false;
  const auto look_at = [&](std::string_view name) { found = found || is_foreign_guard(c, name); };
  look_at(called_alone(code));
  if (code_.family(c) == "Python") {
    each_handed_in_python(code, look_at);
    return found;
  }
  each_handed(code, look_at);
  const auto& lines = code_[c].lines;
  const auto opening = opening_line(lines, line);
  if (opening != line && trim(code).ends_with(',')) // an argument on a line of its own
    each_handed(unquoted(std::string(trim(lines[opening - 1]))) + std::string(trim(code)), look_at);
  return found;
}

bool caller_check::is_foreign_guard(std::size_t c, std::string_view name) const {
  return has(guards_.authentication, name) && code_.definitions(std::string(name), c).empty();
}

} // namespace aeo::consolidate

#include "tools/consolidate/middleware.hpp"

#include "tools/consolidate/functions.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

/// A statement or a list of settings has so many lines at most.
constexpr std::uint32_t statement_lines = 40;

std::vector<std::string> names_in(std::string_view text) {
  static const re2::RE2 next("\\b([A-Za-z_][\\w.]*)");
  std::vector<std::string> found;
  auto rest = piece(text);
  for (std::string name; re2::RE2::FindAndConsume(&rest, next, &name);)
    found.push_back(name);
  return found;
}

/// Reads the path before the guards of `.use(`.
void read_path(std::string_view arguments, shared_guard& guard) {
  static const re2::RE2 path("^\\s*(\\[[^\\]]*\\]|\"[^\"]*\"|'[^']*'|`[^`$]*`)\\s*,");
  static const re2::RE2 unclear("^\\s*(?:[/`\\[\"']|[A-Z][A-Z0-9_]*\\s*,)");
  re2::StringPiece first;
  bool known = arguments.find(".unless(") == arguments.npos;
  if (re2::RE2::PartialMatch(piece(arguments), path, &first))
    guard.prefixes = texts_in({first.data(), first.size()});
  else
    known = known && !re2::RE2::PartialMatch(piece(arguments), unclear);
  for (const auto& text : guard.prefixes)
    known = known && text.find_first_of("*(:$") == std::string::npos;
  if (!known || (guard.prefixes.empty() && !first.empty()))
    guard.reach = guard_reach::unknown;
}

void read_use(std::string_view line, shared_guard& guard, std::string_view family) {
  static const re2::RE2 use("([\\w.]*\\w)\\.(?:[uU]se\\(|addHook\\(\\s*[\"']\\w+[\"']\\s*,|all\\("
                            "\\s*[\"']/?\\*[\"']\\s*,)(.*)");
  re2::StringPiece arguments;
  if (!re2::RE2::PartialMatch(piece(line), use, &guard.receiver, &arguments)) {
    guard.reach = guard_reach::unknown;
    return;
  }
  guard.reach = guard_reach::object;
  guard.ordered = family == "JavaScript" || family == "Go";
  read_path({arguments.data(), arguments.size()}, guard);
}

/// `dependencies=[...]` belongs to the call around it.
void read_dependencies(const std::vector<std::string_view>& lines, shared_guard& guard) {
  static const re2::RE2 made(
      "^\\s*((?:self\\.)?\\w+)\\b[^=(]*=\\s*(?:\\w+\\.)*(?:APIRouter|FastAPI)\\(");
  static const re2::RE2 included("^\\s*([\\w.]*\\w)\\.include_router\\(");
  guard.statement = opening_line(lines, guard.first);
  const auto text = piece(lines[guard.statement - 1]);
  guard.reach = guard_reach::nothing;
  if (re2::RE2::PartialMatch(text, made, &guard.receiver))
    guard.reach = guard_reach::object;
  else if (re2::RE2::PartialMatch(text, included, &guard.receiver))
    guard.reach = guard_reach::mount;
}

/// Settings of Django hold where they are set, not where a text names them.
void read_django(const std::vector<std::string_view>& lines, shared_guard& guard) {
  static const re2::RE2 list("^\\s*MIDDLEWARE(?:_CLASSES)?\\s*(?::[^=]*)?\\+?=");
  static const re2::RE2 permissions("^\\s*[\"']DEFAULT_PERMISSION_CLASSES[\"']\\s*:");
  const auto text = piece(lines[guard.first - 1]);
  guard.reach = guard_reach::nothing;
  if (re2::RE2::PartialMatch(text, permissions)) {
    guard.reach = guard_reach::rest;
    guard.last = closing_line(lines, guard.first);
  } else if (re2::RE2::PartialMatch(piece(lines[opening_line(lines, guard.first) - 1]), list)) {
    guard.reach = guard_reach::django;
  }
}

/// `mux.Handle("/admin/", requireAuth(admin))` guards what `admin` has; so does what a group is
/// made with. False: neither.
bool read_go(std::string_view line, shared_guard& guard) {
  static const re2::RE2 group("\\b(\\w+)\\s*:?=\\s*[\\w.]*\\w\\.Group\\(\\s*\"[^\"]*\"\\s*,");
  static const re2::RE2 handles("\\.Handle\\(");
  static const re2::RE2 wrapped("\\.Handle\\(.*[(,]\\s*(\\w+)\\)\\)+\\s*$");
  static const re2::RE2 chained("\\.Handle\\([^,]*,\\s*[\\w.]+\\(\\s*(\\w+)\\s*,.*\\)\\)\\s*$");
  for (const auto* form : {&chained, &wrapped, &group}) {
    if (re2::RE2::PartialMatch(piece(line), *form, &guard.receiver)) {
      guard.reach = guard_reach::object;
      return true;
    }
  }
  if (!re2::RE2::PartialMatch(piece(line), handles))
    return false;
  guard.reach = guard_reach::nothing;
  return true;
}

void read_python(const std::vector<std::string_view>& lines, shared_guard& guard) {
  static const re2::RE2 added(
      "([\\w.]*\\w)\\.(?:add_middleware\\b|before_request\\b|middleware\\()");
  static const re2::RE2 everywhere("\\.before_app_request\\b");
  static const re2::RE2 dependencies("\\bdependencies\\s*=\\s*\\[");
  static const re2::RE2 settings(
      "\\bMIDDLEWARE|LoginRequiredMiddleware|DEFAULT_PERMISSION_CLASSES");
  const auto text = piece(lines[guard.first - 1]);
  if (re2::RE2::PartialMatch(text, everywhere))
    guard.reach = guard_reach::flask;
  else if (re2::RE2::PartialMatch(text, added, &guard.receiver))
    guard.reach = guard_reach::object;
  else if (re2::RE2::PartialMatch(text, dependencies))
    read_dependencies(lines, guard);
  else if (re2::RE2::PartialMatch(text, settings))
    read_django(lines, guard);
}

/// `register(r, store)`: functions that get an object.
std::vector<mounting> hand_overs(std::string_view line) {
  static const re2::RE2 called("\\b(\\w+)\\(([^()]*)\\)");
  std::vector<mounting> found;
  auto rest = piece(line);
  std::string function;
  for (re2::StringPiece arguments;
       re2::RE2::FindAndConsume(&rest, called, &function, &arguments);) {
    for (const auto& name : names_in({arguments.data(), arguments.size()})) {
      mounting one;
      one.parent = name;
      one.children.push_back(function);
      one.hands_over = true;
      found.push_back(one);
    }
  }
  return found;
}

std::vector<mounting> script_mountings(std::string_view line) {
  static const re2::RE2 use("([\\w.]*\\w)\\.use\\((.*)\\)");
  static const re2::RE2 required("\\brequire\\(\\s*[\"'](\\.[^\"']*)[\"']\\s*\\)");
  static const re2::RE2 handed("\\brequire\\(\\s*[\"'](\\.[^\"']*)[\"']\\s*\\)\\(\\s*(\\w+)");
  std::vector<mounting> found;
  mounting one;
  std::string file;
  re2::StringPiece arguments;
  if (re2::RE2::PartialMatch(piece(line), handed, &file, &one.parent)) {
    one.files.push_back(file);
    found.push_back(one);
  } else if (re2::RE2::PartialMatch(piece(line), use, &one.parent, &arguments)) {
    const std::string_view inner(arguments.data(), arguments.size());
    const auto texts = texts_in(inner);
    if (!texts.empty() && (trim(inner).starts_with('"') || trim(inner).starts_with('\'')))
      one.path = texts.front();
    while (re2::RE2::FindAndConsume(&arguments, required, &file))
      one.files.push_back(file);
    for (const auto& name : names_in(inner))
      one.children.push_back(name.ends_with(".routes") ? name.substr(0, name.rfind('.')) : name);
    found.push_back(one);
  }
  return found;
}

} // namespace

std::vector<std::string> texts_in(std::string_view argument) {
  static const re2::RE2 next("[\"'`]([^\"'`]*)[\"'`]");
  std::vector<std::string> found;
  auto rest = piece(argument);
  std::string text;
  while (re2::RE2::FindAndConsume(&rest, next, &text))
    found.push_back(text);
  return found;
}

std::uint32_t opening_line(const std::vector<std::string_view>& lines, std::uint32_t line) {
  const auto own = indent_of(lines[line - 1]);
  const auto end = line > statement_lines ? line - statement_lines : 0;
  for (auto up = line - 1; up > end; --up) {
    const auto text = lines[up - 1];
    if (trim(text).empty() || indent_of(text) >= own)
      continue;
    const auto last = trim(text).back();
    return last == '(' || last == '[' || last == '{' ? up : line;
  }
  return line;
}

std::uint32_t closing_line(const std::vector<std::string_view>& lines, std::uint32_t line) {
  const auto text = trim(lines[line - 1]);
  if (text.empty() || std::string_view("[({").find(text.back()) == std::string_view::npos)
    return line;
  const auto end = std::min<std::size_t>(lines.size(), line + statement_lines);
  for (auto down = line + 1; down <= end; ++down) {
    const auto inner = trim(lines[down - 1]);
    if (indent_of(lines[down - 1]) > indent_of(lines[line - 1]))
      continue;
    if (inner.starts_with(']') || inner.starts_with(')') || inner.starts_with('}'))
      return down;
  }
  return line;
}

shared_guard read_shared_guard(const std::vector<std::string_view>& lines, std::uint32_t line,
                               std::string_view family) {
  static const re2::RE2 nest("\\bAPP_GUARD\\b|\\buseGlobalGuards\\(");
  static const re2::RE2 use("\\.(?:[uU]se|addHook)\\(|\\.all\\(\\s*[\"']/?\\*[\"']");
  const auto text = piece(lines[line - 1]);
  shared_guard guard;
  guard.first = guard.last = line;
  if (family == "Go" && read_go(lines[line - 1], guard))
    return guard;
  if (family == "JavaScript" && re2::RE2::PartialMatch(text, nest))
    guard.reach = guard_reach::nest;
  else if (re2::RE2::PartialMatch(text, use))
    read_use(lines[line - 1], guard, family);
  else if (family == "Python")
    read_python(lines, guard);
  else if (family == "Java")
    guard.reach = guard_reach::spring;
  return guard;
}

std::vector<mounting> read_mountings(std::string_view line, std::string_view family) {
  static const re2::RE2 group(
      "\\b([\\w.]*\\w)\\s*:?=\\s*([\\w.]*\\w)\\.(?:Group|PathPrefix|NewRoute|Host)\\("
      "(?:\\s*\"([^\"]*)\")?");
  static const re2::RE2 included("\\b([\\w.]*\\w)\\.(?:include_router|register_blueprint)\\(\\s*"
                                 "(\\w+(?:\\.\\w+)*)");
  if (family == "JavaScript") {
    auto found = script_mountings(line);
    if (!found.empty())
      return found;
  }
  mounting one;
  std::string child;
  one.makes = re2::RE2::PartialMatch(piece(line), group, &child, &one.parent, &one.path);
  if (one.makes || re2::RE2::PartialMatch(piece(line), included, &one.parent, &child)) {
    one.children.push_back(child);
    return {one};
  }
  return hand_overs(line);
}

bool exports_name(std::string_view text, const std::string& name) {
  const auto word = re2::RE2::QuoteMeta(name);
  const re2::RE2 given("(?:\\bexports(?:\\.\\w+)?\\s*=|\\bexport\\s+default)\\s*(?:async\\s+)?"
                       "(?:function\\s*\\w*\\s*)?(?:\\(\\s*|\\{[^}]*\\b)?"
                       + word + "\\b|\\bexport\\s+(?:(?:const|let|var)\\s+|\\{[^}]*\\b)" + word
                       + "\\b");
  return re2::RE2::PartialMatch(piece(text), given);
}

std::string receiver_of(std::string_view text, std::size_t route) {
  auto at = text.rfind('(', route == 0 ? 0 : route - 1);
  const auto skip_space = [&] {
    while (at > 0
           && (text[at - 1] == ' ' || text[at - 1] == '\t' || text[at - 1] == '\n'
               || text[at - 1] == '\r'))
      --at;
  };
  const auto skip_words = [&](bool dots) {
    const auto end = at;
    while (at > 0 && (is_identifier(text[at - 1]) || (dots && text[at - 1] == '.')))
      --at;
    return std::string(text.substr(at, end - at));
  };
  while (at != std::string_view::npos && at > 0) {
    skip_words(false); // the method
    skip_space();
    if (at == 0 || text[at - 1] != '.')
      return {};
    --at;
    skip_space();
    if (at == 0 || text[at - 1] != ')')
      return skip_words(true);
    int depth = 0; // another call of the chain
    do {
      --at;
      depth += text[at] == ')' ? 1 : text[at] == '(' ? -1 : 0;
    } while (at > 0 && depth > 0);
  }
  return {};
}

bool is_below_route(std::string_view route, std::string_view prefix) {
  while (prefix.ends_with('/'))
    prefix.remove_suffix(1);
  return route.starts_with(prefix)
         && (route.size() == prefix.size() || route[prefix.size()] == '/');
}

bool in_same_block(const std::vector<std::string_view>& lines, std::uint32_t from,
                   std::uint32_t to) {
  const auto own = indent_of(lines[from - 1]);
  for (auto line = from; line < to; ++line) {
    if (!trim(lines[line]).empty() && indent_of(lines[line]) < own)
      return false;
  }
  return true;
}

std::string_view django_project(std::string_view settings) {
  auto directory = dir_name(settings);
  if (base_name(directory) == "settings")
    directory = dir_name(directory);
  return dir_name(directory);
}

} // namespace aeo::consolidate

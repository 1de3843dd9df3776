#include "tools/consolidate/code_index.hpp"

#include "tools/consolidate/comment_lines.hpp"
#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/line_engine.hpp"
#include "tools/consolidate/middleware.hpp"
#include "tools/consolidate/parallel.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"
#include "tools/consolidate/route_shapes.hpp"
#include "tools/consolidate/variable_table.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

namespace aeo::consolidate {

namespace {

constexpr int call_depth = 3;
constexpr std::size_t few = 3;
constexpr std::uint32_t longest_function = 200; ///< lines
constexpr std::uint32_t longest_class = 2000;   ///< lines
constexpr std::uint32_t head_lines = 10;        ///< of a class, before its brace
constexpr std::uint64_t largest_code = 1U << 20;

/// A function of Rust that takes what it needs to have: not `Option<Claims>`.
bool is_extracted(std::string_view line) {
  static const re2::RE2 parameter(
      "^\\s*(?:(?:pub\\s+)?(?:async\\s+)?fn\\b.*)?[\\w)]\\s*:\\s*[A-Z]\\w*");
  static const re2::RE2 optional("\\b(?:Option|Result)<");
  const auto taken = piece(line.substr(0, line.find("->")));
  return re2::RE2::PartialMatch(taken, parameter) && !re2::RE2::PartialMatch(taken, optional);
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

/// Lines of `try` blocks after which it goes on all the same: what throws in them stops nobody.
std::vector<bool> swallowed_lines(const std::vector<std::string_view>& lines) {
  static const re2::RE2 tries("^\\s*try\\s*[:{]\\s*$");
  static const re2::RE2 catches("^\\s*(?:except\\b|\\}?\\s*catch\\b)");
  static const re2::RE2 ends(
      "\\b(?:raise|throw|abort|next|exit|panic|reject|redirect\\w*|res|reply|ctx|response|"
      "\\w*Response|jsonify|send\\w*|status\\w*|err\\w*\\()\\b|\\breturn\\s+(?:[^NnufF\\s;]|f\\w*"
      "\\()");
  std::vector<bool> found(lines.size());
  for (std::size_t from = 0; from < lines.size(); ++from) {
    if (!re2::RE2::PartialMatch(piece(lines[from]), tries))
      continue;
    const auto own = indent_of(lines[from]);
    const auto behind = [&](std::size_t head) {
      do
        ++head;
      while (head < lines.size() && (trim(lines[head]).empty() || indent_of(lines[head]) > own));
      return head;
    };
    const auto caught = behind(from);
    if (caught >= lines.size() || !re2::RE2::PartialMatch(piece(lines[caught]), catches))
      continue;
    const auto end = behind(caught);
    const bool goes_on =
        std::none_of(lines.begin() + static_cast<std::ptrdiff_t>(caught) + 1,
                     lines.begin() + static_cast<std::ptrdiff_t>(end),
                     [](auto line) { return re2::RE2::PartialMatch(piece(line), ends); });
    const bool braces = trim(lines[from]).ends_with('{');
    const auto next = end + 1; // behind the brace
    if (braces
        && (next >= lines.size() || indent_of(lines[next]) < own
            || trim(lines[next]).starts_with('}')))
      continue; // Nothing goes on.
    if (goes_on)
      std::fill(found.begin() + static_cast<std::ptrdiff_t>(from) + 1,
                found.begin() + static_cast<std::ptrdiff_t>(caught), true);
  }
  return found;
}

} // namespace

code_index::code_index(const step_context& context, const survey& all, const rule_set& rules,
                       std::size_t source)
    : all_(all), rules_(rules) {
  const function_finder finder(context.config.security);
  for (std::size_t f = 0; f < all.files.size(); ++f) {
    const auto& file = all.files[f];
    if (file.source == source && file.facts.size <= largest_code
        && finder.knows(file.facts.language) && is_readable_text(all, file)
        && !is_excluded(context, all, file) && is_production(context, all.tracked(file).path))
      code_.push_back({f, {}, {}, {}, {}, {}, {}, {}});
  }
  for_each_parallel(code_.size(), [&](std::size_t c) {
    auto& item = code_[c];
    const auto& file = all.files[item.file];
    item.text = read_content(all, file);
    item.lines = split(item.text, '\n');
    const auto* lang = language_by_name(file.facts.language);
    item.comments = comment_lines(item.text, lang);
    item.comments.resize(item.lines.size());
    item.texts = lines_in_texts(item.text, lang);
    item.texts.resize(item.lines.size());
    item.swallowed = swallowed_lines(item.lines);
    if (registers(region{c, 1, static_cast<std::uint32_t>(item.lines.size())}))
      item.classes = class_lines(item.lines, item.comments);
    item.functions = finder.find(file.facts.language, item.lines);
  });
  const auto& security = context.config.security;
  const re2::RE2 guards("\\b(?:Depends|Security)\\(|(?:" + security.authentication
                            + ")|(?:" + security.enforces + ")",
                        line_engine::options());
  std::vector<module_source> sources;
  for (std::size_t c = 0; c < code_.size(); ++c) {
    sources.push_back({path_of(c), family(c), code_[c].text});
    note_functions(c);
    note_values(c, guards);
    note_classes(c);
    if (family(c) == "JavaScript")
      note_exports(c);
  }
  modules_ = std::make_unique<module_index>(sources);
}

void code_index::note_functions(std::size_t c) {
  const bool python = family(c) == "Python";
  std::uint32_t reached = 0; // by the functions so far
  for (std::size_t i = 0; i < code_[c].functions.size(); ++i) {
    const auto& item = code_[c].functions[i];
    by_name_[item.name].push_back({c, i});
    const bool is_inner = item.first <= std::exchange(reached, std::max(reached, item.last));
    if (python && is_inner)
      continue; // Nobody outside means it, and what is around it has its lines.
    functions_[item.name].push_back(
        {c, first_decorator(c, item.first), std::min(item.last, item.first + longest_function)});
  }
}

void code_index::note_classes(std::size_t c) {
  static const re2::RE2 head(
      "^\\s*(?:(?:export|default|public|final|abstract|open)\\s+)*class\\s+(\\w+)");
  const auto& lines = code_[c].lines;
  static const re2::RE2 extractor("^impl\\b.*\\bFromRequest(?:Parts)?\\b.*\\bfor\\s+(\\w+)");
  const bool braces = family(c) != "Python";
  const auto& begins = family(c) == "Rust" ? extractor : head;
  std::string name;
  for (std::uint32_t line = 1; line <= lines.size(); ++line) {
    if (code_[c].comments[line - 1]
        || !re2::RE2::PartialMatch(piece(lines[line - 1]), begins, &name))
      continue;
    const auto own = lines[line - 1].find_first_not_of(" \t");
    auto last = line;
    while (braces && last < lines.size() && last < line + head_lines
           && lines[last - 1].find('{') == std::string_view::npos)
      ++last;
    while (last < lines.size()
           && (trim(lines[last]).empty() || lines[last].find_first_not_of(" \t") > own))
      ++last;
    if (braces && last < lines.size())
      ++last; // the brace
    classes_[name].push_back({c, first_decorator(c, line), std::min(last, line + longest_class)});
  }
}

/// `module.exports = (req, res, next) => ...`: the script is that function.
void code_index::note_exports(std::size_t c) {
  static const re2::RE2 itself(
      "^(?:module\\.exports\\s*=|exports\\s*=\\s*module\\.exports\\s*=|export\\s+default)\\s*"
      "(?:async\\s*)?(?:function\\b|\\(|\\w+\\s*=>|\\w+\\.\\w+\\()");
  static const re2::RE2 named("^(?:module\\.exports\\s*=|export\\s+default)\\s*(\\w+)\\s*;?\\s*$");
  const auto& item = code_[c];
  const auto& lang = language_of(c);
  std::string name;
  for (std::uint32_t line = 1; line <= item.lines.size(); ++line) {
    const auto text = piece(item.lines[line - 1]);
    if (re2::RE2::PartialMatch(text, itself))
      exports_[c].push_back({c, line, statement_end(item.lines, line, lang, false)});
    if (!re2::RE2::PartialMatch(text, named, &name))
      continue;
    for (const auto* from : {&functions_, &values_}) {
      if (const auto found = from->find(name); found != from->end())
        std::copy_if(found->second.begin(), found->second.end(), std::back_inserter(exports_[c]),
                     [&](const region& part) { return part.code == c; });
    }
  }
}

/// `scheme = HTTPBearer()`, `const auth = passport.authenticate("jwt")`, in no block.
void code_index::note_values(std::size_t c, const re2::RE2& guards) {
  static const re2::RE2 head(
      "^(?:export\\s+)?(?:(?:const|let|var)\\s+)?(\\w+)\\s*(?::[^=]*)?=[^=>]");
  static const re2::RE2 brought("\\brequire\\(");
  static const re2::RE2 made(
      "^\\w+\\s*=\\s*[A-Z]\\w*(?:Check|Guard|Permission|Role|Auth|Requir)\\w*\\(");
  const auto& item = code_[c];
  std::string name;
  for (std::uint32_t line = 1; line <= item.lines.size(); ++line) {
    const auto text = piece(item.lines[line - 1]);
    if (item.comments[line - 1] || item.texts[line - 1] || text.find('(') == text.npos
        || !re2::RE2::PartialMatch(text, head, &name) || re2::RE2::PartialMatch(text, brought))
      continue;
    const auto last = closing_line(item.lines, line);
    bool guard = re2::RE2::PartialMatch(text, made);
    for (auto at = line; at <= last && !guard; ++at)
      guard = re2::RE2::PartialMatch(piece(item.lines[at - 1]), guards);
    if (guard)
      values_[name].push_back({c, line, last});
  }
}

/// In Python the decorators above a function or class belong to it.
std::uint32_t code_index::first_decorator(std::size_t c, std::uint32_t line) const {
  while (family(c) == "Python" && line > 1 && trim(code_[c].lines[line - 2]).starts_with('@'))
    --line;
  return line;
}

const std::string& code_index::path_of(std::size_t c) const {
  return all_.tracked(all_.files[code_[c].file]).path;
}

std::string_view code_index::family(std::size_t c) const {
  const std::string_view language = facts(c).language;
  if (language == "TypeScript" || language == "Vue" || language == "Svelte")
    return "JavaScript";
  if (language == "Kotlin" || language == "Scala")
    return "Java";
  if (language == "C++" || language == "C header")
    return "C";
  return language;
}

const std::vector<function_id>& code_index::functions_named(const std::string& name) const {
  static const std::vector<function_id> none;
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? none : found->second;
}

const function_extent& code_index::function(const function_id& id) const {
  return code_[id.code].functions[id.function];
}

bool code_index::registers(const function_id& id) const {
  const auto& extent = function(id);
  return registers(region{id.code, extent.first, extent.last});
}

bool code_index::registers(const region& part) const {
  const auto& hits = facts(part.code).checks;
  return std::any_of(hits.begin(), hits.end(), [&](const check_hit& hit) {
    return hit.rule >= rules_.checks().first_route() && part.first <= hit.line
           && hit.line <= part.last;
  });
}

const function_extent* code_index::enclosing(std::size_t c, std::uint32_t line) const {
  const function_extent* found = nullptr;
  for (const auto& item : code_[c].functions) {
    if (item.first <= line && line <= item.last)
      found = &item; // the last one is the innermost
  }
  return found;
}

/// What the file itself means by it, or imports, or has around it, before what stands elsewhere. A
/// name with many definitions (`get`, `run`) tells nothing.
std::vector<region> code_index::resolved(const table& from, const std::string& name,
                                         std::size_t c) const {
  const auto* import = modules_->find(c, name);
  const auto at =
      from.find(import != nullptr && !import->original.empty() ? import->original : name);
  if (at == from.end())
    return {};
  std::vector<region> found;
  const auto keep = [&](auto is) {
    found.clear();
    std::copy_if(
        at->second.begin(), at->second.end(), std::back_inserter(found),
        [&](const region& part) { return family(part.code) == family(c) && is(part.code); });
    return !found.empty();
  };
  const auto& near = modules_->imported_by(c);
  const bool told =
      keep([&](std::size_t code) { return code == c; })
      || (import != nullptr
          && (!import->file || keep([&](std::size_t code) { return code == *import->file; })))
      || keep([&](std::size_t code) { return near.contains(code); })
      || keep([&](std::size_t code) { return dir_name(path_of(code)) == dir_name(path_of(c)); });
  if (!told)
    keep([](std::size_t) { return true; });
  return found.size() > few ? std::vector<region>{} : found;
}

/// A value (`router`, `app`) is what the file itself means by it, or imports.
std::vector<region> code_index::value_of(const std::string& name, std::size_t c) const {
  auto found = resolved(values_, name, c);
  const auto* import = modules_->find(c, name);
  std::erase_if(found, [&](const region& part) {
    return part.code != c && (import == nullptr || import->file != part.code);
  });
  return found;
}

/// What a name means that is looked up `in` another one. Where that tells no file, only one
/// definition tells anything, and what servers and clients are asked for (`get`) nothing.
std::vector<region> code_index::meant(const table& from, std::string_view in,
                                      const std::string& name, std::size_t c) const {
  static const re2::RE2 own("self|cls|this|super|static|parent");
  static const re2::RE2 common(
      "(?i)get|post|put|delete|patch|head|options|all|use|route|handle\\w*|query|run|json|send");
  if (in.empty() || re2::RE2::FullMatch(piece(in), own))
    return resolved(from, name, c);
  const auto at = from.find(name);
  if (at == from.end())
    return {};
  auto found = at->second;
  std::erase_if(found, [&](const region& part) { return family(part.code) != family(c); });
  if (const auto* import = modules_->find(c, std::string(in))) {
    std::erase_if(found, [&](const region& part) { return import->file != part.code; });
    return found.size() > few ? std::vector<region>{} : found;
  }
  if (re2::RE2::FullMatch(name, common))
    return {};
  auto packaged = found; // Go names packages by their folders.
  std::erase_if(packaged,
                [&](const region& part) { return base_name(dir_name(path_of(part.code))) != in; });
  if (family(c) == "Go" && !packaged.empty())
    found = std::move(packaged);
  return found.size() > 1 ? std::vector<region>{} : found;
}

/// What a script imports as a whole under that name.
std::vector<region> code_index::exported_to(const std::string& name, std::size_t c) const {
  const auto* import = family(c) == "JavaScript" ? modules_->find(c, name) : nullptr;
  if (import == nullptr || !import->file || !import->original.empty())
    return {};
  const auto found = exports_.find(*import->file);
  return found == exports_.end() ? std::vector<region>{} : found->second;
}

std::vector<region> code_index::definitions(const std::string& name, std::size_t c) const {
  auto found = exported_to(name, c);
  const auto add = [&](const std::vector<region>& more) {
    found.insert(found.end(), more.begin(), more.end());
  };
  add(resolved(functions_, name, c));
  add(resolved(classes_, name, c));
  add(value_of(name, c));
  return found;
}

std::vector<region> code_index::closure(std::vector<region> parts, bool past_routes) const {
  static const re2::RE2 declared("\\b(?:class|def|fn|function)\\s+(\\w+)");
  static const re2::RE2 names_classes(
      "\\b(?:Depends|Security|add_middleware)\\(|"
      "\\bpermission_classes\\b|Middleware[\"']|^\\w+\\s*=\\s*[A-Z]\\w*\\(|\\bUseGuards\\(|"
      "\\buse(?:Class|Existing|GlobalGuards)\\b|\\bclass\\s");
  std::set<std::tuple<std::size_t, std::uint32_t, std::uint32_t>> seen;
  const auto enter = [&](const std::vector<region>& found) {
    for (const auto& part : found) {
      if ((!past_routes || !registers(part))
          && seen.emplace(part.code, part.first, part.last).second)
        parts.push_back(part);
    }
  };
  for (const auto& part : parts)
    seen.emplace(part.code, part.first, part.last);
  std::size_t begin = 0;
  for (int depth = 0; depth < call_depth; ++depth) {
    const auto end = parts.size();
    for (; begin < end; ++begin) {
      const auto part = parts[begin];
      for (auto line = part.first; line <= part.last; ++line) {
        const auto& item = code_[part.code];
        if (item.comments[line - 1] || item.texts[line - 1] || item.swallowed[line - 1])
          continue; // it calls nothing, or whatever that throws stops nobody
        const auto text = without_texts(text_of(part, line));
        const bool classes = re2::RE2::PartialMatch(text, names_classes)
                             || (family(part.code) == "Rust" && is_extracted(text));
        std::string own; // what the line itself begins
        re2::RE2::PartialMatch(text, declared, &own);
        each_qualified(text, [&](std::string_view in, std::string_view identifier) {
          const std::string name(identifier);
          if (name == own)
            return;
          enter(meant(functions_, in, name, part.code));
          if (in.empty()) {
            enter(value_of(name, part.code));
            enter(exported_to(name, part.code));
          }
          if (classes)
            enter(meant(classes_, in, name, part.code));
        });
      }
    }
  }
  return parts;
}

} // namespace aeo::consolidate

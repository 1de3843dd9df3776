#include "tools/consolidate/code_index.hpp"

#include "tools/consolidate/comment_lines.hpp"
#include "tools/consolidate/evidence.hpp"
#include "tools/consolidate/line_engine.hpp"
#include "tools/consolidate/middleware.hpp"
#include "tools/consolidate/parallel.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"
#include "tools/consolidate/variable_table.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace aeo::consolidate {

namespace {

constexpr int call_depth = 3;
constexpr std::size_t few = 3;
constexpr std::uint32_t longest_function = 200; ///< lines
constexpr std::uint64_t largest_code = 1U << 20;

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
      code_.push_back({f, {}, {}, {}, {}, {}});
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
    item.functions = finder.find(file.facts.language, item.lines);
  });
  const auto& security = context.config.security;
  const re2::RE2 guards("\\b(?:Depends|Security)\\(|(?:" + security.authentication
                            + ")|(?:" + security.enforces + ")",
                        line_engine::options());
  for (std::size_t c = 0; c < code_.size(); ++c) {
    note_values(c, guards);
    for (std::size_t i = 0; i < code_[c].functions.size(); ++i)
      by_name_[code_[c].functions[i].name].push_back({c, i});
    if (family(c) == "Python")
      note_classes(c);
  }
}

void code_index::note_classes(std::size_t c) {
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

/// `scheme = HTTPBearer()`, `const auth = passport.authenticate("jwt")`, in no block.
void code_index::note_values(std::size_t c, const re2::RE2& guards) {
  static const re2::RE2 head(
      "^(?:export\\s+)?(?:(?:const|let|var)\\s+)?(\\w+)\\s*(?::[^=]*)?=[^=>]");
  static const re2::RE2 brought("\\brequire\\(");
  const auto& item = code_[c];
  std::string name;
  for (std::uint32_t line = 1; line <= item.lines.size(); ++line) {
    const auto text = piece(item.lines[line - 1]);
    if (item.comments[line - 1] || item.texts[line - 1] || text.find('(') == text.npos
        || !re2::RE2::PartialMatch(text, head, &name) || re2::RE2::PartialMatch(text, brought))
      continue;
    const auto last = closing_line(item.lines, line);
    bool guard = false;
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
  const auto& hits = facts(id.code).checks;
  return std::any_of(hits.begin(), hits.end(), [&](const check_hit& hit) {
    return hit.rule >= rules_.checks().first_route() && extent.first <= hit.line
           && hit.line <= extent.last;
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

const std::vector<region>& code_index::classes_named(const std::string& name) const {
  static const std::vector<region> none;
  const auto found = classes_.find(name);
  return found == classes_.end() ? none : found->second;
}

/// A name with many definitions (`get`, `run`) tells nothing but in a file that has its own.
std::vector<region> code_index::nearest(std::vector<region> found, std::size_t c) const {
  std::erase_if(found, [&](const region& part) { return family(part.code) != family(c); });
  if (found.size() > few)
    std::erase_if(found, [&](const region& part) { return part.code != c; });
  if (found.size() > few)
    found.clear();
  return found;
}

std::vector<region> code_index::functions_for(const std::string& name, std::size_t c,
                                              bool past_routes) const {
  std::vector<region> found;
  for (const auto& id : functions_named(name)) {
    const auto& called = function(id);
    if (!past_routes || !registers(id))
      found.push_back({id.code, first_decorator(id.code, called.first),
                       std::min(called.last, called.first + longest_function)});
  }
  return nearest(std::move(found), c);
}

std::vector<region> code_index::definitions(const std::string& name, std::size_t c) const {
  auto found = functions_for(name, c, false);
  for (const auto* table : {&classes_, &values_}) {
    const auto named = table->find(name);
    if (named == table->end())
      continue;
    const auto more = nearest(named->second, c);
    found.insert(found.end(), more.begin(), more.end());
  }
  return found;
}

std::vector<region> code_index::closure(std::vector<region> parts, bool past_routes) const {
  static const re2::RE2 names_classes("^\\s*class\\s|\\b(?:Depends|Security|add_middleware)\\(|"
                                      "\\bpermission_classes\\b|Middleware[\"']");
  std::set<std::pair<std::size_t, std::uint32_t>> seen;
  const auto enter = [&](const std::vector<region>& found) {
    for (const auto& part : found) {
      if (seen.emplace(part.code, part.first).second)
        parts.push_back(part);
    }
  };
  std::size_t begin = 0;
  for (int depth = 0; depth < call_depth; ++depth) {
    const auto end = parts.size();
    for (; begin < end; ++begin) {
      const auto part = parts[begin];
      for (auto line = part.first; line <= part.last; ++line) {
        const auto& item = code_[part.code];
        if (item.comments[line - 1] || item.texts[line - 1])
          continue; // what is only said names what it does not call
        const auto text = without_texts(item.lines[line - 1]);
        const bool classes =
            family(part.code) == "Python" && re2::RE2::PartialMatch(text, names_classes);
        each_identifier(text, [&](std::string_view identifier) {
          const std::string name(identifier);
          enter(functions_for(name, part.code, past_routes));
          if (const auto found = values_.find(name); found != values_.end())
            enter(nearest(found->second, part.code));
          if (classes)
            enter(nearest(classes_named(name), part.code));
        });
      }
    }
  }
  return parts;
}

} // namespace aeo::consolidate

#include "tools/consolidate/module_index.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace aeo::consolidate {

namespace {

/// `b`, `c as d`, `e: f`: the name there and the name here.
std::vector<std::pair<std::string, std::string>> listed_names(std::string_view list) {
  static const re2::RE2 next("(\\w+)(?:\\s*(?::|\\bas\\b)\\s*(\\w+))?");
  std::vector<std::pair<std::string, std::string>> found;
  auto rest = piece(list);
  std::string there;
  std::string here;
  while (re2::RE2::FindAndConsume(&rest, next, &there, &here))
    found.emplace_back(there, here.empty() ? there : here);
  return found;
}

} // namespace

module_index::module_index(const std::vector<module_source>& sources) : tables_(sources.size()) {
  for (std::size_t c = 0; c < sources.size(); ++c) {
    const auto& path = paths_.emplace_back(sources[c].path);
    families_.push_back(sources[c].family);
    const auto stem = path.substr(0, path.rfind('.'));
    stems_[stem].push_back(c);
    names_[std::string(base_name(stem))].push_back(c);
  }
  for (std::size_t c = 0; c < sources.size(); ++c) {
    if (sources[c].family == "JavaScript")
      read_script(c, sources[c].text);
    else if (sources[c].family == "Python")
      read_python(c, sources[c].text);
  }
}

const imported_name* module_index::find(std::size_t c, const std::string& name) const {
  const auto found = tables_[c].names.find(name);
  return found == tables_[c].names.end() ? nullptr : &found->second;
}

void module_index::add(std::size_t c, const std::string& name, imported_name what) {
  if (what.file)
    tables_[c].files.insert(*what.file);
  if (!name.empty())
    tables_[c].names[name] = std::move(what);
}

void module_index::read_script(std::size_t c, std::string_view text) {
  static const re2::RE2 import(
      "\\bimport\\s+(?:type\\s+)?([\\w\\s,{}*$:]*?)\\s*\\bfrom\\s*[\"']([^\"']+)[\"']");
  static const re2::RE2 require("\\b(?:const|let|var)\\s+(\\w+|\\{[^{}]*\\})\\s*=\\s*(?:await\\s+)?"
                                "(?:require|import)\\(\\s*[\"']([^\"']+)[\"']\\s*\\)");
  static const re2::RE2 bare("(?:\\brequire\\(|\\bfrom\\b|\\bimport\\b)\\s*[\"'](\\.[^\"']*)[\"']");
  re2::StringPiece clause;
  re2::StringPiece from;
  for (const auto* form : {&import, &require}) {
    auto rest = piece(text);
    while (re2::RE2::FindAndConsume(&rest, *form, &clause, &from))
      add_clause(c, {clause.data(), clause.size()}, {from.data(), from.size()});
  }
  auto rest = piece(text);
  while (re2::RE2::FindAndConsume(&rest, bare, &from))
    add(c, {}, {script_of(c, {from.data(), from.size()}), {}});
}

/// `a, {b, c as d}` or `* as e` of a script's import.
void module_index::add_clause(std::size_t c, std::string_view clause, std::string_view from) {
  static const re2::RE2 whole("^\\s*(?:\\*\\s*as\\s+)?(\\w+)");
  const auto file = script_of(c, from);
  const auto open = clause.find('{');
  std::string name;
  if (re2::RE2::PartialMatch(piece(clause.substr(0, open)), whole, &name))
    add(c, name, {file, {}});
  if (open == clause.npos)
    return;
  for (const auto& [there, here] : listed_names(clause.substr(open)))
    add(c, here, {file, there == "default" ? std::string{} : there});
}

void module_index::read_python(std::size_t c, std::string_view text) {
  static const re2::RE2 from_import(
      "(?m)^[ \\t]*from\\s+([.\\w]+)\\s+import\\s+(\\([^)]*\\)|[^\\n#;]*)");
  static const re2::RE2 import("(?m)^[ \\t]*import\\s+([\\w.]+)(?:\\s+as\\s+(\\w+))?");
  std::string module;
  std::string here;
  re2::StringPiece list;
  auto rest = piece(text);
  while (re2::RE2::FindAndConsume(&rest, from_import, &module, &list)) {
    add(c, {}, {module_of(c, module), {}});
    for (const auto& [there, name] : listed_names({list.data(), list.size()}))
      add(c, name, {module_of(c, module + (module.ends_with('.') ? "" : ".") + there), there});
  }
  rest = piece(text);
  while (re2::RE2::FindAndConsume(&rest, import, &module, &here))
    add(c, here.empty() ? module.substr(0, module.find('.')) : here, {module_of(c, module), {}});
}

std::optional<std::size_t> module_index::find_stem(std::size_t c, const std::string& stem) const {
  const auto found = stems_.find(stem);
  if (found == stems_.end())
    return std::nullopt;
  const auto same = std::find_if(found->second.begin(), found->second.end(),
                                 [&](std::size_t file) { return families_[file] == families_[c]; });
  return same == found->second.end() ? std::nullopt : std::optional(*same);
}

/// The one file whose path without extension ends so.
std::optional<std::size_t> module_index::find_end(std::size_t c, std::string_view end) const {
  const auto named = names_.find(std::string(base_name(end)));
  std::optional<std::size_t> found;
  if (named == names_.end())
    return found;
  for (const auto file : named->second) {
    const auto stem = std::string_view(paths_[file]).substr(0, paths_[file].rfind('.'));
    if (families_[file] != families_[c]
        || !("/" + std::string(stem)).ends_with("/" + std::string(end)))
      continue;
    if (found)
      return std::nullopt;
    found = file;
  }
  return found;
}

std::optional<std::size_t> module_index::script_of(std::size_t c, std::string_view name) const {
  static const re2::RE2 extension("\\.(?:[cm]?[jt]s|[jt]sx|vue|svelte)$");
  static const re2::RE2 alias("^(?:[@~]/|#|src/)(.+)$");
  std::string end;
  const bool is_alias = re2::RE2::FullMatch(piece(name), alias, &end);
  if (!name.starts_with('.') && !is_alias)
    return std::nullopt; // of another package
  auto stem = is_alias
                  ? end
                  : (std::filesystem::path(dir_name(paths_[c])) / name).lexically_normal().string();
  re2::RE2::Replace(&stem, extension, "");
  while (stem.ends_with('/') || stem == ".")
    stem.pop_back();
  for (const auto& one : {stem, join_path(stem, "index")}) {
    if (const auto found = is_alias ? find_end(c, one) : find_stem(c, one))
      return found;
  }
  return std::nullopt;
}

std::optional<std::size_t> module_index::module_of(std::size_t c, std::string name) const {
  auto directory = dir_name(paths_[c]);
  const auto dots = std::min(name.find_first_not_of('.'), name.size());
  for (std::size_t up = 1; up < dots; ++up)
    directory = dir_name(directory);
  name.erase(0, dots);
  std::replace(name.begin(), name.end(), '.', '/');
  const std::string outer(dir_name(name));
  for (;; directory = dir_name(directory)) {
    for (const auto& inner : {name, outer}) {
      for (const auto* package : {"", "/__init__"}) {
        const auto found =
            inner.empty() ? std::nullopt : find_stem(c, join_path(directory, inner + package));
        if (found)
          return found;
      }
    }
    if (dots > 0 || directory.empty())
      break;
  }
  // Where the path of modules is set elsewhere.
  if (dots == 0 && outer.find('/') != outer.npos)
    return find_end(c, outer);
  return dots == 0 && name.find('/') != name.npos ? find_end(c, name) : std::nullopt;
}

} // namespace aeo::consolidate

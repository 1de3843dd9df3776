#include "tools/consolidate/mounted_guards.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/route_shapes.hpp"

#include <algorithm>
#include <filesystem>

namespace aeo::consolidate {

namespace {

/// Mountings are followed so far.
constexpr int mount_depth = 4;

} // namespace

mounted_guards::mounted_guards(const code_index& code, const guard_rules& guards,
                               std::set<std::size_t> registering)
    : code_(code) {
  for (std::size_t c = 0; c < code.size(); ++c) {
    const auto& path = code.path_of(c);
    stems_[path.substr(0, path.rfind('.'))] = c;
    for (std::uint32_t line = 1; line <= code[c].lines.size(); ++line) {
      if (code[c].comments[line - 1] || !has(guards.middleware, code[c].lines[line - 1]))
        continue;
      guards_.push_back(read_shared_guard(code[c].lines, line, code.family(c)));
      guards_.back().code = c;
      registering.insert(c);
    }
  }
  for (const auto c : registering)
    note_attachments(c);
}

void mounted_guards::note_attachments(std::size_t c) {
  for (std::uint32_t line = 1; line <= code_[c].lines.size(); ++line) {
    if (code_[c].comments[line - 1])
      continue;
    for (const auto& item : read_mountings(code_[c].lines[line - 1], code_.family(c)))
      attach(c, line, item);
  }
}

void mounted_guards::attach(std::size_t c, std::uint32_t line, const mounting& item) {
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

void mounted_guards::attach_function(attachment one, const std::string& name) {
  const auto& named = code_.functions_named(name);
  if (named.size() != 1)
    return;
  const auto& id = named.front();
  one.child_code = id.code;
  one.function = &code_.function(id);
  const bool itself = id.code == one.code && one.function->first == one.line;
  if (!itself && code_.family(id.code) == code_.family(one.code) && code_.registers(id))
    attachments_.push_back(one);
}

void mounted_guards::attach_name(attachment one, const std::string& name) {
  const auto dot = name.find('.');
  const auto& from = import_of(one.code, name.substr(0, dot));
  one.child = name;
  if (from.empty() || one.makes) {
    attachments_.push_back(one);
    return;
  }
  const auto found =
      code_.family(one.code) == "Python" ? module_of(one.code, from) : script_of(one.code, from);
  if (!found)
    return;
  one.child_code = *found;
  if (code_.family(one.code) == "JavaScript")
    one.child.clear(); // It may have another name there.
  else
    one.child = dot == name.npos ? from.substr(from.rfind('.') + 1) : name.substr(dot + 1);
  attachments_.push_back(one);
}

const std::string& mounted_guards::import_of(std::size_t c, const std::string& name) const {
  const auto [at, is_new] = imports_.try_emplace({c, name});
  if (is_new)
    at->second = imported_from(code_[c].text, name, code_.family(c));
  return at->second;
}

bool mounted_guards::exports(std::size_t c, const std::string& name) const {
  const auto [at, is_new] = exports_.try_emplace({c, name});
  if (is_new)
    at->second = exports_name(code_[c].text, name);
  return at->second;
}

/// The file that `./other` names in a script.
std::optional<std::size_t> mounted_guards::script_of(std::size_t c, const std::string& name) const {
  static const re2::RE2 extension("\\.(?:[cm]?[jt]s|[jt]sx|vue|svelte)$");
  auto stem =
      (std::filesystem::path(dir_name(code_.path_of(c))) / name).lexically_normal().string();
  re2::RE2::Replace(&stem, extension, "");
  for (const auto* index : {"", "/index"}) {
    if (const auto found = stems_.find(stem + index); found != stems_.end())
      return found->second;
  }
  return std::nullopt;
}

/// The file of a Python module, or of the one that holds what the last part names.
std::optional<std::size_t> mounted_guards::module_of(std::size_t c, std::string name) const {
  auto directory = dir_name(code_.path_of(c));
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

bool mounted_guards::takes(const attachment& item, const registration& what) const {
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

std::vector<const mounted_guards::attachment*>
mounted_guards::attachments_of(const registration& what) const {
  std::vector<const attachment*> found;
  for (const auto& item : attachments_) {
    if (takes(item, what))
      found.push_back(&item);
  }
  return found;
}

/// Whether the guard stands before that in every place where it is mounted.
bool mounted_guards::reaches(const shared_guard& guard, const registration& what, int depth) const {
  const auto& lines = code_[guard.code].lines;
  const auto below = [&](const std::string& prefix) { return is_below_route(what.route, prefix); };
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
bool mounted_guards::takes_over(const shared_guard& guard, const registration& what) const {
  if (code_.family(what.code) != "JavaScript" || guard.code == what.code || what.receiver.empty())
    return false;
  const auto& from = import_of(what.code, what.receiver);
  return !from.empty() && script_of(what.code, from) == guard.code
         && exports(guard.code, guard.receiver);
}

cover mounted_guards::covers(const shared_guard& guard, const endpoint& item, std::size_t c) const {
  if (code_.family(guard.code) != code_.family(c))
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
    return item.rule == "django"
                   && is_below(code_.path_of(c), django_project(code_.path_of(guard.code)))
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
bool mounted_guards::may_be_mounted(std::size_t c) const {
  return code_.family(c) != "JavaScript" || code_[c].text.find("export") != std::string::npos;
}

} // namespace aeo::consolidate

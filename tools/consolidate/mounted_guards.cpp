#include "tools/consolidate/mounted_guards.hpp"

#include "tools/consolidate/line_engine.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/route_shapes.hpp"
#include "tools/consolidate/spring_chain.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

/// Mountings are followed so far.
constexpr int mount_depth = 4;
constexpr int most_look_ups = 500;

} // namespace

mounted_guards::mounted_guards(const code_index& code, const guard_rules& guards,
                               std::set<std::size_t> registering)
    : code_(code) {
  for (std::size_t c = 0; c < code.size(); ++c) {
    for (std::uint32_t line = 1; line <= code[c].lines.size(); ++line) {
      if (code[c].comments[line - 1] || !has(guards.middleware, code[c].lines[line - 1]))
        continue;
      guards_.push_back(read_shared_guard(code[c].lines, line, code.family(c)));
      guards_.back().code = c;
      guards_.back().last = std::max(guards_.back().last, last_line(c, line));
      registering.insert(c);
    }
  }
  for (const auto c : registering)
    note_attachments(c);
}

/// Of what is put before others: all of a function that is written there, or that a decorator of
/// Python stands before.
std::uint32_t mounted_guards::last_line(std::size_t c, std::uint32_t line) const {
  const auto& item = code_[c];
  if (code_.family(c) == "JavaScript" || code_.family(c) == "Go")
    return statement_end(item.lines, line, code_.language_of(c), false);
  if (code_.family(c) == "Python" && trim(item.lines[line - 1]).starts_with('@')) {
    for (const auto& function : item.functions) {
      if (function.first > line)
        return function.last;
    }
  }
  return line;
}

void mounted_guards::note_attachments(std::size_t c) {
  for (std::uint32_t line = 1; line <= code_[c].lines.size(); ++line) {
    if (code_[c].comments[line - 1])
      continue;
    const auto text = continued_line(code_[c].text, code_.offset_of(c, line));
    for (const auto& item : read_mountings(text, code_.family(c)))
      attach(c, line, item);
  }
}

void mounted_guards::attach(std::size_t c, std::uint32_t line, const mounting& item) {
  attachment one{c, line, item.parent, item.path, c, {}, nullptr, item.makes};
  for (const auto& file : item.files) {
    if (const auto found = code_.modules().script_of(c, file)) {
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
  const auto* import = code_.modules().find(one.code, name.substr(0, dot));
  one.child = name;
  if (import == nullptr || one.makes) {
    attachments_.push_back(one);
    return;
  }
  if (!import->file)
    return;
  one.child_code = *import->file;
  if (code_.family(one.code) == "JavaScript")
    one.child.clear(); // It may have another name there.
  else
    one.child = dot == name.npos ? import->original : name.substr(name.rfind('.') + 1);
  attachments_.push_back(one);
}

bool mounted_guards::exports(std::size_t c, const std::string& name) const {
  const auto [at, is_new] = exports_.try_emplace({c, name});
  if (is_new)
    at->second = exports_name(code_[c].text, name);
  return at->second;
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
  if (++looked_up_ > most_look_ups)
    return found; // Nobody mounts that often.
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
        guard.reach == guard_reach::mount ? what.line == guard.statement
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
  const auto* import = code_.modules().find(what.code, what.receiver);
  return import != nullptr && import->file == guard.code && exports(guard.code, guard.receiver);
}

cover mounted_guards::covers(const shared_guard& guard, const endpoint& item, std::size_t c) const {
  if (code_.family(guard.code) != code_.family(c))
    return cover::no;
  looked_up_ = 0;
  const bool here = guard.code == c;
  const registration what{c, item.line, item.receiver, item.route};
  switch (guard.reach) {
  case guard_reach::nothing:
    return cover::no;
  case guard_reach::unknown:
    return cover::maybe;
  case guard_reach::file:
    return here ? cover::yes : cover::maybe;
  case guard_reach::nest:
    return item.rule == "nest" ? cover::yes : cover::no;
  case guard_reach::flask:
    return item.rule.starts_with("python-") ? cover::yes : cover::no;
  case guard_reach::django:
  case guard_reach::rest:
    return item.rule == "django"
                   && is_below(code_.path_of(c), django_project(code_.path_of(guard.code)))
               ? cover::yes
               : cover::no;
  case guard_reach::spring:
    return spring_chain_guards(code_[guard.code].text, item.method, item.route) ? cover::yes
                                                                                : cover::maybe;
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

#include "tools/consolidate/handler_lines.hpp"

#include "tools/consolidate/middleware.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"
#include "tools/consolidate/route_shapes.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

/// So far below a decorator its function begins.
constexpr std::uint32_t decorator_lines = 40;
/// A method has so many annotations at most.
constexpr std::uint32_t annotations_above = 20;
constexpr int group_depth = 4;

} // namespace

std::vector<region> handler_lines::of(std::size_t c, std::uint32_t line, bool around) const {
  const auto& item = code_[c];
  if (around) {
    if (const auto* function = code_.enclosing(c, line))
      return {{c, function->first, function->last}};
  }
  if (trim(item.lines[line - 1]).starts_with('@'))
    return code_.family(c) == "Python" ? decorated(c, line) : annotated(c, line);
  const auto end = statement_end(item.lines, line, code_.language_of(c), false);
  std::vector<region> parts{{c, line, std::max(line, std::min(end, next_route(c, line) - 1))}};
  if (code_.family(c) == "PHP")
    add_groups(c, line, parts);
  else if (code_.family(c) == "Rust")
    add_layers(c, line, parts);
  return parts;
}

/// The next line that registers, beside this one or outside.
std::uint32_t handler_lines::next_route(std::size_t c, std::uint32_t line) const {
  const auto& lines = code_[c].lines;
  const auto& hits = code_.facts(c).checks; // in order of their lines
  const auto own = indent_of(lines[line - 1]);
  const auto below = std::find_if(
      std::upper_bound(hits.begin(), hits.end(), line,
                       [](std::uint32_t at, const check_hit& hit) { return at < hit.line; }),
      hits.end(), [&](const check_hit& hit) {
        return hit.line > lines.size()
               || (hit.rule >= checker_.first_route() && indent_of(lines[hit.line - 1]) <= own);
      });
  const auto none = static_cast<std::uint32_t>(lines.size()) + 1;
  return below == hits.end() ? none : std::min(below->line, none);
}

std::vector<region> handler_lines::decorated(std::size_t c, std::uint32_t line) const {
  for (const auto& function : code_[c].functions) {
    if (function.first > line && function.first <= line + decorator_lines)
      return {{c, line, std::min(function.last, function.first + 200)}};
  }
  return {{c, line, statement_end(code_[c].lines, line, code_.language_of(c), false)}};
}

std::vector<region> handler_lines::annotated(std::size_t c, std::uint32_t line) const {
  const auto& item = code_[c];
  auto first = line;
  while (first > 1 && line - first < annotations_above
         && trim(item.lines[first - 2]).starts_with('@'))
    --first;
  const auto end = statement_end(item.lines, line, code_.language_of(c), true);
  std::vector<region> parts{{c, first, std::max(line, std::min(end, next_route(c, line) - 1))}};
  if (const auto last = item.classes[first - 1]; last != 0)
    parts.push_back({c, class_head(item.lines, last), last});
  return parts;
}

/// `Route::middleware('auth')->group(function () {` around the route.
void handler_lines::add_groups(std::size_t c, std::uint32_t line,
                               std::vector<region>& parts) const {
  const auto& lines = code_[c].lines;
  for (int depth = 0; depth < group_depth; ++depth) {
    const auto outer = opening_line(lines, line);
    if (outer == line)
      return;
    auto first = outer;
    while (first > 1 && trim(lines[first - 1]).starts_with("->"))
      --first;
    parts.push_back({c, first, outer});
    line = first;
  }
}

/// `.route_layer(f)` below a route holds for those above it.
void handler_lines::add_layers(std::size_t c, std::uint32_t line,
                               std::vector<region>& parts) const {
  static const re2::RE2 layer("^\\s*\\.(?:route_)?layer\\(");
  const auto& lines = code_[c].lines;
  const auto end = statement_end(lines, line, code_.language_of(c), false);
  for (auto below = line + 1; below <= end; ++below) {
    if (re2::RE2::PartialMatch(piece(lines[below - 1]), layer))
      parts.push_back({c, below, statement_end(lines, below, code_.language_of(c), false)});
  }
}

} // namespace aeo::consolidate

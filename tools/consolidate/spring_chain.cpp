#include "tools/consolidate/spring_chain.hpp"

#include "tools/consolidate/middleware.hpp"
#include "tools/consolidate/piece.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace aeo::consolidate {

namespace {

/// The paths that matchers are given, in place or by constants of the same file; nothing if one of
/// those is not there.
std::optional<std::vector<std::string>> paths_in(std::string_view arguments,
                                                 std::string_view text) {
  static const re2::RE2 constant("\\b([A-Z][A-Z0-9_]{2,})\\b");
  auto found = texts_in(arguments);
  auto rest = piece(arguments);
  for (std::string name; re2::RE2::FindAndConsume(&rest, constant, &name);) {
    if (arguments.find("HttpMethod." + name) != arguments.npos)
      continue;
    const re2::RE2 defined("\\b" + name
                           + "\\b\\s*(?::[^=\\n]*)?=\\s*([^;]*?)(?:;|\\n\\s*\\n|\\)\\s*\\n|$)");
    re2::StringPiece value;
    const bool known = re2::RE2::PartialMatch(piece(text), defined, &value);
    const auto paths = known ? texts_in({value.data(), value.size()}) : std::vector<std::string>{};
    if (paths.empty())
      return std::nullopt;
    found.insert(found.end(), paths.begin(), paths.end());
  }
  if (found.empty())
    return std::nullopt;
  return found;
}

/// `/x/**` matches `/x` and what is below it. What else has a wildcard matches what begins so.
bool matches(std::string_view pattern, std::string_view route) {
  if (pattern.ends_with("/**")) {
    const auto base = pattern.substr(0, pattern.size() - 3);
    return route.starts_with(base) && (route.size() == base.size() || route[base.size()] == '/');
  }
  const auto wild = pattern.find_first_of("*{?");
  return wild == pattern.npos ? route == pattern : route.starts_with(pattern.substr(0, wild));
}

bool is_for(std::string_view arguments, const std::string& method) {
  static const re2::RE2 given("\\bHttpMethod\\.(\\w+)");
  std::string only;
  return !re2::RE2::PartialMatch(piece(arguments), given, &only) || method.empty()
         || only == method;
}

} // namespace

/// As Spring does: the first rule that matches decides.
bool spring_chain_guards(std::string_view text, const std::string& method, std::string_view route) {
  static const re2::RE2 rule(
      "(?:\\w*[mM]atchers?\\(((?:[^()]|\\([^()]*\\))*)\\)|(anyRequest)\\(\\))\\s*\\.\\s*(\\w+)|"
      "\\bauthorize\\(\\s*(?:(anyRequest)\\s*,|((?:[^(),]|,\\s*\"|,\\s*HttpMethod)*),)\\s*(\\w+)");
  static const re2::RE2 refuses("(?:fullyA|a)uthenticated|has\\w+|denyAll|rememberMe");
  static const re2::RE2 only("\\bsecurityMatchers?\\(");
  if (re2::RE2::PartialMatch(piece(text), only))
    return false;
  std::array<re2::StringPiece, 2> paths;
  std::array<std::string, 2> rest;
  std::array<std::string, 2> decision;
  auto left = piece(text);
  while (re2::RE2::FindAndConsume(&left, rule, &paths[0], &rest[0], &decision[0], &rest[1],
                                  &paths[1], &decision[1])) {
    const bool is_kotlin = decision[0].empty();
    const auto& given = paths[is_kotlin ? 1 : 0];
    const std::string_view arguments(given.data(), given.size());
    bool applies = !rest[is_kotlin ? 1 : 0].empty();
    if (!applies && is_for(arguments, method)) {
      const auto patterns = paths_in(arguments, text);
      if (!patterns)
        return false; // Nobody can tell.
      applies = std::any_of(patterns->begin(), patterns->end(),
                            [&](const auto& pattern) { return matches(pattern, route); });
    }
    if (applies)
      return re2::RE2::FullMatch(decision[is_kotlin ? 1 : 0], refuses);
  }
  return false;
}

} // namespace aeo::consolidate

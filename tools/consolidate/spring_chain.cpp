#include "tools/consolidate/spring_chain.hpp"

#include "tools/consolidate/piece.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace aeo::consolidate {

namespace {

std::vector<std::string> texts_of(std::string_view list) {
  static const re2::RE2 next("\"([^\"]*)\"");
  std::vector<std::string> found;
  auto rest = piece(list);
  for (std::string text; re2::RE2::FindAndConsume(&rest, next, &text);)
    found.push_back(text);
  return found;
}

/// The paths that matchers are given, in place or by constants of the same file; nothing if one of
/// those is not there.
std::optional<std::vector<std::string>> paths_in(std::string_view arguments,
                                                 std::string_view text) {
  static const re2::RE2 constant("\\b([A-Z][A-Z0-9_]{2,})\\b");
  auto found = texts_of(arguments);
  auto rest = piece(arguments);
  for (std::string name; re2::RE2::FindAndConsume(&rest, constant, &name);) {
    if (arguments.find("HttpMethod." + name) != arguments.npos)
      continue;
    const re2::RE2 defined("\\b" + name
                           + "\\b\\s*(?::[^=\\n]*)?=\\s*([^;]*?)(?:;|\\n\\s*\\n|\\)\\s*\\n|$)");
    re2::StringPiece value;
    const bool known = re2::RE2::PartialMatch(piece(text), defined, &value);
    const auto paths = known ? texts_of({value.data(), value.size()}) : std::vector<std::string>{};
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

bool spring_chain_guards(std::string_view text, const std::string& method, std::string_view route) {
  static const re2::RE2 rest("\\banyRequest(?:\\(\\)\\s*\\.|\\s*,)\\s*(?:fullyAuthenticated|"
                             "authenticated|hasRole|hasAuthority|hasAny|denyAll)");
  static const re2::RE2 permitted("\\w*[mM]atchers?\\(([^()]*)\\)\\s*\\.\\s*permitAll|"
                                  "\\bauthorize\\(([^()]*),\\s*permitAll\\s*\\)");
  static const re2::RE2 each("permitAll");
  static const re2::RE2 only("\\bsecurityMatchers?\\(");
  if (!re2::RE2::PartialMatch(piece(text), rest) || re2::RE2::PartialMatch(piece(text), only))
    return false;
  auto left = piece(text);
  int permissions = 0;
  while (re2::RE2::FindAndConsume(&left, each))
    ++permissions;
  left = piece(text);
  re2::StringPiece java;
  re2::StringPiece kotlin;
  while (re2::RE2::FindAndConsume(&left, permitted, &java, &kotlin)) {
    const auto& given = java.data() == nullptr ? kotlin : java;
    const std::string_view arguments(given.data(), given.size());
    --permissions;
    if (!is_for(arguments, method))
      continue;
    const auto patterns = paths_in(arguments, text);
    if (!patterns || std::any_of(patterns->begin(), patterns->end(), [&](const auto& pattern) {
          return matches(pattern, route);
        }))
      return false;
  }
  return permissions == 0;
}

} // namespace aeo::consolidate

#include "tools/consolidate/signature_check.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <algorithm>
#include <set>

namespace aeo::consolidate {

namespace {

/// What is computed in one function is followed into so many that call each other.
constexpr int hand_ons = 3;

using name_set = std::set<std::string>;

bool goes_on(std::string_view above, std::string_view line) {
  return line.starts_with('.') || line.starts_with("&&") || line.starts_with("||")
         || above.ends_with('(') || above.ends_with(',') || above.ends_with('=');
}

/// Lines that belong together as one.
std::vector<std::string> statements_of(const std::vector<std::string_view>& lines) {
  std::vector<std::string> statements;
  for (const auto& line : lines) {
    const auto text = trim(line);
    if (!statements.empty() && goes_on(statements.back(), text))
      statements.back() += text;
    else
      statements.emplace_back(text);
  }
  return statements;
}

bool mentions(std::string_view statement, const name_set& names) {
  static const re2::RE2 word("([A-Za-z_]\\w*)");
  auto rest = piece(statement);
  for (std::string name; re2::RE2::FindAndConsume(&rest, word, &name);) {
    if (names.contains(name))
      return true;
  }
  return false;
}

/// Only the call of a function that tells whether two values are the same: nobody hears what it
/// says. Of languages whose functions give back their last value it needs a semicolon.
bool is_unheard(std::string_view statement) {
  static const re2::RE2 call(
      "^(?:await\\s+)?(?:\\w+(?:\\.|::))*(?:(compare_digest|timingSafeEqual|Equal|"
      "ConstantTimeCompare|constant_time_compare)|hash_equals|isEqual|"
      "equals|secure_compare|strcmp|FixedTimeEquals)\\s*\\(");
  auto rest = piece(statement);
  std::string without_semicolon;
  if (!re2::RE2::Consume(&rest, call, &without_semicolon))
    return false;
  int depth = 1;
  while (depth > 0 && !rest.empty()) {
    depth += rest[0] == '(' ? 1 : rest[0] == ')' ? -1 : 0;
    rest.remove_prefix(1);
  }
  const auto behind = trim({rest.data(), rest.size()});
  const bool ends = behind.empty() || behind.starts_with('#') || behind.starts_with("//");
  return behind.starts_with(';') || (ends && !without_semicolon.empty());
}

bool compares(std::string statement) {
  static const re2::RE2 empty("(?:[=!]==?|\\bis(?:\\s+not)?)\\s*(?:nil|null|nullptr|undefined|None|"
                              "true|false|True|False|-?[0-9]+|\"\"|'')");
  static const re2::RE2 length("(?:\\.length|\\.size\\(\\)|\\blen\\([^()]*\\))\\s*[=!]==?\\s*"
                               "(?:len\\([^()]*\\)|[\\w.]+)");
  static const re2::RE2 comparison("[=!]==?|(?i:\\bequals?\\w*\\(|\\bcompare\\w*\\(|strcmp|"
                                   "\\.eql\\?|timing_?safe|hash_equals|secure_compare|isEqual\\(|"
                                   "constant_?time|fixed_?time)");
  if (is_unheard(statement))
    return false;
  re2::RE2::GlobalReplace(&statement, length, "");
  re2::RE2::GlobalReplace(&statement, empty, "");
  return re2::RE2::PartialMatch(statement, comparison);
}

/// Calls what verifies, by a function that is not looked into.
bool has_verified(std::string_view statement, const name_set& known) {
  static const re2::RE2 call("(?i)\\b(\\w*(?:verif|valid)\\w*)\\s*\\(");
  auto rest = piece(statement);
  for (std::string name; re2::RE2::FindAndConsume(&rest, call, &name);) {
    if (!known.contains(name))
      return true;
  }
  return false;
}

/// `h` of `const h = ...`, and both of `a, err := ...` but the error.
void add_assigned(std::string_view statement, name_set& names) {
  static const re2::RE2 assigned(
      "^(?:export\\s+)?(?:(?:const|let|var|val|final|auto)\\s+)?(?:[A-Z]\\w*\\s+|byte\\[\\]\\s+)?"
      "([\\w, ]+?)\\s*(?::\\s*[\\w<>\\[\\]]+\\s*)?:?=(?:[^=>]|$)");
  std::string list;
  if (!re2::RE2::PartialMatch(piece(statement), assigned, &list))
    return;
  for (const auto name : split(list, ',')) {
    const auto one = trim(name);
    if (one != "err" && one != "_" && one != "ok")
      names.emplace(one);
  }
}

} // namespace

bool is_compared(const std::vector<code_part>& parts, const re2::RE2& computes) {
  static const re2::RE2 returns("\\breturn\\b|=>");
  name_set known;
  for (const auto& part : parts)
    known.insert(part.function);
  name_set functions;
  for (int round = 0; round < hand_ons; ++round) {
    for (const auto& part : parts) {
      auto names = functions;
      for (const auto& statement : statements_of(part.lines)) {
        const bool computed = re2::RE2::PartialMatch(statement, computes);
        if (!computed && !mentions(statement, names))
          continue;
        if (compares(statement) || (computed && has_verified(statement, known)))
          return true;
        add_assigned(statement, names);
        if (!part.function.empty() && re2::RE2::PartialMatch(statement, returns))
          functions.insert(part.function);
      }
    }
  }
  return false;
}

} // namespace aeo::consolidate

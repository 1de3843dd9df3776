#include "tools/consolidate/variables.hpp"

#include "tools/consolidate/comment_lines.hpp"
#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace aeo::consolidate {

namespace {

/// How much text around a use is looked at for a default or a test of the value.
constexpr std::size_t around_bytes = 300;

std::unique_ptr<re2::RE2> compiled(const std::string& expression) {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_log_errors(false);
  auto result = std::make_unique<re2::RE2>("(?m)" + expression, options);
  if (!result->ok())
    throw failure(exit_status::configuration,
                  "\"" + expression + "\" does not compile: " + result->error());
  return result;
}

std::vector<std::unique_ptr<re2::RE2>> compiled(const std::vector<std::string>& list,
                                                const std::string& prefix = "") {
  std::vector<std::unique_ptr<re2::RE2>> result;
  result.reserve(list.size());
  for (const auto& expression : list)
    result.push_back(compiled(prefix + "(?:" + expression + ")"));
  return result;
}

bool any_matches(const std::vector<std::unique_ptr<re2::RE2>>& list, std::string_view text) {
  const re2::StringPiece piece(text.data(), text.size());
  return std::any_of(list.begin(), list.end(),
                     [&](const auto& item) { return re2::RE2::PartialMatch(piece, *item); });
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

} // namespace

variable_finder::variable_finder(const configuration_rules& rules) {
  std::string all;
  const auto note = [&](const std::vector<std::string>& list) {
    for (const auto& word : list)
      all += word + '\0';
    all += '\1';
  };
  for (const auto& rule : rules.uses) {
    idioms_.push_back({rule, compiled(rule.pattern), compiled(rule.required_before),
                       compiled(rule.required_after, "\\A"), compiled(rule.optional_after, "\\A"),
                       compiled(rule.optional_before), compiled(rule.not_after, "\\A"),
                       compiled(rule.not_before)});
    for (const auto& list :
         {std::vector<std::string>{rule.pattern, rule.guard ? "guard" : "",
                                   rule.unset_is_empty ? "empty" : ""},
          rule.languages, rule.paths, rule.hints, rule.required_before, rule.required_after,
          rule.optional_after, rule.optional_before, rule.not_after, rule.not_before})
      note(list);
  }
  for (const auto& rule : rules.assignments) {
    assignments_.push_back({rule.languages, compiled(rule.pattern)});
    note(rule.languages);
    note({rule.pattern});
  }
  digest_ = sha256_hex(all);
}

std::vector<std::string> variable_finder::assigned(std::string_view language,
                                                   std::string_view text) const {
  std::vector<std::string> names;
  for (const auto& item : assignments_) {
    if (!contains(item.languages, language))
      continue;
    re2::StringPiece rest(text.data(), text.size());
    std::string name;
    while (re2::RE2::FindAndConsume(&rest, *item.pattern, &name))
      names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool variable_finder::judge(const idiom& item, std::string_view before, std::string_view after,
                            found& use) {
  if (any_matches(item.not_after, after) || any_matches(item.not_before, before))
    return false;
  const bool demanded =
      any_matches(item.required_after, after) || any_matches(item.required_before, before);
  const bool optional =
      !demanded
      && (any_matches(item.optional_after, after) || any_matches(item.optional_before, before));
  use.use.required = demanded || (!optional && !item.rule.unset_is_empty);
  use.explicit_ = demanded || optional;
  use.guard = item.rule.guard;
  return true;
}

void variable_finder::find_idiom(const idiom& item, std::string_view text,
                                 std::vector<found>& out) {
  const re2::StringPiece piece(text.data(), text.size());
  const bool named = item.pattern->NumberOfCapturingGroups() > 0;
  std::array<re2::StringPiece, 2> match;
  std::size_t position = 0;
  std::size_t counted = 0;
  std::uint32_t line = 1;
  while (position < text.size()
         && item.pattern->Match(piece, position, text.size(), re2::RE2::UNANCHORED, match.data(),
                                named ? 2 : 1)) {
    const auto at = static_cast<std::size_t>(match[0].data() - text.data());
    position = at + std::max<std::size_t>(1, match[0].size());
    // What comes before a name may be the end of the line above.
    const bool has_name = named && match[1].data() != nullptr;
    const auto where = static_cast<std::size_t>(match[has_name ? 1 : 0].data() - text.data());
    line +=
        static_cast<std::uint32_t>(std::count(text.data() + counted, text.data() + where, '\n'));
    counted = where;
    const auto newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    const auto begin = std::max(newline == std::string_view::npos ? 0 : newline + 1,
                                at > around_bytes ? at - around_bytes : 0);
    const auto before = text.substr(begin, at - begin);
    found use;
    use.use.line = line;
    if (named)
      use.use.name = printable({match[1].data(), match[1].size()}, 200);
    if (judge(item, before, text.substr(position, around_bytes), use))
      out.push_back(std::move(use));
  }
}

std::vector<variable_use> variable_finder::find(std::string_view path, std::string_view language,
                                                std::string_view text) const {
  std::vector<found> seen;
  for (const auto& item : idioms_) {
    const auto& rule = item.rule;
    const bool applies = (rule.languages.empty() || contains(rule.languages, language))
                         && (rule.paths.empty() || any_glob_matches(rule.paths, path));
    if (applies && std::any_of(rule.hints.begin(), rule.hints.end(), [&](const auto& hint) {
          return text.find(hint) != std::string_view::npos;
        }))
      find_idiom(item, text, seen);
  }
  if (seen.empty())
    return {};
  const auto comments = comment_lines(text, language_by_name(language));
  std::erase_if(seen, [&](const found& item) {
    return item.use.line <= comments.size() && comments[item.use.line - 1];
  });
  const auto own = assigned(language, text);
  std::set<std::string> guarded;
  for (const auto& item : seen) {
    if (item.guard)
      guarded.insert(item.use.name);
  }
  std::vector<variable_use> uses;
  for (auto& item : seen) {
    // `X=${X:-1}` asks the environment, a bare `$X` after `X=1` does not.
    if (!item.explicit_ && std::binary_search(own.begin(), own.end(), item.use.name))
      continue;
    item.use.required = item.use.required && !guarded.contains(item.use.name);
    uses.push_back(std::move(item.use));
  }
  std::stable_sort(uses.begin(), uses.end(),
                   [](const auto& a, const auto& b) { return a.line < b.line; });
  return uses;
}

} // namespace aeo::consolidate

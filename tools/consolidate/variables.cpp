#include "tools/consolidate/variables.hpp"

#include "tools/consolidate/comment_lines.hpp"
#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"
#include "tools/consolidate/settings_fields.hpp"
#include "tools/consolidate/verbatim.hpp"

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

/// A pattern that names its object by this expression.
std::string pattern_with(std::string pattern, const std::string& object) {
  constexpr std::string_view place = "{object}";
  const auto at = pattern.find(place);
  return at == std::string::npos ? pattern
                                 : pattern.replace(at, place.size(), "(?:" + object + ")");
}

std::string object_pattern(const configuration_rules& rules, const std::string& id) {
  const auto found = std::ranges::find(rules.objects, id, &environment_object::id);
  return found == rules.objects.end() ? std::string{} : found->pattern;
}

} // namespace

variable_finder::variable_finder(const configuration_rules& rules) {
  std::string all;
  const auto note = [&](const std::vector<std::string>& list) {
    for (const auto& word : list)
      all += word + '\0';
    all += '\1';
  };
  for (const auto& item : rules.objects) {
    objects_.emplace(item.id, naming{compiled(item.aliases), item.rebinds});
    note({item.id, item.pattern});
    note(item.aliases);
    note(item.rebinds);
  }
  for (const auto& rule : rules.uses) {
    const auto pattern = pattern_with(rule.pattern, object_pattern(rules, rule.object));
    idioms_.push_back({rule, compiled(pattern), compiled(rule.required_before),
                       compiled(rule.required_after, "\\A"), compiled(rule.optional_after, "\\A"),
                       compiled(rule.optional_before), compiled(rule.not_after, "\\A"),
                       compiled(rule.not_before)});
    for (const auto& list :
         {std::vector<std::string>{pattern, rule.object, rule.guard ? "guard" : "",
                                   rule.unset_is_empty ? "empty" : "", rule.list ? "list" : ""},
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

std::vector<std::string> variable_finder::aliases(const std::string& object,
                                                  std::string_view text) const {
  std::vector<std::string> names;
  const auto found = objects_.find(object);
  if (found == objects_.end())
    return names;
  for (const auto& expression : found->second.aliases) {
    re2::StringPiece rest(text.data(), text.size());
    std::string name;
    while (re2::RE2::FindAndConsume(&rest, *expression, &name))
      names.push_back(name);
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::erase_if(names, [&](const auto& name) {
    return std::ranges::any_of(found->second.rebinds, [&](const auto& pattern) {
      return re2::RE2::PartialMatch(piece(text),
                                    *compiled(pattern_with(pattern, re2::RE2::QuoteMeta(name))));
    });
  });
  return names;
}

void variable_finder::add_list(const idiom& item, std::string_view list, std::uint32_t line,
                               std::size_t at, std::vector<found>& out) {
  static const re2::RE2 name(R"(\s*(?:(\w+)|(\.\.\.)|[\"'](\w+)[\"']))");
  for (const auto part : split(list, ',')) {
    std::array<re2::StringPiece, 4> match;
    if (name.Match({part.data(), part.size()}, 0, part.size(), re2::RE2::ANCHOR_START, match.data(),
                   match.size())) {
      const auto& word = match[1].empty() ? match[3] : match[1];
      const auto& where = word.empty() ? match[2] : word;
      const auto before = static_cast<std::size_t>(where.data() - list.data());
      found use;
      use.use.line = line + static_cast<std::uint32_t>(std::count(list.data(), where.data(), '\n'));
      use.use.name = printable({word.data(), word.size()}, 200);
      use.at = at + before;
      if (judge(item, "", part.substr(static_cast<std::size_t>(match[0].end() - part.data())), use))
        out.push_back(std::move(use));
    }
  }
}

void variable_finder::find_idiom(const idiom& item, const re2::RE2& pattern, bool alias,
                                 std::string_view text, std::vector<found>& out) {
  const re2::StringPiece piece(text.data(), text.size());
  const bool named = pattern.NumberOfCapturingGroups() > 0;
  std::array<re2::StringPiece, 2> match;
  std::size_t position = 0;
  std::size_t counted = 0;
  std::uint32_t line = 1;
  while (position < text.size()
         && pattern.Match(piece, position, text.size(), re2::RE2::UNANCHORED, match.data(),
                          named ? 2 : 1)) {
    const auto at = static_cast<std::size_t>(match[0].data() - text.data());
    position = at + std::max<std::size_t>(1, match[0].size());
    if (alias && at > 0 && (text[at - 1] == '.' || text[at - 1] == '$'))
      continue;
    // What comes before a name may be the end of the line above.
    const bool has_name = named && match[1].data() != nullptr;
    const auto where = static_cast<std::size_t>(match[has_name ? 1 : 0].data() - text.data());
    line +=
        static_cast<std::uint32_t>(std::count(text.data() + counted, text.data() + where, '\n'));
    counted = where;
    if (item.rule.list) {
      add_list(item, {match[1].data(), match[1].size()}, line, where, out);
      continue;
    }
    const auto newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
    const auto begin = std::max(newline == std::string_view::npos ? 0 : newline + 1,
                                at > around_bytes ? at - around_bytes : 0);
    const auto before = text.substr(begin, at - begin);
    found use;
    use.use.line = line;
    use.at = where;
    if (named)
      use.use.name = printable({match[1].data(), match[1].size()}, 200);
    if (judge(item, before, text.substr(position, around_bytes), use))
      out.push_back(std::move(use));
  }
}

void variable_finder::find_all(std::string_view path, std::string_view language,
                               std::string_view text, std::vector<found>& out) const {
  std::map<std::string, std::vector<std::string>> named; // object -> its other names here
  for (const auto& item : idioms_) {
    const auto& rule = item.rule;
    const bool applies = (rule.languages.empty() || contains(rule.languages, language))
                         && (rule.paths.empty() || any_glob_matches(rule.paths, path));
    if (!applies || std::none_of(rule.hints.begin(), rule.hints.end(), [&](const auto& hint) {
          return text.find(hint) != std::string_view::npos;
        }))
      continue;
    find_idiom(item, *item.pattern, false, text, out);
    if (rule.object.empty())
      continue;
    if (!named.contains(rule.object))
      named[rule.object] = aliases(rule.object, text);
    for (const auto& alias : named[rule.object])
      find_idiom(item, *compiled(pattern_with(rule.pattern, re2::RE2::QuoteMeta(alias))), true,
                 text, out);
  }
}

std::vector<variable_use> variable_finder::find(std::string_view path, std::string_view language,
                                                std::string_view text) const {
  std::vector<found> seen;
  find_all(path, language, text, seen);
  if (language == "Python") {
    for (auto& use : settings_fields(text))
      seen.push_back({std::move(use), text.size(), true, false});
  }
  if (seen.empty())
    return {};
  const auto verbatim = verbatim_texts(language, text);
  std::erase_if(seen, [&](const found& item) {
    return std::ranges::any_of(
        verbatim, [&](const byte_range& r) { return r.begin <= item.at && item.at < r.end; });
  });
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
  std::ranges::stable_sort(seen, {}, [](const found& x) { return std::pair(x.use.line, x.at); });
  std::vector<variable_use> uses;
  for (auto& item : seen) {
    // `X=${X:-1}` asks the environment, a bare `$X` after `X=1` does not.
    if (!item.explicit_ && std::binary_search(own.begin(), own.end(), item.use.name))
      continue;
    item.use.required = item.use.required && !guarded.contains(item.use.name);
    uses.push_back(std::move(item.use));
  }
  return uses;
}

} // namespace aeo::consolidate

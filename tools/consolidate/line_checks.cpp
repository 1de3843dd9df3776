#include "tools/consolidate/line_checks.hpp"

#include "tools/consolidate/comment_lines.hpp"
#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <algorithm>
#include <optional>

namespace aeo::consolidate {

line_checker::line_checker(const security_rules& rules)
    : checks_(rules.checks), routes_(rules.routes) {
  std::vector<line_engine::pattern> patterns;
  std::string all;
  const auto note = [&](const std::vector<std::string>& words) {
    for (const auto& word : words)
      all += word + '\0';
    all += '\1';
  };
  for (const auto& rule : checks_) {
    patterns.push_back({rule.keywords, rule.pattern, rule.continued});
    std::string unless;
    for (const auto& item : rule.unless)
      unless += (unless.empty() ? "(?:" : "|(?:") + item + ")";
    unless_.push_back(unless.empty() ? nullptr
                                     : std::make_unique<re2::RE2>(unless, line_engine::options()));
    note(rule.keywords);
    note(rule.languages);
    note(rule.paths);
    note({rule.id, rule.pattern, unless, rule.continued ? "continued" : ""});
  }
  add_routes(patterns);
  for (const auto& rule : routes_) {
    note(rule.keywords);
    note(rule.languages);
    note(rule.paths);
    note({rule.id, rule.pattern, rule.receiver, rule.made_by});
  }
  engine_ = std::make_unique<line_engine>(patterns);
  digest_ = sha256_hex(all);
}

void line_checker::add_routes(std::vector<line_engine::pattern>& patterns) {
  const auto compiled = [](const std::string& expression) {
    return expression.empty() ? nullptr
                              : std::make_unique<re2::RE2>(expression, line_engine::options());
  };
  for (const auto& rule : routes_) {
    patterns.push_back({rule.keywords, rule.pattern, true});
    receivers_.push_back(compiled(rule.receiver));
    makers_.push_back(compiled(rule.made_by));
    chains_.push_back(compiled(rule.chain));
    prefixes_.push_back(compiled(rule.prefix));
  }
}

bool line_checker::has_router(std::size_t index, std::string_view line,
                              std::string_view text) const {
  const auto* known = of(receivers_, index);
  const int group = group_number(expression(index), "receiver");
  if (known == nullptr || group < 0)
    return true;
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(group) + 1);
  if (!expression(index).Match(piece(line), 0, line.size(), re2::RE2::UNANCHORED, groups.data(),
                               static_cast<int>(groups.size())))
    return false;
  const auto& receiver = groups.back();
  if (receiver.empty() || re2::RE2::FullMatch(receiver, *known))
    return true;
  auto rest = piece(text);
  re2::StringPiece made;
  while (of(makers_, index) != nullptr
         && re2::RE2::FindAndConsume(&rest, *of(makers_, index), &made)) {
    if (made == receiver)
      return true;
  }
  return false;
}

bool line_checker::applies(std::size_t index, std::string_view path,
                           std::string_view language) const {
  const bool is_check = index < checks_.size();
  const auto& languages = is_check ? checks_[index].languages : route(index).languages;
  const auto& paths = is_check ? checks_[index].paths : route(index).paths;
  return (languages.empty()
          || std::find(languages.begin(), languages.end(), language) != languages.end())
         && (paths.empty() || any_glob_matches(paths, path));
}

std::vector<check_hit> line_checker::search(std::string_view path, std::string_view language,
                                            std::string_view text) const {
  std::vector<check_hit> hits;
  std::optional<std::vector<bool>> comments;
  std::size_t counted = 0;
  std::uint32_t number = 1;
  engine_->search(text, [&](std::size_t index, std::string_view line, std::size_t offset) {
    if (!applies(index, path, language))
      return;
    if (index < checks_.size() && unless_[index] != nullptr
        && re2::RE2::PartialMatch({line.data(), line.size()}, *unless_[index]))
      return;
    if (index >= checks_.size() && !has_router(index, line, text))
      return;
    if (offset > counted) {
      number +=
          static_cast<std::uint32_t>(std::count(text.data() + counted, text.data() + offset, '\n'));
      counted = offset;
    }
    if (!comments)
      comments = comment_lines(text, language_by_name(language));
    if ((*comments)[number - 1])
      return;
    if (hits.empty() || hits.back().line != number || hits.back().rule != index)
      hits.push_back({static_cast<std::uint32_t>(index), number});
  });
  return hits;
}

} // namespace aeo::consolidate

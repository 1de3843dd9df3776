#include "tools/consolidate/rules.hpp"

#include "tools/consolidate/digest.hpp"
#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/paths.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

re2::RE2::Options options() {
  re2::RE2::Options result;
  result.set_case_sensitive(false);
  result.set_never_nl(true); // a match is within one line
  result.set_one_line(false);
  result.set_posix_syntax(false);
  result.set_max_mem(64 << 20);
  result.set_log_errors(false);
  result.set_encoding(re2::RE2::Options::EncodingLatin1); // any byte is text
  return result;
}

std::string combined(const evidence_rule& rule) {
  std::string expression = "(?m)";
  for (const auto& part : rule.content)
    expression += (expression.size() > 4 ? "|(?:" : "(?:") + part + ")";
  return expression;
}

} // namespace

rule_set::rule_set(const settings& config)
    : variables_(config.configuration), secrets_(config.security.secrets, config.fingerprint_key),
      checks_(config.security) {
  for (const auto& rule : config.components)
    add("component:" + rule.id, rule);
  for (const auto& rule : config.integrations)
    add("integration:" + rule.id, rule);
  for (const auto& assessment : config.assessments) {
    for (const auto& check : assessment.checks)
      add("assessment:" + assessment.id + "/" + check.id, check);
  }
  for (const auto& rule : config.requirements)
    add("requirement:" + rule.id, rule);
  for (const auto& rule : config.signals)
    add("signal:" + rule.id, rule);
  which_ = std::make_unique<re2::RE2::Set>(options(), re2::RE2::UNANCHORED);
  std::string all;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    const auto& item = entries_[i];
    all += item.key + '\0';
    for (const auto& glob : item.rule.paths)
      all += glob + '\0';
    if (item.expression == nullptr)
      continue;
    all += item.expression->pattern() + '\0';
    which_->Add(item.expression->pattern(), nullptr);
    which_rule_.push_back(i);
  }
  which_->Compile();
  digest_ = sha256_hex(all + variables_.digest() + secrets_.digest() + checks_.digest());
}

void rule_set::add(const std::string& key, const evidence_rule& rule) {
  entry item{key, rule, nullptr};
  if (!rule.content.empty()) {
    item.expression = std::make_unique<re2::RE2>(combined(rule), options());
    if (!item.expression->ok())
      throw failure(exit_status::configuration,
                    key + ": content does not compile: " + item.expression->error());
  }
  entries_.push_back(std::move(item));
}

std::vector<rule_hit> rule_set::search(std::string_view path, std::string_view text) const {
  std::vector<rule_hit> hits;
  if (which_rule_.empty())
    return hits;
  std::vector<int> present;
  re2::RE2::Set::ErrorInfo error{};
  const re2::StringPiece piece(text.data(), text.size());
  if (!which_->Match(piece, &present, &error)) {
    if (error.kind == re2::RE2::Set::kNoError)
      return hits;
    // The combined automaton did not fit into its memory: ask each rule on its own.
    present.resize(which_rule_.size());
    for (std::size_t i = 0; i < present.size(); ++i)
      present[i] = static_cast<int>(i);
  }
  std::sort(present.begin(), present.end());
  for (const int found : present) {
    const auto index = which_rule_[static_cast<std::size_t>(found)];
    const auto& globs = entries_[index].rule.paths;
    if (globs.empty() || any_glob_matches(globs, path))
      find_lines(index, text, hits);
  }
  return hits;
}

void rule_set::find_lines(std::uint32_t index, std::string_view text,
                          std::vector<rule_hit>& out) const {
  const auto& expression = *entries_[index].expression;
  const re2::StringPiece piece(text.data(), text.size());
  std::size_t position = 0;
  std::size_t counted = 0;
  std::uint32_t line = 1;
  std::size_t kept = 0;
  re2::StringPiece match;
  while (kept < lines_per_file && position < text.size()
         && expression.Match(piece, position, text.size(), re2::RE2::UNANCHORED, &match, 1)) {
    const auto at = static_cast<std::size_t>(match.data() - text.data());
    line += static_cast<std::uint32_t>(
        std::count(text.begin() + static_cast<std::ptrdiff_t>(counted),
                   text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    counted = at;
    out.push_back({index, line});
    ++kept;
    const auto end = text.find('\n', at);
    position = end == std::string_view::npos ? text.size() : end + 1;
  }
}

std::size_t rule_set::index_of(const std::string& key) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const entry& item) { return item.key == key; });
  if (found == entries_.end())
    throw failure(exit_status::internal, "no rule has the key " + key);
  return static_cast<std::size_t>(found - entries_.begin());
}

} // namespace aeo::consolidate

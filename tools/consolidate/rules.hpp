#pragma once

#include "tools/consolidate/line_checks.hpp"
#include "tools/consolidate/secrets.hpp"
#include "tools/consolidate/settings.hpp"
#include "tools/consolidate/variables.hpp"

#include <re2/re2.h>
#include <re2/set.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

/// One line of one file that a rule's expressions match.
struct rule_hit {
  std::uint32_t rule = 0; ///< index in the rule set
  std::uint32_t line = 0; ///< from 1
};

/// All rules of a configuration, compiled once: one pass over a text tells which of them occur in
/// it, and only those look for their lines. RE2 is linear in the text whatever the expression.
/// Safe to share between threads.
class rule_set {
public:
  explicit rule_set(const settings& config);

  /// At most this many lines of one file are kept for one rule.
  static constexpr std::size_t lines_per_file = 20;

  std::vector<rule_hit> search(std::string_view path, std::string_view text) const;

  /// Index of a rule by its key: `component:ID`, `integration:ID`, `assessment:ID/CHECK`,
  /// `requirement:ID` or `signal:ID`.
  std::size_t index_of(const std::string& key) const;
  const evidence_rule& rule(std::size_t index) const { return entries_[index].rule; }
  const variable_finder& variables() const { return variables_; }
  const secret_scanner& secrets() const { return secrets_; }
  const line_checker& checks() const { return checks_; }
  /// Changes when any expression or glob changes: what was found for other rules is not reused.
  const std::string& digest() const { return digest_; }

private:
  struct entry {
    std::string key;
    evidence_rule rule;
    std::unique_ptr<re2::RE2> expression; ///< nullptr: paths or variables only
  };

  void add(const std::string& key, const evidence_rule& rule);
  void find_lines(std::uint32_t index, std::string_view text, std::vector<rule_hit>& out) const;

  std::vector<entry> entries_;
  std::unique_ptr<re2::RE2::Set> which_;
  std::vector<std::uint32_t> which_rule_;
  variable_finder variables_;
  secret_scanner secrets_;
  line_checker checks_;
  std::string digest_;
};

} // namespace aeo::consolidate

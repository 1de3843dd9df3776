#pragma once

#include "tools/consolidate/scan.hpp"

#include <set>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// Where a rule was found. The text of the line stays where it is: it may hold a secret.
struct evidence {
  std::size_t source = 0;
  std::string path;
  std::uint32_t line = 0; ///< 0: the path itself is the evidence
  std::string_view kind;  ///< content, path, used (variable) or declared (variable)
  std::string name;       ///< the variable
};

/// All evidence for one rule, vendored files and the configuration itself left out.
std::vector<evidence> find_evidence(const step_context& context, const survey& all,
                                    const rule_set& rules, const std::string& key);

/// At most `limit` places as `{repository, path, line, kind}`, spread over as many files as
/// possible.
ordered evidence_json(const survey& all, const std::vector<evidence>& found,
                      std::size_t limit = 25);

std::size_t distinct_files(const std::vector<evidence>& found);

/// True for third-party code and for the configuration that holds the rules.
bool is_excluded(const step_context& context, const survey& all, const scanned_file& file);

} // namespace aeo::consolidate

#include "tools/consolidate/security_findings.hpp"

#include "tools/consolidate/paths.hpp"

#include <algorithm>

namespace aeo::consolidate {

std::string finding_list::lowered(const std::string& rule, const std::string& path,
                                  std::string severity) const {
  const auto rank = [](const std::string& name) {
    const auto& names = severity_names();
    return std::find(names.begin(), names.end(), name) - names.begin();
  };
  for (const auto& change : rules_.lower) {
    const bool named = std::any_of(change.rules.begin(), change.rules.end(), [&](const auto& glob) {
      return whole_glob_matches(glob, rule);
    });
    if (named && any_glob_matches(change.paths, path) && rank(change.severity) > rank(severity))
      severity = change.severity;
  }
  return severity;
}

void finding_list::add(const std::string& severity, const std::string& rule,
                       const std::string& message, const std::string& advice,
                       const std::string& repository, const std::string& path,
                       const ordered& where) {
  auto item = finding(lowered(rule, path, severity), rule, message, advice, where);
  const auto accepted =
      std::find_if(rules_.accepted.begin(), rules_.accepted.end(), [&](const auto& entry) {
        return whole_glob_matches(entry.rule, rule)
               && whole_glob_matches(entry.repository, repository)
               && glob_matches(entry.path, path);
      });
  if (accepted == rules_.accepted.end()) {
    findings_.push_back(std::move(item));
    return;
  }
  item["accepted_because"] = accepted->reason;
  accepted_.push_back(std::move(item));
}

void finding_list::write(ordered& document) const {
  ordered sorted = ordered::array();
  for (const auto& severity : severity_names()) {
    for (const auto& item : findings_) {
      if (item["severity"] == severity)
        sorted.push_back(item);
    }
  }
  document["findings_total"] = findings_.size();
  document["by_severity"] = count_by_severity(findings_);
  document["findings"] = std::move(sorted);
  document["accepted_total"] = accepted_.size();
  document["accepted"] = accepted_;
}

} // namespace aeo::consolidate

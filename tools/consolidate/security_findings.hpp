#pragma once

#include "tools/consolidate/findings.hpp"
#include "tools/consolidate/settings.hpp"

#include <string>

namespace aeo::consolidate {

/// Findings of one security step: severities lowered and findings accepted as the rules say.
class finding_list {
public:
  explicit finding_list(const security_rules& rules) : rules_(rules) {}

  /// `path` is the raw one, for the globs; `where` is what is written.
  void add(const std::string& severity, const std::string& rule, const std::string& message,
           const std::string& advice, const std::string& repository, const std::string& path,
           const ordered& where);
  /// Writes `findings_total by_severity findings accepted`.
  void write(ordered& document) const;

  std::size_t size() const { return findings_.size(); }
  const ordered& findings() const { return findings_; }

private:
  std::string lowered(const std::string& rule, const std::string& path, std::string severity) const;

  const security_rules& rules_;
  ordered findings_ = ordered::array();
  ordered accepted_ = ordered::array();
};

} // namespace aeo::consolidate

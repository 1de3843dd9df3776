#pragma once

#include "tools/consolidate/execution_record.hpp"

#include <map>
#include <set>
#include <string>

namespace aeo::consolidate {

/// Looks again at what the phases were approved for. Reads each output once.
class readiness {
public:
  readiness(const step_context& context, const execution_record& record);

  /// The document of `readiness_audit`.
  ordered document() const;
  std::size_t failed() const { return counts_.at("failed"); }
  std::size_t passed() const { return counts_.at("passed"); }
  std::size_t waived() const { return counts_.at("waived"); }

private:
  void add(const std::string& phase, const std::string& check, const std::string& source,
           const ordered& expected, const ordered& actual, bool passed, bool waived,
           const ordered& more = ordered::object());
  void judge_phase(const phase_record& phase);
  void judge_outputs(const phase_record& phase);
  void judge_criterion(const phase_record& phase, const ordered& criterion);
  void judge_configured(const execution_record& record);
  void collect(const std::string& path);
  /// An output as JSON; null if it cannot be read.
  const ordered& output(const std::string& path);

  const step_context& context_;
  std::map<std::string, ordered> outputs_;
  std::map<std::string, std::size_t> counts_{{"passed", 0}, {"failed", 0}, {"waived", 0}};
  std::size_t phases_ = 0;
  std::size_t approved_ = 0;
  ordered checks_ = ordered::array();
  ordered not_measured_ = ordered::array();
  std::size_t not_measured_total_ = 0;
  std::map<std::string, std::size_t> severities_{
      {"critical", 0}, {"high", 0}, {"medium", 0}, {"low", 0}};
  std::set<std::string> counted_; ///< Findings in severities_.
  ordered findings_ = ordered::array();
};

/// The value at a dotted path or JSON pointer; null if there is none.
ordered metric_of(const ordered& document, const std::string& metric);

} // namespace aeo::consolidate

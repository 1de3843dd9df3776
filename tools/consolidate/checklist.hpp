#pragma once

#include "tools/consolidate/step.hpp"

#include <string>

namespace aeo::consolidate {

/// Adds up to one verdict from single checks: `[{check expected actual passed}]`.
class checklist {
public:
  /// Passed if both are the same value.
  void add(const std::string& what, const ordered& expected, const ordered& actual) {
    add(what, expected, actual, expected == actual);
  }
  /// For an expectation that is no single value.
  void add(const std::string& what, const ordered& expected, const ordered& actual, bool passed) {
    failed_ += passed ? 0 : 1;
    checks_.push_back(
        {{"check", what}, {"expected", expected}, {"actual", actual}, {"passed", passed}});
  }

  bool all() const { return failed_ == 0; }
  std::size_t failed() const { return failed_; }
  const ordered& json() const { return checks_; }

private:
  std::size_t failed_ = 0;
  ordered checks_ = ordered::array();
};

} // namespace aeo::consolidate

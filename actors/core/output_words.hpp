#pragma once

// What the JSON outputs of tasks say of themselves, for the report. Any task may say it, all of it
// is optional, what has another form is passed over:
//
//   {"summary": "what was done and found, in one line",
//    "decisions": ["what a person has to decide"],
//    "not_measured": [{"what": "...", "reason": "..."}],
//    "findings": [{"severity": "critical|high|medium|low", "path": "src/a.py", "line": 3,
//                  "message": "...", "advice": "..."}]}
//
// `problems` are findings that are not graded: they count as critical. A path may come with the
// "repository" that it is in. In a decision or a thing not measured an object may stand for the
// text, with any of "what", "subject", "path", "source" and "reason" or "why".

#include "actors/core/file_access.hpp"
#include "actors/core/report.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::core {

/// The worst first.
enum class severity : std::uint8_t { critical, high, medium, low };
std::string_view to_string(severity);

struct output_finding {
  severity grade = severity::low;
  std::string place; ///< "path:line" or "path"
  std::string message;
  std::string advice;
};

struct output_words {
  std::string path;
  bool changed = false; ///< It is no longer what was judged: the rest is empty.
  std::string summary;
  std::vector<std::string> decisions;
  std::vector<std::string> not_measured;
  std::vector<output_finding> findings; ///< The worst first.
};

output_words read_output_words(std::string path, std::string_view text);

/// Of each JSON output on record of a phase that can be read and is not larger than 8 MiB. Nothing
/// without `report_input::files`.
std::vector<output_words> words_of(const report_input&, phase_index);

} // namespace aeo::core

#pragma once

// Texts for GitHub's markdown, in which what tasks and people wrote is neither markup nor a mention
// nor a reference. A part of the texts: everybody else includes actors/core/issue_text.hpp.

#include "actors/core/report.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace aeo::core {

/// Text as part of a line or table cell: masked, one line, at most `limit` bytes before it is
/// escaped.
std::string github_cell(const report_input&, std::string_view text, std::size_t limit = 300);
/// Code inside a line; a text with backticks in it is escaped instead.
std::string github_code(const report_input&, std::string_view text);
/// Lines of code that nothing in them ends early.
std::string github_block(const report_input&, std::string_view text, std::size_t limit);

/// "in progress" for in_progress.
std::string status_words(std::string_view name);
/// With a blank after it, or nothing.
std::string_view icon_of(phase_status);
/// How long the phase took, or since when it runs.
std::string took_words(const report_input&, phase_index);
/// "1 failed, 4 approved".
std::string status_counts(const progress_counts&);

/// Lines until the limit, then none; says whether all fitted.
class limited_text {
public:
  explicit limited_text(std::size_t limit) : limit_(limit) {}
  bool add(std::string_view text) {
    if (full_ || text_.size() + text.size() > limit_) {
      full_ = true;
      return false;
    }
    text_ += text;
    return true;
  }
  std::string take() { return std::move(text_); }

private:
  std::string text_;
  std::size_t limit_;
  bool full_ = false;
};

} // namespace aeo::core

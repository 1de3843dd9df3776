#include "actors/core/github_markdown.hpp"

#include "config/values.hpp"

#include <algorithm>

namespace aeo::core {

std::string status_words(std::string_view name) {
  std::string result{name};
  std::ranges::replace(result, '_', ' ');
  return result;
}

std::string_view icon_of(phase_status s) {
  switch (s) {
  case phase_status::approved:
    return "✅ ";
  case phase_status::skipped:
    return "⏭️ ";
  case phase_status::failed:
  case phase_status::rejected:
    return "❌ ";
  case phase_status::in_progress:
  case phase_status::completed:
    return "▶️ ";
  case phase_status::waiting_approval:
    return "✋ ";
  case phase_status::retry_wait:
    return "🔁 ";
  case phase_status::blocked:
  case phase_status::cancelled:
    return "⛔ ";
  default:
    return "";
  }
}

std::string github_cell(const report_input& in, std::string_view text, std::size_t limit) {
  const auto masked = in.mask ? in.mask(text) : std::string{text};
  std::string result;
  for (const auto c : config::shortened(plain_line(masked), limit)) {
    if (c == '<')
      result += "&lt;";
    else if (c == '&')
      result += "&amp;";
    else if (c == '@')
      result += "@&#8203;"; // Nobody is to be notified by a task's output.
    else if (c == '#')
      result += "\\#&#8203;"; // No reference to another issue.
    else {
      if (std::string_view{"\\`*_[]|~"}.find(c) != std::string_view::npos)
        result += '\\';
      result += c;
    }
  }
  return result;
}

std::string github_code(const report_input& in, std::string_view text) {
  const auto shown =
      config::shortened(plain_line(in.mask ? in.mask(text) : std::string{text}), 400);
  return shown.find('`') == shown.npos ? "`" + shown + "`" : github_cell(in, shown);
}

std::string github_block(const report_input& in, std::string_view text, std::size_t limit) {
  auto shown = in.mask ? in.mask(text) : std::string{text};
  std::string fence = "```";
  while (shown.find(fence) != shown.npos)
    fence += '`';
  std::string result = fence + "text\n";
  for (std::size_t from = 0; from < shown.size();) {
    const auto end = std::min(shown.find('\n', from), shown.size());
    auto line = plain_line(std::string_view{shown}.substr(from, end - from)) + "\n";
    if (result.size() + line.size() > limit) {
      result += "…\n";
      break;
    }
    result += line;
    from = end + 1;
  }
  return result + fence + "\n";
}

std::string took_words(const report_input& in, phase_index i) {
  const auto& s = in.state.phases[i];
  if (is_active(s.status))
    return "since " + short_time(s.attempt_us);
  const auto measured = worked(in, i);
  return measured ? format_duration(*measured) : s.started_us == 0 ? "" : "not measured";
}

std::string status_counts(const progress_counts& counts) {
  std::string result;
  for (std::size_t k = 0; k < counts.by_status.size(); ++k)
    if (counts.by_status.at(k) > 0)
      result += (result.empty() ? "" : ", ") + format_count(counts.by_status.at(k)) + " "
                + status_words(to_string(static_cast<phase_status>(k)));
  return result;
}

} // namespace aeo::core

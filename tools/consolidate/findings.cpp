#include "tools/consolidate/findings.hpp"

namespace aeo::consolidate {

const std::vector<std::string>& severity_names() {
  static const std::vector<std::string> names{"critical", "high", "medium", "low"};
  return names;
}

ordered finding(std::string_view severity, std::string_view rule, std::string_view message,
                std::string_view advice, const ordered& where) {
  ordered result{{"severity", severity}, {"rule", rule}};
  result.update(where);
  result["message"] = message;
  result["advice"] = advice;
  return result;
}

ordered count_by_severity(const ordered& findings) {
  ordered counts;
  for (const auto& name : severity_names())
    counts[name] = 0;
  for (const auto& item : findings) {
    const auto severity = item.at("severity").get<std::string>();
    counts[severity] = counts[severity].get<std::size_t>() + 1;
  }
  return counts;
}

std::string shown_place(const ordered& where) {
  auto text = where.at("repository").get<std::string>() + "/" + where.at("path").get<std::string>();
  if (where.contains("line"))
    text += ":" + where["line"].dump();
  return text;
}

} // namespace aeo::consolidate

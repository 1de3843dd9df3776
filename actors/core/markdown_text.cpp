#include "actors/core/markdown_text.hpp"

namespace aeo::core {

std::string cell(const report_input& in, std::string_view text) {
  auto masked = in.mask ? in.mask(text) : std::string{text};
  std::string result;
  for (auto c : plain_line(masked)) {
    if (c == '<')
      result += "&lt;";
    else {
      if (std::string_view{"\\`*_[]|#"}.find(c) != std::string_view::npos)
        result += '\\';
      result += c;
    }
  }
  return result;
}

std::string code(const report_input& in, std::string_view text) {
  if (text.empty())
    return "(empty)";
  if (text.find('`') != std::string_view::npos)
    return cell(in, text);
  return "`" + plain_line(in.mask ? in.mask(text) : std::string{text}) + "`";
}

std::string code_cell(const report_input& in, std::string_view text) {
  auto result = code(in, text);
  for (std::size_t at = 0; (at = result.find('|', at)) != std::string::npos; at += 2)
    result.insert(at, "\\");
  return result;
}

} // namespace aeo::core

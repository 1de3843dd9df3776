#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace aeo::consolidate {

struct markdown_link {
  std::string target; ///< as written, entities and escapes resolved
  std::uint32_t line = 0;
};

/// What a Markdown text says to a reader who follows links.
struct markdown_document {
  std::string title;                ///< the first heading, as plain text
  std::string summary;              ///< the first paragraph, as plain text
  std::vector<markdown_link> links; ///< links and images of every style, `href` and `src` in HTML
  std::set<std::string> anchors;    ///< of headings as GitHub makes them, and `id`, `name` in HTML
};

/// Parses CommonMark.
markdown_document parse_markdown(const std::string& text);

/// In lower case, letters beyond ASCII too; what is no UTF-8 stays as it is.
std::string lower_text(std::string_view text);

/// GitHub's anchor for a heading's plain text, without the number that makes it unique.
std::string heading_anchor(std::string_view text);

/// Text as it stands in Markdown without meaning anything, on one line, fit for a table.
std::string markdown_text(std::string_view plain);
/// The same as a code span.
std::string markdown_code(std::string_view plain);
/// A path as the target of a link.
std::string markdown_target(std::string_view path);

} // namespace aeo::consolidate

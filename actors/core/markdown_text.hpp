#pragma once

// Text of anybody inside the Markdown of a report: masked, and never markup.

#include "actors/core/report.hpp"

#include <string>
#include <string_view>

namespace aeo::core {

/// Text inside a line or a table cell: one line, nothing of it is markup.
std::string cell(const report_input&, std::string_view text);
/// Code inside a line; a text with backticks in it is escaped instead.
std::string code(const report_input&, std::string_view text);
/// The same inside a table, where a bar would end the cell even in code.
std::string code_cell(const report_input&, std::string_view text);

} // namespace aeo::core

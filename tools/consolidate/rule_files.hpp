#pragma once

#include "tools/consolidate/cursor.hpp"

#include <functional>
#include <string>
#include <vector>

namespace aeo::consolidate {

/// An RE2 expression, or several; one that does not compile is an error.
void read_expression(const cursor& at, const std::string& key, std::string& out);
void read_expressions(const cursor& at, const std::string& key, std::vector<std::string>& out);

/// A number, fractions included.
void read_number(const cursor& at, const std::string& key, double& out);

/// Parses `text` and lets `read` look at it; throws `failure` (configuration) with every mistake.
void read_checked(const std::string& text, const std::string& file,
                  const std::function<void(const cursor&)>& read);
/// The file's text; throws `failure` (configuration) if it cannot be read.
std::string configuration_text(const std::string& file);
/// `name` in `directory` if it is there, else the shipped one, which lies in `config/` near the
/// program; empty if neither is there.
std::string find_configuration(const std::string& directory, const std::string& name);

} // namespace aeo::consolidate

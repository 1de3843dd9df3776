#include "tools/consolidate/rule_files.hpp"

#include "tools/consolidate/failure.hpp"

#include <re2/re2.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace aeo::consolidate {

namespace {

void check_expression(const cursor& at) {
  if (!at.value().is_string())
    return;
  const re2::RE2 expression(at.value().get<std::string>(), re2::RE2::Quiet);
  if (!expression.ok())
    at.wrong("is not a regular expression (" + expression.error() + "), expected RE2 syntax");
}

} // namespace

void read_expression(const cursor& at, const std::string& key, std::string& out) {
  at.read(key, out, false);
  if (at.has(key))
    check_expression(at.at(key));
}

void read_expressions(const cursor& at, const std::string& key, std::vector<std::string>& out) {
  at.read(key, out);
  if (at.has(key) && at.value().at(key).is_array())
    at.at(key).each(check_expression);
}

void read_number(const cursor& at, const std::string& key, double& out) {
  if (at.has(key) && at.at(key).is("number", at.value().at(key).is_number()))
    out = at.value().at(key).get<double>();
}

void read_checked(const std::string& text, const std::string& file,
                  const std::function<void(const cursor&)>& read) {
  nlohmann::json document;
  try {
    document = nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    throw failure(exit_status::configuration,
                  file + ": /: is not JSON (" + error.what() + "), expected one JSON object");
  }
  std::vector<std::string> errors;
  read(cursor(document, "", file, errors));
  if (errors.empty())
    return;
  std::string all;
  for (const auto& error : errors)
    all += (all.empty() ? "" : "\n") + error;
  throw failure(exit_status::configuration, all);
}

std::string configuration_text(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf()))
    throw failure(exit_status::configuration, file + ": /: cannot be read, expected a JSON file");
  return text.str();
}

std::string find_configuration(const std::string& directory, const std::string& name) {
  namespace fs = std::filesystem;
  const auto own = fs::path(directory) / name;
  if (fs::exists(own))
    return own.string();
  std::error_code ec;
  const auto program = fs::read_symlink("/proc/self/exe", ec).parent_path();
  for (const auto* place : {"../../config", "../config", "config", "../share/aeo/config"}) {
    const auto shipped = program / place / name;
    if (fs::exists(shipped))
      return fs::weakly_canonical(shipped).string();
  }
  return {};
}

} // namespace aeo::consolidate

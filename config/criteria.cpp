#include "config/phases.hpp"
#include "config/values.hpp"

#include <array>

namespace aeo::config {

namespace {

/// An array element or member in a metric's JSON pointer: '~' only as ~0 and ~1.
bool is_json_pointer(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '~' && (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1')))
      return false;
  return true;
}

void read_metric(const node& where, std::string& out) {
  if (!read_text(where, out, 1))
    return;
  if (out.front() == '/' && !is_json_pointer(out))
    where.fail("no JSON pointer: '~' is written ~0 and '/' inside a name ~1");
}

void read_bound(const node& where, std::optional<double>& out) {
  double value = 0;
  if (read_number(where, value))
    out = value;
}

void read_bounds(const object_reader& keys, const node& where, check_def& check) {
  keys.with("min", [&](const node& x) { read_bound(x, check.min); });
  keys.with("max", [&](const node& x) { read_bound(x, check.max); });
  if (check.min && check.max && *check.min > *check.max)
    where.fail("\"min\" is greater than \"max\": the check can never pass");
}

void read_threshold(const node& where, check_def& check) {
  object_reader keys{where, {"type", "file", "metric", "min", "max", "exact"}};
  keys.require("file", [&](const node& x) { read_path(x, check.path); });
  keys.require("metric", [&](const node& x) { read_metric(x, check.metric); });
  keys.with("exact", [&](const node& x) { check.exact = x.value().dump(); });
  read_bounds(keys, where, check);
  if (!keys.has("min") && !keys.has("max") && !keys.has("exact"))
    where.fail(R"(expected at least one of "min", "max" and "exact")");
}

void read_whole_bound(const node& where, std::optional<double>& out) {
  std::int64_t value = 0;
  if (read_whole(where, 0, 1'000'000'000, value))
    out = static_cast<double>(value);
}

void read_file_count(const node& where, check_def& check) {
  object_reader keys{where, {"type", "glob", "min", "max"}};
  keys.require("glob", [&](const node& x) { read_path(x, check.path); });
  keys.with("min", [&](const node& x) { read_whole_bound(x, check.min); });
  keys.with("max", [&](const node& x) { read_whole_bound(x, check.max); });
  if (!keys.has("min") && !keys.has("max"))
    where.fail(R"(expected at least one of "min" and "max")");
  if (check.min && check.max && *check.min > *check.max)
    where.fail("\"min\" is greater than \"max\": the check can never pass");
}

void read_file_check(const node& where, check_def& check) {
  object_reader keys{where, {"type", "path"}};
  keys.require("path", [&](const node& x) { read_path(x, check.path); });
}

void read_schema_check(const node& where, check_def& check) {
  object_reader keys{where, {"type", "file", "schema"}};
  keys.require("file", [&](const node& x) { read_path(x, check.path); });
  keys.require("schema", [&](const node& x) { read_path(x, check.schema); });
}

void read_command_check(const node& where, check_def& check) {
  object_reader keys{where, {"type", "command", "expect_exit"}};
  keys.require("command", [&](const node& x) { read_command(x, check.command); });
  keys.with("expect_exit", [&](const node& x) {
    std::int64_t value = 0;
    if (read_whole(x, 0, 255, value))
      check.expect_exit = static_cast<int>(value);
  });
}

void read_age_check(const node& where, check_def& check) {
  object_reader keys{where, {"type", "path", "seconds"}};
  keys.require("path", [&](const node& x) { read_path(x, check.path); });
  keys.require("seconds", [&](const node& x) { read_duration(x, true, check.age); });
}

void read_check(const node& where, std::vector<check_def>& checks) {
  if (!where.value().is_object()) {
    where.expected("an object");
    return;
  }
  auto type = where.value().find("type");
  if (type == where.value().end()) {
    where.fail("the key \"type\" is missing");
    return;
  }
  auto& check = checks.emplace_back();
  if (!read_enum<check_type, 7>(node{where, "type", *type}, check.type))
    return;
  switch (check.type) {
  case check_type::file_exists:
  case check_type::json_valid:
    return read_file_check(where, check);
  case check_type::metric_threshold:
    return read_threshold(where, check);
  case check_type::json_schema:
    return read_schema_check(where, check);
  case check_type::command:
    return read_command_check(where, check);
  case check_type::file_count:
    return read_file_count(where, check);
  case check_type::max_age:
    return read_age_check(where, check);
  }
}

void read_phase_criteria(const node& where, criteria_def& out) {
  object_reader keys{where, {"required_outputs", "validation_checks"}};
  keys.with("required_outputs", [&](const node& x) { read_paths(x, out.required_outputs); });
  keys.with("validation_checks", [&](const node& x) {
    for_each_item(x, 0, "an array of checks",
                  [&](const node& item) { read_check(item, out.checks); });
  });
}

} // namespace

void read_criteria(const std::filesystem::path& path, document& doc, phase_table& table) {
  static const json nothing;
  node root{doc, nothing};
  std::vector<bool> seen(table.phases.size(), false);
  auto add = [&](std::string_view, const std::string& key, const json& value) {
    node where{root, key, value};
    if (key == "$schema")
      return check_schema_key(where);
    auto criteria = std::make_unique<criteria_def>();
    read_phase_criteria(where, *criteria);
    auto index = table.find(key);
    if (index == no_phase) {
      if (table.complete)
        where.fail("there is no phase " + in_quotes(key) + " in phase_config.json");
      return;
    }
    if (seen[index])
      return where.fail("duplicate key " + in_quotes(key));
    seen[index] = true;
    if (!criteria->empty())
      table.phases[index].criteria = std::move(criteria);
  };
  read_members(path, doc, {}, add);
}

} // namespace aeo::config

#include "tools/consolidate/configuration_rules.hpp"

#include "tools/consolidate/failure.hpp"
#include "tools/consolidate/rule_files.hpp"

#include <algorithm>

namespace aeo::consolidate {

namespace {

void read_objects(const cursor& root, configuration_rules& out) {
  root.at("objects").each([&](const cursor& at) {
    if (!at.object({"id", "pattern", "aliases", "rebinds"}, {"id", "pattern"}))
      return;
    environment_object item;
    at.read("id", item.id, false);
    read_expression(at, "pattern", item.pattern);
    read_expressions(at, "aliases", item.aliases);
    read_expressions(at, "rebinds", item.rebinds);
    out.objects.push_back(item);
  });
}

void read_uses(const cursor& root, configuration_rules& out) {
  root.at("uses").each([&](const cursor& at) {
    if (!at.object({"id", "languages", "paths", "hints", "object", "pattern", "list",
                    "required_before", "required_after", "optional_after", "optional_before",
                    "not_after", "not_before", "guard", "unset_is_empty"},
                   {"id", "hints", "pattern"}))
      return;
    variable_idiom rule;
    at.read("id", rule.id, false);
    at.read("languages", rule.languages);
    at.read("paths", rule.paths);
    at.read("hints", rule.hints);
    if (rule.hints.empty())
      at.wrong("has no hints, expected at least one literal that every match contains");
    at.read("object", rule.object);
    if (!rule.object.empty()
        && std::ranges::find(out.objects, rule.object, &environment_object::id)
               == out.objects.end())
      at.wrong("has object \"" + rule.object + "\", expected an id of \"objects\"");
    read_expression(at, "pattern", rule.pattern);
    at.read("list", rule.list);
    read_expressions(at, "required_before", rule.required_before);
    at.read("unset_is_empty", rule.unset_is_empty);
    read_expressions(at, "required_after", rule.required_after);
    read_expressions(at, "optional_after", rule.optional_after);
    read_expressions(at, "optional_before", rule.optional_before);
    read_expressions(at, "not_after", rule.not_after);
    read_expressions(at, "not_before", rule.not_before);
    at.read("guard", rule.guard);
    out.uses.push_back(rule);
  });
}

void read_assignments(const cursor& root, configuration_rules& out) {
  root.at("assignments").each([&](const cursor& at) {
    if (!at.object({"languages", "pattern"}, {"languages", "pattern"}))
      return;
    assignment_idiom rule;
    at.read("languages", rule.languages);
    read_expression(at, "pattern", rule.pattern);
    out.assignments.push_back(rule);
  });
}

void read_formats(const cursor& root, configuration_rules& out) {
  root.at("formats").each([&](const cursor& at) {
    if (!at.object({"format", "paths", "reason"}, {"format", "paths"}))
      return;
    format_rule rule;
    at.read_choice("format", rule.format,
                   {"json", "jsonc", "yaml", "toml", "xml", "ini", "env", "unchecked"});
    at.read("paths", rule.paths);
    at.read("reason", rule.reason);
    if (rule.format == "unchecked" && rule.reason.empty())
      at.wrong("unchecked without a \"reason\", expected why these files are not checked");
    out.formats.push_back(rule);
  });
}

} // namespace

configuration_rules parse_configuration_rules(const std::string& text, const std::string& file) {
  configuration_rules out;
  read_checked(text, file, [&](const cursor& root) {
    if (!root.object({"$schema", "objects", "uses", "assignments", "declarations", "provided",
                      "not_production", "formats"}))
      return;
    if (root.has("objects"))
      read_objects(root, out);
    if (root.has("uses"))
      read_uses(root, out);
    if (root.has("assignments"))
      read_assignments(root, out);
    root.read("declarations", out.declarations);
    root.read("provided", out.provided);
    root.read("not_production", out.not_production);
    if (root.has("formats"))
      read_formats(root, out);
  });
  return out;
}

configuration_rules load_configuration_rules(const std::string& directory) {
  constexpr const char* name = "configuration_rules.json";
  const auto file = find_configuration(directory, name);
  if (file.empty())
    throw failure(exit_status::configuration,
                  directory + "/" + name + ": is missing, and the shipped one was not found");
  return parse_configuration_rules(configuration_text(file), file);
}

} // namespace aeo::consolidate

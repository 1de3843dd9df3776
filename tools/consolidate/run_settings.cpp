#include "tools/consolidate/run_settings.hpp"

#include "tools/consolidate/cursor.hpp"

#include <re2/re2.h>

namespace aeo::consolidate {

namespace {

void read_texts(const cursor& at, const std::string& key, std::map<std::string, std::string>& out) {
  if (!at.has(key) || !at.at(key).is("object", at.at(key).value().is_object()))
    return;
  for (const auto& [name, value] : at.at(key).value().items()) {
    if (at.at(key).at(name).is("string", value.is_string()))
      out[name] = value.get<std::string>();
  }
}

void read_limit(const cursor& at, const std::string& key, std::optional<double>& out) {
  if (at.has(key) && at.at(key).is("number", at.at(key).value().is_number()))
    out = at.at(key).value().get<double>();
}

void read_thresholds(const cursor& at, std::vector<metric_limit>& out) {
  if (!at.has("thresholds")
      || !at.at("thresholds").is("object", at.at("thresholds").value().is_object()))
    return;
  const auto all = at.at("thresholds");
  out.clear();
  for (const auto& [metric, ignored] : all.value().items()) {
    const auto place = all.at(metric);
    if (!place.object({"min", "max"}))
      continue;
    metric_limit limit{metric, {}, {}};
    read_limit(place, "min", limit.min);
    read_limit(place, "max", limit.max);
    if (!place.has("min") && !place.has("max"))
      place.wrong("limits nothing, expected min, max or both");
    out.push_back(limit);
  }
}

void read_command_line(const cursor& at, std::vector<std::string>& out) {
  if (!at.has("command"))
    return;
  const auto place = at.at("command");
  if (place.value().is_array()) {
    at.read("command", out);
    if (out.empty())
      place.wrong("is empty, expected a program with its arguments");
  } else if (place.is("array or string", place.value().is_string())) {
    out = {"/bin/sh", "-c", place.value().get<std::string>()};
  }
}

void read_summary(const cursor& at, command_setting& out) {
  read_texts(at, "summary", out.summary);
  for (const auto& [metric, pattern] : out.summary) {
    const re2::RE2 expression(pattern, re2::RE2::Quiet);
    if (!expression.ok())
      at.at("summary").at(metric).wrong("is not a regular expression (" + expression.error()
                                        + "), expected RE2 syntax");
    else if (expression.NumberOfCapturingGroups() != 1)
      at.at("summary").at(metric).wrong("has "
                                        + std::to_string(expression.NumberOfCapturingGroups())
                                        + " groups, expected one around the number");
  }
}

void read_commands(const cursor& root, const std::string& list, std::vector<command_setting>& out) {
  if (!root.has(list))
    return;
  root.at(list).each([&](const cursor& at) {
    std::vector<std::string> known{"name", "command", "cwd", "timeout", "env", "thresholds"};
    if (list != "deploy" && list != "post_deploy" && list != "backup")
      known.insert(known.end(), {"junit", "summary"});
    if (list == "load")
      known.emplace_back("url");
    if (!at.object(known, {"command"}))
      return;
    command_setting item;
    at.read("name", item.name);
    read_command_line(at, item.argv);
    at.read_relative("cwd", item.cwd);
    at.read_count("timeout", item.timeout);
    read_texts(at, "env", item.env);
    read_thresholds(at, item.thresholds);
    at.read("junit", item.junit);
    read_summary(at, item);
    at.read("url", item.url);
    if (!item.url.empty() && !item.url.starts_with("http://127.0.0.1:"))
      at.at("url").wrong("is \"" + item.url
                         + "\", expected http://127.0.0.1:{port}/PATH: only a service of this "
                           "machine is loaded");
    if (item.name.empty() && !item.argv.empty())
      item.name = item.argv.back();
    out.push_back(std::move(item));
  });
}

void read_syntax(const cursor& root, run_settings& out) {
  if (!root.has("syntax") || !root.at("syntax").object({"exclude", "checkers"}))
    return;
  const auto section = root.at("syntax");
  section.read("exclude", out.syntax_exclude);
  if (!section.has("checkers"))
    return;
  section.at("checkers").each([&](const cursor& at) {
    if (!at.object({"language", "command"}, {"language", "command"}))
      return;
    syntax_checker item;
    at.read("language", item.language, false);
    at.read("command", item.argv);
    if (item.argv.empty() && at.has("command"))
      at.at("command").wrong("is empty, expected a program with its arguments");
    out.syntax_checkers.push_back(std::move(item));
  });
}

void read_performance(const cursor& root, load_limits& out) {
  if (!root.has("performance")
      || !root.at("performance")
              .object({"requests", "concurrency", "duration", "start_timeout", "thresholds"}))
    return;
  const auto section = root.at("performance");
  section.read_count("requests", out.requests);
  section.read_count("concurrency", out.concurrency);
  section.read_count("duration", out.duration);
  section.read_count("start_timeout", out.start_timeout);
  for (const auto& [key, value] : {std::pair{"requests", out.requests},
                                   {"concurrency", out.concurrency},
                                   {"duration", out.duration}}) {
    if (value < 1)
      section.at(key).wrong("is 0, expected at least 1");
  }
  read_thresholds(section, out.thresholds);
}

void read_pipeline(const cursor& root, pipeline_settings& out) {
  if (!root.has("cicd") || !root.at("cicd").object({"runs_on", "actions", "events"}))
    return;
  const auto section = root.at("cicd");
  section.read("runs_on", out.runs_on, false);
  read_texts(section, "actions", out.actions);
  section.read("events", out.events);
}

} // namespace

void read_run_settings(const cursor& root, run_settings& out) {
  read_commands(root, "tests", out.tests);
  read_commands(root, "integration", out.integration);
  read_commands(root, "load", out.load);
  read_commands(root, "deploy", out.deploy);
  read_commands(root, "post_deploy", out.post_deploy);
  read_commands(root, "backup", out.backup);
  if (root.has("testing") && root.at("testing").object({"timeout", "writable"})) {
    root.at("testing").read_count("timeout", out.suite_timeout);
    root.at("testing").read("writable", out.writable);
  }
  read_syntax(root, out);
  read_performance(root, out.performance);
  read_pipeline(root, out.pipeline);
}

} // namespace aeo::consolidate

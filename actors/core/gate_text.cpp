// The texts of criteria.hpp that are stored: gate results, fingerprints, and what a phase is.

#include "actors/core/criteria.hpp"
#include "actors/core/lenient_json.hpp"
#include "actors/core/sha256.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>

namespace aeo::core {

namespace {

using nlohmann::json;

std::string text_at(const json& object, const char* key) {
  auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string{};
}

bool flag_at(const json& object, const char* key, bool otherwise) {
  auto at = object.find(key);
  return at != object.end() && at->is_boolean() ? at->get<bool>() : otherwise;
}

/// The list's objects, each through `f`; anything else is passed over.
template <class F>
void each_object(const json& object, const char* key, F f) {
  if (auto at = object.find(key); at != object.end() && at->is_array())
    for (const auto& each : *at)
      if (each.is_object())
        f(each);
}

/// Fields of a definition, each with its length and each list with its size.
class definition {
public:
  definition& text(std::string_view x) {
    sum_.field(x);
    return *this;
  }
  definition& number(std::int64_t x) { return text(std::to_string(x)); }
  definition& real(const std::optional<double>& x) {
    return text(x ? lenient::dump(json(*x)) : "-");
  }
  definition& list(const std::vector<std::string>& items) {
    number(static_cast<std::int64_t>(items.size()));
    for (const auto& each : items)
      text(each);
    return *this;
  }
  std::string hex() { return sum_.hex(); }

private:
  sha256 sum_;
};

void add_task(definition& d, const task_def& task) {
  d.text(task.id).list(task.command).list(task.outputs).text(task.cwd);
  d.number(task.continue_on_error).number(static_cast<std::int64_t>(task.needs.size()));
  for (auto each : task.needs)
    d.number(each);
  d.number(static_cast<std::int64_t>(task.env.size()));
  for (const auto& [name, value] : task.env)
    d.text(name).text(value);
}

void add_check(definition& d, const check_def& check) {
  d.number(static_cast<std::int64_t>(check.type)).text(check.path).text(check.metric);
  d.text(check.schema).real(check.min).real(check.max).text(check.exact).list(check.command);
  d.number(check.expect_exit).number(check.age.count());
}

} // namespace

std::string definition_digest(const phase_def& phase) {
  definition d;
  d.text("aeo phase 1").text(phase.id).number(static_cast<std::int64_t>(phase.tasks.size()));
  for (const auto& task : phase.tasks)
    add_task(d, task);
  const criteria_def none;
  const auto& criteria = phase.criteria ? *phase.criteria : none;
  d.list(criteria.required_outputs).number(static_cast<std::int64_t>(criteria.checks.size()));
  for (const auto& check : criteria.checks)
    add_check(d, check);
  const approval_policy standard;
  const auto& approval = phase.approval ? *phase.approval : standard;
  d.number(static_cast<std::int64_t>(approval.mode)).number(approval.required).list(approval.from);
  d.number(approval.allow_self);
  return d.hex();
}

std::string to_json(const gate_result& gate) {
  auto checks = json::array();
  for (const auto& each : gate.checks)
    checks.push_back({{"check", each.check},
                      {"passed", each.passed},
                      {"expected", each.expected},
                      {"actual", each.actual}});
  auto outputs = json::array();
  for (const auto& each : gate.outputs)
    outputs.push_back({{"path", each.path}, {"bytes", each.bytes}, {"sha256", each.sha256}});
  return lenient::dump(json{{"passed", gate.passed},
                            {"criteria", std::move(checks)},
                            {"outputs", std::move(outputs)},
                            {"digest", gate.digest}});
}

result<gate_result> gate_result_from_json(std::string_view text) {
  const auto x = json::parse(text, nullptr, false);
  if (!x.is_object())
    return result<gate_result>::failed("the criteria's results are not a JSON object");
  gate_result gate;
  gate.passed = true;
  each_object(x, "criteria", [&](const json& each) {
    gate.checks.push_back({text_at(each, "check"), flag_at(each, "passed", false),
                           text_at(each, "expected"), text_at(each, "actual")});
    gate.passed = gate.passed && gate.checks.back().passed;
  });
  gate.passed = flag_at(x, "passed", gate.passed && x.contains("criteria"));
  each_object(x, "outputs", [&](const json& each) {
    auto bytes = each.find("bytes");
    const bool known = bytes != each.end() && bytes->is_number_unsigned();
    gate.outputs.push_back(
        {text_at(each, "path"), known ? bytes->get<std::uint64_t>() : 0, text_at(each, "sha256")});
  });
  gate.digest = text_at(x, "digest");
  return gate;
}

std::string to_json(const fingerprints& taken) {
  auto x = json::object();
  for (const auto& [path, fingerprint] : taken)
    x[path] = fingerprint;
  return lenient::dump(x);
}

result<fingerprints> fingerprints_from_json(std::string_view text) {
  const auto x = json::parse(text, nullptr, false);
  if (!x.is_object())
    return result<fingerprints>::failed("the fingerprints are not a JSON object");
  fingerprints taken;
  for (const auto& each : x.items())
    if (each.value().is_string())
      taken.emplace_back(each.key(), each.value().get<std::string>());
  return taken;
}

} // namespace aeo::core
